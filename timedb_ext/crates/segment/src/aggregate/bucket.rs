//! The bucket that points are folded into, and the value that continues to hold after it. Owns what an aggregate is,
//! but neither which buckets there are nor how empty ones are filled.

use super::fill::{Bucket, Values};
use super::mean::Mean;
use crate::{Merged, NO_END};

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

/// The last value, no null, before the start of the range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueBefore {
    /// The value.
    pub value: f64,
    /// Up to when it holds if there is no point in the range: the valid_time_end of an interval, the valid_time of
    /// a null that follows, and otherwise `i64::MAX`.
    pub until: i64,
}

/// Some of the points that were pushed.
#[derive(Clone, Copy)]
pub(super) struct PointsInRange<'a> {
    times: &'a [i64],
    values: &'a [f64],
    ends: Option<&'a [i64]>,
    nulls: Option<&'a [bool]>,
}

impl<'a> PointsInRange<'a> {
    /// The points in a range.
    pub(super) fn within(merged: &'a Merged, range: &Range) -> PointsInRange<'a> {
        let times = &merged.valid_time;
        let before = |bound: i64| times.partition_point(|&t| t < bound);
        let to = range.end.map_or(times.len(), before);
        let from = range.start.map_or(0, before).min(to);
        PointsInRange {
            times: &times[from..to],
            values: &merged.value[from..to],
            ends: merged.valid_time_end.as_ref().map(|ends| &ends[from..to]),
            nulls: merged.nulls.as_ref().map(|nulls| &nulls[from..to]),
        }
    }

    pub(super) fn first_time(&self) -> Option<i64> {
        self.times.first().copied()
    }

    /// The points before an instant, which the first one is, and the others.
    pub(super) fn split(self, end: i64) -> (PointsInRange<'a>, PointsInRange<'a>) {
        let n = count_before(self.times, end);
        let (times, later_times) = self.times.split_at(n);
        let (values, later_values) = self.values.split_at(n);
        let (ends, later_ends) = self.ends.map(|ends| ends.split_at(n)).unzip();
        let (nulls, later_nulls) = self.nulls.map(|nulls| nulls.split_at(n)).unzip();
        let here = PointsInRange {
            times,
            values,
            ends,
            nulls,
        };
        let later = PointsInRange {
            times: later_times,
            values: later_values,
            ends: later_ends,
            nulls: later_nulls,
        };
        (here, later)
    }
}

/// How many times lie before `end`, quickly if they are few or all.
fn count_before(times: &[i64], end: i64) -> usize {
    if times.last().is_none_or(|&last| last < end) {
        return times.len();
    }
    let mut from = 0;
    let mut step = 1;
    while times.get(from + step).is_some_and(|&t| t < end) {
        from += step;
        step *= 2;
    }
    let to = times.len().min(from + step);
    from + times[from..to].partition_point(|&t| t < end)
}

/// A value that holds on until there is another one.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeldValue {
    value: f64,
    /// From where on it has not been counted.
    from: i64,
    /// Where it ends if nothing comes before.
    until: i64,
}

impl HeldValue {
    /// What holds from the start of the range on.
    pub(super) fn since(start: i64, before: &ValueBefore) -> HeldValue {
        HeldValue {
            value: before.value,
            from: start,
            until: before.until,
        }
    }

    /// Leaves out the time before an instant.
    pub(super) fn skip_to(&mut self, from: i64) {
        self.from = self.from.max(from);
    }
}

/// A bucket that may get more points.
pub(super) struct Open {
    start: i64,
    /// The instant after it.
    pub(super) end: i64,
    count: i64,
    values: Mean,
    first: f64,
    last: f64,
    /// The values weighted by the microseconds that they hold, and how many that are.
    weighted: Mean,
    covered: u64,
}

impl Open {
    pub(super) fn new(start: i64, end: i64) -> Open {
        Open {
            start,
            end,
            count: 0,
            values: Mean::new(),
            first: 0.0,
            last: 0.0,
            weighted: Mean::new(),
            covered: 0,
        }
    }

    /// Adds points of this bucket.
    pub(super) fn fold(&mut self, points: &PointsInRange<'_>, held: &mut Option<HeldValue>) {
        let Some(nulls) = points.nulls else {
            self.add_values(points.values);
            match points.ends {
                None => self.hold_instants(points, held),
                Some(_) => self.hold(points, held),
            }
            return;
        };
        let mut at = 0;
        for run in nulls.chunk_by(|a, b| a == b) {
            if run.first() == Some(&false) {
                self.add_values(&points.values[at..at + run.len()]);
            }
            at += run.len();
        }
        self.hold(points, held);
    }

    fn add_values(&mut self, values: &[f64]) {
        let (Some(&first), Some(&last)) = (values.first(), values.last()) else {
            return;
        };
        if self.count == 0 {
            self.first = first;
        }
        self.last = last;
        self.count += values.len() as i64;
        self.values.extend(values.iter().map(|&value| (value, 1.0)));
    }

    /// What [`Open::hold`] does, for points that are instants with values.
    fn hold_instants(&mut self, points: &PointsInRange<'_>, held: &mut Option<HeldValue>) {
        let (&[first, ..], &[.., last], &[.., value]) = (points.times, points.times, points.values)
        else {
            return;
        };
        self.cover(*held, first);
        let lengths = points.times.array_windows().map(|&[a, b]| a.abs_diff(b));
        let terms = points.values.iter().zip(lengths);
        self.weighted
            .extend(terms.map(|(&value, length)| (value, length as f64)));
        self.covered = self.covered.saturating_add(first.abs_diff(last));
        *held = Some(HeldValue {
            value,
            from: last,
            until: i64::MAX,
        });
    }

    fn hold(&mut self, points: &PointsInRange<'_>, held: &mut Option<HeldValue>) {
        for (i, (&from, &value)) in points.times.iter().zip(points.values).enumerate() {
            self.cover(*held, from);
            let until = match points.ends.map_or(NO_END, |ends| ends[i]) {
                NO_END => i64::MAX,
                end => end,
            };
            let null = points.nulls.is_some_and(|nulls| nulls[i]);
            *held = (!null).then_some(HeldValue { value, from, until });
        }
    }

    /// Counts what is held up to an instant in this bucket or at its end.
    fn cover(&mut self, held: Option<HeldValue>, to: i64) {
        let Some(held) = held else { return };
        let to = to.min(held.until);
        if held.from < to {
            let length = held.from.abs_diff(to);
            self.weighted
                .extend(std::iter::once((held.value, length as f64)));
            self.covered = self.covered.saturating_add(length);
        }
    }

    /// The bucket, when what is held counts to its end, but not beyond `limit`.
    pub(super) fn close(mut self, held: Option<HeldValue>, limit: i64) -> Bucket {
        self.cover(held, self.end.min(limit));
        let values = (self.count > 0).then(|| Values {
            avg: self.values.mean(self.count as f64),
            min: self.values.min(),
            max: self.values.max(),
            first: self.first,
            last: self.last,
        });
        Bucket {
            start: self.start,
            end: self.end,
            count: self.count,
            sum: values.map(|_| self.values.sum()),
            values,
            time_weighted_avg: (self.covered > 0).then(|| self.weighted.mean(self.covered as f64)),
        }
    }
}
