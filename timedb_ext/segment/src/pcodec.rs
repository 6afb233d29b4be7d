//! The third-party pco codec in its wrapped form: one chunk of pages that can be read each on its
//! own, without pco's header.

use std::cell::RefCell;
use std::ops::{ControlFlow, Range};

use pco::data_types::Number;
use pco::wrapped::{ChunkDecompressor, FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DecompressorScratch, DeltaSpec, ModeSpec, PagingSpec};

use crate::SegmentError;
use crate::bits::width_of;
use crate::format::{Reader, put_varint};

/// pco's format that segments hold; its two bytes are the header that segments leave out.
const FORMAT: [u8; 2] = [4, 1];

/// Level 8 is 0.7% smaller and takes up to twice the time to decode.
const LEVEL: usize = 6;

/// Numbers looked at to choose the order of deltas.
const SAMPLE: usize = 1024;

/// How many bits a number a second order of deltas has to save to be worth its decoding.
const SECOND_ORDER_GAIN: f64 = 0.5;

const DAMAGED: SegmentError = SegmentError::Damaged("a pco column can't be decoded");

/// Up to so many numbers stand in one page.
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
    let page_size = page_size(numbers.len(), outlook.bits);
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

/// How many of `n` numbers of some bits stand in a page. Where they take few bits, pages are longer:
/// each costs some eight bytes.
fn page_size(n: usize, bits: f64) -> usize {
    let page_bits = |size: usize| size as f64 * bits;
    match n {
        ..=ONE_PAGE => ONE_PAGE,
        _ if page_bits(SHORT_PAGE) >= LEAST_PAGE_BITS => SHORT_PAGE,
        _ if page_bits(2 * SHORT_PAGE) >= LEAST_PAGE_BITS => 2 * SHORT_PAGE,
        _ => 4 * SHORT_PAGE,
    }
}

/// Numbers that pco decodes at once.
const BATCH: usize = 256;

/// Bytes that pco wants to see from where it reads, or it copies what there is: for every page.
const LOOKED_AT: usize = BATCH * (8 + 2) + 9;

/// What would otherwise be allocated and cleared anew for every column.
#[derive(Default)]
struct Scratch {
    pco: DecompressorScratch,
    /// The last [`LOOKED_AT`] bytes of the pages, or all, and as many zeros.
    tail: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// A column that [`compress`] wrote.
pub(crate) struct Pages<'a, T: Number> {
    chunk: ChunkDecompressor<T>,
    n: usize,
    page_size: usize,
    /// The lengths in bytes of all pages but the last.
    lengths: Reader<'a>,
    pages: &'a [u8],
}

impl<'a, T: Number + Default> Pages<'a, T> {
    /// Reads what stands before the pages of `n` numbers.
    pub(crate) fn open(
        mut reader: Reader<'a>,
        modes: Modes,
        n: usize,
    ) -> Result<Self, SegmentError> {
        let page_size = reader.count()?;
        if page_size < BATCH {
            return Err(DAMAGED);
        }
        let lengths = reader;
        for _ in 1..n.div_ceil(page_size) {
            reader.varint()?;
        }
        check_meta(reader.0, modes)?;
        let (file, _) = FileDecompressor::new(&FORMAT[..]).map_err(|_| DAMAGED)?;
        let (chunk, pages) = file
            .chunk_decompressor::<T, _>(reader.0)
            .map_err(|_| DAMAGED)?;
        Ok(Pages {
            chunk,
            n,
            page_size,
            lengths,
            pages,
        })
    }

    /// Hands over the numbers at these positions, in order, some at a time, until `each` has enough.
    pub(crate) fn read(
        &self,
        range: Range<usize>,
        each: impl FnMut(&[T]) -> ControlFlow<()>,
    ) -> Result<(), SegmentError> {
        if range.is_empty() {
            return Ok(());
        }
        SCRATCH.with_borrow_mut(|scratch| self.read_with(scratch, range, each))
    }

