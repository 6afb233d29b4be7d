//! The columns that a merge returns.

use std::ops::Range;

use super::rows::Rows;
use super::slice::{Mode, Slice};
use crate::{BatchIds, Column, Notes, Points};

/// Points of one series, in ascending order of (valid_time, valid_time_end, known_time,
/// change_time).
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
    /// When each value was known; empty in [`Mode::Flat`], unless asked for.
    pub known_time: Vec<i64>,
    /// When each version was written; empty but in [`Mode::Versions`].
    pub change_time: Vec<i64>,
    /// The batch of each version; empty but in [`Mode::Versions`].
    pub batch: Vec<[u8; 16]>,
    /// What versions say besides their value; None except in [`Mode::Versions`], and None if no version says anything.
    pub notes: Option<Notes>,
}

/// Which columns are returned besides the times and the value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) known_time: bool,
    /// All that tells versions apart, and what they say.
    pub(super) versions: bool,
    /// Whose points they are: the ids of batches follow from it.
    pub(super) tenant: [u8; 16],
}

impl Wanted {
    pub(super) fn of(mode: Mode) -> Wanted {
        Wanted {
            known_time: mode != Mode::Flat,
            versions: mode == Mode::Versions,
            tenant: [0; 16],
        }
    }
}

impl Merged {
    /// The number of points.
    pub fn len(&self) -> usize {
        self.valid_time.len()
    }

    /// Whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.valid_time.is_empty()
    }

    /// Takes off the points from a position on.
    pub fn split_off(&mut self, at: usize) -> Merged {
        fn rest<T>(column: &mut Vec<T>, at: usize) -> Vec<T> {
            column.split_off(at.min(column.len()))
        }
        Merged {
            valid_time: rest(&mut self.valid_time, at),
            valid_time_end: self.valid_time_end.as_mut().map(|ends| rest(ends, at)),
            value: rest(&mut self.value, at),
            nulls: self.nulls.as_mut().map(|nulls| rest(nulls, at)),
            known_time: rest(&mut self.known_time, at),
            change_time: rest(&mut self.change_time, at),
            batch: rest(&mut self.batch, at),
            notes: self.notes.as_mut().map(|notes| rest(notes, at)),
        }
    }

    /// The columns, without those that say nothing.
    fn finish(mut self) -> Merged {
        self.valid_time_end
            .take_if(|ends| ends.iter().all(|&end| end == crate::NO_END));
        self.nulls.take_if(|nulls| !nulls.contains(&true));
        self.notes
            .take_if(|notes| notes.iter().all(Option::is_none));
        self
    }
}

/// All the points of a segment from a position on, without copying what can be moved.
pub(super) fn whole(points: Points, from: usize, wanted: Wanted) -> Merged {
    fn rest<T>(mut column: Vec<T>, from: usize) -> Vec<T> {
        column.drain(..from);
        column
    }
    fn each<T: Copy>(wanted: bool, column: Column<T>, n: usize, from: usize) -> Vec<T> {
        match column {
            _ if !wanted => Vec::new(),
            Column::Constant(one) => vec![one; n],
            Column::Each(each) => rest(each, from),
        }
    }
    let n = points.len() - from;
    let versions = wanted.versions;
    let batch = match versions {
        true => {
            let ids = BatchIds::of(wanted.tenant);
            (from..points.len())
                .map(|i| points.batch(i, &ids))
                .collect()
        }
        false => Vec::new(),
    };
    Merged {
        batch,
        known_time: each(wanted.known_time, points.known_time, n, from),
        change_time: each(versions, points.change_time, n, from),
        notes: points
            .notes
            .filter(|_| versions)
            .map(|notes| rest(notes, from)),
        valid_time: rest(points.valid_time, from),
        valid_time_end: points.valid_time_end.map(|ends| rest(ends, from)),
        value: rest(points.value, from),
        nulls: points.nulls.map(|nulls| rest(nulls, from)),
    }
    .finish()
}

