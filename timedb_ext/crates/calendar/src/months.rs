//! Days and months of the Gregorian calendar, unlimited in both directions. Months count from January 2000, days from
//! 1970-01-01.

/// 2000-01-01.
const MILLENNIUM: i64 = 10_957;

/// 2000-03-01.
const MARCH: i64 = MILLENNIUM + 60;

/// The days of 400 years, after which the calendar repeats itself.
const CYCLE: i64 = 146_097;

/// The first day of a month.
pub(crate) fn first_day(month: i64) -> i64 {
    // Of years that begin in March, a leap day is the last one, and five months have 153 days.
    let (years, months) = ((month - 2).div_euclid(12), (month - 2).rem_euclid(12));
    let leap_days = years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400);
    MARCH + 365 * years + leap_days + (153 * months + 2) / 5
}

/// The month of a day.
pub(crate) fn of_day(day: i64) -> i64 {
    // Right but for a month or so, as months differ.
    let mut month = ((day - MILLENNIUM) * 4800).div_euclid(CYCLE);
    while first_day(month) > day {
        month -= 1;
    }
    while first_day(month + 1) <= day {
        month += 1;
    }
    month
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Date, date};

    use super::*;

    #[test]
    fn every_day_of_the_years_1_to_9999_has_its_month() {
        let mut day = date(1, 1, 1);
        let epoch = date(1970, 1, 1);
        let mut number = i64::from((day - epoch).get_days());
        loop {
            let month = (i64::from(day.year()) - 2000) * 12 + i64::from(day.month()) - 1;
            assert_eq!(of_day(number), month, "{day}");
            assert_eq!(first_day(month), number - i64::from(day.day()) + 1, "{day}");
            if day == Date::MAX {
                break;
            }
            day = day.tomorrow().expect("before the last day");
            number += 1;
        }
    }

    #[test]
    fn months_go_on_without_end() {
        for month in [-2_000_000, -24_001, 100_000, 2_000_000] {
            let day = first_day(month);
            assert_eq!((of_day(day - 1), of_day(day)), (month - 1, month));
            assert_eq!(first_day(month + 4800) - day, CYCLE);
        }
    }
}
