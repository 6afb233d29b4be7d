//! Days and months of the Gregorian calendar, unlimited in both directions. Months count from January 2000, days from
//! 1970-01-01.

/// 2000-01-01.
const MILLENNIUM: i64 = 10_957;

/// The days of 400 years, after which the calendar repeats itself.
const CYCLE: i64 = 146_097;

/// The first day of a month.
pub(crate) fn first_day(month: i64) -> i64 {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let years = month.div_euclid(12);
    let in_year = month.rem_euclid(12);
    // Leap days of the years since 2000 that are over; 2000 was one, so 1 counts it.
    let past = years - 1;
    let leap_days = past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400) + 1;
    let leaps =
        years.rem_euclid(4) == 0 && (years.rem_euclid(100) != 0 || years.rem_euclid(400) == 0);
    let leap_day = i64::from(leaps && in_year > 1);
    MILLENNIUM + 365 * years + leap_days + BEFORE[in_year as usize] + leap_day
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
