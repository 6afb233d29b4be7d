//! Writes rows as compact JSON. What a series' rows share is rendered once; the previous instant is kept,
//! since in time order neighbours often share it.

use super::chunk::{Chunk, ChunkSeries};
use crate::{instant::Formatter, json};

/// Which read an answer is of; it decides the columns in front of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The newest version of each point.
    Flat,
    /// The newest version per known_time.
    Overlapping,
    /// Every version.
    Versions,
}

impl Mode {
    /// The name that `timedb._read_packed` knows.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Overlapping => "overlapping",
            Self::Versions => "versions",
        }
    }
}

/// What all rows of a series have in common.
pub(crate) struct Fragment {
    /// From the end of the times to the value.
    before: Vec<u8>,
    /// From the value to the end of the row.
    after: Vec<u8>,
}

impl Fragment {
    pub(crate) fn new(series: &ChunkSeries<'_>) -> Self {
        let mut before = Vec::with_capacity(64);
        before.extend_from_slice(b"\",\"series_id\":\"");
        let mut id = [0; uuid::fmt::Hyphenated::LENGTH];
        before.extend_from_slice(series.id.hyphenated().encode_lower(&mut id).as_bytes());
        before.extend_from_slice(b"\",\"value\":");
        let mut after = Vec::with_capacity(64);
        after.extend_from_slice(b",\"name\":");
        json::write_str(series.name, &mut after);
        after.extend_from_slice(b",\"unit\":");
        json::write_str(series.unit, &mut after);
        after.extend_from_slice(b",\"labels\":");
        json::write_compact(series.labels, &mut after);
        after.push(b'}');
        Self { before, after }
    }

    /// About how long a row of this series is.
    pub(crate) fn row_length(&self) -> usize {
        self.before.len() + self.after.len() + 64
    }
}

/// Writes the rows of one answer, one after the other.
pub(crate) struct Writer {
    formatter: Formatter,
    last: i64,
    last_text: Vec<u8>,
    numbers: zmij::Buffer,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self {
            formatter: Formatter::new(),
            last: i64::MIN,
            last_text: Vec::with_capacity(32),
            numbers: zmij::Buffer::new(),
        }
    }

    /// Appends one point as a row, without a comma.
    pub(crate) fn row(
        &mut self,
        chunk: &Chunk<'_>,
        index: usize,
        series: &Fragment,
        out: &mut Vec<u8>,
    ) {
        out.push(b'{');
        if let Some(known_time) = chunk.known_time {
            out.extend_from_slice(b"\"known_time\":\"");
            self.formatter.write(known_time.at(index), out);
            out.extend_from_slice(b"\",");
        }
        if let Some(change_time) = chunk.change_time {
            out.extend_from_slice(b"\"change_time\":\"");
            self.formatter.write(change_time.at(index), out);
            out.extend_from_slice(b"\",");
        }
        out.extend_from_slice(b"\"valid_time\":\"");
        self.valid_time(chunk.valid_time.at(index), out);
        if let Some(end) = chunk.valid_time_end(index) {
            out.extend_from_slice(b"\",\"valid_time_end\":\"");
            self.formatter.write(end, out);
        }
        out.extend_from_slice(&series.before);
        match chunk.value(index) {
            Some(value) if value.is_finite() => {
                out.extend_from_slice(self.numbers.format_finite(value).as_bytes());
            }
            // JSON has no other numbers, and the store accepts none.
            _ => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(&series.after);
    }

    fn valid_time(&mut self, micros: i64, out: &mut Vec<u8>) {
        if micros != self.last || self.last_text.is_empty() {
            self.last = micros;
            self.last_text.clear();
            self.formatter.write(micros, &mut self.last_text);
        }
        out.extend_from_slice(&self.last_text);
    }
}
