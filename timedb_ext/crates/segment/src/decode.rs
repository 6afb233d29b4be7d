//! Decodes a segment into points. Whatever the bytes are, the result is points or an error, and memory grows at most
//! with the count.

mod newest;

use std::ops::Range;

use crate::encode::{ABSOLUTE_ENDS, BATCHES, KNOWN_BEFORE_CHANGE, ONE_BATCH};
use crate::format::{ColumnId, Columns, OF_SEGMENT, Reader, unknown_codec};
use crate::ints::Ints;
use crate::nulls::{self, Marks};
use crate::{
    Bounds, Column, MAX_COUNT, NO_END, Points, SegmentError, SegmentKey, floats, ints, notes,
};

pub use newest::{Newest, decode_newest, decode_unstamped};

/// Reads the points of a segment.
///
/// # Errors
/// If the blob is damaged, belongs to another key or other bounds, or was written by a newer
/// version.
pub fn decode(key: &SegmentKey, bounds: &Bounds, blob: &[u8]) -> Result<Points, SegmentError> {
    decode_range(key, bounds, blob, None, None)
}

/// Reads the points of a segment with `start_valid <= valid_time < end_valid`, possibly none,
/// without decoding much of the others.
///
/// # Errors
/// As [`decode`]. The checksum is that of the whole blob: damage doesn't go unseen where it isn't
/// read.
pub fn decode_range(
    key: &SegmentKey,
    bounds: &Bounds,
    blob: &[u8],
    start_valid: Option<i64>,
    end_valid: Option<i64>,
) -> Result<Points, SegmentError> {
    let (_, columns, times) = open(key, bounds, blob)?;
    of_range(&columns, bounds, &times, start_valid, end_valid)
}

/// How many points a segment has, its columns, and the one of its valid times.
fn open<'a>(
    key: &SegmentKey,
    bounds: &Bounds,
    blob: &'a [u8],
) -> Result<(usize, Columns<'a>, Ints<'a>), SegmentError> {
    if bounds.count == 0 || bounds.count > MAX_COUNT {
        return Err(SegmentError::Damaged("its count is out of range"));
    }
    let n = bounds.count as usize;
    let columns = Columns::open(key, bounds, blob, OF_SEGMENT)?;
    let (codec, reader) = columns.required(ColumnId::ValidTime)?;
    let times = Ints::open(codec, bounds.min_valid, n, reader)?;
    Ok((n, columns, times))
}

fn of_range(
    columns: &Columns<'_>,
    bounds: &Bounds,
    times: &Ints<'_>,
    start_valid: Option<i64>,
    end_valid: Option<i64>,
) -> Result<Points, SegmentError> {
    let n = bounds.count as usize;
    let (from, valid_time) = decode_times(times, n, bounds, start_valid, end_valid)?;
    let range = from..from + valid_time.len();
    decode_rest(columns, bounds, range, valid_time, None)
}

/// The points at these positions; `change_time` if there is no column of it.
pub(crate) fn decode_columns(
    columns: &Columns<'_>,
    bounds: &Bounds,
    range: Range<usize>,
    change_time: Option<Column<i64>>,
) -> Result<Points, SegmentError> {
    let (codec, reader) = columns.required(ColumnId::ValidTime)?;
    let n = bounds.count as usize;
    let valid_time = ints::decode(codec, bounds.min_valid, n, range.clone(), reader)?;
    let valid_time = valid_time.into_vec(range.len());
    decode_rest(columns, bounds, range, valid_time, change_time)
}

fn decode_rest(
    columns: &Columns<'_>,
    bounds: &Bounds,
    range: Range<usize>,
    valid_time: Vec<i64>,
    change_time: Option<Column<i64>>,
) -> Result<Points, SegmentError> {
    let (n, from) = (bounds.count as usize, range.start);
    let marks = columns
        .optional(ColumnId::Nulls)
        .map(|(codec, reader)| nulls::decode(codec, n, range.clone(), reader))
        .transpose()?;
    let value = decode_values(columns, marks.as_ref(), n, range.clone())?;
    let valid_time_end = columns
        .optional(ColumnId::ValidTimeEnd)
        .map(|(codec, reader)| decode_ends(codec, bounds.min_valid, n, &valid_time, from, reader))
        .transpose()?;
    let change_time = match change_time {
        Some(change_time) => change_time,
        None => {
            let (codec, reader) = columns.required(ColumnId::ChangeTime)?;
            ints::decode(codec, bounds.min_change, n, range.clone(), reader)?
        }
    };
    let known_time = decode_known(columns, bounds, &change_time, range.clone())?;
    let batch = columns
        .optional(ColumnId::Batch)
        .map(|(codec, reader)| decode_batches(codec, n, range.clone(), reader))
        .transpose()?;
    Ok(Points {
        valid_time_end,
        value,
        nulls: marks.map(|marks| marks.nulls),
        known_time,
        change_time,
        batch,
        notes: notes::decode(columns, n, range)?,
        valid_time,
    })
}

