//! Columns of integers: times, scaled decimals, versions, indexes. Chooses the smallest of the
//! codecs that `format` lists.

use pco::data_types::Number;

use crate::bits::{pack, packed_len, unpack, width_of};
use crate::format::{Reader, put_varint, put_zigzag, unknown_codec};
use crate::pcodec::{self, Modes};
use crate::{Column, SegmentError};

const CONSTANT: u8 = 0;
const REGULAR: u8 = 1;
const PACKED: u8 = 2;
const PACKED_DELTAS: u8 = 3;
const PCO_16: u8 = 4;
const PCO_32: u8 = 5;
const PCO_64: u8 = 6;

/// Up to so many numbers are packed: pco's tables cost more than they save, in bytes and in time.
const PACK_UP_TO: usize = 256;

/// Numbers as `a + unit * x`.
struct Scaled {
    a: i64,
    unit: u64,
    /// The greatest x.
    greatest: u64,
}

impl Scaled {
    fn of(numbers: impl Iterator<Item = i64> + Clone) -> Scaled {
        let (min, max) = numbers.clone().fold((i64::MAX, i64::MIN), |(min, max), x| {
            (min.min(x), max.max(x))
        });
        let mut unit = 0;
        for number in numbers {
            unit = gcd(unit, number.wrapping_sub(min) as u64);
            if unit == 1 {
                break;
            }
        }
        let unit = unit.max(1);
        Scaled {
            a: min,
            unit,
            greatest: max.wrapping_sub(min) as u64 / unit,
        }
    }

    fn width(&self) -> u32 {
        width_of(self.greatest)
    }

    fn scale(&self, number: i64) -> u64 {
        let offset = number.wrapping_sub(self.a) as u64;
        if self.unit == 1 {
            offset
        } else {
            offset / self.unit
        }
    }

