//! Reading a pco column, as a whole or in part.

use std::cell::RefCell;
use std::ops::{ControlFlow, Range};

use pco::DecompressorScratch;
use pco::data_types::Number;
use pco::wrapped::{ChunkDecompressor, FileDecompressor};

use super::{DAMAGED, FORMAT, Modes};
use crate::SegmentError;
use crate::format::Reader;

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
    /// Reads what comes before the pages of `n` numbers.
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

#[cfg(test)]
mod tests {
    use pco::metadata::Mode;

    use super::super::{Outlook, compress};
    use super::*;

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
}
