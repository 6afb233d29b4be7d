//! Cells as text, for the formats that write rows by their columns: JSON by column, and CSV.

use timedb_wire::{AggregateValue, NO_KNOWN_TIME, Series};
use uuid::Uuid;

use super::{chunk::Chunk, layout::Cell};
use crate::server::{
    instant::{Formatter, Precision},
    json,
};

/// How texts stand among other cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// As JSON strings; nothing is `null`.
    Json,
    /// In quotes where they have to be; nothing is nothing.
    Csv,
}

/// Writes cells.
pub(super) struct CellWriter {
    style: Style,
    formatter: Formatter,
    numbers: zmij::Buffer,
    quoting: csv_core::Writer,
}

impl CellWriter {
    pub(super) fn new(style: Style, precision: Precision) -> Self {
        Self {
            style,
            formatter: Formatter::new(precision),
            numbers: zmij::Buffer::new(),
            quoting: csv_core::Writer::new(),
        }
    }

    /// What the rows of a series share, each by its own: id, name, unit, labels.
    pub(super) fn series(&self, series: &Series<'_>) -> [Vec<u8>; 4] {
        let mut texts = [const { Vec::new() }; 4];
        let [id, name, unit, labels] = &mut texts;
        self.id(Some(series.id), id);
        self.text(series.name, name);
        self.text(series.unit, unit);
        self.document(series.labels, labels);
        texts
    }

    /// The cell of a row; those of a series, which [`Self::series`] has, are the caller's.
    pub(super) fn write(&mut self, cell: Cell, chunk: &Chunk<'_>, index: usize, out: &mut Vec<u8>) {
        let columns = &chunk.columns;
        let known_time = columns.known_time.map(|known_time| known_time.at(index));
        let known_time = known_time.filter(|known_time| *known_time != NO_KNOWN_TIME);
        let versions = columns.versions.as_ref();
        let note = versions.and_then(|versions| versions.notes.get(versions.note(index)?));
        match cell {
            Cell::KnownTime => self.time(known_time, out),
            Cell::ChangeTime => {
                let change_time = versions.map(|versions| versions.change_time.at(index));
                self.time(change_time, out);
            }
            Cell::ValidTime => self.time(Some(columns.valid_time.at(index)), out),
            Cell::ValidTimeEnd => self.time(columns.end(index), out),
            Cell::Value => self.number(columns.value(index), out),
            Cell::Aggregate(place, _) => match chunk.aggregate(place, index) {
                Some(AggregateValue::Count(count)) => self.integer(count, out),
                Some(AggregateValue::Number(number)) => self.number(number, out),
                None => self.nothing(out),
            },
            Cell::Found => {
                let found: &[u8] = if known_time.is_some() {
                    b"true"
                } else {
                    b"false"
                };
                out.extend_from_slice(found);
            }
            Cell::LeadTime => {
                let valid_time = columns.valid_time.at(index);
                let lead = known_time.map(|known| valid_time.wrapping_sub(known) as f64 / 1e6);
                self.number(lead, out);
            }
            Cell::BatchId => self.id(versions.map(|versions| versions.batch(index)), out),
            Cell::ValueId => match versions {
                Some(versions) => self.integer(versions.value_id.at(index), out),
                None => self.nothing(out),
            },
            Cell::ChangedBy => {
                let user = versions.and_then(|versions| versions.changed_by(index));
                self.id(user, out);
            }
            Cell::Annotation => match note.and_then(|note| note.annotation) {
                Some(text) => self.text(text, out),
                None => self.nothing(out),
            },
            Cell::Tags => match note.map(|note| &note.tags).filter(|tags| !tags.is_empty()) {
                Some(tags) => self.document(&super::chunk::tags_json(tags), out),
                None => self.nothing(out),
            },
            Cell::Metadata => match note.and_then(|note| note.metadata) {
                Some(metadata) => self.document(metadata, out),
                None => self.nothing(out),
            },
            Cell::SeriesId | Cell::Name | Cell::Unit | Cell::Labels => {}
        }
    }

    fn nothing(&self, out: &mut Vec<u8>) {
        if self.style == Style::Json {
            out.extend_from_slice(b"null");
        }
    }

    fn time(&mut self, micros: Option<i64>, out: &mut Vec<u8>) {
        let Some(micros) = micros else {
            return self.nothing(out);
        };
        let quote: &[u8] = if self.style == Style::Json {
            b"\""
        } else {
            b""
        };
        out.extend_from_slice(quote);
        self.formatter.write(micros, out);
        out.extend_from_slice(quote);
    }

    fn number(&mut self, number: Option<f64>, out: &mut Vec<u8>) {
        match number.filter(|number| number.is_finite()) {
            Some(number) => {
                out.extend_from_slice(self.numbers.format_finite(number).as_bytes());
            }
            None => self.nothing(out),
        }
    }

    fn integer(&self, number: i64, out: &mut Vec<u8>) {
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn id(&self, id: Option<&[u8; 16]>, out: &mut Vec<u8>) {
        let Some(id) = id else {
            return self.nothing(out);
        };
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = Uuid::from_bytes_ref(id)
            .hyphenated()
            .encode_lower(&mut text);
        match self.style {
            Style::Json => json::write_str(text, out),
            Style::Csv => out.extend_from_slice(text.as_bytes()),
        }
    }

    fn text(&self, text: &str, out: &mut Vec<u8>) {
        match self.style {
            Style::Json => json::write_str(text, out),
            // Without the quotes it would be nothing.
            Style::Csv if text.is_empty() => out.extend_from_slice(b"\"\""),
            Style::Csv if !self.quoting.should_quote(text.as_bytes()) => {
                out.extend_from_slice(text.as_bytes());
            }
            Style::Csv => {
                out.push(b'"');
                for piece in text.split_inclusive('"') {
                    out.extend_from_slice(piece.as_bytes());
                    if piece.ends_with('"') {
                        out.push(b'"');
                    }
                }
                out.push(b'"');
            }
        }
    }

    /// A JSON document: itself in JSON, and its text in CSV.
    fn document(&self, document: &str, out: &mut Vec<u8>) {
        match self.style {
            Style::Json => json::write_compact(document, out),
            Style::Csv => self.text(&super::chunk::compact(document), out),
        }
    }
}