    /// Appends the width and the numbers.
    fn pack(&self, numbers: impl Iterator<Item = i64>, out: &mut Vec<u8>) {
        put_varint(self.unit, out);
        out.push(self.width() as u8);
        pack(numbers.map(|number| self.scale(number)), self.width(), out);
    }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Appends a column and names its codec.
pub(crate) fn encode_column(column: &Column<i64>, base: i64, out: &mut Vec<u8>) -> u8 {
    match column {
        Column::Constant(one) => encode(&[*one], base, out),
        Column::Each(each) => encode(each, base, out),
    }
}

/// Appends numbers (at least one) and names the codec.
pub(crate) fn encode(numbers: &[i64], base: i64, out: &mut Vec<u8>) -> u8 {
    let first = numbers[0];
    let step = numbers
        .get(1)
        .map_or(0, |second| second.wrapping_sub(first));
    if numbers
        .windows(2)
        .all(|pair| pair[1].wrapping_sub(pair[0]) == step)
    {
        put_zigzag(first.wrapping_sub(base), out);
        if step == 0 {
            return CONSTANT;
        }
        put_zigzag(step, out);
        return REGULAR;
    }

    let plain = Scaled::of(numbers.iter().copied());
    let deltas = numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let delta = Scaled::of(deltas.clone());
    let plain_len = packed_len(numbers.len(), plain.width());
    // Two more bytes for what b takes: a close race goes to the faster form.
    let delta_len = packed_len(numbers.len() - 1, delta.width()) + 2;
    let start = out.len();
    if numbers.len() > PACK_UP_TO {
        put_zigzag(plain.a.wrapping_sub(base), out);
        put_varint(plain.unit, out);
        if let Some(codec) = encode_pco(numbers, &plain, out)
            && out.len() - start < plain_len.min(delta_len)
        {
            return codec;
        }
        out.truncate(start);
    }
    if plain_len <= delta_len {
        put_zigzag(plain.a.wrapping_sub(base), out);
        plain.pack(numbers.iter().copied(), out);
        PACKED
    } else {
        put_zigzag(first.wrapping_sub(base), out);
        put_zigzag(delta.a, out);
        delta.pack(deltas, out);
        PACKED_DELTAS
    }
}

/// Appends pco's form in the narrowest type: its tables shrink with it.
fn encode_pco(numbers: &[i64], scaled: &Scaled, out: &mut Vec<u8>) -> Option<u8> {
    let numbers: Vec<u64> = numbers.iter().map(|&number| scaled.scale(number)).collect();
    let order = pcodec::delta_order(&numbers);
    fn narrow<T>(numbers: &[u64], narrow: impl Fn(u64) -> T) -> Vec<T> {
        numbers.iter().map(|&number| narrow(number)).collect()
    }
    match scaled.width() {
        0..=16 => {
            pcodec::compress(&narrow(&numbers, |x| x as u16), Modes::Classic, order, out)?;
            Some(PCO_16)
        }
        17..=32 => {
            pcodec::compress(&narrow(&numbers, |x| x as u32), Modes::Classic, order, out)?;
            Some(PCO_32)
        }
        _ => {
            pcodec::compress(&numbers, Modes::Classic, order, out)?;
            Some(PCO_64)
        }
    }
}

/// The `n` numbers of a column; constant if that is how they were written.
pub(crate) fn decode(
    codec: u8,
    base: i64,
    n: usize,
    mut reader: Reader<'_>,
) -> Result<Column<i64>, SegmentError> {
    if codec > PCO_64 {
        return Err(unknown_codec("integers", codec));
    }
    let a = base.wrapping_add(reader.zigzag()?);
    let numbers = match codec {
        CONSTANT => {
            reader.finish()?;
            return Ok(Column::Constant(a));
        }
        REGULAR => {
            let step = reader.zigzag()?;
            reader.finish()?;
            (0..n as i64)
                .map(|i| a.wrapping_add(step.wrapping_mul(i)))
                .collect()
        }
        PACKED => {
            let (unit, width, bytes) = packed(reader, n)?;
            let mut numbers = Vec::with_capacity(n);
            unpack(bytes, width, n, |x| {
                numbers.push(a.wrapping_add(unit.wrapping_mul(x) as i64));
            });
            numbers
        }
        PACKED_DELTAS => {
            let b = reader.zigzag()?;
            let (unit, width, bytes) = packed(reader, n - 1)?;
            let mut numbers = Vec::with_capacity(n);
            let mut at = a;
            numbers.push(at);
            unpack(bytes, width, n - 1, |x| {
                at = at.wrapping_add(b).wrapping_add(unit.wrapping_mul(x) as i64);
                numbers.push(at);
            });
            numbers
        }
        _ => {
            let unit = reader.varint()?;
            match codec {
                PCO_16 => widen::<u16>(reader, a, unit, n)?,
                PCO_32 => widen::<u32>(reader, a, unit, n)?,
                _ => widen::<u64>(reader, a, unit, n)?,
            }
        }
    };
    Ok(Column::Each(numbers))
}

/// The unit, the width and the bytes of `n` packed numbers.
fn packed(mut reader: Reader<'_>, n: usize) -> Result<(u64, u32, &[u8]), SegmentError> {
    let unit = reader.varint()?;
    let width = u32::from(reader.u8()?);
    if width > 64 {
        return Err(SegmentError::Damaged("numbers are too wide"));
    }
    let bytes = reader.bytes(packed_len(n, width))?;
    reader.finish()?;
    Ok((unit, width, bytes))
}

fn widen<T: Number + Default + Into<u64>>(
    reader: Reader<'_>,
    a: i64,
    unit: u64,
    n: usize,
) -> Result<Vec<i64>, SegmentError> {
    let numbers = pcodec::decompress::<T>(reader.0, Modes::Classic, n)?;
    Ok(if unit == 1 {
        numbers
            .into_iter()
            .map(|x| a.wrapping_add(x.into() as i64))
            .collect()
    } else {
        numbers
            .into_iter()
            .map(|x| a.wrapping_add(unit.wrapping_mul(x.into()) as i64))
            .collect()
    })
}
