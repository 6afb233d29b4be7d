//! Batches, packed: what each of a tenant's writes says about itself, as columns. One of them stands beside the points
//! in a row of the log, and those of many writes make a chunk.
//!
//! The frame is that of a segment (`format`), with the tenant, no series, the number of batches as its count, and of
//! the bounds only the least and the greatest change_time. Its columns are:
//!
//! | id | column | form | when absent |
//! |---|---|---|---|
//! | 1 | change_time | integers, base min_change; they ascend | never |
//! | 2 | settled_time | integers, base 0: change_time - settled_time | never |
//! | 3 | user | dictionary of ids, 16 bytes each | nobody |
//! | 4 | kind | integers, base 0: 0 upload, 1 correction, 2 deleted since | uploads |
//! | 5 | known_time | optional, base 0: change_time - known_time | equal to change_time |
//! | 6 | batch_start_time | integers, base 0: change_time - batch_start_time | equal to change_time |
//! | 7 | batch_finish_time | optional, base 0: change_time - batch_finish_time | none has one |
//! | 8 | workflow_id | dictionary of texts | none has one |
//! | 9 | batch_params | dictionary of texts, JSON | none has any |
//! | 10 | points | integers, base 0 | 0 |
//! | 11 | skipped | integers, base 0 | 0 |
//! | 12 | min_valid | optional, base min_change | none has one |
//! | 13 | span | integers, base 0: max_valid - min_valid, of those that have a min_valid | none has one |
//! | 14 | batch_id | dictionary of ids, 16 bytes each | all follow from change_time ([`crate::batch_id`]) |
//! | 15 | series | series | none has any |
//!
//! **Optional**: u8 codec of nulls, varint length, nulls; u8 codec and integers of those that are not null, if there
//! are any. **Series**: varint k, k times 16 bytes; varint m, the number of lists; u8 codec, varint length, integers
//! with base 0: the length of each list; u8 codec, varint length, integers with base 0: the places among the k, list
//! after list (absent if all lists are empty); u8 codec, integers with base 0: the list of each batch.

mod decode;
mod encode;

use crate::batch::Batch;
use crate::format::{Columns, Reader};
use crate::{Bounds, MAX_COUNT, SegmentError, SegmentKey};
use decode::read;
use encode::columns;

/// Batches of a chunk, when written.
pub const MAX_BATCHES: usize = 1024;

const LAST: usize = 15;

/// What the row of packed batches says about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchBounds {
    /// The number of batches.
    pub count: u32,
    /// The least change_time.
    pub min_change: i64,
    /// The greatest change_time.
    pub max_change: i64,
}

impl BatchBounds {
    fn as_segment(self) -> Bounds {
        Bounds {
            count: self.count,
            min_valid: 0,
            max_valid: 0,
            min_known: 0,
            max_known: 0,
            min_change: self.min_change,
            max_change: self.max_change,
        }
    }
}

/// Packs batches that ascend by change_time into a chunk.
///
/// # Errors
/// If there is none, or too many, or they do not ascend.
pub fn encode_batches(
    tenant: &[u8; 16],
    batches: &[Batch],
) -> Result<(BatchBounds, Vec<u8>), SegmentError> {
    let (Some(first), Some(last)) = (batches.first(), batches.last()) else {
        return Err(SegmentError::Invalid("a chunk has at least one batch"));
    };
    if batches.len() > MAX_COUNT as usize {
        return Err(SegmentError::Invalid("too many batches for a chunk"));
    }
    if !batches.is_sorted_by(|a, b| a.change_time < b.change_time) {
        return Err(SegmentError::Invalid("the batches are not in order"));
    }
    let bounds = BatchBounds {
        count: batches.len() as u32,
        min_change: first.change_time,
        max_change: last.change_time,
    };
    let frame = columns(batches, first.change_time, true)?;
    Ok((bounds, frame.finish(&key(tenant), &bounds.as_segment())))
}

/// Reads the batches of a chunk.
///
/// # Errors
/// If the blob is damaged, belongs to another row, or was written by a newer version.
pub fn decode_batches(
    tenant: &[u8; 16],
    bounds: &BatchBounds,
    blob: &[u8],
) -> Result<Vec<Batch>, SegmentError> {
    if bounds.count == 0 || bounds.count > MAX_COUNT {
        return Err(SegmentError::Damaged("its count is out of range"));
    }
    let columns = Columns::open(&key(tenant), &bounds.as_segment(), blob, LAST)?;
    read(&columns, bounds.count as usize, bounds.min_change)
}

/// A chunk is of no series.
pub(crate) fn key(tenant: &[u8; 16]) -> SegmentKey {
    SegmentKey {
        tenant: *tenant,
        series: [0; 16],
    }
}

/// Appends one batch without its series, for a row of the log.
pub(crate) fn append_one(batch: &Batch, out: &mut Vec<u8>) -> Result<(), SegmentError> {
    columns(std::slice::from_ref(batch), batch.change_time, false)?.append(out);
    Ok(())
}

/// Reads what [`append_one`] has written.
pub(crate) fn read_one(reader: Reader<'_>, change_time: i64) -> Result<Batch, SegmentError> {
    let columns = Columns::parse(reader, LAST)?;
    let batches = read(&columns, 1, change_time)?;
    let one = batches.into_iter().next();
    one.filter(|batch| batch.change_time == change_time)
        .ok_or(SegmentError::Damaged("its change_time is another one"))
}
