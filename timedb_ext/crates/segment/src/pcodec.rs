//! The third-party pco codec in its wrapped form, without pco's header: one chunk of pages, each of
//! which `pages` can read on its own.

mod pages;

use pco::data_types::Number;
use pco::wrapped::FileCompressor;
use pco::{ChunkConfig, DeltaSpec, ModeSpec, PagingSpec};

use crate::SegmentError;
use crate::bits::width_of;
use crate::format::put_varint;

pub(crate) use pages::Pages;

/// pco's format that segments hold; its two bytes are the header that segments leave out.
const FORMAT: [u8; 2] = [4, 1];

/// Level 8 is 0.7% smaller and takes up to twice the time to decode.
const LEVEL: usize = 6;

/// Numbers looked at to choose the order of deltas.
const SAMPLE: usize = 1024;

/// How many bits per number a second order of deltas has to save to be worth decoding.
const SECOND_ORDER_GAIN: f64 = 0.5;

const DAMAGED: SegmentError = SegmentError::Damaged("a pco column can't be decoded");

/// The maximum count of numbers in one page.
const ONE_PAGE: usize = 1024;

/// The numbers in a page of more: the fewer, the fewer a read of part of a column decodes in vain.
const SHORT_PAGE: usize = 512;

/// From so many bits on a page is long enough.
const LEAST_PAGE_BITS: f64 = 350.0 * 8.0;

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
    outlook: Outlook,
    out: &mut Vec<u8>,
) -> Option<()> {
    let page_size = page_size(numbers.len(), outlook);
    let page_sizes: Vec<usize> = numbers.chunks(page_size).map(<[T]>::len).collect();
    let pages = page_sizes.len();
    let config = ChunkConfig::default()
        .with_compression_level(LEVEL)
        .with_mode_spec(match modes {
            Modes::Classic => ModeSpec::Classic,
            Modes::Float => ModeSpec::Auto,
        })
        .with_delta_spec(DeltaSpec::TryConsecutive(outlook.delta_order))
        .with_paging_spec(PagingSpec::Exact(page_sizes));
    let mut chunk = FileCompressor::default()
        .chunk_compressor(numbers, &config)
        .ok()?;
    put_varint(page_size as u64, out);
    let mut data = Vec::new();
    chunk.write_meta(&mut data).ok()?;
    for page in 0..pages {
        let start = data.len();
        chunk.write_page(page, &mut data).ok()?;
        if page + 1 < pages {
            put_varint((data.len() - start) as u64, out);
        }
    }
    out.extend_from_slice(&data);
    Some(())
}

/// How many of `n` numbers are in a page. If they take few bits, pages are longer: each costs
/// some eight bytes.
fn page_size(n: usize, outlook: Outlook) -> usize {
    let page_bits = |size: usize| size as f64 * outlook.bits;
    let size = match n {
        ..=ONE_PAGE => ONE_PAGE,
        _ if page_bits(SHORT_PAGE) >= LEAST_PAGE_BITS => SHORT_PAGE,
        _ if page_bits(2 * SHORT_PAGE) >= LEAST_PAGE_BITS => 2 * SHORT_PAGE,
        _ => 4 * SHORT_PAGE,
    };
    // A page's differences fill whole batches then; pco takes longer for a part of one.
    size + outlook.delta_order
}

/// What a sample says about how numbers compress.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outlook {
    /// How often to take differences before compressing: 0 for noise, 1 for what moves slowly, 2
    /// for what turns slowly.
    pub(crate) delta_order: usize,
    /// The bits that a number takes then, roughly.
    bits: f64,
}

impl Outlook {
    /// What these numbers, taken as i64, look like with differences of so high an order at most.
    pub(crate) fn of(numbers: &[u64], max_order: usize) -> Outlook {
        let from = (numbers.len().saturating_sub(SAMPLE)) / 2;
        let mut sample = numbers[from..].to_vec();
        sample.truncate(SAMPLE);
        let mut best = Outlook {
            delta_order: 0,
            bits: f64::INFINITY,
        };
        for delta_order in 0..=max_order {
            let bits = spread(&sample);
            let gain = if delta_order > 1 {
                SECOND_ORDER_GAIN
            } else {
                0.0
            };
            if bits + gain < best.bits {
                best = Outlook { delta_order, bits };
            }
            for i in (1..sample.len()).rev() {
                sample[i] = sample[i].wrapping_sub(sample[i - 1]);
            }
            if sample.len() < 2 {
                break;
            }
            sample.remove(0);
        }
        // The sign.
        best.bits += 1.0;
        best
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
            [noise, walk, square].map(|numbers| Outlook::of(&numbers, 2).delta_order),
            [0, 1, 2]
        );
        assert_eq!(Outlook::of(&[5], 2).delta_order, 0);
    }
}