    fn read_with(
        &self,
        Scratch { pco, tail }: &mut Scratch,
        range: Range<usize>,
        mut each: impl FnMut(&[T]) -> ControlFlow<()>,
    ) -> Result<(), SegmentError> {
        let mut lengths = self.lengths;
        let mut numbers = [T::default(); BATCH];
        let tail_at = self.pages.len().saturating_sub(LOOKED_AT);
        tail.clear();
        let (mut start, mut byte) = (0, 0);
        while start < range.end {
            let page_n = self.page_size.min(self.n - start);
            let end_byte = if start + page_n < self.n {
                let length = usize::try_from(lengths.varint()?).map_err(|_| DAMAGED)?;
                byte + length.min(self.pages.len())
            } else {
                self.pages.len()
            };
            if end_byte > self.pages.len() {
                return Err(DAMAGED);
            }
            if start + page_n > range.start {
                let page = if byte < tail_at {
                    &self.pages[byte..]
                } else {
                    if tail.is_empty() {
                        tail.extend_from_slice(&self.pages[tail_at..]);
                        tail.resize(tail.len() + LOOKED_AT, 0);
                    }
                    &tail[byte - tail_at..]
                };
                let before = page.len();
                let mut page = self
                    .chunk
                    .page_decompressor_with_scratch(page, page_n, pco)
                    .map_err(|_| DAMAGED)?;
                let mut at = start;
                while at < range.end.min(start + page_n) {
                    let read = page.read(&mut numbers).map_err(|_| DAMAGED)?.n_processed;
                    let from = range.start.saturating_sub(at).min(read);
                    let to = (range.end - at).min(read);
                    if from < to && each(&numbers[from..to]).is_break() {
                        return Ok(());
                    }
                    at += read;
                }
                if at == start + page_n && before - page.into_src().len() != end_byte - byte {
                    return Err(DAMAGED);
                }
            }
            start += page_n;
            byte = end_byte;
        }
        Ok(())
    }

    /// The position of the first number of the last page that starts with a number for which
    /// `before` holds, or 0; it has to hold for no number after one for which it doesn't.
    pub(crate) fn seek(&self, before: impl Fn(T) -> bool) -> Result<usize, SegmentError> {
        let (mut found, mut end) = (0, self.n.div_ceil(self.page_size));
        while end - found > 1 {
            let middle = found.midpoint(end);
            let first = middle * self.page_size;
            let mut holds = false;
            self.read(first..first + 1, |numbers| {
                holds = before(numbers[0]);
                ControlFlow::Break(())
            })?;
            if holds {
                found = middle;
            } else {
                end = middle;
            }
        }
        Ok(found * self.page_size)
    }
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
    use pco::metadata::Mode;

    fn decompress<T: Number + Default>(
        bytes: &[u8],
        modes: Modes,
        n: usize,
        range: Range<usize>,
    ) -> Result<Vec<T>, SegmentError> {
        let mut numbers = Vec::new();
        Pages::open(Reader(bytes), modes, n)?.read(range, |some| {
            numbers.extend_from_slice(some);
            ControlFlow::Continue(())
        })?;
        Ok(numbers)
    }

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
            let bytes = [&[0x80, 8], bytes].concat();
            for modes in [Modes::Classic, Modes::Float] {
                let numbers = decompress::<u64>(&bytes, modes, 1000, 0..1000);
                assert_eq!(numbers, Err(DAMAGED));
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
                let outlook = Outlook {
                    delta_order: order,
                    bits: 30.0,
                };
                compress(&values, Modes::Float, outlook, &mut bytes).unwrap();
                let pages = Pages::<f64>::open(Reader(&bytes), Modes::Float, values.len());
                let pages = pages.unwrap();
                let meta = &pages.chunk.meta().mode;
                assert_eq!(matches!(meta, Mode::FloatQuant(_)), mode == 3);
                assert_eq!(matches!(meta, Mode::FloatMult(_)), mode == 2);
                for range in [0..3000, 0..1, 511..513, 700..800, 2999..3000, 1024..1024] {
                    assert_eq!(
                        decompress(&bytes, Modes::Float, 3000, range.clone()).as_deref(),
                        Ok(&values[range])
                    );
                }
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
            [noise, walk, square].map(|numbers| Outlook::of(&numbers, 2).delta_order),
            [0, 1, 2]
        );
        assert_eq!(Outlook::of(&[5], 2).delta_order, 0);
    }
}