/// Collects points of several segments.
pub(super) struct Output {
    wanted: Wanted,
    ids: BatchIds,
    merged: Merged,
}

impl Output {
    pub(super) fn new(mode: Mode, wanted: Wanted, slices: &[Slice<'_>]) -> Output {
        let any = |has: fn(&Points) -> bool| slices.iter().any(|slice| has(&slice.held.points));
        // Of a point with many versions one may be answered, or all.
        let room = |wanted: bool| match wanted && mode != Mode::Flat {
            true => slices.iter().map(Slice::len).sum(),
            false => 0,
        };
        let merged = Merged {
            valid_time: Vec::with_capacity(room(true)),
            value: Vec::with_capacity(room(true)),
            known_time: Vec::with_capacity(room(wanted.known_time)),
            change_time: Vec::with_capacity(room(wanted.versions)),
            valid_time_end: any(|points| points.valid_time_end.is_some()).then(Vec::new),
            nulls: any(|points| points.nulls.is_some()).then(Vec::new),
            notes: (wanted.versions && any(|points| points.notes.is_some())).then(Vec::new),
            ..Merged::default()
        };
        Output {
            wanted,
            ids: BatchIds::of(wanted.tenant),
            merged,
        }
    }

    pub(super) fn slice(&mut self, slice: &Slice<'_>) {
        fn extend<T: Copy>(all: &mut Vec<T>, column: &Column<T>, range: Range<usize>) {
            match column {
                Column::Constant(one) => all.resize(all.len() + range.len(), *one),
                Column::Each(each) => all.extend_from_slice(&each[range]),
            }
        }
        /// Brings a column that not every segment has to the length `n`.
        fn fill<T: Clone>(all: &mut Option<Vec<T>>, some: Option<&[T]>, n: usize, none: T) {
            match (all, some) {
                (Some(all), Some(some)) => all.extend_from_slice(some),
                (Some(all), None) => all.resize(n, none),
                (None, _) => {}
            }
        }
        let points = &slice.held.points;
        let range = slice.from..slice.to;
        let merged = &mut self.merged;
        merged.valid_time.extend_from_slice(slice.times());
        merged.value.extend_from_slice(&points.value[range.clone()]);
        let n = merged.valid_time.len();
        let nulls = points.nulls.as_ref().map(|nulls| &nulls[range.clone()]);
        let notes = points.notes.as_ref().map(|notes| &notes[range.clone()]);
        fill(&mut merged.valid_time_end, slice.ends(), n, crate::NO_END);
        fill(&mut merged.nulls, nulls, n, false);
        fill(&mut merged.notes, notes, n, None);
        if self.wanted.known_time {
            extend(&mut merged.known_time, &points.known_time, range.clone());
        }
        if self.wanted.versions {
            extend(&mut merged.change_time, &points.change_time, range.clone());
            let batches = range.map(|i| points.batch(i, &self.ids));
            merged.batch.extend(batches);
        }
    }

    pub(super) fn rows(&mut self, rows: &Rows<'_>) {
        let to = &mut self.merged;
        rows.append(&mut to.valid_time, |points, i| points.valid_time[i]);
        rows.append(&mut to.value, |points, i| points.value[i]);
        if let Some(ends) = &mut to.valid_time_end {
            rows.append(ends, Points::end);
        }
        if let Some(nulls) = &mut to.nulls {
            rows.append(nulls, Points::is_null);
        }
        if self.wanted.known_time {
            rows.append(&mut to.known_time, |points, i| points.known_time.get(i));
        }
        if self.wanted.versions {
            rows.append(&mut to.change_time, |points, i| points.change_time.get(i));
            rows.append(&mut to.batch, |points, i| points.batch(i, &self.ids));
        }
        if let Some(notes) = &mut to.notes {
            rows.append(notes, |points, i| points.note(i).cloned());
        }
    }

    pub(super) fn finish(self) -> Merged {
        self.merged.finish()
    }
}
