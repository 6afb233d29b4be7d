//! Buckets of time: which lengths are allowed, and the buckets of a length in a zone, which divide all of time without
//! gap or overlap. Caches the last answer, since callers ask in ascending order.

use crate::clock::Clock;
use crate::{CalendarError, DAY, FIRST, HOUR, LAST, MAX_DAYS, Zone, months, to_the_ends};

/// 2000-01-03, a Monday, as a local time. Days are counted from here.
const MONDAY: i64 = 10_959 * DAY;

/// How long buckets are, and where they begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    rule: Rule,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Wherever the clock shows a multiple of the length, which divides an hour. An hour that the
    /// clock repeats has buckets of its own.
    Hourly { length: i64 },
    /// At numbered local times, each of them once.
    Local(Local),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Local {
    Time { length: i64, origin: i64 },
    Months { length: i64 },
}

impl Bucket {
    /// The bucket with the three fields of an interval, of which one is positive and the others
    /// are zero. `micros` divide a day evenly, 24 hours are a day. Days begin at local midnight and
    /// are counted from Monday 2000-01-03, so 7 of them are weeks; months are counted from January
    /// 2000, so 3 are quarters and 12 years.
    ///
    /// # Errors
    ///
    /// [`CalendarError::MixedBucket`], [`NegativeBucket`](CalendarError::NegativeBucket),
    /// [`UnevenBucket`](CalendarError::UnevenBucket) or
    /// [`LongBucket`](CalendarError::LongBucket) (10,000 years) if the fields are not so.
    pub fn new(months: i32, days: i32, micros: i64) -> Result<Bucket, CalendarError> {
        let (months, days) = (i64::from(months), i64::from(days));
        let length = match (months, days, micros) {
            (length, 0, 0) | (0, length, 0) | (0, 0, length) if length != 0 => length,
            _ => return Err(CalendarError::MixedBucket),
        };
        if length < 0 {
            return Err(CalendarError::NegativeBucket);
        }
        let rule = if months > 0 {
            if months > 12 * 10_000 {
                return Err(CalendarError::LongBucket);
            }
            Rule::Local(Local::Months { length: months })
        } else if days > 0 || micros == DAY {
            let days = days.max(1);
            if days > MAX_DAYS {
                return Err(CalendarError::LongBucket);
            }
            Rule::Local(Local::Time {
                length: days * DAY,
                origin: MONDAY,
            })
        } else if DAY % micros != 0 {
            return Err(CalendarError::UnevenBucket);
        } else if HOUR % micros == 0 {
            Rule::Hourly { length: micros }
        } else {
            Rule::Local(Local::Time {
                length: micros,
                origin: 0,
            })
        };
        Ok(Bucket { rule })
    }
}

impl Local {
    /// The number of the bucket that a clock showing `local` is in.
    fn number(self, local: i64) -> i64 {
        match self {
            Local::Time { length, origin } => (local - origin).div_euclid(length),
            Local::Months { length } => months::of_day(local.div_euclid(DAY)).div_euclid(length),
        }
    }

    /// The local time at which a bucket begins.
    fn start(self, number: i64) -> i64 {
        match self {
            Local::Time { length, origin } => number * length + origin,
            Local::Months { length } => months::first_day(number * length) * DAY,
        }
    }
}

/// Finds the bucket of an instant.
///
/// A bucket that divides an hour begins wherever the clock shows a multiple of its length, so a day
/// of 25 hours has 25 hours. Any other begins at its local time: at the first occurrence if the
/// clock shows it twice, and when the clock is changed if that skips it. A bucket that is skipped
/// as a whole does not exist.
#[derive(Debug, Clone)]
pub struct Buckets {
    bucket: Bucket,
    clock: Clock,
    start: i64,
    end: i64,
}

impl Buckets {
    /// The buckets of this length in this zone.
    pub fn new(bucket: Bucket, zone: Zone) -> Buckets {
        Buckets {
            bucket,
            clock: Clock::new(zone),
            start: 0,
            end: 0,
        }
    }

    /// The bucket `[start, end)` that holds `t`, all in microseconds since 1970. What is more than
    /// 146,000 years away lies in the first or the last bucket, which ends at `i64::MAX`.
    #[inline]
    pub fn containing(&mut self, t: i64) -> (i64, i64) {
        if t < self.start || self.end <= t {
            self.find(t);
        }
        (self.start, self.end)
    }

    fn find(&mut self, t: i64) {
        let t = t.clamp(FIRST, LAST);
        let clock = &mut self.clock;
        let (start, end) = match self.bucket.rule {
            Rule::Hourly { length } => (
                clock.last_multiple(t, length),
                clock.next_multiple(t, length),
            ),
            Rule::Local(local) => {
                let number = local.number(clock.latest(t));
                (
                    clock.first(local.start(number)),
                    clock.first(local.start(number + 1)),
                )
            }
        };
        (self.start, self.end) = to_the_ends(start, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_of_one_field_is_a_bucket() {
        for fields in [
            (1, 0, 0),
            (0, 1, 0),
            (0, 0, 1),
            (120_000, 0, 0),
            (0, 3_652_425, 0),
        ] {
            assert!(
                Bucket::new(fields.0, fields.1, fields.2).is_ok(),
                "{fields:?}"
            );
        }
        for minutes in [1, 15, 40, 60, 90, 120, 360, 1440] {
            assert!(Bucket::new(0, 0, minutes * HOUR / 60).is_ok(), "{minutes}");
        }
    }

    #[test]
    fn a_day_and_24_hours_are_the_same_bucket() {
        assert_eq!(Bucket::new(0, 0, DAY), Bucket::new(0, 1, 0));
    }

    #[test]
    fn other_intervals_are_refused() {
        use CalendarError::*;
        for (months, days, micros, error) in [
            (0, 0, 0, MixedBucket),
            (1, 1, 0, MixedBucket),
            (0, 1, 1, MixedBucket),
            (1, 0, -1, MixedBucket),
            (-1, 0, 0, NegativeBucket),
            (0, i32::MIN, 0, NegativeBucket),
            (0, 0, i64::MIN, NegativeBucket),
            (0, 0, 7 * HOUR, UnevenBucket),
            (0, 0, 48 * HOUR, UnevenBucket),
            (0, 0, i64::MAX, UnevenBucket),
            (i32::MAX, 0, 0, LongBucket),
            (0, i32::MAX, 0, LongBucket),
        ] {
            assert_eq!(
                Bucket::new(months, days, micros),
                Err(error),
                "{months} {days} {micros}"
            );
        }
    }
}
