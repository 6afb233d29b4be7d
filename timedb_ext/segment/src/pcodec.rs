//! The third-party pco codec in its wrapped form: one chunk of pages that can be read each on its
//! own, without pco's header.

use std::cell::RefCell;
use std::ops::{ControlFlow, Range};

use pco::data_types::Number;
use pco::wrapped::{ChunkDecompressor, FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DecompressorScratch, DeltaSpec, ModeSpec, PagingSpec};

use crate::bits::width_of;
use crate::format::{Reader, put_varint};
use crate::{MAX_COUNT, SegmentError};

/// pco's format that segments hold; its two bytes are the header that segments leave out.
const FORMAT: [u8; 2] = [4, 1];

/// Level 8 is 0.7% smaller and takes up to twice the time to decode.
const LEVEL: usize = 6;

/// Numbers looked at to choose the order of deltas.
const SAMPLE: usize = 1024;

/// How many bits a number a second order of deltas has to save to be worth its decoding.
const SECOND_ORDER_GAIN: f64 = 0.5;

/// Pages of fewer numbers would waste what pco decodes at once.
const MIN_PAGE_LOG: u32 = BATCH.ilog2();

/// A page of so many numbers holds any column.
const MAX_PAGE_LOG: u32 = MAX_COUNT.ilog2();

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
    let page_log = page_log();
    let size = 1 << page_log;
    let pages = numbers.len().div_ceil(size);
    let page_sizes = numbers.chunks(size).map(<[T]>::len).collect();
    let config = ChunkConfig::default()
        .with_compression_level(LEVEL)
        .with_mode_spec(match modes {
            Modes::Classic => ModeSpec::Classic,
            Modes::Float => ModeSpec::Auto,
        })
        .with_delta_spec(DeltaSpec::TryConsecutive(delta_order))
        .with_paging_spec(PagingSpec::Exact(page_sizes));
    let mut chunk = FileCompressor::default()
        .chunk_compressor(numbers, &config)
        .ok()?;
    out.push(page_log as u8);
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

fn page_log() -> u32 {
    std::env::var("PAGE_LOG")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(9)
}

thread_local! {
    /// 20 kB that would otherwise be cleared anew for every column.
    static SCRATCH: RefCell<DecompressorScratch> = RefCell::default();
}

/// What pco decodes at once.
const BATCH: usize = 256;

/// A column that [`compress`] wrote.
pub(crate) struct Pages<'a, T: Number> {
    chunk: ChunkDecompressor<T>,
    n: usize,
    page_log: u32,
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
        let page_log = u32::from(reader.u8()?);
        if !(MIN_PAGE_LOG..=MAX_PAGE_LOG).contains(&page_log) {
            return Err(DAMAGED);
        }
        let lengths = reader;
        for _ in 1..n.div_ceil(1 << page_log) {
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
            page_log,
            lengths,
            pages,
        })
    }

    /// Hands over the numbers at these positions, in order, some at a time, until `each` has enough.
    pub(crate) fn read(
        &self,
        range: Range<usize>,
        mut each: impl FnMut(&[T]) -> ControlFlow<()>,
    ) -> Result<(), SegmentError> {
        if range.is_empty() {
            return Ok(());
        }
        let size = 1 << self.page_log;
        let mut lengths = self.lengths;
        let mut pages = self.pages;
        let mut start = 0;
        let mut numbers = [T::default(); BATCH];
        while start < range.end {
            let page_n = size.min(self.n - start);
            let length = if start + page_n < self.n {
                usize::try_from(lengths.varint()?).map_err(|_| DAMAGED)?
            } else {
                pages.len()
            };
            let rest = pages.get(length..).ok_or(DAMAGED)?;
            if start + page_n > range.start {
                // pco copies what it reads if less than it could need follows: the page isn't cut out.
                let end = SCRATCH.with_borrow_mut(|scratch| {
                    let mut page = self
                        .chunk
                        .page_decompressor_with_scratch(pages, page_n, scratch)
                        .map_err(|_| DAMAGED)?;
                    let mut at = start;
                    while at < range.end.min(start + page_n) {
                        let read = page.read(&mut numbers).map_err(|_| DAMAGED)?.n_processed;
                        let from = range.start.saturating_sub(at).min(read);
                        let to = (range.end - at).min(read);
                        if from < to && each(&numbers[from..to]).is_break() {
                            return Ok(None);
                        }
                        at += read;
                    }
                    let whole = at == start + page_n;
                    Ok(whole.then(|| page.into_src().len()))
                })?;
                match end {
                    None => return Ok(()),
                    Some(left) if left == rest.len() => {}
                    Some(_) => return Err(DAMAGED),
                }
            }
            pages = rest;
            start += page_n;
        }
        Ok(())
    }

    /// The position of the first number of the last page that starts with a number for which
    /// `before` holds, or 0; it has to hold for no number after one for which it doesn't.
    pub(crate) fn seek(&self, before: impl Fn(T) -> bool) -> Result<usize, SegmentError> {
        let (mut found, mut end) = (0, self.n.div_ceil(1 << self.page_log));
        while end - found > 1 {
            let middle = found.midpoint(end);
            let first = middle << self.page_log;
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
        Ok(found << self.page_log)
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
            let bytes = [&[10], bytes].concat();
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
                compress(&values, Modes::Float, order, &mut bytes).unwrap();
                let pages = Pages::<f64>::open(Reader(&bytes), Modes::Float, values.len());
                let meta = &pages.unwrap().chunk.meta().mode;
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
            [noise, walk, square].map(|numbers| delta_order(&numbers)),
            [0, 1, 2]
        );
        assert_eq!(delta_order(&[5]), 0);
    }
}
