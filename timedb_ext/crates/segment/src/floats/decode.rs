//! Reading the column of values, or single values of it.

use std::ops::{ControlFlow, Range};

use super::{CONSTANT, DECIMAL, PATCHED, PCO, POWERS, RAW};
use crate::SegmentError;
use crate::format::{Reader, unknown_codec};
use crate::ints::{Ints, pick_pages};
use crate::pcodec::{Modes, Pages};

/// The values at these positions of a column of `n`.
pub(crate) fn decode(
    codec: u8,
    n: usize,
    range: Range<usize>,
    mut reader: Reader<'_>,
) -> Result<Vec<f64>, SegmentError> {
    match codec {
        DECIMAL => decode_decimals(n, range, reader),
        CONSTANT => {
            let value = f64::from_le_bytes(reader.array()?);
            reader.finish()?;
            Ok(vec![value; range.len()])
        }
        RAW => {
            let bytes = reader.bytes(n * 8)?;
            reader.finish()?;
            let values = &bytes.as_chunks().0[range];
            Ok(values
                .iter()
                .map(|bytes| f64::from_le_bytes(*bytes))
                .collect())
        }
        PCO => {
            let pages = Pages::open(reader, Modes::Float, n)?;
            let mut values = Vec::with_capacity(range.len());
            pages.read(range, |some| {
                values.extend_from_slice(some);
                ControlFlow::Continue(())
            })?;
            Ok(values)
        }
        _ => Err(unknown_codec()),
    }
}

fn decode_decimals(
    n: usize,
    range: Range<usize>,
    reader: Reader<'_>,
) -> Result<Vec<f64>, SegmentError> {
    let place = |i: usize| range.contains(&i).then(|| i - range.start);
    let decimals = Decimals::open(n, reader, place)?;
    let numbers = decimals.numbers.divide(range.clone(), decimals.power)?;
    Ok(decimals.patch(numbers.into_vec(range.len())))
}

/// A column of decimals whose numbers have not been read yet.
struct Decimals<'a> {
    power: f64,
    /// Values that are no decimals, and their places among those that are read.
    patches: Vec<(usize, f64)>,
    numbers: Ints<'a>,
}

impl<'a> Decimals<'a> {
    /// The column; `place` says where a position is among those that are read, if it is.
    fn open(
        n: usize,
        mut reader: Reader<'a>,
        place: impl Fn(usize) -> Option<usize>,
    ) -> Result<Self, SegmentError> {
        let scale = reader.u8()?;
        let power = *POWERS
            .get(usize::from(scale & !PATCHED))
            .ok_or(SegmentError::Damaged("a scale is too large"))?;
        let mut patches = Vec::new();
        if scale & PATCHED != 0 {
            let mut next = 0;
            for _ in 0..reader.count()? {
                let i = next + reader.count()?;
                if i >= n {
                    return Err(SegmentError::Damaged("a patch is out of range"));
                }
                let value = f64::from_le_bytes(reader.array()?);
                if let Some(place) = place(i) {
                    patches.push((place, value));
                }
                next = i + 1;
            }
        }
        let codec = reader.u8()?;
        Ok(Decimals {
            power,
            patches,
            numbers: Ints::open(codec, 0, n, reader)?,
        })
    }

    fn patch(&self, mut values: Vec<f64>) -> Vec<f64> {
        for &(place, value) in &self.patches {
            values[place] = value;
        }
        values
    }
}

/// The values at these positions, which ascend, of a column of `n`: those that [`decode`] reads there.
pub(crate) fn pick(
    codec: u8,
    n: usize,
    positions: &[usize],
    mut reader: Reader<'_>,
) -> Result<Vec<f64>, SegmentError> {
    match codec {
        DECIMAL => {
            let place = |i: usize| positions.binary_search(&i).ok();
            let decimals = Decimals::open(n, reader, place)?;
            let numbers = decimals.numbers.pick(positions)?.into_vec(positions.len());
            let values = numbers.iter().map(|&number| number as f64 / decimals.power);
            Ok(decimals.patch(values.collect()))
        }
        CONSTANT => {
            let value = f64::from_le_bytes(reader.array()?);
            reader.finish()?;
            Ok(vec![value; positions.len()])
        }
        RAW => {
            let values = reader.bytes(n * 8)?.as_chunks().0;
            reader.finish()?;
            let value = |&position: &usize| f64::from_le_bytes(values[position]);
            Ok(positions.iter().map(value).collect())
        }
        PCO => pick_pages(
            &Pages::open(reader, Modes::Float, n)?,
            positions,
            |x: f64| x,
        ),
        _ => Err(unknown_codec()),
    }
}
