//! Points as CSV with a header; what is missing is empty.

use std::io::Write;

use timedb_wire::Chunk;

use super::row::{RowSink, Times, columns, id, note, rows};
use crate::cli::failure::Failure;
use crate::cli::grammar::ReadMode;

pub struct CsvOutput {
    out: csv::Writer<Box<dyn Write>>,
    times: Times,
    numbers: zmij::Buffer,
}

impl CsvOutput {
    pub fn new(out: Box<dyn Write>, mode: ReadMode) -> Result<Self, Failure> {
        let mut out = csv::Writer::from_writer(out);
        out.write_record(columns(mode)).map_err(failed)?;
        Ok(Self {
            out,
            times: Times::new(),
            numbers: zmij::Buffer::new(),
        })
    }

    fn put(&mut self, field: &str) -> Result<(), Failure> {
        self.out.write_field(field).map_err(failed)
    }

    fn put_time(&mut self, time: Option<i64>) -> Result<(), Failure> {
        let text = time.map_or("", |time| self.times.text(time));
        self.out.write_field(text).map_err(failed)
    }
}

impl RowSink for CsvOutput {
    fn take(&mut self, chunk: &Chunk<'_>) -> Result<(), Failure> {
        for (at, series) in rows(chunk) {
            self.put(&id(series.id))?;
            for text in [series.name, series.unit, series.labels] {
                self.put(text)?;
            }
            self.put_time(Some(chunk.valid_time.at(at)))?;
            self.put_time(chunk.end(at))?;
            let value = chunk.value(at).filter(|value| value.is_finite());
            let value = value.map_or("", |value| self.numbers.format_finite(value));
            self.out.write_field(value).map_err(failed)?;
            if let Some(known) = &chunk.known_time {
                self.put_time(Some(known.at(at)))?;
            }
            if let Some(versions) = &chunk.versions {
                let note = note(chunk, at);
                let tags = note.map(|note| &note.tags).filter(|tags| !tags.is_empty());
                let tags = tags.and_then(|tags| serde_json::to_string(tags).ok());
                self.put_time(Some(versions.change_time.at(at)))?;
                self.put(&id(versions.batch(at)))?;
                self.put(&versions.changed_by(at).map(id).unwrap_or_default())?;
                self.put(note.and_then(|note| note.annotation).unwrap_or_default())?;
                self.put(&tags.unwrap_or_default())?;
                self.put(note.and_then(|note| note.metadata).unwrap_or_default())?;
            }
            self.out.write_record(None::<&[u8]>).map_err(failed)?;
        }
        Ok(())
    }

    fn end(mut self: Box<Self>) -> Result<(), Failure> {
        Ok(self.out.flush()?)
    }
}

fn failed(error: csv::Error) -> Failure {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        other => Failure::new(format!("The CSV cannot be written: {other:?}")),
    }
}
