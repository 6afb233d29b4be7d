//! Chunks of packed batches: appending to them, and packing many small ones into a larger one. What is packed is read
//! before anything is changed.

use crate::pg::error::{Error, Result};
use crate::pg::snapshot;
use crate::pg::spi::{Arg, statements};
use crate::pg::time;
use crate::store::batches::chunk;
use timedb_segment::{Batch, MAX_BATCHES, encode_batches};

/// A chunk with fewer batches is small: so many of them at the end become one.
const SMALL: [usize; 2] = [128, 1024];
const FULL: usize = 8;

/// Bytes of texts and lists in a chunk, about.
const BYTES: usize = 256 << 10;

statements! {
    INSERT_CHUNK(UUID, TIMESTAMP, TIMESTAMP, INT4, BYTEA) =
        c"INSERT INTO timedb_internal.batch_chunks (tenant_id, max_change, min_change, count, blob) VALUES ($1, $2, $3, $4, $5)";
    LAST_COUNTS() -> (TIMESTAMP, INT4, INT4) =
        c"SELECT max_change, count, pg_column_size(blob) FROM timedb_internal.batch_chunks ORDER BY max_change DESC LIMIT 17";
    FROM(TIMESTAMP) -> (TIMESTAMP, TIMESTAMP, INT4, BYTEA) =
        c"SELECT min_change, max_change, count, blob FROM timedb_internal.batch_chunks WHERE max_change >= $1 ORDER BY max_change";
    DELETE_FROM(TIMESTAMP) = c"DELETE FROM timedb_internal.batch_chunks WHERE max_change >= $1";
    WITH(TIMESTAMP) -> (TIMESTAMP, TIMESTAMP, INT4, BYTEA) =
        c"SELECT min_change, max_change, count, blob FROM timedb_internal.batch_chunks WHERE max_change >= $1 ORDER BY max_change LIMIT 1";
    DELETE_CHUNK(TIMESTAMP) = c"DELETE FROM timedb_internal.batch_chunks WHERE max_change = $1";
}

/// What becomes of the chunks at the end.
pub struct Packing {
    /// Those from here on are replaced.
    replaced: Option<(i64, usize)>,
    /// By what they hold, and new batches.
    batches: Vec<Batch>,
}

/// Plans to append batches, which come after all that chunks hold, and to pack small chunks at the end. Changes nothing.
///
/// # Errors
/// XX001 for a damaged chunk; XX000; the statements' own errors are raised.
pub fn plan(tenant: &[u8; 16], batches: &[Batch]) -> Result<Packing> {
    let last = snapshot::under_latest(|| {
        LAST_COUNTS.rows(true, &[], |row| {
            Ok((
                row.instant(1)?,
                row.int4(2)? as usize,
                row.int4(3)? as usize,
            ))
        })
    })?;
    // The new ones are a chunk, too; of each size a few are left as they are.
    let mut replaced = None;
    let mut count = batches.len();
    let mut chunks = last.iter().peekable();
    for small in SMALL {
        let mut of_size = 0;
        let (mut first, mut total) = (None, count);
        while let Some((max_change, batches, _)) =
            chunks.next_if(|(_, batches, bytes)| *batches < small && *bytes < BYTES / 2)
        {
            of_size += 1;
            total += batches;
            first = Some(*max_change);
        }
        if of_size + 1 < FULL || count >= small {
            break;
        }
        (replaced, count) = (first, total);
    }
    let Some(first) = replaced else {
        return Ok(Packing {
            replaced: None,
            batches: batches.to_vec(),
        });
    };
    let args = [Arg::int8(time::to_pg(first))];
    let chunks = snapshot::under_latest(|| FROM.rows(true, &args, |row| chunk(row, tenant)))?;
    let mut all = chunks.concat();
    all.extend_from_slice(batches);
    Ok(Packing {
        replaced: Some((first, chunks.len())),
        batches: all,
    })
}

impl Packing {
    /// Does what is planned.
    ///
    /// # Errors
    /// XX000; the statements' own errors are raised.
    pub fn carry_out(self, tenant: &[u8; 16]) -> Result<()> {
        if let Some((first, chunks)) = self.replaced {
            let args = [Arg::int8(time::to_pg(first))];
            if DELETE_FROM.execute(&args)? != chunks as u64 {
                return Err(Error::internal(
                    "chunks have changed while they were packed",
                ));
            }
        }
        insert(tenant, &self.batches)
    }
}

/// A batch in its chunk.
pub struct Chunked {
    batches: Vec<Batch>,
    place: usize,
}

/// The batch with a change_time, if a chunk has it.
///
/// # Errors
/// XX001 for a damaged chunk; XX000; the statement's own errors are raised.
pub fn find(tenant: &[u8; 16], change_time: i64) -> Result<Option<Chunked>> {
    let args = [Arg::int8(time::to_pg(change_time))];
    let batches = snapshot::under_latest(|| WITH.row(true, &args, |row| chunk(row, tenant)))?;
    let batches = batches.unwrap_or_default();
    let place = batches.iter().position(|b| b.change_time == change_time);
    Ok(place.map(|place| Chunked { batches, place }))
}

impl Chunked {
    pub fn batch(&self) -> &Batch {
        &self.batches[self.place]
    }

    /// Leaves of the batch only that there was one: no later write gets its change_time.
    ///
    /// # Errors
    /// XX000; the statements' own errors are raised.
    pub fn mark_deleted(mut self, tenant: &[u8; 16]) -> Result<()> {
        let last = self.batches.last().map_or(0, |last| last.change_time);
        if DELETE_CHUNK.execute(&[Arg::int8(time::to_pg(last))])? != 1 {
            return Err(Error::internal("a chunk has changed while it was read"));
        }
        self.batches[self.place] = self.batch().deleted();
        insert(tenant, &self.batches)
    }
}

/// Inserts batches that ascend, as one or more chunks.
///
/// # Errors
/// XX000; the INSERT's own errors are raised.
pub fn insert(tenant: &[u8; 16], batches: &[Batch]) -> Result<()> {
    let (mut start, mut bytes) = (0, 0);
    for (i, batch) in batches.iter().enumerate() {
        bytes += batch.bytes();
        let is_last = i + 1 == batches.len();
        if is_last || i + 1 - start >= MAX_BATCHES || bytes >= BYTES {
            let (bounds, blob) = encode_batches(tenant, &batches[start..=i])
                .map_err(|e| Error::internal(format!("could not pack batches: {e}")))?;
            let args = [
                Arg::uuid(tenant),
                Arg::int8(time::to_pg(bounds.max_change)),
                Arg::int8(time::to_pg(bounds.min_change)),
                Arg::int4(bounds.count as i32),
                Arg::bytea(&blob),
            ];
            INSERT_CHUNK.execute(&args)?;
            (start, bytes) = (i + 1, 0);
        }
    }
    Ok(())
}
