//! The third-party pco codec in its wrapped form: one chunk of one page, without pco's header.

use std::cell::RefCell;

use pco::data_types::Number;
use pco::wrapped::{FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DecompressorScratch, DeltaSpec, ModeSpec};

use crate::SegmentError;
use crate::bits::width_of;

/// pco's format that segments hold; its two bytes are the header that segments leave out.
const FORMAT: [u8; 2] = [4, 1];

/// Level 8 is 0.7% smaller and takes up to twice the time to decode.
const LEVEL: usize = 6;

/// Numbers looked at to choose the order of deltas.
const SAMPLE: usize = 1024;

/// How many bits a number a second order of deltas has to save to be worth its decoding.
const SECOND_ORDER_GAIN: f64 = 0.5;

const DAMAGED: SegmentError = SegmentError::Damaged("a pco column can't be decoded");

/// Which of pco's modes a column may have; the others would let bytes demand memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Modes {
    /// The numbers as they are.
    Classic,
    /// Also doubles that are multiples, or have fewer bits than a double.
    Float,
}

/// Appends the numbers, or None if pco refuses them.
pub(crate) fn compress<T: Number>(
    numbers: &[T],
    modes: Modes,
    delta_order: usize,
    out: &mut Vec<u8>,
) -> Option<()> {
    let config = ChunkConfig::default()
        .with_compression_level(LEVEL)
        .with_mode_spec(match modes {
            Modes::Classic => ModeSpec::Classic,
            Modes::Float => ModeSpec::Auto,
        })
        .with_delta_spec(DeltaSpec::TryConsecutive(delta_order));
    let mut chunk = FileCompressor::default()
        .chunk_compressor(numbers, &config)
        .ok()?;
    chunk.write_meta(&mut *out).ok()?;
    chunk.write_page(0, out).ok()?;
    Some(())
}

thread_local! {
    /// 20 kB that would otherwise be cleared anew for every column.
    static SCRATCH: RefCell<DecompressorScratch> = RefCell::default();
}

/// The `n` numbers that [`compress`] wrote.
pub(crate) fn decompress<T: Number + Default>(
    bytes: &[u8],
    modes: Modes,
    n: usize,
) -> Result<Vec<T>, SegmentError> {
    check_meta(bytes, modes)?;
    let (file, _) = FileDecompressor::new(&FORMAT[..]).map_err(|_| DAMAGED)?;
    let (chunk, page) = file
        .chunk_decompressor::<T, _>(bytes)
        .map_err(|_| DAMAGED)?;
    let mut numbers = vec![T::default(); n];
    SCRATCH.with_borrow_mut(|scratch| {
        let mut page = chunk
            .page_decompressor_with_scratch(page, n, scratch)
            .map_err(|_| DAMAGED)?;
        let progress = page.read(&mut numbers).map_err(|_| DAMAGED)?;
        if progress.n_processed == n && progress.finished && page.into_src().is_empty() {
            Ok(())
        } else {
            Err(DAMAGED)
        }
    })?;
    Ok(numbers)
}

/// Refuses what was never written: modes and deltas whose parameters make pco allocate.
fn check_meta(bytes: &[u8], modes: Modes) -> Result<(), SegmentError> {
    let nibble = |i: usize| bytes.get(i / 2).map(|byte| byte >> (i % 2 * 4) & 15);
    // The delta's nibble follows the mode's and its parameter (a base or a number of bits).
    let delta = match (nibble(0), modes) {
        (Some(0), _) => nibble(1),
        (Some(2), Modes::Float) => nibble(17),
        (Some(3), Modes::Float) => nibble(3),
        _ => None,
    };
    if matches!(delta, Some(0 | 1)) {
        Ok(())
    } else {
        Err(DAMAGED)
    }
}

/// How often to take differences before compressing: 0 for noise, 1 for what moves slowly, 2 for
/// what turns slowly.
pub(crate) fn delta_order(numbers: &[u64]) -> usize {
    let from = (numbers.len().saturating_sub(SAMPLE)) / 2;
    let mut sample = numbers[from..].to_vec();
    sample.truncate(SAMPLE);
    let mut bits = [0.0; 3];
    for order in &mut bits {
        *order = spread(&sample);
        for i in (1..sample.len()).rev() {
            sample[i] = sample[i].wrapping_sub(sample[i - 1]);
        }
        sample.remove(0);
        if sample.is_empty() {
            return 0;
        }
    }
    let [none, first, second] = bits;
    if second + SECOND_ORDER_GAIN < none.min(first) {
        2
    } else if first < none {
        1
    } else {
        0
    }
}

/// The bits that a number of the sample takes beyond their middle, on average.
fn spread(sample: &[u64]) -> f64 {
    let n = sample.len().max(1) as i128;
    let mean = (sample.iter().map(|&x| i128::from(x as i64)).sum::<i128>() / n) as i64;
    let total: u32 = sample
        .iter()
        .map(|&x| width_of((x as i64).wrapping_sub(mean).unsigned_abs()))
        .sum();
    f64::from(total) / n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pco_still_writes_the_format_that_is_left_out() {
        assert_eq!(
            FileCompressor::default().write_header(Vec::new()).unwrap(),
            FORMAT
        );
    }

    #[test]
    fn modes_that_demand_memory_are_refused() {
        // Dictionary of 2^25 - 1 numbers; look-back over 2^24 numbers; integer multiples.
        for bytes in [
            &[0xf4u8, 0xff, 0xff, 0xff, 0xff][..],
            &[0x20, 0xff, 0xff],
            &[0x11; 40],
            &[],
        ] {
            for modes in [Modes::Classic, Modes::Float] {
                assert_eq!(decompress::<u64>(bytes, modes, 1000), Err(DAMAGED));
            }
        }
    }

    #[test]
    fn float_modes_come_back() {
        let mut random = fastrand::Rng::with_seed(1);
        let singles: Vec<f64> = (0..3000).map(|_| f64::from(random.f32())).collect();
        let thirds: Vec<f64> = (0..3000).map(|_| f64::from(random.u16(..)) / 3.0).collect();
        for (values, mode) in [(singles, 3), (thirds, 2)] {
            for order in [0, 1] {
                let mut bytes = Vec::new();
                compress(&values, Modes::Float, order, &mut bytes).unwrap();
                assert_eq!(bytes[0] & 15, mode);
                assert_eq!(
                    decompress(&bytes, Modes::Float, values.len()),
                    Ok(values.clone())
                );
            }
        }
    }

    #[test]
    fn the_order_of_deltas_follows_the_data() {
        let mut random = fastrand::Rng::with_seed(1);
        let noise: Vec<u64> = (0..4096).map(|_| random.u64(..100_000)).collect();
        let mut at = 1u64 << 40;
        let walk: Vec<u64> = (0..4096)
            .map(|_| {
                at = at + random.u64(..200) - 100;
                at
            })
            .collect();
        let square: Vec<u64> = (0..4096u64)
            .map(|i| i * i * 1000 + random.u64(..10))
            .collect();
        assert_eq!(
            [noise, walk, square].map(|numbers| delta_order(&numbers)),
            [0, 1, 2]
        );
        assert_eq!(delta_order(&[5]), 0);
    }
}
