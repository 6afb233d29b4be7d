//! A version of a point as a line, which is also what is hashed of it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use timedb_http::instant::{self, Formatter, Precision};
use timedb_wire::{Chunk, NO_END, Note, Versions};
use uuid::Uuid;

/// How the line of a point begins.
const BEGIN: &[u8] = b"{\"record\":\"point\",";

/// A version of a point.
pub struct Point<'a> {
    pub series: &'a [u8; 16],
    pub valid_time: i64,
    /// [`NO_END`] for a point without.
    pub valid_time_end: i64,
    pub value: Option<f64>,
    pub known_time: i64,
    pub change_time: i64,
    pub batch: &'a [u8; 16],
    /// What it says besides.
    pub note: Option<&'a Note<'a>>,
}

impl<'a> Point<'a> {
    /// A point of a chunk that has known times and versions.
    pub fn of_chunk(
        chunk: &'a Chunk<'a>,
        versions: &'a Versions<'a>,
        series: &'a [u8; 16],
        i: usize,
    ) -> Self {
        Self {
            series,
            valid_time: chunk.valid_time.at(i),
            valid_time_end: chunk.end(i).unwrap_or(NO_END),
            value: chunk.value(i),
            known_time: chunk.known_time.map_or(NO_END, |known| known.at(i)),
            change_time: versions.change_time.at(i),
            batch: versions.batch(i),
            note: versions.note(i).map(|at| &versions.notes[at]),
        }
    }
}

/// Writes points as lines.
pub struct LineWriter {
    formatter: Formatter,
    numbers: zmij::Buffer,
}

impl LineWriter {
    pub fn new() -> Self {
        Self {
            formatter: Formatter::new(Precision::Microseconds),
            numbers: zmij::Buffer::new(),
        }
    }

    /// Appends a point as a line.
    pub fn write(&mut self, point: &Point<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(BEGIN);
        put_id("series_id", point.series, out);
        self.put_time(",\"valid_time\":\"", point.valid_time, out);
        if point.valid_time_end != NO_END {
            self.put_time(",\"valid_time_end\":\"", point.valid_time_end, out);
        }
        out.extend_from_slice(b",\"value\":");
        match point.value {
            Some(value) if value.is_finite() => {
                out.extend_from_slice(self.numbers.format_finite(value).as_bytes());
            }
            _ => out.extend_from_slice(b"null"),
        }
        self.put_time(",\"known_time\":\"", point.known_time, out);
        self.put_time(",\"change_time\":\"", point.change_time, out);
        out.push(b',');
        put_id("batch_id", point.batch, out);
        if let Some(note) = point.note {
            if let Some(annotation) = note.annotation {
                out.extend_from_slice(b",\"annotation\":");
                put_text(annotation, out);
            }
            for (i, tag) in note.tags.iter().enumerate() {
                out.extend_from_slice(if i == 0 { b",\"tags\":[" } else { b"," });
                put_text(tag, out);
            }
            if !note.tags.is_empty() {
                out.push(b']');
            }
            if let Some(metadata) = note.metadata {
                out.extend_from_slice(b",\"metadata\":");
                out.extend_from_slice(metadata.as_bytes());
            }
            if let Some(user) = note.changed_by {
                out.push(b',');
                put_id("changed_by", user, out);
            }
        }
        out.extend_from_slice(b"}\n");
    }

    fn put_time(&mut self, name: &str, time: i64, out: &mut Vec<u8>) {
        out.extend_from_slice(name.as_bytes());
        self.formatter.write(time, out);
        out.push(b'"');
    }
}

fn put_id(name: &str, id: &[u8; 16], out: &mut Vec<u8>) {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let id = Uuid::from_bytes_ref(id).hyphenated();
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":\"");
    out.extend_from_slice(id.encode_lower(&mut text).as_bytes());
    out.push(b'"');
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    // Writing into memory does not fail, and a text is never refused.
    let _infallible = serde_json::to_writer(out, text);
}

/// A line of a point, read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointLine<'a> {
    #[serde(rename = "record")]
    _record: &'a str,
    series_id: Uuid,
    valid_time: &'a str,
    #[serde(default)]
    valid_time_end: Option<&'a str>,
    value: Option<f64>,
    known_time: &'a str,
    change_time: &'a str,
    batch_id: Uuid,
    #[serde(borrow, default)]
    annotation: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tags: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
    #[serde(default)]
    changed_by: Option<Uuid>,
}

impl<'a> PointLine<'a> {
    /// Whether a line is one of a point.
    pub fn is(line: &[u8]) -> bool {
        line.starts_with(BEGIN)
    }

    /// Reads a line; the error says what is wrong with it.
    pub fn read(line: &'a [u8]) -> Result<Self, String> {
        serde_json::from_slice(line).map_err(|error| error.to_string())
    }

    /// Hands over the point; the error says which time is none.
    pub fn point<T>(&self, take: impl FnOnce(&Point<'_>) -> T) -> Result<T, String> {
        let time = |text: &str| instant::parse(text).map_err(|error| error.to_string());
        let note = Note {
            annotation: self.annotation.as_deref(),
            tags: self.tags.iter().map(|tag| &**tag).collect(),
            metadata: self.metadata.map(RawValue::get),
            changed_by: self.changed_by.as_ref().map(Uuid::as_bytes),
        };
        Ok(take(&Point {
            series: self.series_id.as_bytes(),
            valid_time: time(self.valid_time)?,
            valid_time_end: self.valid_time_end.map_or(Ok(NO_END), time)?,
            value: self.value,
            known_time: time(self.known_time)?,
            change_time: time(self.change_time)?,
            batch: self.batch_id.as_bytes(),
            note: Some(&note),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let note = Note {
            annotation: Some("a \"b\"\n\u{1}ü"),
            tags: vec!["x", "y\\z"],
            metadata: Some("{\"n\": 1.10, \"o\": {}}"),
            changed_by: Some(&[7; 16]),
        };
        for (value, end, note) in [
            (Some(-0.0), NO_END, None),
            (Some(1e-300), 5, Some(&note)),
            (Some(f64::MAX), 253_402_300_799_999_999, None),
            (None, NO_END, Some(&note)),
        ] {
            let point = Point {
                series: &[1; 16],
                valid_time: -62_135_596_800_000_000,
                valid_time_end: end,
                value,
                known_time: 1,
                change_time: 1_764_357_332_123_456,
                batch: &[2; 16],
                note,
            };
            let mut writer = LineWriter::new();
            let mut line = Vec::new();
            writer.write(&point, &mut line);
            assert!(PointLine::is(&line));
            let mut again = Vec::new();
            let read = PointLine::read(&line).unwrap();
            read.point(|point| writer.write(point, &mut again)).unwrap();
            assert_eq!(
                String::from_utf8(again).unwrap(),
                String::from_utf8(line).unwrap()
            );
        }
    }
}
