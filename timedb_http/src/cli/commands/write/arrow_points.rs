//! Points as an Arrow IPC stream, and those of any record batch. Columns may have any type that becomes the one wanted without a loss: dictionaries,
//! float32, whole numbers, times in any unit.

use std::io::BufRead;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_ipc::reader::StreamDecoder;
use arrow_schema::{DataType, TimeUnit};
use uuid::Uuid;

use super::cutter::Cutter;
use super::record::{InputParts, PointField};
use crate::cli::commands::arrow_stream::next_rows;

pub fn read(mut input: Box<dyn BufRead + Send>, cutter: &mut Cutter<'_>) -> Result<(), String> {
    let mut decoder = StreamDecoder::new();
    loop {
        let rows = next_rows(&mut *input, &mut decoder);
        let Some(rows) = rows.map_err(|problem| cutter.damaged(&problem))? else {
            return Ok(());
        };
        take(&rows, cutter)?;
    }
}

/// Takes the rows of a batch.
///
/// # Errors
/// A sentence that says where and what.
pub fn take(rows: &RecordBatch, cutter: &mut Cutter<'_>) -> Result<(), String> {
    let columns = columns(rows).map_err(|problem| cutter.damaged(&problem))?;
    for at in 0..rows.num_rows() {
        cutter.row(parts(&columns, at))?;
    }
    Ok(())
}

/// The columns as they are wanted.
fn columns(rows: &RecordBatch) -> Result<Vec<(PointField, ArrayRef)>, String> {
    let schema = rows.schema();
    let mut columns: Vec<(PointField, ArrayRef)> = Vec::new();
    for (field, column) in schema.fields().iter().zip(rows.columns()) {
        let name = field.name();
        let kind = PointField::named(name)?;
        if kind == PointField::Ignored {
            continue;
        }
        if columns.iter().any(|(there, _)| *there == kind) {
            return Err(format!("the column \"{name}\" is there twice"));
        }
        let given = column.data_type();
        let wanted = match kind {
            PointField::Value => DataType::Float64,
            PointField::SeriesId if *given == DataType::FixedSizeBinary(16) => {
                columns.push((kind, Arc::clone(column)));
                continue;
            }
            // Microseconds of UTC, whatever the zone that they are shown in; what has none is UTC.
            PointField::ValidTime | PointField::ValidTimeEnd | PointField::KnownTime
                if is_instant(given) =>
            {
                DataType::Timestamp(TimeUnit::Microsecond, None)
            }
            // A number does not say what it counts.
            _ if !is_text(given) => {
                return Err(format!("the column \"{name}\" holds {given}"));
            }
            _ => DataType::Utf8,
        };
        let strict = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        let cast = cast_with_options(column, &wanted, &strict);
        let cast = cast.map_err(|error| format!("the column \"{name}\" holds {given}: {error}"))?;
        columns.push((kind, cast));
    }
    Ok(columns)
}

fn is_instant(given: &DataType) -> bool {
    matches!(
        given,
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64
    )
}

fn is_text(given: &DataType) -> bool {
    match given {
        DataType::Dictionary(_, values) => is_text(values),
        // A column of nulls.
        DataType::Null => true,
        other => other.is_string(),
    }
}

fn parts(columns: &[(PointField, ArrayRef)], at: usize) -> Result<InputParts, String> {
    let mut parts = InputParts::default();
    for (field, column) in columns.iter().filter(|(_, column)| column.is_valid(at)) {
        let time = || column.as_primitive::<TimestampMicrosecondType>().value(at);
        if *column.data_type() == DataType::Utf8 {
            parts.set_text(*field, column.as_string::<i32>().value(at))?;
            continue;
        }
        match field {
            PointField::ValidTime => parts.valid_time = Some(time()),
            PointField::ValidTimeEnd => parts.valid_time_end = Some(time()),
            PointField::KnownTime => parts.known_time = Some(time()),
            PointField::Value => {
                let value = column.as_primitive::<Float64Type>().value(at);
                if !value.is_finite() {
                    return Err(format!(
                        "value: {value} is no finite number; a missing value is a null"
                    ));
                }
                parts.value = Some(value);
            }
            PointField::SeriesId => {
                let id = column.as_fixed_size_binary().value(at);
                parts.series_id = Uuid::from_slice(id).ok();
            }
            // All others are texts.
            PointField::Name | PointField::Unit | PointField::Labels | PointField::Ignored => {}
        }
    }
    Ok(parts)
}
