//! The columns that a merge answers with.

use super::rows::Rows;
use super::{Mode, Slice};
use crate::{Column, Points};

/// Points of one series, in ascending order of (valid_time, valid_time_end, known_time,
/// change_time, version).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Merged {
    /// The instant that each value is about, or the start of its interval.
    pub valid_time: Vec<i64>,
    /// The end of each interval, [`crate::NO_END`] for a point without; None if none has an end.
    pub valid_time_end: Option<Vec<i64>>,
    /// The values; 0.0 where null.
    pub value: Vec<f64>,
    /// Which values are null; None if none is.
    pub nulls: Option<Vec<bool>>,
    /// When each value was known; empty in [`Mode::Flat`].
    pub known_time: Vec<i64>,
    /// When each version was written; empty but in [`Mode::Versions`].
    pub change_time: Vec<i64>,
}

impl Merged {
    /// The number of points.
    pub fn len(&self) -> usize {
        self.valid_time.len()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.valid_time.is_empty()
    }

    /// The columns, without those that say nothing.
    fn finish(mut self) -> Merged {
        self.valid_time_end
            .take_if(|ends| ends.iter().all(|&end| end == crate::NO_END));
        self.nulls.take_if(|nulls| !nulls.contains(&true));
        self
    }
}

/// All the points of a segment from a position on, without copying what can be moved.
pub(super) fn whole(points: Points, from: usize, mode: Mode) -> Merged {
    fn rest<T>(mut column: Vec<T>, from: usize) -> Vec<T> {
        column.drain(..from);
        column
    }
    let n = points.len() - from;
    let stamps = |wanted: bool, column: Column<i64>| match column {
        _ if !wanted => Vec::new(),
        Column::Constant(one) => vec![one; n],
        Column::Each(each) => rest(each, from),
    };
    Merged {
        known_time: stamps(mode != Mode::Flat, points.known_time),
        change_time: stamps(mode == Mode::Versions, points.change_time),
        valid_time: rest(points.valid_time, from),
        valid_time_end: points.valid_time_end.map(|ends| rest(ends, from)),
        value: rest(points.value, from),
        nulls: points.nulls.map(|nulls| rest(nulls, from)),
    }
    .finish()
}

/// Collects points of several segments.
pub(super) struct Output {
    mode: Mode,
    merged: Merged,
}

impl Output {
    pub(super) fn new(mode: Mode, slices: &[Slice<'_>]) -> Output {
        let ends = slices.iter().any(|slice| slice.ends().is_some());
        let nulls = slices.iter().any(|slice| slice.held.points.nulls.is_some());
        let merged = Merged {
            valid_time_end: ends.then(Vec::new),
            nulls: nulls.then(Vec::new),
            ..Merged::default()
        };
        Output { mode, merged }
    }

    pub(super) fn slice(&mut self, slice: &Slice<'_>) {
        let points = &slice.held.points;
        let range = slice.from..slice.to;
        let merged = &mut self.merged;
        merged.valid_time.extend_from_slice(slice.times());
        merged.value.extend_from_slice(&points.value[range.clone()]);
        let n = merged.valid_time.len();
        if let Some(all) = &mut merged.valid_time_end {
            match slice.ends() {
                Some(ends) => all.extend_from_slice(ends),
                None => all.resize(n, crate::NO_END),
            }
        }
        if let Some(all) = &mut merged.nulls {
            match &points.nulls {
                Some(nulls) => all.extend_from_slice(&nulls[range.clone()]),
                None => all.resize(n, false),
            }
        }
        let extend = |all: &mut Vec<i64>, column: &Column<i64>| match column {
            Column::Constant(one) => all.resize(n, *one),
            Column::Each(each) => all.extend_from_slice(&each[range.clone()]),
        };
        if self.mode != Mode::Flat {
            extend(&mut merged.known_time, &points.known_time);
        }
        if self.mode == Mode::Versions {
            extend(&mut merged.change_time, &points.change_time);
        }
    }

    pub(super) fn rows(&mut self, rows: &Rows<'_>) {
        let merged = &mut self.merged;
        merged
            .valid_time
            .extend(rows.iter().map(|(points, i)| points.valid_time[i]));
        merged
            .value
            .extend(rows.iter().map(|(points, i)| points.value[i]));
        if let Some(all) = &mut merged.valid_time_end {
            all.extend(rows.iter().map(|(points, i)| points.end(i)));
        }
        if let Some(all) = &mut merged.nulls {
            all.extend(rows.iter().map(|(points, i)| points.is_null(i)));
        }
        if self.mode != Mode::Flat {
            merged
                .known_time
                .extend(rows.iter().map(|(points, i)| points.known_time.get(i)));
        }
        if self.mode == Mode::Versions {
            merged
                .change_time
                .extend(rows.iter().map(|(points, i)| points.change_time.get(i)));
        }
    }

    pub(super) fn finish(self) -> Merged {
        self.merged.finish()
    }
}
