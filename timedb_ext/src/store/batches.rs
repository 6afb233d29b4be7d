//! Finding batches: those of a range of change times, in order, from chunks and from the log.

use crate::pg::error::{Error, Result, uuid_text};
use crate::pg::spi::{Arg, Home, Query, Row, statements};
use crate::pg::time;
use crate::store::log::{Lists, batch_of};
use std::collections::VecDeque;
use timedb_segment::{Batch, BatchBounds, SegmentError, decode_batches};

/// Rows fetched at a time: a chunk has many batches.
const FETCH: usize = 16;

statements! {
    // The log begins after the last chunk, so the rows ascend. Chunks have the list_id of none.
    BATCHES(TIMESTAMP, TIMESTAMP) -> (TIMESTAMP, TIMESTAMP, INT4, BYTEA, UUID, BYTEA) =
        c"(SELECT c.min_change, c.max_change, c.count, c.blob, NULL::uuid, NULL::bytea \
           FROM timedb_internal.batch_chunks AS c \
           WHERE c.max_change >= $1 AND c.min_change <= $2 \
           ORDER BY c.max_change) \
          UNION ALL \
          (SELECT NULL::timestamptz, l.change_time, l.points, l.blob, l.list_id, t.series_ids \
           FROM timedb_internal.write_log AS l LEFT JOIN timedb_internal.series_lists AS t ON t.list_id = l.list_id \
           WHERE l.change_time >= $1 AND l.change_time <= $2 \
             AND l.change_time > COALESCE((SELECT f.max_change FROM timedb_internal.batch_chunks AS f \
                                           ORDER BY f.max_change DESC LIMIT 1), '-infinity') \
           ORDER BY l.change_time)";
}

/// A walk over the batches of a range of change times.
pub struct BatchWalk {
    tenant: [u8; 16],
    range: (i64, i64),
    query: Option<Query>,
    lists: Lists,
    fetched: VecDeque<Batch>,
}

impl BatchWalk {
    /// Starts at one change_time and ends with another one, which is included. Call with SPI connected.
    ///
    /// # Errors
    /// XX000; the statement's own errors are raised.
    pub fn open(tenant: [u8; 16], first: i64, last: i64, home: Home) -> Result<Self> {
        let args = [first, last].map(|t| Arg::int8(time::to_pg(t)));
        Ok(Self {
            tenant,
            range: (first, last),
            query: Some(BATCHES.open(&args, home)?),
            lists: Lists::default(),
            fetched: VecDeque::new(),
        })
    }

    /// The next batch, ascending by change_time; `None` at the end.
    ///
    /// # Errors
    /// XX001 for a damaged chunk or row of the log.
    pub fn next(&mut self) -> Result<Option<Batch>> {
        while self.fetched.is_empty()
            && let Some(mut query) = self.query.take()
        {
            pgrx::check_for_interrupts!();
            let Self {
                tenant,
                range: (first, last),
                lists,
                fetched,
                ..
            } = self;
            let more = query.fetch(FETCH, |row| {
                let batches = match row.optional_int8(1)? {
                    Some(_) => chunk(row, tenant)?,
                    None => vec![batch_of(row, tenant, lists)?],
                };
                let wanted = |batch: &Batch| (*first..=*last).contains(&batch.change_time);
                fetched.extend(batches.into_iter().filter(wanted));
                Ok(())
            })?;
            if more {
                self.query = Some(query);
            }
        }
        Ok(self.fetched.pop_front())
    }

    /// Whether it has not come to its end.
    pub fn has_more(&self) -> bool {
        self.query.is_some() || !self.fetched.is_empty()
    }
}

/// The batches of a row of min_change, max_change, count and blob.
///
/// # Errors
/// XX001 for a damaged chunk.
pub fn chunk(row: &Row, tenant: &[u8; 16]) -> Result<Vec<Batch>> {
    let bounds = BatchBounds {
        min_change: row.instant(1)?,
        max_change: row.instant(2)?,
        count: row.int4(3)?.cast_unsigned(),
    };
    row.bytea(4, |blob| {
        decode_batches(tenant, &bounds, blob).map_err(|why| damaged(tenant, &bounds, &why))
    })
}

fn damaged(tenant: &[u8; 16], bounds: &BatchBounds, why: &SegmentError) -> Error {
    Error::damaged(
        format!(
            "cannot read the batches up to {} of tenant {}: {}",
            time::text(bounds.max_change),
            uuid_text(tenant),
            why.to_string().replace("the segment", "their chunk")
        ),
        "batch_chunks",
    )
}
