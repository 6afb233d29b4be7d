//! The calendar of timedb: which bucket of time (a quarter of an hour, a local day, a month) contains an instant, and
//! which cut-off belongs to it. Owns the rules for time zones and their changes; knows neither PostgreSQL nor points.
//! All instants are microseconds since 1970-01-01T00:00:00Z.
#![forbid(unsafe_code)]

mod buckets;
mod clock;
mod cutoffs;
mod error;
mod months;
mod zone;

pub use buckets::{Bucket, Buckets};
pub use cutoffs::Cutoffs;
pub use error::CalendarError;
pub use zone::Zone;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// Ten thousand years. Lengths up to here can be added to instants up to `LAST` without overflow.
const MAX_DAYS: i64 = 3_652_425;

/// The instants between which the calendar counts, about 146,000 years to either side of 1970.
/// What lies outside belongs to the first or the last bucket.
const LAST: i64 = 1 << 62;
const FIRST: i64 = -LAST;

/// Lets the first bucket begin, and the last one end, where `i64` does.
fn to_the_ends(start: i64, end: i64) -> (i64, i64) {
    let start = if start <= FIRST { i64::MIN } else { start };
    let end = if end > LAST { i64::MAX } else { end };
    (start, end)
}
