//! The times that are aggregated.

/// The half-open range of valid times, in microseconds, that is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Range {
    /// The least valid_time; None for no bound.
    pub start: Option<i64>,
    /// The valid_time that is too late; None for no bound.
    pub end: Option<i64>,
}

impl Range {
    pub(super) fn is_empty(&self) -> bool {
        matches!((self.start, self.end), (Some(start), Some(end)) if start >= end)
    }
}