/// The valid times asked for, and the position of the first.
fn decode_times(
    times: &Ints<'_>,
    n: usize,
    bounds: &Bounds,
    start: Option<i64>,
    end: Option<i64>,
) -> Result<(usize, Vec<i64>), SegmentError> {
    let start = start.filter(|&start| start > bounds.min_valid);
    let end = end.filter(|&end| end <= bounds.max_valid);
    let none = start
        .is_some_and(|start| start > bounds.max_valid || end.is_some_and(|end| end <= start))
        || end.is_some_and(|end| end <= bounds.min_valid);
    if none {
        Ok((0, Vec::new()))
    } else if start.is_none() && end.is_none() {
        Ok((0, times.read(0..n)?.into_vec(n)))
    } else if start == Some(bounds.max_valid)
        && end.is_none()
        && let Some(last) = times.repeats_at_the_end()
    {
        Ok((n - last, vec![bounds.max_valid; last]))
    } else {
        times.between(start, end)
    }
}

/// The values at these positions, of `n` points.
fn decode_values(
    columns: &Columns<'_>,
    marks: Option<&Marks>,
    n: usize,
    range: Range<usize>,
) -> Result<Vec<f64>, SegmentError> {
    let Some(marks) = marks.filter(|marks| marks.total > 0) else {
        let (codec, reader) = columns.required(ColumnId::Value)?;
        return floats::decode(codec, n, range, reader);
    };
    if marks.total == n {
        return Ok(vec![0.0; range.len()]);
    }
    let (codec, reader) = columns.required(ColumnId::Value)?;
    let missing = marks.nulls.iter().filter(|null| **null).count();
    let first = range.start - marks.before;
    let mut present = range.len() - missing;
    let mut values = floats::decode(codec, n - marks.total, first..first + present, reader)?;
    // Spreads them from the end, each to its own position or a later one.
    values.resize(range.len(), 0.0);
    for (i, null) in marks.nulls.iter().enumerate().rev() {
        values[i] = if *null {
            0.0
        } else {
            present -= 1;
            values[present]
        };
    }
    Ok(values)
}

/// The known_times at these positions, to which these change_times belong.
fn decode_known(
    columns: &Columns<'_>,
    bounds: &Bounds,
    change_time: &Column<i64>,
    range: Range<usize>,
) -> Result<Column<i64>, SegmentError> {
    let n = bounds.count as usize;
    let (codec, reader) = columns.required(ColumnId::KnownTime)?;
    if codec & KNOWN_BEFORE_CHANGE == 0 {
        return ints::decode(codec, bounds.min_known, n, range, reader);
    }
    let codec = codec & !KNOWN_BEFORE_CHANGE;
    let before = ints::decode(codec, 0, n, range.clone(), reader)?;
    Ok(before_change(change_time, &before, range.len()))
}

/// The known_times that lie so long before these change_times.
fn before_change(change_time: &Column<i64>, before: &Column<i64>, n: usize) -> Column<i64> {
    match (change_time, before) {
        (Column::Constant(change), Column::Constant(before)) => {
            Column::Constant(change.wrapping_sub(*before))
        }
        (change, before) => {
            let known = |i| change.get(i).wrapping_sub(before.get(i));
            Column::Each((0..n).map(known).collect())
        }
    }
}

/// The ends that belong to these starts, of which the first is at position `from` of `n`.
fn decode_ends(
    codec: u8,
    base: i64,
    n: usize,
    starts: &[i64],
    from: usize,
    reader: Reader<'_>,
) -> Result<Vec<i64>, SegmentError> {
    let range = from..from + starts.len();
    if codec & ABSOLUTE_ENDS != 0 {
        let ends = ints::decode(codec & !ABSOLUTE_ENDS, base, n, range, reader)?;
        return Ok(ends.into_vec(starts.len()));
    }
    let end = |start: i64, length: i64| {
        if length == 0 {
            NO_END
        } else {
            start.wrapping_add(length)
        }
    };
    Ok(match ints::decode(codec, 0, n, range, reader)? {
        Column::Constant(length) => starts.iter().map(|&start| end(start, length)).collect(),
        Column::Each(mut ends) => {
            for (length, &start) in ends.iter_mut().zip(starts) {
                *length = end(start, *length);
            }
            ends
        }
    })
}

fn decode_batches(
    codec: u8,
    n: usize,
    range: Range<usize>,
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
            let mut known = true;
            let batches = Ints::open(codec, 0, n, reader)?.map(range, |index| {
                let batch = usize::try_from(index).ok().and_then(|i| dictionary.get(i));
                known &= batch.is_some();
                batch.copied().unwrap_or_default()
            })?;
            if known {
                Ok(batches)
            } else {
                Err(SegmentError::Damaged("a batch is not in its dictionary"))
            }
        }
        _ => Err(unknown_codec()),
    }
}
