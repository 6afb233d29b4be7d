//! The file of an exported tenant: lines of records and points with a hash over all of them, as NDJSON or as an Arrow
//! stream. Owns the file; what a record says is the database's, which writes and reads it.

mod arrow_sink;
mod arrow_source;
mod columns;
mod ndjson_source;
mod point;
mod sink;
mod source;
mod tally;

pub use columns::PointColumns;
pub use sink::Sink;
pub use source::{ReadStep, Source};

use serde::{Deserialize, Serialize};

use crate::cli::failure::Failure;
use crate::cli::session::SessionTrouble;

/// The kinds of records, in the order of the file; the header comes before them, and the trailer is the end.
pub const KINDS: [&str; 6] = ["user", "series", "retention", "hold", "batch", "request"];

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trailer {
    pub record: String,
    /// Lines before it that are no points.
    pub records: u64,
    pub points: u64,
    /// SHA-256 of all lines before it as NDJSON, each with its line break.
    pub sha256: String,
}

impl Trailer {
    /// What the record of a trailer is called.
    pub const RECORD: &str = "end";
}

/// What stopped an export or an import: the database, or the file.
pub enum Trouble {
    Session(SessionTrouble),
    Failure(Failure),
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Session(SessionTrouble::Database(error))
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}
