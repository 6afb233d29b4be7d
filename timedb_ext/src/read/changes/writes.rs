//! The writes after a position, in order, beginning with those that are read together.

use crate::pg::error::Result;
use crate::pg::spi::Home;
use crate::store::batches::BatchWalk;
use std::collections::HashSet;
use timedb_rules::{Position, Reached, ReachedPoint};
use timedb_segment::Batch;

/// Writes that are read together, and the series of all of them, at most.
const MAX_GROUP: usize = 10_000;
const MAX_SERIES: usize = 200_000;

/// A write, as far as it is asked for.
pub struct FeedBatch {
    /// Unix microseconds.
    pub change_time: i64,
    pub batch_id: [u8; 16],
    pub user: Option<[u8; 16]>,
    /// The least and the greatest valid_time written.
    pub valid: (i64, i64),
    /// Series that it may have written to, ascending.
    pub series: Vec<[u8; 16]>,
    /// The point after which it is requested: series, valid_time, valid_time_end.
    pub after: Option<([u8; 16], i64, i64)>,
    /// About how many versions that is.
    expected: usize,
}

/// The settled writes after a position.
pub struct WriteWalk {
    tenant: [u8; 16],
    start: Position,
    selected: Option<HashSet<[u8; 16]>>,
    walk: BatchWalk,
    /// Found, and too much for the group before it.
    pending: Option<FeedBatch>,
    /// How many more may be looked at.
    left: usize,
    passed: Position,
}

impl WriteWalk {
    /// Starts after a position, up to and including a change_time. With `selected`, only writes to these
    /// series are found. Call with SPI connected.
    ///
    /// # Errors
    /// XX000; the statement's own errors are raised.
    pub fn open(
        tenant: [u8; 16],
        start: Position,
        settled: i64,
        selected: Option<HashSet<[u8; 16]>>,
        max_batches: usize,
    ) -> Result<Self> {
        Ok(Self {
            tenant,
            start,
            selected,
            walk: BatchWalk::open(tenant, start.change_time, settled, Home::here())?,
            pending: None,
            left: max_batches,
            passed: start,
        })
    }

    /// The next writes that have about `wanted` versions together, or one that may have more; empty at the
    /// end. One that is asked for from its middle on comes alone.
    ///
    /// # Errors
    /// XX000; the statements' own errors are raised.
    pub fn next_group(&mut self, wanted: usize) -> Result<Vec<FeedBatch>> {
        let (mut group, mut expected, mut series) = (Vec::new(), 0_usize, 0);
        while let Some(batch) = self.next()? {
            let too_much = expected.saturating_add(batch.expected) > wanted
                || series + batch.series.len() > MAX_SERIES
                || group.len() >= MAX_GROUP;
            if too_much && !group.is_empty() {
                self.pending = Some(batch);
                break;
            }
            expected = expected.saturating_add(batch.expected);
            series += batch.series.len();
            let from_middle = batch.after.is_some();
            group.push(batch);
            if from_middle || expected >= wanted {
                break;
            }
        }
        Ok(group)
    }

    /// Whether it has ended before the last write.
    pub fn has_more(&self) -> bool {
        self.walk.has_more()
    }

    /// The position after the last write that was examined.
    pub fn passed(&self) -> Position {
        self.passed
    }

    fn next(&mut self) -> Result<Option<FeedBatch>> {
        if let Some(batch) = self.pending.take() {
            return Ok(Some(batch));
        }
        while self.left > 0
            && let Some(batch) = self.walk.next()?
        {
            let Some((first, last)) = batch.valid.filter(|_| batch.points > 0) else {
                continue;
            };
            self.left -= 1;
            let batch_id = batch.id(&self.tenant);
            let behind = Position::behind_batch(batch.change_time, batch_id);
            if behind <= self.start {
                continue;
            }
            self.passed = behind;
            let batch = FeedBatch::of(&batch, batch_id, (first, last));
            if let Some(batch) = self.wanted_of(batch) {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// The batch with what is asked for of it, `None` if that is nothing.
    fn wanted_of(&self, mut batch: FeedBatch) -> Option<FeedBatch> {
        let series = &mut batch.series;
        series.sort_unstable();
        series.dedup();
        let of_write = series.len().max(1);
        if let Some(selected) = &self.selected {
            series.retain(|id| selected.contains(id));
        }
        if let Reached::Batch(batch_id, ReachedPoint::Point(first, valid_time, valid_time_end)) =
            self.start.place
            && (self.start.change_time, batch_id) == (batch.change_time, batch.batch_id)
        {
            series.retain(|id| *id >= first);
            batch.after = Some((first, valid_time, valid_time_end));
        }
        batch.expected = (batch.expected.saturating_mul(series.len()) / of_write).max(1);
        Some(batch).filter(|batch| !batch.series.is_empty())
    }
}

impl FeedBatch {
    fn of(batch: &Batch, batch_id: [u8; 16], valid: (i64, i64)) -> Self {
        Self {
            change_time: batch.change_time,
            batch_id,
            user: batch.user,
            valid,
            series: batch.series.to_vec(),
            after: None,
            expected: usize::try_from(batch.points).unwrap_or_default(),
        }
    }
}
