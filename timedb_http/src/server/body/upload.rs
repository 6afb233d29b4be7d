//! The body of `POST /upload`.

use std::collections::HashMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    fast,
    fields::{Errors, Members, echo_body, location, read_object},
    series::read_declared,
    slow, unknown,
};
use crate::formats::columns::{Columns, SeriesFields};
use crate::formats::scalar::Scalar;
use crate::server::{
    error::{FieldError, RefusedField},
    instant::TimeUnit,
};

/// `tenant_id` is the key's, whatever it says; clients of the Python project send it.
pub(super) const FIELDS: [&str; 13] = [
    "batch_start_time",
    "value_rows",
    "known_time",
    "knowledge_time",
    "workflow_id",
    "batch_finish_time",
    "batch_params",
    "series",
    "series_descriptions",
    "batch_id",
    "skip_unchanged",
    "time_unit",
    "tenant_id",
];

/// An upload, ready for `timedb_internal._upload_packed`.
#[derive(Debug)]
pub(crate) struct Upload {
    pub workflow_id: String,
    pub batch_start_time: i64,
    pub batch_finish_time: Option<i64>,
    pub known_time: Option<i64>,
    /// The id that the batch gets; the same upload again is the same request.
    pub batch_id: Option<Uuid>,
    pub skip_unchanged: bool,
    pub tenant_id: Option<String>,
    /// JSON text of an object.
    pub batch_params: Option<String>,
    pub packed: Vec<u8>,
    /// The value_key of each series of the packed dictionary.
    pub value_keys: Vec<String>,
    /// The first row of each.
    first_rows: Vec<u32>,
    /// The labels of each, where rows say them.
    pub labels: Vec<Option<String>>,
    /// What the upload says about them besides their rows.
    declared: HashMap<String, SeriesFields>,
    /// The list that the rows are in, where the body is more than that.
    list: Option<&'static str>,
}

/// What an upload says besides its rows.
#[derive(Debug, Default)]
pub(crate) struct AboutUpload {
    pub workflow_id: Option<String>,
    pub batch_start_time: i64,
    pub batch_finish_time: Option<i64>,
    pub known_time: Option<i64>,
    pub batch_id: Option<Uuid>,
    pub skip_unchanged: bool,
    pub batch_params: Option<String>,
}

impl Upload {
    /// An upload of these rows.
    pub(super) fn of_rows(
        about: AboutUpload,
        columns: &Columns<'_>,
        declared: HashMap<String, SeriesFields>,
    ) -> Self {
        Self {
            workflow_id: about
                .workflow_id
                .unwrap_or_else(|| "api-workflow".to_owned()),
            batch_start_time: about.batch_start_time,
            batch_finish_time: about.batch_finish_time,
            known_time: about.known_time,
            batch_id: about.batch_id,
            skip_unchanged: about.skip_unchanged,
            tenant_id: None,
            batch_params: about.batch_params,
            packed: columns.pack(|handle| declared.get(handle)),
            value_keys: columns.value_keys().map(str::to_owned).collect(),
            first_rows: columns.first_rows().collect(),
            labels: columns
                .labels()
                .map(|labels| labels.map(str::to_owned))
                .collect(),
            declared,
            list: None,
        }
    }

    /// Where the body says a field of a series, and what it says there.
    pub(crate) fn place_of(&self, field: &RefusedField) -> (Vec<Value>, Value) {
        let Some((key, row)) = self
            .value_keys
            .get(field.series)
            .zip(self.first_rows.get(field.series))
        else {
            return (location(&[]), Value::Null);
        };
        let declared = self.declared.get(key);
        let said = declared.and_then(|declared| match field.name {
            "name" => declared.name.as_deref().map(Value::from),
            "unit" => declared.unit.as_deref().map(Value::from),
            _ => serde_json::from_str(declared.labels.as_deref()?).ok(),
        });
        match said {
            Some(said) => (
                location(&[json!("series"), json!(key), json!(field.name)]),
                said,
            ),
            None => {
                let place = match self.list {
                    Some(list) => vec![json!(list), json!(row), json!("value_key")],
                    None => vec![json!(row), json!(field.name)],
                };
                (location(&place), json!(key))
            }
        }
    }
}

/// Reads an upload, or says what is wrong with it. `in_query` is what its query says that numbers count.
pub(crate) fn read_upload(
    body: &[u8],
    in_query: Option<TimeUnit>,
) -> Result<Upload, Vec<FieldError>> {
    let mut errors = Errors::default();
    let (members, columns) = match fast::read(body, in_query) {
        Some(read) => read,
        None => read_slowly(body, in_query, &mut errors)?,
    };
    let unit = Errors::time_unit(&members, in_query)?;

    errors.require(&members, &["batch_start_time"], || echo_body(body));
    let batch_start_time = errors.given(&members, "batch_start_time", |s| s.instant(unit));
    let workflow_id = errors.optional(&members, "workflow_id", Scalar::text);
    let batch_finish_time = errors.optional(&members, "batch_finish_time", |s| s.instant(unit));
    let known_time = errors.known_time(&members, unit);
    let batch_id = errors.optional(&members, "batch_id", |s| s.uuid());
    let skip_unchanged = errors.optional(&members, "skip_unchanged", |s| s.truth());
    let tenant_id = errors.optional(&members, "tenant_id", Scalar::text);
    let batch_params = errors.optional(&members, "batch_params", Scalar::kept_object);
    let declared = read_declared(&members, &mut errors);
    unknown::refuse(&members, &FIELDS, &mut errors);

    let about = AboutUpload {
        batch_start_time: errors.finish(batch_start_time)?,
        workflow_id,
        batch_finish_time,
        known_time,
        batch_id,
        skip_unchanged: skip_unchanged.unwrap_or_default(),
        batch_params,
    };
    Ok(Upload {
        tenant_id,
        list: Some("value_rows"),
        ..Upload::of_rows(about, &columns, declared)
    })
}

/// Reads what the fast reader has given up at: it may only not have known yet what numbers count.
fn read_slowly<'a>(
    body: &'a [u8],
    in_query: Option<TimeUnit>,
    errors: &mut Errors,
) -> Result<(Members<'a>, Columns<'a>), Vec<FieldError>> {
    let members = read_object(body)?;
    let unit = Errors::time_unit(&members, in_query)?;
    if unit != in_query
        && let Some(read) = fast::read(body, unit)
    {
        return Ok(read);
    }
    let rows = members.get("value_rows");
    let columns = rows.map(|raw| slow::read_rows(raw, unit, errors));
    Ok((members, columns.unwrap_or_default()))
}
