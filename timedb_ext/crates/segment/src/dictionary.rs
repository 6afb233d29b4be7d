//! Columns of bytes of which few differ: a dictionary, and for each position the place in it.

use std::collections::HashMap;
use std::ops::Range;

use crate::format::{Frame, Reader, put_varint, unknown_codec};
use crate::ints::{self, Ints};
use crate::{Column, SegmentError};

/// The one codec of these columns.
const DICTIONARY: u8 = 0;

/// Adds a column of what positions have; none if no position has anything.
pub(crate) fn encode(
    id: impl Into<u8>,
    entries: impl Iterator<Item = Option<Vec<u8>>>,
    frame: &mut Frame,
) -> Result<(), SegmentError> {
    let mut places = HashMap::new();
    let mut dictionary = Vec::new();
    let indexes: Vec<i64> = entries
        .map(|entry| {
            let Some(entry) = entry else { return 0 };
            *places.entry(entry).or_insert_with_key(|entry| {
                dictionary.push(entry.clone());
                dictionary.len() as i64
            })
        })
        .collect();
    if dictionary.is_empty() {
        return Ok(());
    }
    frame.column(id, |out| {
        put_varint(dictionary.len() as u64, out);
        for entry in &dictionary {
            put_bytes(entry, out);
        }
        let codec_at = out.len();
        out.push(0);
        out[codec_at] = ints::encode(&indexes, 0, out);
        Ok(DICTIONARY)
    })
}

/// Appends bytes, preceded by their length.
pub(crate) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Such a column, of which only a range is read.
pub(crate) struct Dictionary<'a> {
    entries: Vec<&'a [u8]>,
    /// 0 for none, else counted from 1.
    pub(crate) places: Column<usize>,
}

impl<'a> Dictionary<'a> {
    pub(crate) fn open(
        codec: u8,
        n: usize,
        range: Range<usize>,
        mut reader: Reader<'a>,
    ) -> Result<Self, SegmentError> {
        if codec != DICTIONARY {
            return Err(unknown_codec());
        }
        let count = reader.count()?;
        // An entry takes at least a byte.
        if count > reader.0.len() {
            return Err(SegmentError::Damaged("a column ends early"));
        }
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            entries.push(reader.sized()?);
        }
        let codec = reader.u8()?;
        let mut known = true;
        let places = Ints::open(codec, 0, n, reader)?.map(range, |place| {
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            known &= place <= count;
            place
        })?;
        if known {
            Ok(Dictionary { entries, places })
        } else {
            Err(SegmentError::Damaged("an entry is not in its dictionary"))
        }
    }

    /// What stands at a place; None for none.
    pub(crate) fn entry(&self, place: usize) -> Option<&'a [u8]> {
        self.entries.get(place.checked_sub(1)?).copied()
    }
}
