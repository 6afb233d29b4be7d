//! Writing the columns of batches.

use std::collections::HashMap;

use crate::batch::Batch;
use crate::dictionary::{self, put_bytes};
use crate::format::{Frame, put_varint};
use crate::{MAX_COUNT, SegmentError, ints, nulls};

/// The columns of batches, the first of which are integers relative to `base`.
///
/// # Errors
/// If they have too many series.
pub(super) fn columns(
    batches: &[Batch],
    base: i64,
    with_series: bool,
) -> Result<Frame, SegmentError> {
    let mut frame = Frame::default();
    let each = |of: fn(&Batch) -> i64| batches.iter().map(of).collect::<Vec<i64>>();
    let before = |batch: &Batch, t: i64| batch.change_time.wrapping_sub(t);
    put_ints(1, &each(|b| b.change_time), base, &mut frame)?;
    put_ints(
        2,
        &each(|b| b.change_time.wrapping_sub(b.settled_time)),
        0,
        &mut frame,
    )?;
    let id = |id: &Option<[u8; 16]>| id.map(Vec::from);
    dictionary::encode(3, batches.iter().map(|b| id(&b.user)), &mut frame)?;
    put_unless_zero(4, &each(|b| b.kind as i64), &mut frame)?;
    let known: Vec<Option<i64>> = batches
        .iter()
        .map(|b| b.known_time.map(|t| before(b, t)))
        .collect();
    if known.iter().any(|known| *known != Some(0)) {
        put_optional(5, &known, 0, &mut frame)?;
    }
    put_unless_zero(
        6,
        &each(|b| b.change_time.wrapping_sub(b.start_time)),
        &mut frame,
    )?;
    let finish: Vec<Option<i64>> = batches
        .iter()
        .map(|b| b.finish_time.map(|t| before(b, t)))
        .collect();
    if finish.iter().any(Option::is_some) {
        put_optional(7, &finish, 0, &mut frame)?;
    }
    let text = |text: &Option<String>| text.clone().map(String::into_bytes);
    dictionary::encode(8, batches.iter().map(|b| text(&b.workflow_id)), &mut frame)?;
    dictionary::encode(9, batches.iter().map(|b| text(&b.batch_params)), &mut frame)?;
    put_unless_zero(10, &each(|b| b.points as i64), &mut frame)?;
    put_unless_zero(11, &each(|b| b.skipped as i64), &mut frame)?;
    let min_valid: Vec<Option<i64>> = batches.iter().map(|b| b.valid.map(|v| v.0)).collect();
    if min_valid.iter().any(Option::is_some) {
        put_optional(12, &min_valid, base, &mut frame)?;
    }
    let span = batches.iter().filter_map(|b| b.valid);
    let span: Vec<i64> = span.map(|(min, max)| max.wrapping_sub(min)).collect();
    if !span.is_empty() {
        put_ints(13, &span, 0, &mut frame)?;
    }
    dictionary::encode(14, batches.iter().map(|b| id(&b.chosen_id)), &mut frame)?;
    if with_series && batches.iter().any(|batch| !batch.series.is_empty()) {
        frame.column(15, |out| {
            put_series(batches, out)?;
            Ok::<u8, SegmentError>(0)
        })?;
    }
    Ok(frame)
}

fn put_ints(id: u8, numbers: &[i64], base: i64, frame: &mut Frame) -> Result<(), SegmentError> {
    frame.column(id, |out| Ok(ints::encode_repeating(numbers, base, out)))
}

fn put_unless_zero(id: u8, numbers: &[i64], frame: &mut Frame) -> Result<(), SegmentError> {
    match numbers.iter().all(|&number| number == 0) {
        true => Ok(()),
        false => put_ints(id, numbers, 0, frame),
    }
}

fn put_optional(
    id: u8,
    numbers: &[Option<i64>],
    base: i64,
    frame: &mut Frame,
) -> Result<(), SegmentError> {
    frame.column(id, |out| {
        let marks: Vec<bool> = numbers.iter().map(Option::is_none).collect();
        let mut bytes = Vec::new();
        out.push(nulls::encode(&marks, &mut bytes));
        put_bytes(&bytes, out);
        let present: Vec<i64> = numbers.iter().flatten().copied().collect();
        if !present.is_empty() {
            put_tagged(&present, base, out);
        }
        Ok(0)
    })
}

/// Appends the codec, and the numbers.
fn put_tagged(numbers: &[i64], base: i64, out: &mut Vec<u8>) {
    let codec_at = out.len();
    out.push(0);
    out[codec_at] = ints::encode(numbers, base, out);
}

/// Appends the codec, and the numbers preceded by their length.
fn put_sized(numbers: &[i64], out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    out.push(ints::encode(numbers, 0, &mut bytes));
    put_bytes(&bytes, out);
}

fn put_series(batches: &[Batch], out: &mut Vec<u8>) -> Result<(), SegmentError> {
    let mut ids: Vec<[u8; 16]> = Vec::new();
    let mut places: HashMap<[u8; 16], i64> = HashMap::new();
    let mut lists: HashMap<&[[u8; 16]], i64> = HashMap::new();
    let (mut lengths, mut members) = (Vec::new(), Vec::new());
    let mut of_batch = Vec::with_capacity(batches.len());
    for batch in batches {
        let next = lists.len() as i64;
        let list = *lists.entry(&batch.series).or_insert_with(|| {
            lengths.push(batch.series.len() as i64);
            for id in batch.series.iter() {
                members.push(*places.entry(*id).or_insert_with(|| {
                    ids.push(*id);
                    ids.len() as i64 - 1
                }));
            }
            next
        });
        of_batch.push(list);
    }
    if members.len() > MAX_COUNT as usize {
        return Err(SegmentError::Invalid("too many series for a chunk"));
    }
    put_varint(ids.len() as u64, out);
    out.extend(ids.iter().flatten());
    put_varint(lengths.len() as u64, out);
    put_sized(&lengths, out);
    if !members.is_empty() {
        put_sized(&members, out);
    }
    put_tagged(&of_batch, 0, out);
    Ok(())
}
