//! The four columns for what versions say besides their values, which most segments do not have.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use crate::dictionary::{self, Dictionary, put_bytes};
use crate::format::{ColumnId, Columns, Frame, Reader};
use crate::{Note, Notes, SegmentError};

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
        dictionary::encode(id, entries, frame)?;
    }
    Ok(())
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
