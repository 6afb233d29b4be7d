//! What a chunk says of versions beside times and values: batch, writer, annotation, tags, metadata.

use uuid::Uuid;

use super::{Column, DamagedChunk, Input};
use crate::server::json;

const ANNOTATION: u8 = 1;
const TAGS: u8 = 2;
const METADATA: u8 = 4;
const CHANGED_BY: u8 = 8;

/// The columns of versions.
pub(crate) struct Versions<'a> {
    pub change_time: Column<'a>,
    pub value_id: Column<'a>,
    /// Each batch, and the user who wrote it.
    batches: Vec<(Uuid, Option<Uuid>)>,
    batch: &'a [[u8; 4]],
    notes: Vec<Note>,
    note: &'a [[u8; 4]],
}

/// A note, rendered once for all versions that say the same.
struct Note {
    /// `,"annotation":...,"tags":...,"metadata":...`
    json: Vec<u8>,
    changed_by: Option<Uuid>,
}

const NO_NOTE: &[u8] = br#","annotation":null,"tags":null,"metadata":null"#;

impl<'a> Versions<'a> {
    pub(super) fn parse(
        input: &mut Input<'a>,
        points: usize,
        with_notes: bool,
    ) -> Result<Self, DamagedChunk> {
        let change_time = Column(input.words(points)?);
        let value_id = Column(input.words(points)?);
        let batches = (0..input.count(33)?)
            .map(|_| {
                let batch = Uuid::from_bytes(input.array()?);
                let [known] = input.array()?;
                let user = Uuid::from_bytes(input.array()?);
                Ok((batch, (known != 0).then_some(user)))
            })
            .collect::<Result<Vec<_>, DamagedChunk>>()?;
        let batch = input.places(points, batches.len())?;
        let (mut notes, mut note) = (Vec::new(), &[][..]);
        if with_notes {
            notes = (0..input.count(1)?)
                .map(|_| parse_note(input))
                .collect::<Result<_, _>>()?;
            note = input.places(points, notes.len())?;
        }
        Ok(Self {
            change_time,
            value_id,
            batches,
            batch,
            notes,
            note,
        })
    }

    pub(crate) fn batch(&self, index: usize) -> Uuid {
        self.batches[place(self.batch[index])].0
    }

    /// Who corrected the point, or else who wrote its batch.
    pub(crate) fn changed_by(&self, index: usize) -> Option<Uuid> {
        let corrected = self.note.get(index);
        let corrected = corrected.and_then(|note| self.notes[place(*note)].changed_by);
        corrected.or(self.batches[place(self.batch[index])].1)
    }

    /// The members annotation, tags and metadata, each with a comma before it.
    pub(crate) fn note(&self, index: usize) -> &[u8] {
        match self.note.get(index) {
            Some(note) => &self.notes[place(*note)].json,
            None => NO_NOTE,
        }
    }
}

fn place(bytes: [u8; 4]) -> usize {
    u32::from_le_bytes(bytes) as usize
}

fn parse_note(input: &mut Input<'_>) -> Result<Note, DamagedChunk> {
    let [bits] = input.array()?;
    let mut json = br#","annotation":"#.to_vec();
    match bits & ANNOTATION {
        0 => json.extend_from_slice(b"null"),
        _ => json::write_str(input.text()?, &mut json),
    }
    json.extend_from_slice(br#","tags":"#);
    match bits & TAGS {
        0 => json.extend_from_slice(b"null"),
        _ => {
            json.push(b'[');
            for at in 0..input.count(4)? {
                if at > 0 {
                    json.push(b',');
                }
                json::write_str(input.text()?, &mut json);
            }
            json.push(b']');
        }
    }
    json.extend_from_slice(br#","metadata":"#);
    match bits & METADATA {
        0 => json.extend_from_slice(b"null"),
        _ => json::write_compact(input.text()?, &mut json),
    }
    let changed_by = match bits & CHANGED_BY {
        0 => None,
        _ => Some(Uuid::from_bytes(input.array()?)),
    };
    Ok(Note { json, changed_by })
}
