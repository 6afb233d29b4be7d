//! What a walk searches for.

use crate::pg::time::{MAX_TIME, MIN_TIME};
use timedb_segment::{Filter, Mode};

/// A half-open range of valid time of one series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub series: [u8; 16],
    pub start: i64,
    pub end: i64,
}

impl Stretch {
    /// From `start` on and before `end`, but no further out than points are.
    pub fn of(series: [u8; 16], start: Option<i64>, end: Option<i64>) -> Self {
        let within = |bound: i64| bound.clamp(MIN_TIME, MAX_TIME + 1);
        Self {
            series,
            start: start.map_or(MIN_TIME, within),
            end: end.map_or(MAX_TIME + 1, within),
        }
    }

    /// Whether it has all that can be.
    pub fn is_whole(&self) -> bool {
        (self.start, self.end) == (MIN_TIME, MAX_TIME + 1)
    }
}

/// Where in a stretch the walk starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Where the stretch does.
    Given,
    /// At an instant that has a point, by this many of the latest segments of each span class.
    Latest(i64),
}

/// What is walked for.
pub struct SegmentSearch {
    pub tenant: [u8; 16],
    pub stretches: Vec<Stretch>,
    pub start: Start,
    /// Which versions count, and which of those of a point are answered.
    pub filter: Filter,
    pub mode: Mode,
    /// The least change_time that a segment must reach.
    pub start_change: Option<i64>,
    /// Whether the known_time of each version is answered.
    pub with_known_time: bool,
}
