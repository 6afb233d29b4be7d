//! The body of `POST /upload` as a table: rows in CSV, an Arrow IPC stream, a Parquet file or lines of JSON. What else an
//! upload says is in the query then.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    lines,
    upload::{AboutUpload, Upload},
};
use crate::formats::{
    rows::FormatName,
    table::{TableFormat, TableTrouble, read_table},
};
use crate::server::{error::FieldError, instant::TimeUnit};

/// How the rows come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFormat {
    Json,
    Ndjson,
    Table(TableFormat),
}

impl BodyFormat {
    /// What this media type, in lower case and without parameters, is of.
    pub(crate) fn of_media_type(media_type: &str) -> Option<Self> {
        let name = FormatName::of_media_type(media_type)?;
        Some(match name {
            FormatName::Json | FormatName::JsonColumns => Self::Json,
            FormatName::Ndjson => Self::Ndjson,
            FormatName::Csv => Self::Table(TableFormat::Csv),
            FormatName::Arrow => Self::Table(TableFormat::Arrow),
            FormatName::Parquet => Self::Table(TableFormat::Parquet),
        })
    }

    /// Whether it is text, which has an encoding.
    pub(crate) fn is_text(self) -> bool {
        matches!(
            self,
            Self::Json | Self::Ndjson | Self::Table(TableFormat::Csv)
        )
    }
}

/// Reads the rows of an upload, or says what is wrong with them. `unit` is what numbers count.
pub(crate) fn read_rows(
    format: BodyFormat,
    body: &Bytes,
    unit: Option<TimeUnit>,
    about: AboutUpload,
) -> Result<Upload, Vec<FieldError>> {
    let columns = match format {
        BodyFormat::Table(format) => {
            let read = read_table(format, body, unit);
            read.map_err(|troubles| troubles.into_iter().map(placed).collect::<Vec<_>>())?
        }
        _ => lines::read(body, unit)?,
    };
    Ok(Upload::of_rows(about, &columns, HashMap::new()))
}

fn placed(trouble: TableTrouble) -> FieldError {
    let TableTrouble {
        row,
        column,
        problem,
        input,
    } = trouble;
    let place = [
        Some(json!("body")),
        row.map(Value::from),
        column.map(Value::from),
    ];
    let place: Vec<Value> = place.into_iter().flatten().collect();
    FieldError {
        ctx: problem.ctx,
        ..FieldError::new(problem.kind, place, problem.msg, input)
    }
}
