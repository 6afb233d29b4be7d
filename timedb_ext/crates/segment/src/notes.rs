//! The four columns for what versions say besides their values, which most segments do not have.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use crate::format::{ColumnId, Columns, Frame, Reader, put_varint, unknown_codec};
use crate::ints::{self, Ints};
use crate::{Column, Note, Notes, SegmentError};

/// The one codec of these columns: a dictionary, and for each point its place in it.
const DICTIONARY: u8 = 0;

/// What a column keeps of a note.
type Entry = fn(&Note) -> Option<Vec<u8>>;

const COLUMNS: [(ColumnId, Entry); 4] = [
    (ColumnId::Annotation, |note| {
        note.annotation.clone().map(String::into_bytes)
    }),
    (ColumnId::Tags, |note| {
        (!note.tags.is_empty()).then(|| join(&note.tags))
    }),
    (ColumnId::Metadata, |note| {
        note.metadata.clone().map(String::into_bytes)
    }),
    (ColumnId::ChangedBy, |note| note.changed_by.map(Vec::from)),
];

/// Writes the columns that say something.
pub(crate) fn encode(notes: &[Option<Rc<Note>>], frame: &mut Frame) -> Result<(), SegmentError> {
    for (id, entry) in COLUMNS {
        let entries = notes.iter().map(|note| note.as_deref().and_then(entry));
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
            continue;
        }
        frame.column::<SegmentError>(id, |out| {
            put_varint(dictionary.len() as u64, out);
            for entry in &dictionary {
                put_bytes(entry, out);
            }
            let codec_at = out.len();
            out.push(0);
            out[codec_at] = ints::encode(&indexes, 0, out);
            Ok(DICTIONARY)
        })?;
    }
    Ok(())
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn join(tags: &[String]) -> Vec<u8> {
    let mut joined = Vec::new();
    for tag in tags {
        put_bytes(tag.as_bytes(), &mut joined);
    }
    joined
}

/// Reads the notes of the points in a range, of `n` points; None if no point of the segment has any.
pub(crate) fn decode(
    columns: &Columns<'_>,
    n: usize,
    range: Range<usize>,
) -> Result<Option<Notes>, SegmentError> {
    let mut found = Vec::with_capacity(COLUMNS.len());
    for (id, _) in COLUMNS {
        found.push(match columns.optional(id) {
            Some((codec, reader)) => Some(Dictionary::open(codec, n, range.clone(), reader)?),
            None => None,
        });
    }
    if found.iter().all(Option::is_none) {
        return Ok(None);
    }
    let mut shared = HashMap::new();
    let note = |i: usize| {
        let places: [usize; 4] =
            std::array::from_fn(|c| found[c].as_ref().map_or(0, |column| column.places.get(i)));
        if places == [0; 4] {
            return Ok(None);
        }
        if let Some(note) = shared.get(&places) {
            return Ok(Some(Rc::clone(note)));
        }
        let entry = |c: usize| found[c].as_ref().and_then(|column| column.entry(places[c]));
        let note = Rc::new(Note {
            annotation: entry(0).map(text).transpose()?,
            tags: entry(1).map(split).transpose()?.unwrap_or_default(),
            metadata: entry(2).map(text).transpose()?,
            changed_by: entry(3).map(id_of).transpose()?,
        });
        shared.insert(places, Rc::clone(&note));
        Ok(Some(note))
    };
    (0..range.len())
        .map(note)
        .collect::<Result<_, _>>()
        .map(Some)
}

fn text(bytes: &[u8]) -> Result<String, SegmentError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| SegmentError::Damaged("a text is not UTF-8"))
}

fn split(bytes: &[u8]) -> Result<Vec<String>, SegmentError> {
    let mut reader = Reader(bytes);
    let mut tags = Vec::new();
    while !reader.0.is_empty() {
        tags.push(text(reader.sized()?)?);
    }
    Ok(tags)
}

fn id_of(bytes: &[u8]) -> Result<[u8; 16], SegmentError> {
    bytes
        .try_into()
        .map_err(|_| SegmentError::Damaged("an id does not have 16 bytes"))
}

/// A column of which only the range is read.
struct Dictionary<'a> {
    entries: Vec<&'a [u8]>,
    /// 0 for none, else counted from 1.
    places: Column<usize>,
}

impl<'a> Dictionary<'a> {
    fn open(
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
            Err(SegmentError::Damaged("a note is not in its dictionary"))
        }
    }

    fn entry(&self, place: usize) -> Option<&'a [u8]> {
        self.entries.get(place.checked_sub(1)?).copied()
    }
}
