//! What a chunk of versions has beside times and values: who wrote each one in which batch, and its note.

use super::{Reader, Run, malformed, put_i64};
use crate::pg::error::Result;
use crate::pg::json::jsonb_datum;
use crate::pg::snapshot;
use crate::pg::spi::{Arg, Statement};
use pgrx::pg_sys::{self, Datum};
use std::collections::HashMap;
use std::rc::Rc;
use timedb_segment::Note;

const ANNOTATION: u8 = 1;
const TAGS: u8 = 2;
const METADATA: u8 = 4;
const CHANGED_BY: u8 = 8;

thread_local! {
    static WRITERS: Statement = const { Statement::new(
        c"SELECT batch_id, user_id FROM timedb.batches WHERE batch_id = ANY ($1)",
        &[pg_sys::UUIDARRAYOID],
        &[pg_sys::UUIDOID, pg_sys::UUIDOID],
    ) };
}

/// The users who wrote batches, as far as they have been looked up.
#[derive(Default)]
pub struct Writers(HashMap<[u8; 16], Option<[u8; 16]>>);

impl Writers {
    /// Notes who wrote a batch, so that it need not be looked up.
    pub fn insert(&mut self, batch: [u8; 16], user: Option<[u8; 16]>) {
        self.0.insert(batch, user);
    }

