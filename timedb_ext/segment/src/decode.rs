//! A segment to points. Whatever the bytes are, the answer is points or an error, and memory grows
//! with the count at most.

use crate::encode::{ABSOLUTE_ENDS, BATCHES, ONE_BATCH};
use crate::format::{ColumnId, Columns, Reader, unknown_codec};
use crate::{
    Bounds, Column, MAX_COUNT, NO_END, Points, SegmentError, SegmentKey, floats, ints, nulls,
};

/// Reads the points of a segment.
///
/// # Errors
/// If the blob is damaged, belongs to another key or other bounds, or was written by a newer
/// version.
pub fn decode(key: &SegmentKey, bounds: &Bounds, blob: &[u8]) -> Result<Points, SegmentError> {
    if bounds.count == 0 || bounds.count > MAX_COUNT {
        return Err(SegmentError::Damaged("its count is out of range"));
    }
    let n = bounds.count as usize;
    let columns = Columns::open(key, bounds, blob)?;
    let integers = |id: ColumnId, base: i64| {
        let (codec, reader) = columns.required(id)?;
        ints::decode(codec, base, n, reader)
    };
    let valid_time = spread(integers(ColumnId::ValidTime, bounds.min_valid)?, n);
    let nulls = match columns.optional(ColumnId::Nulls) {
        Some((codec, reader)) => Some(nulls::decode(codec, n, reader)?),
        None => None,
    };
    let value = decode_values(&columns, nulls.as_deref(), n)?;
    let valid_time_end = match columns.optional(ColumnId::ValidTimeEnd) {
        Some((codec, reader)) => Some(decode_ends(codec, &valid_time, bounds.min_valid, reader)?),
        None => None,
    };
    let (codec, reader) = columns.required(ColumnId::Batch)?;
    Ok(Points {
        valid_time_end,
        value,
        nulls,
        known_time: integers(ColumnId::KnownTime, bounds.min_known)?,
        change_time: integers(ColumnId::ChangeTime, bounds.min_change)?,
        version: integers(ColumnId::Version, 0)?,
        batch: decode_batches(codec, n, reader)?,
        valid_time,
    })
}

fn spread(column: Column<i64>, n: usize) -> Vec<i64> {
    match column {
        Column::Constant(one) => vec![one; n],
        Column::Each(each) => each,
    }
}

fn decode_values(
    columns: &Columns<'_>,
    nulls: Option<&[bool]>,
    n: usize,
) -> Result<Vec<f64>, SegmentError> {
    let missing = nulls.map_or(0, |nulls| nulls.iter().filter(|null| **null).count());
    if missing == n {
        return Ok(vec![0.0; n]);
    }
    let (codec, reader) = columns.required(ColumnId::Value)?;
    let present = floats::decode(codec, n - missing, reader)?;
    let Some(nulls) = nulls.filter(|_| missing > 0) else {
        return Ok(present);
    };
    let mut present = present.into_iter();
    let value = |null: &bool| {
        if *null {
            0.0
        } else {
            present.next().unwrap_or(0.0)
        }
    };
    Ok(nulls.iter().map(value).collect())
}

fn decode_ends(
    codec: u8,
    starts: &[i64],
    base: i64,
    reader: Reader<'_>,
) -> Result<Vec<i64>, SegmentError> {
    let n = starts.len();
    if codec & ABSOLUTE_ENDS != 0 {
        return Ok(spread(
            ints::decode(codec & !ABSOLUTE_ENDS, base, n, reader)?,
            n,
        ));
    }
    let end = |start: i64, length: i64| {
        if length == 0 {
            NO_END
        } else {
            start.wrapping_add(length)
        }
    };
    Ok(match ints::decode(codec, 0, n, reader)? {
        Column::Constant(length) => starts.iter().map(|&start| end(start, length)).collect(),
        Column::Each(lengths) => lengths
            .into_iter()
            .zip(starts)
            .map(|(length, &start)| end(start, length))
            .collect(),
    })
}

fn decode_batches(
    codec: u8,
    n: usize,
    mut reader: Reader<'_>,
) -> Result<Column<[u8; 16]>, SegmentError> {
    match codec {
        ONE_BATCH => {
            let batch = reader.array()?;
            reader.finish()?;
            Ok(Column::Constant(batch))
        }
        BATCHES => {
            let count = reader.count()?;
            let dictionary = reader.bytes(count * 16)?.as_chunks::<16>().0;
            let codec = reader.u8()?;
            let batch = |index: i64| {
                let index = usize::try_from(index).ok();
                index
                    .and_then(|index| dictionary.get(index).copied())
                    .ok_or(SegmentError::Damaged("a batch is not in its dictionary"))
            };
            match ints::decode(codec, 0, n, reader)? {
                Column::Constant(index) => Ok(Column::Constant(batch(index)?)),
                Column::Each(indexes) => Ok(Column::Each(
                    indexes.into_iter().map(batch).collect::<Result<_, _>>()?,
                )),
            }
        }
        _ => Err(unknown_codec("batches", codec)),
    }
}
