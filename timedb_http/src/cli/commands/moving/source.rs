//! Reading an export: step by step, in either form, with the hash of what has been read.

use std::io::BufRead;

use serde::Deserialize;

use super::Trailer;
use super::arrow_source::ArrowSource;
use super::columns::PointColumns;
use super::ndjson_source::NdjsonSource;
use super::sink::hex;
use super::tally::{Tally, damaged, unreadable};
use crate::cli::failure::Failure;

/// What is read next.
pub enum ReadStep {
    /// A line of JSON, and what it records.
    Record(String, String),
    /// A point, which has been added to the columns.
    Point,
    /// The end: all is there, and as it was written.
    End(Trailer),
}

/// An export that is being read.
pub struct Source {
    form: SourceForm,
    tally: Tally,
}

enum SourceForm {
    Ndjson(NdjsonSource),
    Arrow(Box<ArrowSource>),
}

impl Source {
    /// Looks what form it has: an Arrow stream begins with four bytes that no text has.
    pub fn open(mut input: Box<dyn BufRead>) -> Result<Self, Failure> {
        let begin = input.fill_buf().map_err(unreadable)?;
        let form = match begin.first() {
            None => {
                return Err(Failure::new(
                    "The input is empty: this is no export of timedb.",
                ));
            }
            Some(0xff) => SourceForm::Arrow(Box::new(ArrowSource::new(input))),
            Some(_) => SourceForm::Ndjson(NdjsonSource::new(input)),
        };
        Ok(Self {
            form,
            tally: Tally::default(),
        })
    }

    /// Reads on.
    pub fn next(&mut self, points: &mut PointColumns) -> Result<ReadStep, Failure> {
        let line = match &mut self.form {
            SourceForm::Ndjson(lines) => lines.next(&mut self.tally, points)?,
            SourceForm::Arrow(rows) => rows.next(&mut self.tally, points)?,
        };
        let Some(line) = line else {
            return Ok(ReadStep::Point);
        };
        #[derive(Deserialize)]
        struct Record {
            record: String,
        }
        let Ok(Record { record }) = serde_json::from_str(&line) else {
            return Err(self.damaged("this is no line of an export"));
        };
        if record != Trailer::RECORD {
            use sha2::Digest;
            self.tally.records += 1;
            self.tally.hash.update(&line);
            self.tally.hash.update(b"\n");
            return Ok(ReadStep::Record(record, line));
        }
        let Ok(trailer) = serde_json::from_str::<Trailer>(&line) else {
            return Err(self.damaged("its last line is not what it should be"));
        };
        let found = Trailer {
            record,
            records: self.tally.records,
            points: self.tally.points,
            sha256: hex(self.tally.hash.clone()),
        };
        let is_last = match &mut self.form {
            SourceForm::Ndjson(lines) => lines.is_at_end()?,
            SourceForm::Arrow(rows) => rows.is_at_end()?,
        };
        match (found == trailer, is_last) {
            (true, true) => Ok(ReadStep::End(trailer)),
            (true, false) => Err(self.damaged("there is something after its last line")),
            (false, _) => Err(Failure::new(format!(
                "The export has been changed since it was written: it says that it has {} records, {} points and \
                 SHA-256 {}, and has {}, {} and {}. Nothing has been imported.",
                trailer.records,
                trailer.points,
                trailer.sha256,
                found.records,
                found.points,
                found.sha256
            ))),
        }
    }

    /// Says where the export is not what it should be.
    pub fn damaged(&self, what: &str) -> Failure {
        damaged(self.tally.records + self.tally.points, what)
    }
}
