//! The basic parts of the format: header, counts, texts and columns, taken from the front of the bytes or appended; and
//! why bytes are not what the format says.

use thiserror::Error;

use crate::VERSION;
use crate::column::{Bits, Column, Number};

/// Bytes that are not what the format says. The text follows "malformed packed columns".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "their texts say it")]
pub enum Malformed {
    #[error("unknown version")]
    Version,
    #[error("unknown flags")]
    Flags,
    #[error("they end too early")]
    Truncated,
    #[error("bytes after the last column")]
    Trailing,
    #[error("more series than bytes")]
    SeriesCount,
    #[error("unknown kind of series")]
    SeriesKind,
    #[error("a point of a series that is not listed")]
    SeriesIndex,
    #[error("runs that are not all points")]
    RunLength,
    #[error("text that is not UTF-8")]
    Text,
    #[error("unknown aggregate")]
    Aggregate,
    #[error("a dictionary with more entries than points")]
    DictionarySize,
    #[error("a place beyond its dictionary")]
    Place,
}

/// What is left of the bytes; every method takes from the front, and fails where they end.
#[derive(Debug, Clone)]
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// The flags, and what comes after the header.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<(u8, Self), Malformed> {
        let mut input = Self(bytes);
        match input.array()? {
            [VERSION, flags, 0, 0] => Ok((*flags, input)),
            _ => Err(Malformed::Version),
        }
    }

    /// How many bytes are left.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn finish(self) -> Result<(), Malformed> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Malformed::Trailing),
        }
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        self.0.split_off(..length).ok_or(Malformed::Truncated)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| *byte)
    }

    pub(crate) fn length(&mut self) -> Result<usize, Malformed> {
        Ok(u32::from_le_bytes(*self.array()?) as usize)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Malformed::Text)
    }

    pub(crate) fn column<T: Number>(&mut self, n: usize) -> Result<Column<'a, T>, Malformed> {
        let length = n.checked_mul(size_of::<T::Bytes>());
        self.take(length.ok_or(Malformed::Truncated)?)
            .map(Column::over)
    }

    /// What is there only if this is true.
    pub(crate) fn optional<T>(
        &mut self,
        is_there: bool,
        take: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        is_there.then(|| take(self)).transpose()
    }

    pub(crate) fn bits(&mut self, n: usize) -> Result<Bits<'a>, Malformed> {
        self.take(n.div_ceil(8)).map(Bits)
    }

    /// So many of the same kind.
    pub(crate) fn list<T>(
        &mut self,
        n: usize,
        take: impl Fn(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        // Collecting results reserves nothing: a count does not justify the memory.
        (0..n).map(|_| take(self)).collect()
    }

    /// The different entries of so many points, and the place of each point among them.
    pub(crate) fn dictionary<T>(
        &mut self,
        points: usize,
        take: impl Fn(&mut Self) -> Result<T, Malformed>,
    ) -> Result<(Vec<T>, Column<'a, u32>), Malformed> {
        let n = self.length()?;
        // An entry that no point has is none.
        if n > points {
            return Err(Malformed::DictionarySize);
        }
        let entries = self.list(n, take)?;
        let places = self.column::<u32>(points)?;
        match places.iter().all(|place| (place as usize) < n) {
            true => Ok((entries, places)),
            false => Err(Malformed::Place),
        }
    }
}

/// Starts what is written, with room for so many bytes.
pub(crate) fn begin(flags: u8, counts: [usize; 2], capacity: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(capacity);
    out.extend_from_slice(&[VERSION, flags, 0, 0]);
    for count in counts {
        put_length(&mut out, count);
    }
    out
}

/// The flags of which this is true.
pub(crate) fn flags<const N: usize>(flags: [(u8, bool); N]) -> u8 {
    let set = flags.iter().filter(|(_, set)| *set);
    set.fold(0, |all, (flag, _)| all | flag)
}

#[inline]
pub(crate) fn put_length(out: &mut Vec<u8>, length: usize) {
    let length = u32::try_from(length).expect("what travels is smaller than 4 GiB");
    out.extend_from_slice(&length.to_le_bytes());
}

#[inline]
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}
