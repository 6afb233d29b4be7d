//! The columns that an aggregation returns, and the contents of buckets without a value. Sees only closed buckets, in
//! ascending order.

use thiserror::Error;

/// A sum is beyond what a double holds, although no value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the sum of the bucket that starts at {bucket_start} us is out of the range of a double")]
pub struct SumOverflow {
    /// Where that bucket starts, in microseconds.
    pub bucket_start: i64,
}

/// What buckets without a value contain. A time-weighted average is never filled: it is null where
/// no value holds; and neither is a sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fill {
    /// Buckets without a point are left out; those that have only nulls are not.
    #[default]
    None,
    /// Nulls, in every bucket that overlaps the range. A range without a bound is bounded by the
    /// buckets that have points.
    Null,
    /// The buckets of [`Fill::Null`], with the last value before, if there is one: in the range, or before it
    /// where that is known.
    Last,
    /// The buckets of [`Fill::Null`], each aggregate on the line between the nearest buckets with
    /// values before and after, by where they start; null without either.
    Linear,
}

/// Aggregates of one series in ascending order of time, one entry a bucket in each column; null
/// where a bucket has no value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Buckets {
    /// Where each bucket starts, in microseconds.
    pub start: Vec<i64>,
    /// The instant after each bucket, in microseconds.
    pub end: Vec<i64>,
    /// How many values it has, without nulls; 0 if it is filled.
    pub count: Vec<i64>,
    /// The sum of the values, infinite if that overflows.
    pub(super) sum: Vec<Option<f64>>,
    /// The mean of the values.
    pub avg: Vec<Option<f64>>,
    /// The least value.
    pub min: Vec<Option<f64>>,
    /// The greatest value.
    pub max: Vec<Option<f64>>,
    /// The first value, by (valid_time, valid_time_end).
    pub first: Vec<Option<f64>>,
    /// The last value, by (valid_time, valid_time_end).
    pub last: Vec<Option<f64>>,
    /// The mean of the values weighted by how long each of them holds in the bucket.
    pub time_weighted_avg: Vec<Option<f64>>,
}

impl Buckets {
    /// The number of buckets.
    pub fn len(&self) -> usize {
        self.start.len()
    }

    /// Whether there are no buckets.
    pub fn is_empty(&self) -> bool {
        self.start.is_empty()
    }

    /// The sum of each bucket's values.
    ///
    /// # Errors
    /// If one of them is too large for a double. The other columns are sound nevertheless.
    pub fn sum(&self) -> Result<&[Option<f64>], SumOverflow> {
        let mut sums = self.sum.iter().zip(&self.start);
        match sums.find(|(sum, _)| sum.is_some_and(|sum| !sum.is_finite())) {
            Some((_, &bucket_start)) => Err(SumOverflow { bucket_start }),
            None => Ok(&self.sum),
        }
    }

    fn push(&mut self, bucket: &Bucket, values: Option<Values>) {
        self.start.push(bucket.start);
        self.end.push(bucket.end);
        self.count.push(bucket.count);
        self.sum.push(bucket.sum);
        self.avg.push(values.map(|values| values.avg));
        self.min.push(values.map(|values| values.min));
        self.max.push(values.map(|values| values.max));
        self.first.push(values.map(|values| values.first));
        self.last.push(values.map(|values| values.last));
        self.time_weighted_avg.push(bucket.time_weighted_avg);
    }
}

/// The aggregates that can be filled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values {
    pub(super) avg: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) first: f64,
    pub(super) last: f64,
}

impl Values {
    fn all(value: f64) -> Values {
        Values {
            avg: value,
            min: value,
            max: value,
            first: value,
            last: value,
        }
    }
}

/// A bucket that is final.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) count: i64,
    pub(super) sum: Option<f64>,
    pub(super) values: Option<Values>,
    pub(super) time_weighted_avg: Option<f64>,
}

/// Fills closed buckets and collects them.
pub(super) struct Filler {
    fill: Fill,
    /// The last bucket with values: its start and they. A value before the range stands before all buckets.
    before: Option<(i64, Values)>,
    /// The buckets since then that wait for the next one with values.
    gap: Vec<Bucket>,
    ready: Buckets,
}

impl Filler {
    pub(super) fn new(fill: Fill) -> Filler {
        Filler {
            fill,
            before: None,
            gap: Vec::new(),
            ready: Buckets::default(),
        }
    }

    /// Fills from a value before the range. A line from there would need a bucket's aggregates.
    pub(super) fn fill_from(&mut self, value: f64) {
        if self.fill == Fill::Last {
            self.before = Some((i64::MIN, Values::all(value)));
        }
    }

    pub(super) fn push(&mut self, bucket: Bucket) {
        if let Some(values) = bucket.values {
            let after = (bucket.start, values);
            for gap in self.gap.drain(..) {
                let values = self.before.map(|before| line(before, after, gap.start));
                self.ready.push(&gap, values);
            }
            self.before = Some(after);
            self.ready.push(&bucket, Some(values));
        } else if self.fill == Fill::Linear && self.before.is_some() {
            self.gap.push(bucket);
        } else {
            let last = match self.fill {
                Fill::Last => self.before.map(|(_, values)| Values::all(values.last)),
                Fill::None | Fill::Null | Fill::Linear => None,
            };
            self.ready.push(&bucket, last);
        }
    }

    /// What will not change any more.
    pub(super) fn take(&mut self) -> Buckets {
        std::mem::take(&mut self.ready)
    }

    /// All that is left; no bucket follows.
    pub(super) fn finish(mut self) -> Buckets {
        for gap in self.gap.drain(..) {
            self.ready.push(&gap, None);
        }
        self.ready
    }
}

/// The values at an instant on the lines between those of two others.
fn line(before: (i64, Values), after: (i64, Values), at: i64) -> Values {
    let part = before.0.abs_diff(at) as f64 / before.0.abs_diff(after.0) as f64;
    // Neither a difference of huge values, nor rounding beyond the ends of the line.
    let between = |a: f64, b: f64| {
        let value = a * (1.0 - part) + b * part;
        value.max(a.min(b)).min(a.max(b)) + 0.0
    };
    let ((_, a), (_, b)) = (before, after);
    Values {
        avg: between(a.avg, b.avg),
        min: between(a.min, b.min),
        max: between(a.max, b.max),
        first: between(a.first, b.first),
        last: between(a.last, b.last),
    }
}
