//! Reading an export of an Arrow IPC stream; its points are written as lines again, to be hashed.

use std::io::BufRead;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{Array, FixedSizeBinaryArray, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use sha2::Digest;
use timedb_wire::{NO_END, Note};

use super::arrow_sink::schema;
use super::columns::PointColumns;
use super::point::{LineWriter, Point};
use super::tally::{Tally, cut_off, damaged, unreadable};
use crate::cli::commands::arrow_stream::{MESSAGE_BYTES, decode};
use crate::cli::failure::Failure;

/// A stream that is being read.
pub struct ArrowSource {
    input: Box<dyn BufRead>,
    decoder: StreamDecoder,
    rows: Option<(RecordBatch, usize)>,
    lines: LineWriter,
    text: Vec<u8>,
}

impl ArrowSource {
    pub fn new(input: Box<dyn BufRead>) -> Self {
        Self {
            input,
            decoder: StreamDecoder::new(),
            rows: None,
            lines: LineWriter::new(),
            text: Vec::new(),
        }
    }

    /// Reads a row: a point is added to the points, a line returned.
    pub fn next(
        &mut self,
        tally: &mut Tally,
        points: &mut PointColumns,
    ) -> Result<Option<String>, Failure> {
        let lines = tally.records + tally.points;
        let (rows, at) = match self.rows.take() {
            Some((rows, at)) if at < rows.num_rows() => (rows, at),
            _ => (self.batch(lines)?.ok_or_else(|| cut_off(lines))?, 0),
        };
        let line = match rows.column(0).as_string::<i32>() {
            records if records.is_valid(at) => Some(records.value(at).to_owned()),
            _ => {
                self.text.clear();
                let read = point(&rows, at, |point| {
                    self.lines.write(point, &mut self.text);
                    points.push(point);
                });
                read.ok_or_else(|| damaged(lines, "a point lacks a column"))?;
                tally.hash.update(&self.text);
                tally.points += 1;
                None
            }
        };
        self.rows = Some((rows, at + 1));
        Ok(line)
    }

    /// Whether there is nothing more.
    pub fn is_at_end(&mut self) -> Result<bool, Failure> {
        let rest = self.rows.as_ref();
        Ok(rest.is_none_or(|(rows, at)| *at >= rows.num_rows()) && self.batch(0)?.is_none())
    }

    /// The next rows that are not empty; `None` at the end.
    fn batch(&mut self, lines: u64) -> Result<Option<RecordBatch>, Failure> {
        let mut bytes = 0;
        loop {
            let input = self.input.fill_buf().map_err(unreadable)?;
            if input.is_empty() {
                return match self.decoder.finish() {
                    Ok(()) => Ok(None),
                    Err(_) => Err(cut_off(lines)),
                };
            }
            let given = input.len();
            let mut buffer = Buffer::from(input);
            let read = decode(&mut self.decoder, &mut buffer);
            let used = given - buffer.len();
            self.input.consume(used);
            bytes += used;
            let rows = read.map_err(|what| damaged(lines, &what))?;
            if self
                .decoder
                .schema()
                .is_some_and(|found| found.fields() != schema().fields())
            {
                return Err(damaged(lines, "this Arrow stream is no export of timedb"));
            }
            match rows {
                Some(rows) if rows.num_rows() > 0 => return Ok(Some(rows)),
                Some(_) => bytes = 0,
                None if used == 0 => {
                    return Err(damaged(lines, "there is something after its end"));
                }
                None if bytes > MESSAGE_BYTES => {
                    return Err(damaged(lines, "a message of the stream is too long"));
                }
                None => {}
            }
        }
    }
}

/// Hands over the point of a row; `None` if it lacks something.
fn point<T>(rows: &RecordBatch, at: usize, take: impl FnOnce(&Point<'_>) -> T) -> Option<T> {
    let time = |column: usize| {
        let times = rows
            .column(column)
            .as_primitive::<TimestampMicrosecondType>();
        times.is_valid(at).then(|| times.value(at))
    };
    let text = |column: usize| {
        let texts = rows.column(column).as_string::<i32>();
        texts.is_valid(at).then(|| texts.value(at))
    };
    let value = rows.column(4).as_primitive::<Float64Type>();
    let tags = rows.column(9).as_list::<i32>();
    let tags = tags.is_valid(at).then(|| tags.value(at));
    let note = Note {
        annotation: text(8),
        tags: match &tags {
            Some(tags) => tags.as_string::<i32>().iter().flatten().collect(),
            None => Vec::new(),
        },
        metadata: text(10),
        changed_by: id(rows, 11, at),
    };
    Some(take(&Point {
        series: id(rows, 1, at)?,
        valid_time: time(2)?,
        valid_time_end: time(3).unwrap_or(NO_END),
        value: value.is_valid(at).then(|| value.value(at)),
        known_time: time(5)?,
        change_time: time(6)?,
        batch: id(rows, 7, at)?,
        note: Some(&note),
    }))
}

fn id(rows: &RecordBatch, column: usize, at: usize) -> Option<&[u8; 16]> {
    let ids: &FixedSizeBinaryArray = rows.column(column).as_fixed_size_binary();
    ids.is_valid(at).then(|| ids.value(at).try_into().ok())?
}
