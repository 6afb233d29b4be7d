//! The buckets of a length in a zone, which divide all of time without gap or overlap. Caches the last answer, since
//! callers ask in ascending order.

use crate::bucket::{Bucket, Rule};
use crate::clock::Clock;
use crate::{FIRST, LAST, Zone, to_the_ends};

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
        let clock = Clock::new(zone);
        Buckets {
            bucket,
            clock,
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
