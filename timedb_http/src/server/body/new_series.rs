//! The body of `POST /series`.

use serde_json::json;

use super::{
    fields::{Errors, echo_body, read_object},
    scalar::{Problem, Scalar},
    unknown,
};
use crate::server::error::FieldError;

const FIELDS: [&str; 4] = ["name", "description", "unit", "labels"];

/// A series to create.
#[derive(Debug, PartialEq)]
pub(crate) struct NewSeries {
    pub name: String,
    pub description: Option<String>,
    pub unit: Option<String>,
    /// JSON text of an object.
    pub labels: Option<String>,
}

/// Reads a series to create, or says what is wrong with it.
pub(crate) fn read_new_series(body: &[u8]) -> Result<NewSeries, Vec<FieldError>> {
    let members = read_object(body)?;
    let mut errors = Errors::default();
    let name = errors.optional(&members, "name", Scalar::text);
    match members.get("name") {
        None => errors.missing(&[json!("name")], echo_body(body)),
        Some(raw) if raw.get() == "null" => {
            let problem = Problem::new("string_type", "Input should be a valid string");
            errors.note(&[json!("name")], problem, raw);
        }
        Some(_) => {}
    }
    let description = errors.optional(&members, "description", Scalar::text);
    let unit = errors.optional(&members, "unit", Scalar::unit);
    let labels = errors.object(&members, "labels");
    unknown::refuse(&members, &FIELDS, &[], &mut errors);
    match (name, errors.is_empty()) {
        (Some(name), true) => Ok(NewSeries {
            name: name.into(),
            description: description.map(Into::into),
            unit: unit.map(Into::into),
            labels: labels.map(|raw| raw.get().to_owned()),
        }),
        _ => Err(errors.into_list()),
    }
}
