//! A chunk as rows need it: its columns where the database put them, plus whatever many rows have in common, rendered
//! once.

use std::borrow::Cow;

use thiserror::Error;
use timedb_wire::{
    AggregateColumn, AggregateValue, Column, Malformed, NO_END, NO_KNOWN_TIME, Note, Values,
};

use crate::server::{instant::Precision, json};

/// A chunk that is not what version 1 says: the extension and this server don't fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a packed chunk of the database is not of version 1: {0}")]
pub struct DamagedChunk(#[from] Malformed);

/// Points or buckets grouped by series.
pub struct Chunk<'a> {
    /// The columns as they came.
    pub columns: timedb_wire::Chunk<'a>,
    /// The columns of buckets, each with its name as a member of a row: a comma before it and a colon after it.
    pub aggregates: Option<Vec<(Vec<u8>, AggregateColumn<'a>)>>,
    /// The members of each note: `,"annotation":...,"tags":...,"metadata":...`
    notes: Vec<Vec<u8>>,
}

const NO_NOTE: &[u8] = br#","annotation":null,"tags":null,"metadata":null"#;

impl<'a> Chunk<'a> {
    /// Lays the columns over the bytes, checking every length.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DamagedChunk> {
        let columns = timedb_wire::Chunk::decode(bytes)?;
        let aggregates = match &columns.values {
            Values::Buckets(aggregates) => Some(aggregates.iter().map(member).collect()),
            Values::Points { .. } => None,
        };
        let versions = columns.versions.iter();
        let notes = versions.flat_map(|versions| &versions.notes);
        Ok(Self {
            notes: notes.map(render).collect(),
            aggregates,
            columns,
        })
    }

    /// What the times of all rows need.
    pub(crate) fn precision(&self) -> Precision {
        let columns = &self.columns;
        let ends = columns.valid_time_end.iter().flat_map(Column::iter);
        let known = columns.known_time.iter().flat_map(Column::iter);
        let versions = columns.versions.iter();
        // The last ones are the most likely to have a fraction; then no others need to be examined.
        let change = versions.flat_map(|versions| versions.change_time.iter());
        Precision::of(change)
            .and(|| Precision::of(known.filter(|known| *known != NO_KNOWN_TIME)))
            .and(|| Precision::of(columns.valid_time.iter()))
            .and(|| Precision::of(ends.filter(|end| *end != NO_END)))
    }

    /// An aggregate of a bucket, by its place; none where the rows are no buckets.
    pub(crate) fn aggregate(&self, place: usize, index: usize) -> Option<AggregateValue> {
        let (_, column) = self.aggregates.as_ref()?.get(place)?;
        Some(column.at(index))
    }

    /// The members annotation, tags and metadata of a version, each with a comma before it.
    pub(crate) fn note(&self, place: Option<usize>) -> &[u8] {
        place.map_or(NO_NOTE, |place| &self.notes[place])
    }
}

fn member<'a>(column: &AggregateColumn<'a>) -> (Vec<u8>, AggregateColumn<'a>) {
    let member = format!(",\"{}\":", column.aggregate.name());
    (member.into_bytes(), *column)
}

fn render(note: &Note<'_>) -> Vec<u8> {
    let mut json = Vec::new();
    json::write_member("annotation", note.annotation, &mut json);
    let tags = Some(&note.tags).filter(|tags| !tags.is_empty());
    json::write_member("tags", tags, &mut json);
    json::write_name("metadata", &mut json);
    json::write_compact(note.metadata.unwrap_or("null"), &mut json);
    json
}

/// A JSON document without the white space between its tokens.
pub(super) fn compact(document: &str) -> Cow<'_, str> {
    let mut out = Vec::with_capacity(document.len());
    json::write_compact(document, &mut out);
    // Only ASCII has been left out.
    String::from_utf8(out).map_or(Cow::Borrowed(document), Cow::Owned)
}

/// Tags as a JSON list.
pub(super) fn tags_json(tags: &[&str]) -> String {
    serde_json::json!(tags).to_string()
}
