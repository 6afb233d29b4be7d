//! Writes rows as compact JSON. What a series' rows share is rendered once; the previous instant is kept,
//! since in time order neighbours often share it.

use uuid::Uuid;

use super::chunk::{Aggregate, Chunk, ChunkSeries, Value, Versions};
use crate::server::{
    instant::{Formatter, Precision},
    json,
};

/// Which read an answer is of; it decides the columns in front of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The newest version of each point.
    #[default]
    Flat,
    /// The newest version per known_time.
    Overlapping,
    /// Every version.
    Versions,
    /// The newest version known by the cut-off of its window.
    Relative,
    /// Of each series its last point.
    Last,
}

impl Mode {
    /// The name that `timedb._read_packed` knows.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Overlapping => "overlapping",
            Self::Versions => "versions",
            Self::Relative => "relative",
            Self::Last => "last",
        }
    }
}

/// What all rows of a series have in common.
pub(crate) struct Fragment {
    /// From the end of the times to what stands for the values.
    before: Vec<u8>,
    /// From there to the end of what the series says.
    after: Vec<u8>,
}

impl Fragment {
    pub(crate) fn new(series: &ChunkSeries<'_>) -> Self {
        let mut before = Vec::with_capacity(64);
        before.extend_from_slice(b"\",\"series_id\":\"");
        let mut id = [0; uuid::fmt::Hyphenated::LENGTH];
        before.extend_from_slice(series.id.hyphenated().encode_lower(&mut id).as_bytes());
        before.push(b'"');
        let mut after = Vec::with_capacity(64);
        after.extend_from_slice(b",\"name\":");
        json::write_str(series.name, &mut after);
        after.extend_from_slice(b",\"unit\":");
        json::write_str(series.unit, &mut after);
        after.extend_from_slice(b",\"labels\":");
        json::write_compact(series.labels, &mut after);
        Self { before, after }
    }

    /// About how long a row of this series is.
    pub(crate) fn row_length(&self) -> usize {
        self.before.len() + self.after.len() + 64
    }
}

/// Writes the rows of one answer, one after the other.
pub(crate) struct Writer {
    mode: Mode,
    formatter: Formatter,
    last: i64,
    last_text: Vec<u8>,
    numbers: zmij::Buffer,
}

impl Writer {
    pub(crate) fn new(mode: Mode, precision: Precision) -> Self {
        Self {
            mode,
            formatter: Formatter::new(precision),
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
        if let Some(versions) = &chunk.versions {
            out.extend_from_slice(b"\"change_time\":\"");
            self.formatter.write(versions.change_time.at(index), out);
            out.extend_from_slice(b"\",");
        }
        out.extend_from_slice(b"\"valid_time\":\"");
        self.valid_time(chunk.valid_time.at(index), out);
        if let Some(end) = chunk.valid_time_end(index) {
            out.extend_from_slice(b"\",\"valid_time_end\":\"");
            self.formatter.write(end, out);
        }
        out.extend_from_slice(&series.before);
        match &chunk.aggregates {
            None => {
                out.extend_from_slice(b",\"value\":");
                self.number(chunk.value(index), out);
            }
            Some(aggregates) => self.aggregates(aggregates, index, out),
        }
        out.extend_from_slice(&series.after);
        if let (Mode::Overlapping, Some(known_time)) = (self.mode, chunk.known_time) {
            let lead = chunk
                .valid_time
                .at(index)
                .wrapping_sub(known_time.at(index));
            out.extend_from_slice(b",\"lead_time\":");
            out.extend_from_slice(self.numbers.format_finite(lead as f64 / 1e6).as_bytes());
        }
        if let Some(versions) = &chunk.versions {
            write_version(versions, index, out);
        }
        out.push(b'}');
    }

    fn aggregates(&mut self, aggregates: &[Aggregate<'_>], index: usize, out: &mut Vec<u8>) {
        for aggregate in aggregates {
            out.extend_from_slice(aggregate.member);
            match aggregate.at(index) {
                Value::Count(count) => {
                    out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
                }
                Value::Number(number) => self.number(number, out),
            }
        }
    }

    fn number(&mut self, number: Option<f64>, out: &mut Vec<u8>) {
        match number {
            Some(number) if number.is_finite() => {
                out.extend_from_slice(self.numbers.format_finite(number).as_bytes());
            }
            // JSON has no other numbers, and the store accepts none.
            _ => out.extend_from_slice(b"null"),
        }
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

/// Who wrote a version in which batch, and what it says.
fn write_version(versions: &Versions<'_>, index: usize, out: &mut Vec<u8>) {
    let id = |id: Uuid, out: &mut Vec<u8>| {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        out.push(b'"');
        out.extend_from_slice(id.hyphenated().encode_lower(&mut text).as_bytes());
        out.push(b'"');
    };
    out.extend_from_slice(b",\"batch_id\":");
    id(versions.batch(index), out);
    out.extend_from_slice(b",\"value_id\":");
    let value_id = versions.value_id.at(index);
    out.extend_from_slice(itoa::Buffer::new().format(value_id).as_bytes());
    out.extend_from_slice(b",\"changed_by\":");
    match versions.changed_by(index) {
        Some(user) => id(user, out),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(versions.note(index));
}
