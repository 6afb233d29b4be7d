//! The basic parts of the format: header, counts, texts and columns, taken from the front of the bytes or appended.

use crate::column::{Bits, Column, Number};
use crate::{Malformed, VERSION};

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
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(taken)
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
        let length = n
            .checked_mul(size_of::<T::Bytes>())
            .ok_or(Malformed::Truncated)?;
        self.take(length).map(Column::over)
    }

    /// A column that exists if this is true.
    pub(crate) fn optional<T: Number>(
        &mut self,
        is_there: bool,
        n: usize,
    ) -> Result<Option<Column<'a, T>>, Malformed> {
        is_there.then(|| self.column(n)).transpose()
    }

    /// Null bits, where this is true.
    pub(crate) fn nulls(
        &mut self,
        are_there: bool,
        n: usize,
    ) -> Result<Option<Bits<'a>>, Malformed> {
        let bits = are_there.then(|| self.take(n.div_ceil(8)));
        Ok(bits.transpose()?.map(Bits))
    }

    /// How many entries a dictionary of so many points has: an entry that no point has is none.
    pub(crate) fn entries(&mut self, points: usize) -> Result<usize, Malformed> {
        match self.length()? {
            entries if entries > points => Err(Malformed::DictionarySize),
            entries => Ok(entries),
        }
    }

    /// The place of each point among so many entries.
    pub(crate) fn places(
        &mut self,
        points: usize,
        entries: usize,
    ) -> Result<Column<'a, u32>, Malformed> {
        let places = self.column::<u32>(points)?;
        match places.iter().all(|place| (place as usize) < entries) {
            true => Ok(places),
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