    /// Looks up the batches of these runs. Call with SPI connected.
    ///
    /// # Errors
    /// XX000; the statement's own errors are raised.
    pub fn look_up(&mut self, runs: &[Run]) -> Result<()> {
        let mut unknown: Vec<&[u8; 16]> = Vec::new();
        for batch in runs.iter().flat_map(|run| &run.points.batch) {
            if !self.0.contains_key(batch) && unknown.last() != Some(&batch) {
                unknown.push(batch);
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        if unknown.is_empty() {
            return Ok(());
        }
        for batch in &unknown {
            self.0.insert(**batch, None);
        }
        let args = [Arg::uuids(unknown.into_iter())];
        // Not under the caller's snapshot, which may be older than the read's own.
        snapshot::under_fresh(|| {
            WRITERS.with(|s| {
                s.run(true, &args, |row| {
                    self.0.insert(row.uuid(1)?, row.optional_uuid(2)?);
                    Ok(())
                })
            })
        })?;
        Ok(())
    }

    fn of(&self, batch: &[u8; 16]) -> Option<[u8; 16]> {
        self.0.get(batch).copied().flatten()
    }
}

/// Whether any version of the runs has a note.
pub(super) fn has_notes(runs: &[Run]) -> bool {
    runs.iter().any(|run| run.points.notes.is_some())
}

/// Appends the columns of the versions.
pub(super) fn put(out: &mut Vec<u8>, runs: &[Run], writers: &Writers) {
    runs.iter()
        .for_each(|run| put_i64(out, &run.points.change_time));
    runs.iter()
        .for_each(|run| put_i64(out, &run.points.value_id));
    let batches = runs.iter().flat_map(|run| &run.points.batch);
    put_dictionary(out, batches, |out, batch| {
        out.extend_from_slice(*batch);
        let user = writers.of(batch);
        out.push(u8::from(user.is_some()));
        out.extend_from_slice(&user.unwrap_or_default());
    });
    if !has_notes(runs) {
        return;
    }
    let notes = runs.iter().flat_map(|run| {
        let notes = run.points.notes.as_ref();
        (0..run.points.len()).map(move |i| notes.and_then(|notes| notes[i].as_ref()))
    });
    put_dictionary(out, notes, |out, note| {
        put_note(out, note.map(Rc::as_ref).unwrap_or(&Note::default()));
    });
}

/// The different ones, and for each point its place among them.
fn put_dictionary<T: Copy + Eq + std::hash::Hash>(
    out: &mut Vec<u8>,
    each: impl Iterator<Item = T>,
    put: impl Fn(&mut Vec<u8>, &T),
) {
    let mut places = HashMap::new();
    let mut entries = Vec::new();
    let mut last: Option<(T, u32)> = None;
    let indexes: Vec<u32> = each
        .map(|one| match last {
            Some((same, place)) if same == one => place,
            _ => {
                let place = *places.entry(one).or_insert_with(|| {
                    entries.push(one);
                    entries.len() as u32 - 1
                });
                last = Some((one, place));
                place
            }
        })
        .collect();
    out.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    for entry in &entries {
        put(out, entry);
    }
    out.extend(indexes.iter().flat_map(|place| place.to_le_bytes()));
}

fn put_note(out: &mut Vec<u8>, note: &Note) {
    let bits = [
        (ANNOTATION, note.annotation.is_some()),
        (TAGS, !note.tags.is_empty()),
        (METADATA, note.metadata.is_some()),
        (CHANGED_BY, note.changed_by.is_some()),
    ];
    out.push(
        bits.iter()
            .fold(0, |all, (bit, set)| all | if *set { *bit } else { 0 }),
    );
    if let Some(annotation) = &note.annotation {
        put_text(out, annotation);
    }
    if !note.tags.is_empty() {
        out.extend_from_slice(&(note.tags.len() as u32).to_le_bytes());
        note.tags.iter().for_each(|tag| put_text(out, tag));
    }
    if let Some(metadata) = &note.metadata {
        put_text(out, metadata);
    }
    out.extend(note.changed_by.iter().flatten());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// The columns of versions, ready to be put into rows.
pub struct Versions {
    pub change_time: Vec<i64>,
    pub value_id: Vec<i64>,
    /// The id of each batch, and the user who wrote it.
    batches: Vec<(Datum, Option<Datum>)>,
    batch: Vec<u32>,
    notes: Vec<NoteDatums>,
    note: Vec<u32>,
}

/// A note as values of SQL.
#[derive(Default, Clone, Copy)]
pub struct NoteDatums {
    pub annotation: Option<Datum>,
    pub tags: Option<Datum>,
    pub metadata: Option<Datum>,
    changed_by: Option<Datum>,
}

impl Versions {
    /// Reads the columns of `points` versions; what rows point to is allocated in the current memory context.
    pub(super) fn parse(reader: &mut Reader, points: usize, with_notes: bool) -> Result<Self> {
        let change_time = reader.column(points, i64::from_le_bytes)?;
        let value_id = reader.column(points, i64::from_le_bytes)?;
        let batches = (0..reader.u32()?)
            .map(|_| {
                let batch = Arg::uuid(&reader.uuid()?);
                let known = reader.take(1)?[0] != 0;
                let user = Arg::uuid(&reader.uuid()?);
                Ok((
                    batch.datum().unwrap_or(Datum::null()),
                    user.datum().filter(|_| known),
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        let batch = places(reader, points, batches.len())?;
        let (mut notes, mut note) = (Vec::new(), Vec::new());
        if with_notes {
            notes = (0..reader.u32()?)
                .map(|_| parse_note(reader))
                .collect::<Result<_>>()?;
            note = places(reader, points, notes.len())?;
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

    /// The id of the batch of point `i`.
    pub fn batch(&self, i: usize) -> Datum {
        self.batches[self.batch[i] as usize].0
    }

    /// What version `i` says beside its value.
    pub fn note(&self, i: usize) -> NoteDatums {
        match self.note.get(i) {
            Some(&place) => self.notes[place as usize],
            None => NoteDatums::default(),
        }
    }

    /// Who wrote version `i`: who corrected the point, or else who uploaded its batch.
    pub fn changed_by(&self, i: usize) -> Option<Datum> {
        let corrected = self.note(i).changed_by;
        corrected.or(self.batches[self.batch[i] as usize].1)
    }
}

fn places(reader: &mut Reader, points: usize, entries: usize) -> Result<Vec<u32>> {
    let places = reader.column(points, u32::from_le_bytes)?;
    match places.iter().all(|&place| (place as usize) < entries) {
        true => Ok(places),
        false => Err(malformed("a place beyond its dictionary")),
    }
}

fn parse_note(reader: &mut Reader) -> Result<NoteDatums> {
    let bits = reader.take(1)?[0];
    let mut note = NoteDatums::default();
    if bits & ANNOTATION != 0 {
        note.annotation = Arg::text(reader.str()?).datum();
    }
    if bits & TAGS != 0 {
        let tags: Vec<&str> = (0..reader.u32()?)
            .map(|_| reader.str())
            .collect::<Result<_>>()?;
        note.tags = Arg::texts(tags.into_iter()).datum();
    }
    if bits & METADATA != 0 {
        note.metadata = jsonb_datum(reader.str()?);
    }
    if bits & CHANGED_BY != 0 {
        note.changed_by = Arg::uuid(&reader.uuid()?).datum();
    }
    Ok(note)
}
