//! Reading single values of a column.

use super::{CONSTANT, DECIMAL, Decimals, PCO, RAW};
use crate::SegmentError;
use crate::format::{Reader, unknown_codec};
use crate::ints::pick_pages;
use crate::pcodec::{Modes, Pages};

/// The values at these positions, which ascend, of a column of `n`: those that [`super::decode`] reads there.
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
