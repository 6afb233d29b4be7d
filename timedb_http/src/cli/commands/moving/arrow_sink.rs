//! An export as an Arrow IPC stream: one table, in which a row is either a point, with its columns, or a line of JSON in
//! the column `record`.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use arrow_array::builder::{
    FixedSizeBinaryBuilder, Float64Builder, ListBuilder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use timedb_wire::NO_END;

use super::point::Point;
use crate::cli::failure::Failure;

/// Lines of JSON that are written together, and their bytes, about.
const RECORDS: usize = 4_096;
const RECORD_BYTES: usize = 4 << 20;

/// The columns of the table.
pub fn schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let id = |name| {
        let uuid = ("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned());
        Field::new(name, DataType::FixedSizeBinary(16), true).with_metadata(HashMap::from([uuid]))
    };
    let tags = DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
    Arc::new(Schema::new(vec![
        Field::new("record", DataType::Utf8, true),
        id("series_id"),
        Field::new("valid_time", time.clone(), true),
        Field::new("valid_time_end", time.clone(), true),
        Field::new("value", DataType::Float64, true),
        Field::new("known_time", time.clone(), true),
        Field::new("change_time", time, true),
        id("batch_id"),
        Field::new("annotation", DataType::Utf8, true),
        Field::new("tags", tags, true),
        Field::new("metadata", DataType::Utf8, true),
        id("changed_by"),
    ]))
}

/// A stream that is being written.
pub struct ArrowSink {
    stream: StreamWriter<Box<dyn Write>>,
    schema: SchemaRef,
    rows: Rows,
    /// Lines among the rows that have not been written, and their bytes.
    records: usize,
    record_bytes: usize,
}

impl ArrowSink {
    pub fn new(out: Box<dyn Write>) -> Result<Self, Failure> {
        let schema = schema();
        Ok(Self {
            stream: StreamWriter::try_new(out, &schema).map_err(failed)?,
            schema,
            rows: Rows::new(),
            records: 0,
            record_bytes: 0,
        })
    }

    /// Writes a line of JSON, at the latest with the next points.
    pub fn record(&mut self, line: &str) -> Result<(), Failure> {
        self.rows.record(line)?;
        self.records += 1;
        self.record_bytes += line.len();
        match self.records >= RECORDS || self.record_bytes >= RECORD_BYTES {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Writes points.
    pub fn points<'a>(&mut self, points: impl Iterator<Item = Point<'a>>) -> Result<(), Failure> {
        self.flush()?;
        for point in points {
            self.rows.point(&point).map_err(failed)?;
        }
        self.write()
    }

    /// Ends the stream.
    pub fn end(mut self) -> Result<(), Failure> {
        self.flush()?;
        self.stream.finish().map_err(failed)?;
        let mut out = self.stream.into_inner().map_err(failed)?;
        Ok(out.flush()?)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        match self.records {
            0 => Ok(()),
            _ => self.write(),
        }
    }

    fn write(&mut self) -> Result<(), Failure> {
        (self.records, self.record_bytes) = (0, 0);
        let columns = self.rows.finish();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(failed)?;
        self.stream.write(&batch).map_err(failed)
    }
}

struct Rows {
    record: StringBuilder,
    ids: [FixedSizeBinaryBuilder; 3],
    times: [TimestampMicrosecondBuilder; 4],
    value: Float64Builder,
    annotation: StringBuilder,
    tags: ListBuilder<StringBuilder>,
    metadata: StringBuilder,
}

impl Rows {
    fn new() -> Self {
        Self {
            record: StringBuilder::new(),
            ids: std::array::from_fn(|_| FixedSizeBinaryBuilder::new(16)),
            times: std::array::from_fn(|_| TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            value: Float64Builder::new(),
            annotation: StringBuilder::new(),
            tags: ListBuilder::new(StringBuilder::new()),
            metadata: StringBuilder::new(),
        }
    }

    fn record(&mut self, line: &str) -> Result<(), Failure> {
        self.record.append_value(line);
        self.ids.iter_mut().for_each(|ids| ids.append_null());
        self.times.iter_mut().for_each(|times| times.append_null());
        self.value.append_null();
        self.annotation.append_null();
        self.tags.append_null();
        self.metadata.append_null();
        Ok(())
    }

    fn point(&mut self, point: &Point<'_>) -> Result<(), ArrowError> {
        let [series, batch, changed_by] = &mut self.ids;
        let [valid, end, known, change] = &mut self.times;
        self.record.append_null();
        series.append_value(point.series)?;
        valid.append_value(point.valid_time);
        end.append_option((point.valid_time_end != NO_END).then_some(point.valid_time_end));
        self.value.append_option(point.value);
        known.append_value(point.known_time);
        change.append_value(point.change_time);
        batch.append_value(point.batch)?;
        let note = point.note;
        self.annotation
            .append_option(note.and_then(|note| note.annotation));
        let tags = note.map(|note| &note.tags).filter(|tags| !tags.is_empty());
        tags.into_iter()
            .flatten()
            .for_each(|tag| self.tags.values().append_value(tag));
        self.tags.append(tags.is_some());
        self.metadata
            .append_option(note.and_then(|note| note.metadata));
        match note.and_then(|note| note.changed_by) {
            Some(user) => changed_by.append_value(user),
            None => {
                changed_by.append_null();
                Ok(())
            }
        }
    }

    /// The columns in the order of the schema.
    fn finish(&mut self) -> Vec<ArrayRef> {
        let [series, batch, changed_by] = &mut self.ids;
        let [valid, end, known, change] = &mut self.times;
        vec![
            Arc::new(self.record.finish()),
            Arc::new(series.finish()),
            Arc::new(valid.finish()),
            Arc::new(end.finish()),
            Arc::new(self.value.finish()),
            Arc::new(known.finish()),
            Arc::new(change.finish()),
            Arc::new(batch.finish()),
            Arc::new(self.annotation.finish()),
            Arc::new(self.tags.finish()),
            Arc::new(self.metadata.finish()),
            Arc::new(changed_by.finish()),
        ]
    }
}

fn failed(error: ArrowError) -> Failure {
    match error {
        ArrowError::IoError(_, error) => error.into(),
        error => Failure::new(format!("The Arrow stream cannot be written: {error}")),
    }
}
