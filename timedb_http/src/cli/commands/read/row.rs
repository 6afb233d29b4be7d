//! What the forms of output have in common: the columns of each mode, and how a chunk becomes rows.

use timedb_http::instant::{Formatter, Precision};
use timedb_wire::{Chunk, Note, Series};
use uuid::Uuid;

use crate::cli::failure::Failure;
use crate::cli::grammar::ReadMode;

/// An output that is being written.
pub trait RowSink {
    /// Writes the points of a chunk.
    fn take(&mut self, chunk: &Chunk<'_>) -> Result<(), Failure>;
    /// Writes what comes after the last one.
    fn end(self: Box<Self>) -> Result<(), Failure>;
}

/// The columns of every mode.
pub const COLUMNS: [&str; 7] = [
    "series_id",
    "name",
    "unit",
    "labels",
    "valid_time",
    "valid_time_end",
    "value",
];

/// What only versions have, behind `known_time`.
pub const OF_VERSIONS: [&str; 6] = [
    "change_time",
    "batch_id",
    "changed_by",
    "annotation",
    "tags",
    "metadata",
];

/// The columns of a mode.
pub fn columns(mode: ReadMode) -> Vec<&'static str> {
    let known: &[&str] = match mode {
        ReadMode::Flat => &[],
        ReadMode::Overlapping | ReadMode::Versions => &["known_time"],
    };
    let versions: &[&str] = match mode {
        ReadMode::Versions => &OF_VERSIONS,
        ReadMode::Flat | ReadMode::Overlapping => &[],
    };
    [&COLUMNS, known, versions].concat()
}

/// The place of each point in a chunk, with its series.
pub fn rows<'a>(chunk: &'a Chunk<'a>) -> impl Iterator<Item = (usize, &'a Series<'a>)> {
    let series = chunk.runs.iter();
    series
        .flat_map(|run| std::iter::repeat_n(&run.series, run.points))
        .enumerate()
}

/// The note of a version, if it has one.
pub fn note<'a>(chunk: &'a Chunk<'a>, at: usize) -> Option<&'a Note<'a>> {
    let versions = chunk.versions.as_ref()?;
    versions.notes.get(versions.note(at)?)
}

/// An id as text.
pub fn id(bytes: &[u8; 16]) -> String {
    Uuid::from_bytes_ref(bytes).to_string()
}

/// Times as text, all of one form.
pub struct Times {
    formatter: Formatter,
    text: Vec<u8>,
}

impl Times {
    pub fn new() -> Self {
        Self {
            formatter: Formatter::new(Precision::Microseconds),
            text: Vec::new(),
        }
    }

    /// A time as text, until the next one.
    pub fn text(&mut self, micros: i64) -> &str {
        self.text.clear();
        self.formatter.write(micros, &mut self.text);
        std::str::from_utf8(&self.text).unwrap_or_default()
    }
}
