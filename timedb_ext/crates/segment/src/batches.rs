//! Batches, packed: what each of a tenant's writes says about itself, as columns. One of them stands beside the points
//! in a row of the log, and those of many writes make a chunk.
//! docs/segment_format.md says what its columns are.

mod decode;
mod encode;

use crate::batch::Batch;
use crate::format::{Columns, Ids, Reader};
use crate::{Bounds, MAX_COUNT, SegmentError, SegmentKey};
use decode::read;
use encode::columns;

/// Batches of a chunk, when written.
pub const MAX_BATCHES: usize = 1024;

/// The columns of batches, and those of the one in a row of the log, which has the series itself.
const OF_BATCHES: Ids = !1;
const OF_ONE: Ids = OF_BATCHES & !(1 << 15);

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
    let columns = Columns::open(&key(tenant), &bounds.as_segment(), blob, OF_BATCHES)?;
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
    let columns = Columns::parse(reader, OF_ONE)?;
    let batches = read(&columns, 1, change_time)?;
    let one = batches.into_iter().next();
    one.filter(|batch| batch.change_time == change_time)
        .ok_or(SegmentError::Damaged("its change_time is another one"))
}
