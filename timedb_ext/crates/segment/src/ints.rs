//! Columns of integers: times, scaled decimals, versions, indexes. Chooses the smallest of the
//! codecs that `format` lists; `decode` reads them.

mod decode;
mod pick;
mod repeating;
mod runs;

use crate::bits::{pack, packed_len, width_of};
use crate::format::{put_varint, put_zigzag};
use crate::pcodec::{self, Modes, Outlook};
use crate::points::extent;

pub(crate) use decode::{Ints, decode};
pub(crate) use pick::pick_pages;
pub(crate) use repeating::{encode_repeating, encode_runs};

const CONSTANT: u8 = 0;
const REGULAR: u8 = 1;
const PACKED: u8 = 2;
const PACKED_DELTAS: u8 = 3;
const PCO_16: u8 = 4;
const PCO_32: u8 = 5;
const PCO_64: u8 = 6;
const REPEATING: u8 = 7;

/// The kinds of [`REPEATING`].
const RUNS: u8 = 0;
const DICTIONARY: u8 = 1;

/// Up to so many numbers are packed: pco's tables cost more than they save, in bytes and in time.
const PACK_UP_TO: usize = 256;

/// Numbers as `a + unit * x`.
struct Scaling {
    a: i64,
    unit: u64,
    /// The greatest x.
    greatest: u64,
}

impl Scaling {
    fn of(numbers: impl Iterator<Item = i64> + Clone) -> Scaling {
        let (min, max) = extent(numbers.clone());
        let mut unit = 0;
        for number in numbers {
            unit = gcd(unit, number.wrapping_sub(min) as u64);
            if unit == 1 {
                break;
            }
        }
        let unit = unit.max(1);
        Scaling {
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

    let plain = Scaling::of(numbers.iter().copied());
    let deltas = numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let delta = Scaling::of(deltas.clone());
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
fn encode_pco(numbers: &[i64], scaled: &Scaling, out: &mut Vec<u8>) -> Option<u8> {
    let numbers: Vec<u64> = numbers.iter().map(|&number| scaled.scale(number)).collect();
    let outlook = Outlook::of(&numbers, 2);
    match scaled.width() {
        0..=16 => {
            let numbers: Vec<u16> = numbers.iter().map(|&x| x as u16).collect();
            pcodec::compress(&numbers, Modes::Classic, outlook, out)?;
            Some(PCO_16)
        }
        17..=32 => {
            let numbers: Vec<u32> = numbers.iter().map(|&x| x as u32).collect();
            pcodec::compress(&numbers, Modes::Classic, outlook, out)?;
            Some(PCO_32)
        }
        _ => {
            pcodec::compress(&numbers, Modes::Classic, outlook, out)?;
            Some(PCO_64)
        }
    }
}
