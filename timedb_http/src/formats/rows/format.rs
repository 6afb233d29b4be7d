//! What a format of rows has to do. It is given columns of points, and does not know where they come from, nor whether
//! the answer is collected or streamed.

use arrow_schema::ArrowError;
use parquet::errors::ParquetError;
use thiserror::Error;
use timedb_wire::Series;

use super::{
    chunk::{Chunk, DamagedChunk},
    layout::Layout,
};
use crate::server::{instant::Precision, json};

/// A format that answers come in.
pub struct Format {
    /// Its media type.
    pub content_type: &'static str,
    /// Rows of a stream that are written together.
    pub rows_per_piece: usize,
    /// Nothing can be sent before the last row is there.
    pub needs_all: bool,
    /// Begins an answer.
    pub rows: fn(&Layout, Precision) -> Box<dyn RowFormat>,
}

/// The formats by what they are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FormatName {
    /// For clients that name none.
    #[default]
    Json,
    /// JSON with a list for each column.
    JsonColumns,
    /// A JSON object on each line.
    Ndjson,
    /// RFC 4180, with a header.
    Csv,
    /// An Arrow IPC stream.
    Arrow,
    /// A Parquet file.
    Parquet,
}

impl FormatName {
    /// What clients may name.
    pub(crate) const NAMES: [&'static str; 5] = ["json", "ndjson", "csv", "arrow", "parquet"];

    /// The format of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "json" => Self::Json,
            "ndjson" => Self::Ndjson,
            "csv" => Self::Csv,
            "arrow" => Self::Arrow,
            "parquet" => Self::Parquet,
            _ => return None,
        })
    }

    /// The format that this media type, in lower case and without parameters, is of.
    pub(crate) fn of_media_type(media_type: &str) -> Option<Self> {
        Some(match media_type {
            "application/json" => Self::Json,
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines"
            | "application/jsonlines" => Self::Ndjson,
            "text/csv" | "application/csv" => Self::Csv,
            "application/vnd.apache.arrow.stream" => Self::Arrow,
            "application/vnd.apache.parquet" | "application/x-parquet" => Self::Parquet,
            _ => return None,
        })
    }
}

/// Rows that a library could not write: nothing that a client can do something about.
#[derive(Debug, Error)]
pub enum Unwritten {
    /// The library for Arrow could not.
    #[error("an Arrow stream cannot be written: {0}")]
    Arrow(#[from] ArrowError),
    /// The library for Parquet could not.
    #[error("a Parquet file cannot be written: {0}")]
    Parquet(#[from] ParquetError),
    /// The rows are not what they should be.
    #[error(transparent)]
    Damaged(#[from] DamagedChunk),
}

/// Writes one answer, row by row.
pub trait RowFormat: Send {
    /// What comes before the first row; how many there are, where that is known.
    fn open(&mut self, count: Option<usize>, out: &mut Vec<u8>) -> Result<(), Unwritten>;

    /// One point of a chunk, with what [`Shared`] has of its series.
    fn row(&mut self, chunk: &Chunk<'_>, index: usize, series: &Shared, out: &mut Vec<u8>);

    /// What the rows of a series have in common, rendered once.
    fn shared(&mut self, series: &Series<'_>) -> Shared;

    /// Writes what has been kept of the rows so far, as far as it can stand alone.
    fn flush(&mut self, _out: &mut Vec<u8>) -> Result<(), Unwritten> {
        Ok(())
    }

    /// What comes after the last row; where the next page begins, where there are pages.
    fn close(&mut self, onward: Option<Onward<'_>>, out: &mut Vec<u8>) -> Result<(), Unwritten>;
}

/// What the rows of a series have in common, as the format writes it.
pub struct Shared {
    /// From the end of the times to the values.
    pub before: Vec<u8>,
    /// From there to the end of what the series says.
    pub after: Vec<u8>,
    /// Which of the series it is, for a format that keeps them itself.
    pub number: usize,
}

impl Shared {
    /// About how long a row of this series is.
    pub(crate) fn row_length(&self) -> usize {
        self.before.len() + self.after.len() + 64
    }
}

/// Where a reader goes on, for formats that have room for what is not a row.
pub enum Onward<'a> {
    /// In the change feed.
    Changes {
        /// What the next request says.
        cursor: &'a str,
        /// Whether there is more already.
        more: bool,
    },
    /// With the next page.
    Page {
        /// Its cursor, if there is one.
        next: Option<&'a str>,
    },
}

impl Onward<'_> {
    /// Writes it as members of a JSON object that has others before them.
    pub(super) fn write_members(&self, out: &mut Vec<u8>) {
        match self {
            Self::Changes { cursor, more } => {
                json::write_member("cursor", cursor, out);
                json::write_member("more", more, out);
            }
            Self::Page { next } => json::write_member("next", next, out),
        }
    }
}
