//! Writing an export: lines are hashed as NDJSON, whatever form they are written in.

use std::io::{self, Write};

use serde_json::to_string;
use sha2::{Digest, Sha256};
use timedb_wire::{Chunk, Versions};

use super::Trailer;
use super::arrow_sink::ArrowSink;
use super::point::{LineWriter, Point};
use crate::cli::failure::Failure;

/// An export that is being written.
pub struct Sink {
    form: SinkForm,
    hash: Sha256,
    records: u64,
    points: u64,
    lines: LineWriter,
    text: Vec<u8>,
}

enum SinkForm {
    Ndjson(Box<dyn Write>),
    Arrow(Box<ArrowSink>),
}

impl Sink {
    /// An export as lines of JSON.
    pub fn ndjson(out: Box<dyn Write>) -> Self {
        Self::of(SinkForm::Ndjson(out))
    }

    /// An export as an Arrow IPC stream.
    pub fn arrow(out: Box<dyn Write>) -> Result<Self, Failure> {
        Ok(Self::of(SinkForm::Arrow(Box::new(ArrowSink::new(out)?))))
    }

    fn of(form: SinkForm) -> Self {
        Self {
            form,
            hash: Sha256::new(),
            records: 0,
            points: 0,
            lines: LineWriter::new(),
            text: Vec::new(),
        }
    }

    /// How many points have been written.
    pub fn points(&self) -> u64 {
        self.points
    }

    /// Writes a record, which is a line of JSON.
    pub fn record(&mut self, line: &str) -> Result<(), Failure> {
        self.records += 1;
        self.hash.update(line);
        self.hash.update(b"\n");
        self.put(line)
    }

    /// Writes the points of a chunk.
    pub fn chunk(&mut self, packed: &[u8]) -> Result<(), Failure> {
        let malformed = |what: &str| {
            Failure::new(format!(
                "The database has sent points that cannot be read: {what}."
            ))
        };
        let chunk = Chunk::decode(packed).map_err(|error| malformed(&error.to_string()))?;
        if chunk.points == 0 {
            return Ok(());
        }
        let (Some(versions), Some(_)) = (&chunk.versions, chunk.known_time) else {
            return Err(malformed("they are no versions"));
        };
        self.text.clear();
        for point in points(&chunk, versions) {
            self.lines.write(&point, &mut self.text);
        }
        self.hash.update(&self.text);
        self.points += chunk.points as u64;
        match &mut self.form {
            SinkForm::Ndjson(out) => Ok(out.write_all(&self.text)?),
            SinkForm::Arrow(arrow) => arrow.points(points(&chunk, versions)),
        }
    }

    /// Writes the trailer, and says what it says.
    pub fn end(mut self) -> Result<Trailer, Failure> {
        let trailer = Trailer {
            record: Trailer::RECORD.to_owned(),
            records: self.records,
            points: self.points,
            sha256: hex(self.hash.clone()),
        };
        self.put(&to_string(&trailer).map_err(io::Error::from)?)?;
        match self.form {
            SinkForm::Ndjson(mut out) => out.flush()?,
            SinkForm::Arrow(arrow) => arrow.end()?,
        }
        Ok(trailer)
    }

    fn put(&mut self, line: &str) -> Result<(), Failure> {
        match &mut self.form {
            SinkForm::Ndjson(out) => {
                out.write_all(line.as_bytes())?;
                Ok(out.write_all(b"\n")?)
            }
            SinkForm::Arrow(arrow) => arrow.record(line),
        }
    }
}

fn points<'a>(
    chunk: &'a Chunk<'a>,
    versions: &'a Versions<'a>,
) -> impl Iterator<Item = Point<'a>> + use<'a> {
    let of_runs = chunk
        .runs
        .iter()
        .flat_map(|run| std::iter::repeat_n(run.series.id, run.points));
    of_runs
        .enumerate()
        .map(move |(i, series)| Point::of_chunk(chunk, versions, series, i))
}

/// A hash as the trailer has it.
pub fn hex(hash: Sha256) -> String {
    use std::fmt::Write as _;
    let digest = hash.finalize();
    digest
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing into a text does not fail.
            let _infallible = write!(text, "{byte:02x}");
            text
        })
}
