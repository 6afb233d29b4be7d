//! What can be wrong with a zone, a bucket or a cut-off that a caller asks for. Once constructed, they do not fail.

use thiserror::Error;

/// Why a zone, a bucket or a cut-off is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CalendarError {
    /// Neither the system nor the bundled database has the zone.
    #[error("unknown time zone {0:?}: use an IANA name such as \"Europe/Stockholm\"")]
    UnknownZone(String),
    /// The interval has no field that is not zero, or several.
    #[error(
        "a bucket must be a number of months, a number of days, or a time: exactly one of these, and not zero"
    )]
    MixedBucket,
    /// The interval's one field is negative.
    #[error("a bucket must be longer than zero")]
    NegativeBucket,
    /// A day is not a multiple of the length.
    #[error("a bucket shorter than a day must divide a day evenly; use days for longer ones")]
    UnevenBucket,
    /// The bucket is longer than ten thousand years.
    #[error("a bucket must not be longer than 10000 years")]
    LongBucket,
    /// The windows of a cut-off have no length.
    #[error("the windows of a cut-off must be longer than zero")]
    EmptyWindow,
    /// The cut-off would lie days after the day that it is for, or too far before.
    #[error("a cut-off must be 0 to 3652425 days ahead, not {0}")]
    DaysAhead(i32),
    /// The cut-off's time of day is none.
    #[error("the time of day of a cut-off must be between 00:00 and 24:00")]
    TimeOfDay,
}
