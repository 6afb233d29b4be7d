//! Bit packing: numbers of one width, least significant bit first, without gaps.

use std::ops::Range;

/// The bytes that `n` numbers of `width` bits take.
pub(crate) fn packed_len(n: usize, width: u32) -> usize {
    (n * width as usize).div_ceil(8)
}

/// The bits that hold every number up to `greatest`.
pub(crate) fn width_of(greatest: u64) -> u32 {
    64 - greatest.leading_zeros()
}

/// Appends numbers, each below `2^width`.
pub(crate) fn pack(numbers: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    let mut held: u128 = 0;
    let mut bits = 0;
    for number in numbers {
        held |= u128::from(number) << bits;
        bits += width;
        if bits >= 64 {
            out.extend_from_slice(&(held as u64).to_le_bytes());
            held >>= 64;
            bits -= 64;
        }
    }
    out.extend_from_slice(&(held as u64).to_le_bytes()[..bits.div_ceil(8) as usize]);
}

/// Hands over the numbers at these positions in `bytes`, of which there are enough.
#[inline]
pub(crate) fn unpack(bytes: &[u8], width: u32, range: Range<usize>, mut each: impl FnMut(u64)) {
    debug_assert!(bytes.len() >= packed_len(range.end, width));
    if width == 0 {
        return range.for_each(|_| each(0));
    }
    let mask = u64::MAX >> (64 - width);
    let width = width as usize;
    let mut at = range.start * width;
    let end = range.end * width;
    if width <= 56 {
        // A number and the bits before it in its first byte fit into eight bytes.
        while let Some(eight) = bytes.get(at / 8..).and_then(<[u8]>::first_chunk::<8>) {
            if at >= end {
                return;
            }
            each(u64::from_le_bytes(*eight) >> (at % 8) & mask);
            at += width;
        }
    }
    while at < end {
        let mut sixteen = [0; 16];
        let rest = &bytes[at / 8..];
        let taken = rest.len().min(16);
        sixteen[..taken].copy_from_slice(&rest[..taken]);
        each((u128::from_le_bytes(sixteen) >> (at % 8)) as u64 & mask);
        at += width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_comes_back() {
        let mut random = fastrand::Rng::with_seed(1);
        for width in 0..=64 {
            for n in [0, 1, 2, 7, 8, 9, 63, 64, 65, 200] {
                let mask = if width == 0 {
                    0
                } else {
                    u64::MAX >> (64 - width)
                };
                let numbers: Vec<u64> = (0..n).map(|_| random.u64(..) & mask).collect();
                let mut bytes = Vec::new();
                pack(numbers.iter().copied(), width, &mut bytes);
                assert_eq!(bytes.len(), packed_len(n, width), "width {width}, n {n}");
                let mut back = Vec::new();
                unpack(&bytes, width, 0..n, |number| back.push(number));
                assert_eq!(back, numbers, "width {width}, n {n}");
                let part = n / 3..n - n / 4;
                back.clear();
                unpack(&bytes, width, part.clone(), |number| back.push(number));
                assert_eq!(back, numbers[part], "width {width}, part of {n}");
            }
        }
    }

    #[test]
    fn widths_hold_their_greatest() {
        assert_eq!(
            [0, 1, 2, 255, 256, u64::MAX].map(width_of),
            [0, 1, 2, 8, 9, 64]
        );
    }
}
