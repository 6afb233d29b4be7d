//! The column of values: decimals as scaled integers where every bit is restored, doubles otherwise.

mod decode;

use crate::format::put_varint;
use crate::ints;
use crate::pcodec::{self, Modes, Outlook};

pub(crate) use decode::{decode, pick};

const DECIMAL: u8 = 0;
const CONSTANT: u8 = 1;
const RAW: u8 = 2;
const PCO: u8 = 3;

/// Marks a scale that patches follow.
const PATCHED: u8 = 0x80;

/// Below so many doubles pco's tables cost more than they save.
const RAW_BELOW: usize = 24;

/// A column of decimals may have one other value (-0.0, say) in so many.
const POINTS_A_PATCH: usize = 16;

/// The bytes that a patch takes, roughly.
const PATCH_BITS: f64 = 80.0;

const MAX_SCALE: usize = 15;

/// Powers of ten; all are exact doubles.
const POWERS: [f64; MAX_SCALE + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// Adding and taking off this rounds a double below 2^51 to an integer.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// Beyond it [`ROUND`] doesn't round.
const LIMIT: f64 = (1u64 << 51) as f64;

/// The integer that gives back every bit of the value when divided by the power, if there is one.
#[inline]
fn scaled(value: f64, power: f64) -> Option<f64> {
    let product = value * power;
    let rounded = (product + ROUND) - ROUND;
    (product.abs() < LIMIT && (rounded / power).to_bits() == value.to_bits()).then_some(rounded)
}

/// Appends values (at least one) and names the codec.
pub(crate) fn encode(values: &[f64], out: &mut Vec<u8>) -> u8 {
    if let Some(scale) = best_scale(values)
        && encode_decimals(values, scale, out)
    {
        return DECIMAL;
    }
    let first = values[0].to_bits();
    if values.iter().all(|value| value.to_bits() == first) {
        out.extend_from_slice(&first.to_le_bytes());
        return CONSTANT;
    }
    let start = out.len();
    if values.len() >= RAW_BELOW {
        let ordered: Vec<u64> = values.iter().map(|&value| ordered(value)).collect();
        let outlook = Outlook::of(&ordered, 1);
        if pcodec::compress(values, Modes::Float, outlook, out).is_some()
            && out.len() - start < values.len() * 8
        {
            return PCO;
        }
        out.truncate(start);
    }
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
    RAW
}

/// The bits of a double as a number that orders as doubles do: what pco takes differences of.
fn ordered(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 {
        !bits
    } else {
        bits | 1 << 63
    }
}

/// The number of decimals that makes the column smallest; None if too many values cannot be
/// written in that way.
fn best_scale(values: &[f64]) -> Option<usize> {
    let allowed = values.len() / POINTS_A_PATCH;
    // needs[s]: how many values need s decimals (at most; the guess is not questioned downwards).
    let mut needs = [0usize; MAX_SCALE + 1];
    let mut none = 0;
    let mut guess = 0;
    for &value in values {
        if scaled(value, POWERS[guess]).is_some() {
            needs[guess] += 1;
            continue;
        }
        match (0..=MAX_SCALE).find(|&scale| scaled(value, POWERS[scale]).is_some()) {
            Some(scale) => {
                needs[scale] += 1;
                // One long outlier must not become the measure of all.
                if scale > guess && needs[scale] * 2 > needs[guess] {
                    guess = scale;
                }
            }
            None => {
                none += 1;
                if none > allowed {
                    return None;
                }
            }
        }
    }
    let digit = std::f64::consts::LOG2_10;
    let mut patches = none;
    let mut best = None;
    for scale in (0..=MAX_SCALE).rev() {
        if patches > allowed {
            break;
        }
        let bits = (values.len() * scale) as f64 * digit + patches as f64 * PATCH_BITS;
        if best.is_none_or(|(least, _)| bits < least) {
            best = Some((bits, scale));
        }
        patches += needs[scale];
    }
    best.map(|(_, scale)| scale)
}

/// Appends the values as decimals, or nothing if too many turn out to be too large for the scale.
fn encode_decimals(values: &[f64], scale: usize, out: &mut Vec<u8>) -> bool {
    let power = POWERS[scale];
    let mut numbers = Vec::with_capacity(values.len());
    let mut patches = Vec::new();
    let mut previous = values
        .iter()
        .find_map(|&value| scaled(value, power))
        .unwrap_or(0.0);
    for (i, &value) in values.iter().enumerate() {
        match scaled(value, power) {
            Some(number) => previous = number,
            None => patches.push(i),
        }
        numbers.push(previous as i64);
    }
    if patches.len() > values.len() / POINTS_A_PATCH {
        return false;
    }
    out.push(scale as u8 | if patches.is_empty() { 0 } else { PATCHED });
    if !patches.is_empty() {
        put_varint(patches.len() as u64, out);
        let mut next = 0;
        for i in patches {
            put_varint((i - next) as u64, out);
            out.extend_from_slice(&values[i].to_le_bytes());
            next = i + 1;
        }
    }
    let codec_at = out.len();
    out.push(0);
    out[codec_at] = ints::encode(&numbers, 0, out);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Reader;

    /// Encodes and decodes; returns the codec and the length.
    fn round_trip(values: &[f64]) -> (u8, usize) {
        let mut out = Vec::new();
        let codec = encode(values, &mut out);
        let n = values.len();
        let back = decode(codec, n, 0..n, Reader(&out)).expect("decodes");
        assert!(
            back.iter()
                .map(|v| v.to_bits())
                .eq(values.iter().map(|v| v.to_bits()))
        );
        let part = n / 3..n - n / 4;
        assert_eq!(
            decode(codec, n, part.clone(), Reader(&out)).as_deref(),
            Ok(&values[part])
        );
        (codec, out.len())
    }

    #[test]
    fn decimals_of_every_scale_are_scaled() {
        for (scale, power) in POWERS.into_iter().enumerate() {
            let values: Vec<f64> = (0..100).map(|i| f64::from(i * i - 3000) / power).collect();
            let (codec, length) = round_trip(&values);
            assert_eq!(codec, DECIMAL, "{scale} decimals");
            assert!(
                length <= 100 * 13 / 8 + 12,
                "{scale} decimals: {length} bytes"
            );
        }
    }

    #[test]
    fn a_few_odd_values_are_patched() {
        let mut values: Vec<f64> = (0..320).map(|i| f64::from(i % 100) / 100.0).collect();
        let (_, regular) = round_trip(&values);
        for (i, odd) in [-0.0, 5e-324, f64::MAX, 0.1 + 0.2, 1.0 / 3.0]
            .into_iter()
            .enumerate()
        {
            values[i * 60] = odd;
        }
        let (codec, patched) = round_trip(&values);
        assert_eq!(codec, DECIMAL);
        assert!(patched < regular + 5 * 16, "{patched} instead of {regular}");
    }

    #[test]
    fn long_outliers_do_not_widen_the_rest() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut values: Vec<f64> = (0..200).map(|_| f64::from(random.u8(..)) / 10.0).collect();
        let (_, regular) = round_trip(&values);
        values[20] = 0.123_456_789_012;
        let (codec, length) = round_trip(&values);
        assert_eq!(codec, DECIMAL);
        assert!(length < regular + 20, "{length} instead of {regular}");
    }

    #[test]
    fn decimals_too_far_apart_stay_doubles() {
        let values: Vec<f64> = (0..100)
            .map(|i| f64::from(i) * if i % 2 == 0 { 1e14 } else { 0.001 })
            .collect();
        assert_ne!(round_trip(&values).0, DECIMAL);
        assert_eq!(round_trip(&[1.0 / 3.0; 50]), (CONSTANT, 8));
        assert_eq!(round_trip(&[1.0 / 3.0, 2.0 / 3.0]), (RAW, 16));
        assert_eq!(round_trip(&[-0.0]), (CONSTANT, 8));
        assert_eq!(round_trip(&[f64::MIN_POSITIVE, -f64::MAX]), (RAW, 16));
    }
}
