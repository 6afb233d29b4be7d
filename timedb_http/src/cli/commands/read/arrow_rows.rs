//! Points as an Arrow IPC stream: a record batch for each chunk, with what the rows of a series have in common as
//! dictionaries.

use std::io::Write;
use std::sync::Arc;

use arrow_array::builder::{
    Float64Builder, ListBuilder, StringBuilder, StringDictionaryBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use timedb_wire::Chunk;

use super::row::{RowSink, columns, id, note, rows};
use crate::cli::failure::Failure;
use crate::cli::grammar::ReadMode;

pub struct ArrowOutput {
    out: StreamWriter<Box<dyn Write>>,
    schema: SchemaRef,
}

impl ArrowOutput {
    pub fn new(out: Box<dyn Write>, mode: ReadMode) -> Result<Self, Failure> {
        let fields: Vec<Field> = columns(mode).into_iter().map(field).collect();
        let schema = Arc::new(Schema::new(fields));
        Ok(Self {
            out: StreamWriter::try_new(out, &schema).map_err(failed)?,
            schema,
        })
    }
}

/// The type of a column, by its name.
fn field(name: &str) -> Field {
    let of_series = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let tag = || Arc::new(Field::new_list_field(DataType::Utf8, true));
    let (kind, is_nullable) = match name {
        "series_id" | "name" | "unit" | "labels" | "batch_id" => (of_series(), false),
        "changed_by" => (of_series(), true),
        "value" => (DataType::Float64, true),
        "annotation" | "metadata" => (DataType::Utf8, true),
        "tags" => (DataType::List(tag()), true),
        time => (
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            time == "valid_time_end",
        ),
    };
    Field::new(name, kind, is_nullable)
}

impl RowSink for ArrowOutput {
    fn take(&mut self, chunk: &Chunk<'_>) -> Result<(), Failure> {
        if chunk.points == 0 {
            return Ok(());
        }
        let columns = collect(chunk).map_err(failed)?;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(failed)?;
        self.out.write(&batch).map_err(failed)
    }

    fn end(mut self: Box<Self>) -> Result<(), Failure> {
        self.out.finish().map_err(failed)?;
        let mut out = self.out.into_inner().map_err(failed)?;
        Ok(out.flush()?)
    }
}

type Words = StringDictionaryBuilder<Int32Type>;

fn collect(chunk: &Chunk<'_>) -> Result<Vec<ArrayRef>, ArrowError> {
    let new_times = || TimestampMicrosecondBuilder::new().with_timezone("UTC");
    let mut words: [Words; 4] = std::array::from_fn(|_| Words::new());
    let [mut valid, mut ends] = [new_times(), new_times()];
    let mut values = Float64Builder::new();
    for run in &chunk.runs {
        let series = &run.series;
        let texts = [&id(series.id), series.name, series.unit, series.labels];
        for (column, text) in words.iter_mut().zip(texts) {
            column.append_n(text, run.points)?;
        }
    }
    for at in 0..chunk.points {
        valid.append_value(chunk.valid_time.at(at));
        ends.append_option(chunk.end(at));
        values.append_option(chunk.value(at));
    }
    let mut columns: Vec<ArrayRef> = Vec::new();
    for mut column in words {
        columns.push(Arc::new(column.finish()));
    }
    columns.push(Arc::new(valid.finish()));
    columns.push(Arc::new(ends.finish()));
    columns.push(Arc::new(values.finish()));
    if let Some(known) = &chunk.known_time {
        let mut times = new_times();
        known.iter().for_each(|time| times.append_value(time));
        columns.push(Arc::new(times.finish()));
    }
    if let Some(versions) = &chunk.versions {
        let mut changes = new_times();
        let (mut batches, mut users) = (Words::new(), Words::new());
        let (mut annotations, mut metadata) = (StringBuilder::new(), StringBuilder::new());
        let mut tags = ListBuilder::new(StringBuilder::new());
        for (at, _) in rows(chunk) {
            let note = note(chunk, at);
            changes.append_value(versions.change_time.at(at));
            batches.append(id(versions.batch(at)))?;
            users.append_option(versions.changed_by(at).map(id));
            annotations.append_option(note.and_then(|note| note.annotation));
            let own = note.map(|note| note.tags.as_slice()).unwrap_or_default();
            own.iter().for_each(|tag| tags.values().append_value(tag));
            tags.append(!own.is_empty());
            metadata.append_option(note.and_then(|note| note.metadata));
        }
        let of_versions: [ArrayRef; 6] = [
            Arc::new(changes.finish()),
            Arc::new(batches.finish()),
            Arc::new(users.finish()),
            Arc::new(annotations.finish()),
            Arc::new(tags.finish()),
            Arc::new(metadata.finish()),
        ];
        columns.extend(of_versions);
    }
    Ok(columns)
}

fn failed(error: ArrowError) -> Failure {
    match error {
        ArrowError::IoError(_, error) => error.into(),
        error => Failure::new(format!("The Arrow stream cannot be written: {error}")),
    }
}
