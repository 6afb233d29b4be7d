//! Chunks of packed batches: appending to them, and packing many small ones into a larger one.

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
        c"INSERT INTO timedb.batch_chunks (tenant_id, max_change, min_change, count, blob) VALUES ($1, $2, $3, $4, $5)";
    LAST_COUNTS() -> (TIMESTAMP, INT4, INT4) =
        c"SELECT max_change, count, pg_column_size(blob) FROM timedb.batch_chunks ORDER BY max_change DESC LIMIT 17";
    FROM(TIMESTAMP) -> (TIMESTAMP, TIMESTAMP, INT4, BYTEA) =
        c"SELECT min_change, max_change, count, blob FROM timedb.batch_chunks WHERE max_change >= $1 ORDER BY max_change";
    DELETE_FROM(TIMESTAMP) = c"DELETE FROM timedb.batch_chunks WHERE max_change >= $1";
}

/// Appends batches, which come after all that chunks hold, and packs small chunks at the end.
///
/// # Errors
/// XX001 for a damaged chunk; XX000; the statements' own errors are raised.
pub fn append(tenant: &[u8; 16], batches: &[Batch]) -> Result<()> {
    insert(tenant, batches)?;
    for small in SMALL {
        let Some(first) = first_of_small(small)? else {
            continue;
        };
        let args = [Arg::int8(time::to_pg(first))];
        let chunks = snapshot::under_own(|| FROM.rows(true, &args, |row| chunk(row, tenant)))?;
        let deleted = DELETE_FROM.execute(&args)?;
        if deleted != chunks.len() as u64 {
            return Err(Error::internal(
                "chunks have changed while they were packed",
            ));
        }
        insert(tenant, &chunks.concat())?;
    }
    Ok(())
}

/// The first of the chunks at the end that are smaller, if they are many enough to be packed.
fn first_of_small(small: usize) -> Result<Option<i64>> {
    let last = snapshot::under_own(|| {
        LAST_COUNTS.rows(true, &[], |row| {
            Ok((
                row.instant(1)?,
                row.int4(2)? as usize,
                row.int4(3)? as usize,
            ))
        })
    })?;
    let of_small: Vec<i64> = last
        .iter()
        .take_while(|(_, count, bytes)| *count < small && *bytes < BYTES / 2)
        .map(|(max_change, ..)| *max_change)
        .collect();
    Ok(of_small.last().copied().filter(|_| of_small.len() >= FULL))
}

fn insert(tenant: &[u8; 16], batches: &[Batch]) -> Result<()> {
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
