//! Points as rows of a file, in the formats that the server answers in.

use std::io::Write;

use timedb_http::instant::Precision;
use timedb_http::rows::{Chunk, Format, FormatName, Layout, Mode, RowFormat, Unwritten, format};

use crate::cli::failure::Failure;
use crate::cli::grammar::{PointFormat, ReadMode};

/// An output that is being written.
pub struct RowSink {
    out: Box<dyn Write>,
    format: &'static Format,
    rows: Box<dyn RowFormat>,
    /// A JSON array, whose rows are those of NDJSON with commas between them.
    is_array: bool,
    is_first: bool,
    piece: Vec<u8>,
}

impl RowSink {
    /// Writes what comes before the first row.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn new(out: Box<dyn Write>, name: PointFormat, mode: ReadMode) -> Result<Self, Failure> {
        let format = format(match name {
            PointFormat::Csv => FormatName::Csv,
            PointFormat::Ndjson | PointFormat::Json => FormatName::Ndjson,
            PointFormat::Arrow => FormatName::Arrow,
            PointFormat::Parquet => FormatName::Parquet,
        });
        let mode = match mode {
            ReadMode::Flat => Mode::Flat,
            ReadMode::Overlapping => Mode::Overlapping,
            ReadMode::Versions => Mode::Versions,
        };
        let mut sink = Self {
            out,
            format,
            rows: (format.rows)(&Layout::from(mode), Precision::Microseconds),
            is_array: name == PointFormat::Json,
            is_first: true,
            piece: Vec::new(),
        };
        if sink.is_array {
            sink.piece.push(b'[');
        }
        sink.rows.open(None, &mut sink.piece).map_err(failed)?;
        sink.send()?;
        Ok(sink)
    }

    /// Writes the points of a chunk.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn take(&mut self, chunk: &Chunk<'_>) -> Result<(), Failure> {
        let mut index = 0;
        for run in &chunk.columns.runs {
            let shared = self.rows.shared(&run.series);
            for _ in 0..run.points {
                if self.is_array && !std::mem::take(&mut self.is_first) {
                    self.piece.extend_from_slice(b",\n");
                }
                self.rows.row(chunk, index, &shared, &mut self.piece);
                if self.is_array && self.piece.last() == Some(&b'\n') {
                    self.piece.pop();
                }
                index += 1;
                if index % self.format.rows_per_piece == 0 {
                    self.flush()?;
                }
            }
        }
        self.flush()
    }

    /// Writes what comes after the last row.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end(mut self) -> Result<(), Failure> {
        self.rows.close(None, &mut self.piece).map_err(failed)?;
        if self.is_array {
            self.piece.extend_from_slice(b"]\n");
        }
        self.send()?;
        Ok(self.out.flush()?)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.rows.flush(&mut self.piece).map_err(failed)?;
        self.send()
    }

    fn send(&mut self) -> Result<(), Failure> {
        self.out.write_all(&self.piece)?;
        self.piece.clear();
        Ok(())
    }
}

fn failed(unwritten: Unwritten) -> Failure {
    Failure::new(format!("The points cannot be written: {unwritten}"))
}
