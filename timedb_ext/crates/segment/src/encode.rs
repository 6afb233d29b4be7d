//! Encodes points into a segment.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::format::{ColumnId, Frame, put_varint};
use crate::{
    Bounds, Column, NO_END, Points, Segment, SegmentError, SegmentKey, floats, index_class, ints,
    notes, nulls,
};

/// In the codec of ends: the ends themselves, not their distances from the starts.
pub(crate) const ABSOLUTE_ENDS: u8 = 8;

/// In the codec of known_times: their distances from the change_times.
pub(crate) const KNOWN_BEFORE_CHANGE: u8 = 8;

pub(crate) const ONE_BATCH: u8 = 0;
pub(crate) const BATCHES: u8 = 1;

/// Writes points, in ascending order of (valid_time, valid_time_end, known_time, change_time), as a
/// segment.
///
/// # Errors
/// If there are no points, too many, columns of different lengths, points out of order, or values
/// that are not finite.
pub fn encode(key: &SegmentKey, points: &Points) -> Result<Segment, SegmentError> {
    if !points.fits() {
        return Err(SegmentError::Invalid("the columns differ in length"));
    }
    let bounds = Bounds::of(points)?;
    if !points.is_sorted() {
        return Err(SegmentError::Invalid("the points are not in order"));
    }
    let mut frame = Frame::default();
    encode_columns(points, &bounds, true, &mut frame)?;
    Ok(Segment {
        bounds,
        span_class: index_class(
            bounds.max_valid.saturating_sub(bounds.min_valid),
            points.len(),
        ),
        blob: frame.finish(key, &bounds),
    })
}

/// Adds the columns of points, relative to these bounds.
pub(crate) fn encode_columns(
    points: &Points,
    bounds: &Bounds,
    with_change_time: bool,
    frame: &mut Frame,
) -> Result<(), SegmentError> {
    frame.column(ColumnId::ValidTime, |out| {
        Ok(ints::encode_runs(&points.valid_time, bounds.min_valid, out))
    })?;
    encode_values(points, frame)?;
    frame.column(ColumnId::KnownTime, |out| {
        Ok(encode_known(
            &points.known_time,
            &points.change_time,
            bounds.min_known,
            out,
        ))
    })?;
    if with_change_time {
        frame.column(ColumnId::ChangeTime, |out| {
            let change = points.change_time.entries();
            Ok(ints::encode_repeating(change, bounds.min_change, out))
        })?;
    }
    if let Some(batch) = &points.batch {
        frame.column(ColumnId::Batch, |out| Ok(encode_batches(batch, out)))?;
    }
    if let Some(ends) = &points.valid_time_end {
        frame.column(ColumnId::ValidTimeEnd, |out| {
            Ok(encode_ends(&points.valid_time, ends, bounds.min_valid, out))
        })?;
    }
    if let Some(marks) = &points.nulls {
        frame.column(ColumnId::Nulls, |out| Ok(nulls::encode(marks, out)))?;
    }
    if let Some(notes) = &points.notes {
        notes::encode(notes, frame)?;
    }
    Ok(())
}

/// The values that are not null; a column of none is left out.
fn encode_values(points: &Points, frame: &mut Frame) -> Result<(), SegmentError> {
    let present: Cow<'_, [f64]> = match &points.nulls {
        None => Cow::Borrowed(&points.value),
        Some(marks) => {
            let points = points.value.iter().zip(marks);
            points
                .filter(|(_, null)| !**null)
                .map(|(value, _)| *value)
                .collect()
        }
    };
    if !present.iter().all(|value| value.is_finite()) {
        return Err(SegmentError::Invalid("a value is not finite"));
    }
    if present.is_empty() {
        return Ok(());
    }
    frame.column(ColumnId::Value, |out| Ok(floats::encode(&present, out)))
}

/// What is known when it is written takes nothing beside the change_time.
fn encode_known(known: &Column<i64>, change: &Column<i64>, base: i64, out: &mut Vec<u8>) -> u8 {
    let start = out.len();
    let codec = ints::encode_repeating(known.entries(), base, out);
    let (Column::Each(each), Column::Each(changes)) = (known, change) else {
        return codec;
    };
    let before = changes.iter().zip(each);
    let before: Vec<i64> = before
        .map(|(change, known)| change.wrapping_sub(*known))
        .collect();
    let mut relative = Vec::new();
    let relative_codec = ints::encode(&before, 0, &mut relative);
    if relative.len() >= out.len() - start {
        return codec;
    }
    out.truncate(start);
    out.extend_from_slice(&relative);
    relative_codec | KNOWN_BEFORE_CHANGE
}

fn encode_ends(starts: &[i64], ends: &[i64], base: i64, out: &mut Vec<u8>) -> u8 {
    if starts.iter().zip(ends).any(|(start, end)| start == end) {
        return ints::encode(ends, base, out) | ABSOLUTE_ENDS;
    }
    let lengths: Vec<i64> = starts
        .iter()
        .zip(ends)
        .map(|(start, &end)| {
            if end == NO_END {
                0
            } else {
                end.wrapping_sub(*start)
            }
        })
        .collect();
    ints::encode(&lengths, 0, out)
}

fn encode_batches(column: &Column<[u8; 16]>, out: &mut Vec<u8>) -> u8 {
    let each = match column {
        Column::Constant(batch) => {
            out.extend_from_slice(batch);
            return ONE_BATCH;
        }
        Column::Each(each) => each,
    };
    let mut dictionary = Vec::new();
    let mut indexes = HashMap::new();
    let positions: Vec<i64> = each
        .iter()
        .map(|batch| {
            *indexes.entry(*batch).or_insert_with(|| {
                dictionary.push(*batch);
                dictionary.len() as i64 - 1
            })
        })
        .collect();
    if let [batch] = dictionary[..] {
        out.extend_from_slice(&batch);
        return ONE_BATCH;
    }
    put_varint(dictionary.len() as u64, out);
    out.extend(dictionary.iter().flatten());
    let codec_at = out.len();
    out.push(0);
    out[codec_at] = ints::encode(&positions, 0, out);
    BATCHES
}
