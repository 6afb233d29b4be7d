//! The points that a merge holds, and slices of them.

use super::unstamped::Unstamped;
use crate::{Column, Points, Stamp};

/// Which versions of a point are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Per (valid_time, valid_time_end) the greatest (known_time, change_time).
    Flat,
    /// Per (known_time, valid_time, valid_time_end) the greatest change_time.
    Overlapping,
    /// All of them.
    Versions,
}

/// Points that are held, of which those before `from` have left.
pub(super) struct Held {
    pub(super) points: Points,
    pub(super) from: usize,
    /// Whether no valid_time occurs twice.
    pub(super) strict: bool,
    pub(super) stamp: Option<Stamp>,
    /// If the stamps are not those of the versions.
    pub(super) unstamped: Option<Box<Unstamped>>,
}

impl Held {
    pub(super) fn new(points: Points, from: usize) -> Held {
        let strict = points.valid_time[from..]
            .array_windows()
            .all(|[a, b]| a < b);
        Held {
            strict,
            stamp: points.constant_stamp(),
            points,
            from,
            unstamped: None,
        }
    }

    /// Whether no (known_time, valid_time) of points without an end occurs twice.
    pub(super) fn is_distinct(&self) -> bool {
        let Column::Each(known) = &self.points.known_time else {
            return self.strict;
        };
        let times = &self.points.valid_time[self.from..];
        let known = &known[self.from..];
        let same = times.array_windows().zip(known.array_windows());
        self.strict || !same.fold(false, |any, ([a, b], [c, d])| any | (a == b && c == d))
    }

    /// The newest version of each point: of those in one segment the last.
    pub(super) fn newest_of_each(self) -> Held {
        let Held {
            points,
            from,
            unstamped,
            ..
        } = self;
        let times = &points.valid_time;
        let is_last =
            |i: &usize| times.get(i + 1) != Some(&times[*i]) || points.end(*i) != points.end(i + 1);
        let kept: Vec<usize> = (from..times.len()).filter(is_last).collect();
        Held {
            unstamped,
            ..Held::new(points.select(&kept), 0)
        }
    }
}

/// Some of the points that are held.
#[derive(Clone, Copy)]
pub(super) struct Slice<'a> {
    pub(super) held: &'a Held,
    pub(super) from: usize,
    pub(super) to: usize,
}

impl<'a> Slice<'a> {
    pub(super) fn times(&self) -> &'a [i64] {
        &self.held.points.valid_time[self.from..self.to]
    }

    pub(super) fn ends(&self) -> Option<&'a [i64]> {
        Some(&self.held.points.valid_time_end.as_ref()?[self.from..self.to])
    }

    pub(super) fn len(&self) -> usize {
        self.to - self.from
    }

    /// As many points from the beginning, and the others.
    pub(super) fn split(self, n: usize) -> (Slice<'a>, Slice<'a>) {
        let at = self.from + n;
        (Slice { to: at, ..self }, Slice { from: at, ..self })
    }

    pub(super) fn first(&self) -> i64 {
        self.held.points.valid_time[self.from]
    }

    pub(super) fn last(&self) -> i64 {
        self.held.points.valid_time[self.to - 1]
    }
}
