//! The writes after a position, in order, beginning with those that are read together.

use crate::pg::error::{Error, Result};
use crate::pg::spi::{Arg, Home, Query, Row, statements};
use crate::pg::time;
use std::collections::{HashSet, VecDeque};
use timedb_rules::{Position, Reached, ReachedPoint};

/// Writes fetched at a time.
const FETCH: usize = 500;
/// Writes that are read together, and the series of all of them, at most.
const MAX_GROUP: usize = 10_000;
const MAX_SERIES: usize = 200_000;

statements! {
    // A long list of series is fetched by itself: hundreds of them at once could be a lot.
    WRITES(TIMESTAMP, UUID, TIMESTAMP) -> (TIMESTAMP, UUID, UUID, INT8, TIMESTAMP, TIMESTAMP, UUIDS) =
        c"SELECT change_time, batch_id, user_id, points, min_valid, max_valid, \
                 CASE WHEN pg_column_size(series_ids) <= 2000 THEN series_ids END \
          FROM timedb.batches \
          WHERE (change_time, batch_id) >= ($1, $2) AND change_time <= $3 AND points > 0 \
          ORDER BY change_time, batch_id";
    SERIES(UUID) -> (UUIDS) = c"SELECT series_ids FROM timedb.batches WHERE batch_id = $1";
}

/// A write, as far as it is asked for.
pub struct FeedBatch {
    /// Unix microseconds.
    pub change_time: i64,
    pub batch_id: [u8; 16],
    pub user: Option<[u8; 16]>,
    /// The least and the greatest valid_time written.
    pub valid: (i64, i64),
    /// Series that it may have written to, ascending; of a write that has just been fetched, none where they are many.
    pub series: Vec<[u8; 16]>,
    /// The point after which it is requested: series, valid_time, valid_time_end.
    pub after: Option<([u8; 16], i64, i64)>,
    /// About how many versions that is.
    expected: usize,
}

/// The settled writes after a position.
pub struct WriteWalk {
    start: Position,
    selected: Option<HashSet<[u8; 16]>>,
    query: Option<Query>,
    fetched: VecDeque<FeedBatch>,
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
        start: Position,
        settled: i64,
        selected: Option<HashSet<[u8; 16]>>,
        max_batches: usize,
    ) -> Result<Self> {
        // From what can be compared in the index; `next` drops what is not after the position.
        let batch_id = match start.place {
            Reached::Batch(batch_id, _) => batch_id,
            Reached::Instant => [0xff; 16],
        };
        let args = [
            Arg::int8(time::to_pg(start.change_time)),
            Arg::uuid(&batch_id),
            Arg::int8(time::to_pg(settled)),
        ];
        Ok(Self {
            start,
            selected,
            query: Some(WRITES.open(&args, Home::here())?),
            fetched: VecDeque::new(),
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
        self.query.is_some() || !self.fetched.is_empty()
    }

    /// The position after the last write that was examined.
    pub fn passed(&self) -> Position {
        self.passed
    }

    fn next(&mut self) -> Result<Option<FeedBatch>> {
        if let Some(batch) = self.pending.take() {
            return Ok(Some(batch));
        }
        loop {
            pgrx::check_for_interrupts!();
            if self.fetched.is_empty() && !self.fetch()? {
                return Ok(None);
            }
            if self.left == 0 {
                return Ok(None);
            }
            let Some(batch) = self.fetched.pop_front() else {
                continue;
            };
            self.left -= 1;
            let behind = Position::behind_batch(batch.change_time, batch.batch_id);
            if behind <= self.start {
                continue;
            }
            self.passed = behind;
            if let Some(batch) = self.wanted_of(batch)? {
                return Ok(Some(batch));
            }
        }
    }

    /// False: there are no more.
    fn fetch(&mut self) -> Result<bool> {
        let Some(mut query) = self.query.take() else {
            return Ok(false);
        };
        let more = query.fetch(FETCH, |row| {
            self.fetched.push_back(FeedBatch::of(row)?);
            Ok(())
        })?;
        if more {
            self.query = Some(query);
        }
        Ok(!self.fetched.is_empty())
    }

    /// The batch with what is asked for of it, `None` if that is nothing.
    fn wanted_of(&self, mut batch: FeedBatch) -> Result<Option<FeedBatch>> {
        let series = &mut batch.series;
        if series.is_empty() {
            *series = series_of(&batch.batch_id)?;
        }
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
        Ok(Some(batch).filter(|batch| !batch.series.is_empty()))
    }
}

impl FeedBatch {
    /// All of a write, but for a long list of series.
    fn of(row: &Row) -> Result<Self> {
        Ok(Self {
            change_time: row.instant(1)?,
            batch_id: row.uuid(2)?,
            user: row.optional_uuid(3)?,
            valid: (row.instant(5)?, row.instant(6)?),
            series: row.optional_uuids(7)?.unwrap_or_default(),
            after: None,
            expected: usize::try_from(row.int8(4)?).unwrap_or_default(),
        })
    }
}

fn series_of(batch_id: &[u8; 16]) -> Result<Vec<[u8; 16]>> {
    let series = SERIES.row(true, &[Arg::uuid(batch_id)], |row| row.uuids(1))?;
    series.ok_or_else(|| Error::internal("a write is gone"))
}
