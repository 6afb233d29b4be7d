//! Downsampling: folds the merged points of one series into buckets of time, as a stream whose memory is bounded by
//! the buckets that have not been taken yet. Owns which buckets there are and which of them are final; knows no time
//! zones, and leaves the arithmetic to `bucket`, `mean` and `fill`.

mod bucket;
mod fill;
mod mean;
#[cfg(test)]
mod tests;

use thiserror::Error;

use crate::Merged;
use bucket::{HeldValue, Open, PointsInRange};
pub use bucket::{Range, ValueBefore};
use fill::Filler;
pub use fill::{Buckets, Fill, SumOverflow};

/// There are more buckets than the reader wants to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("there are more than {max_buckets} buckets")]
pub struct TooManyBuckets {
    /// How many there may be of one series.
    pub max_buckets: usize,
}

/// Folds the points of one series, pushed in ascending order, into buckets.
///
/// Null values are points, but no aggregate sees them. Every aggregate but the time-weighted average
/// takes a point in the bucket of its valid_time.
///
/// For the time-weighted average a value holds from its valid_time to the next point's, across the
/// borders of buckets; that of an interval no longer than to its valid_time_end. A null holds
/// nothing. The last value holds to the end of the range, or without one to the end of its bucket.
/// Time that no value holds has no weight.
pub struct Aggregator<F> {
    bucket_of: F,
    range: Range,
    fill: Fill,
    /// How many buckets may still be opened.
    left: usize,
    max_buckets: usize,
    open: Option<Open>,
    held: Option<HeldValue>,
    filler: Filler,
}

impl<F: FnMut(i64) -> (i64, i64)> Aggregator<F> {
    /// An aggregator that has seen nothing. `bucket_of` answers the half-open bucket that holds an
    /// instant, both in microseconds; buckets leave no time out and don't overlap.
    pub fn new(bucket_of: F, range: Range, fill: Fill, max_buckets: usize) -> Aggregator<F> {
        Aggregator {
            bucket_of,
            range,
            fill,
            left: max_buckets,
            max_buckets,
            open: None,
            held: None,
            filler: Filler::new(fill),
        }
    }

    /// Lets the value before the range hold on in it, and fill buckets where the last value before does.
    /// Without a start of the range there is nothing before.
    pub fn after(mut self, before: &ValueBefore) -> Aggregator<F> {
        if let Some(start) = self.range.start {
            self.held = Some(HeldValue::since(start, before));
            self.filler.fill_from(before.value);
        }
        self
    }

    /// Adds points that don't precede those before, as [`crate::Merger`] answers them in
    /// [`crate::Mode::Flat`]: finite values, by (valid_time, valid_time_end). Those outside the
    /// range are passed over.
    ///
    /// # Errors
    /// If that makes too many buckets; the aggregator is of no more use then.
    pub fn push(&mut self, merged: &Merged) -> Result<(), TooManyBuckets> {
        debug_assert!(merged.valid_time.is_sorted());
        let mut rest = PointsInRange::within(merged, &self.range);
        while let Some(first) = rest.first_time() {
            self.advance(first)?;
            let Some(open) = &mut self.open else { break };
            let (here, later) = rest.split(open.end);
            open.fold(&here, &mut self.held);
            rest = later;
        }
        Ok(())
    }

    /// The buckets that no later point changes, as far as they have not been taken.
    pub fn take(&mut self) -> Buckets {
        self.filler.take()
    }

    /// All buckets that have not been taken.
    ///
    /// # Errors
    /// If there are too many buckets up to the end of the range.
    pub fn finish(mut self) -> Result<Buckets, TooManyBuckets> {
        if let Some(end) = self.range.end
            && self.fill != Fill::None
            && !self.range.is_empty()
            && (self.open.is_some() || self.range.start.is_some())
        {
            self.advance(end.saturating_sub(1))?;
        }
        self.close(self.range.end.unwrap_or(i64::MAX));
        Ok(self.filler.finish())
    }

    /// Makes the bucket that holds an instant the open one, with the gap before it if it is filled.
    fn advance(&mut self, to: i64) -> Result<(), TooManyBuckets> {
        loop {
            let next = match &self.open {
                Some(open) if to < open.end => return Ok(()),
                Some(open) if self.fill != Fill::None => open.end,
                None if self.fill != Fill::None => self.range.start.unwrap_or(to),
                _ => to,
            };
            self.close(i64::MAX);
            self.left = self.left.checked_sub(1).ok_or(TooManyBuckets {
                max_buckets: self.max_buckets,
            })?;
            let (start, end) = (self.bucket_of)(next);
            self.open = Some(Open::new(start, end));
            if let Some(held) = &mut self.held {
                held.skip_to(start);
            }
        }
    }

    /// Closes the open bucket; what is held counts to its end, but not beyond `limit`.
    fn close(&mut self, limit: i64) {
        if let Some(open) = self.open.take() {
            self.filler.push(open.close(self.held, limit));
        }
    }
}
