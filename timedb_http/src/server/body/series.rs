//! What a body says of a series: `POST /series`, `PATCH /series/{series_id}`, and an upload by handle, in its fields
//! `series` and `series_descriptions`.

use std::collections::HashMap;

use super::{
    fields::{Errors, Members, echo_body, read_object},
    unknown,
};
use crate::formats::scalar::{Problem, Scalar};
use crate::{formats::columns::SeriesFields, server::error::FieldError};

/// What may be said of a series.
pub(super) const FIELDS: [&str; 4] = ["name", "labels", "unit", "description"];
/// What else `GET` answers: that may come back in a change, and changes nothing.
pub(crate) const ANSWERED_OF_SERIES: [&str; 10] = [
    "series_id",
    "created_at",
    "versions",
    "segments",
    "bytes",
    "first_valid_time",
    "last_valid_time",
    "first_known_time",
    "last_known_time",
    "last_change_time",
];

/// Reads a series to create, which has a name, or says what is wrong with it.
pub(crate) fn read_new_series(body: &[u8]) -> Result<SeriesFields, Vec<FieldError>> {
    let members = read_object(body)?;
    let mut errors = Errors::default();
    errors.require(&members, &["name"], || echo_body(body));
    let series = SeriesFields {
        name: errors.given(&members, "name", Scalar::text),
        description: errors.optional(&members, "description", Scalar::text),
        unit: errors.optional(&members, "unit", Scalar::unit),
        labels: errors.optional(&members, "labels", Scalar::kept_object),
    };
    unknown::refuse(&members, &FIELDS, &mut errors);
    errors.finish(Some(series))
}

/// Reads a change, or says what is wrong with it. A description that is null is taken away; of the other
/// fields null leaves what is, so that what `GET` answered can be sent back.
pub(crate) fn read_series_change(body: &[u8]) -> Result<SeriesFields, Vec<FieldError>> {
    let members = read_object(body)?;
    let mut errors = Errors::default();
    let change = SeriesFields {
        name: errors.optional(&members, "name", Scalar::text),
        unit: errors.optional(&members, "unit", Scalar::unit),
        labels: errors.optional(&members, "labels", Scalar::kept_object),
        description: match members.get("description") {
            Some(raw) if raw.get() == "null" => Some(String::new()),
            _ => errors.optional(&members, "description", Scalar::text),
        },
    };
    unknown::refuse(
        &members,
        &[&FIELDS[..], &ANSWERED_OF_SERIES].concat(),
        &mut errors,
    );
    errors.finish(Some(change))
}

/// Reads what an upload says of its series. Where both fields describe one, `series` counts.
pub(super) fn read_declared(
    members: &Members<'_>,
    errors: &mut Errors,
) -> HashMap<String, SeriesFields> {
    let mut declared = HashMap::new();
    let series = by_handle(members, "series", errors);
    for (handle, raw) in series.iter().filter(|(_, raw)| raw.get() != "null") {
        let object: Option<&str> = errors.read(&series, handle, Some(raw), Scalar::object);
        if object.is_some()
            && let Some(one) = errors.members(series.place(handle), raw, Problem::unreadable)
        {
            declared.insert(handle.to_owned(), read_one(&one, errors));
        }
    }
    let texts = by_handle(members, "series_descriptions", errors);
    let mut descriptions = HashMap::new();
    for (handle, raw) in texts.iter().filter(|(_, raw)| raw.get() != "null") {
        if let Some(text) = errors.read(&texts, handle, Some(raw), Scalar::text) {
            descriptions.insert(handle.to_owned(), text);
        }
    }
    for (handle, text) in descriptions {
        let one: &mut SeriesFields = declared.entry(handle).or_default();
        one.description.get_or_insert(text);
    }
    declared
}

/// The members of an optional top-level object.
fn by_handle<'a>(members: &Members<'a>, field: &str, errors: &mut Errors) -> Members<'a> {
    let object: Option<&str> = errors.optional(members, field, Scalar::kept_object);
    let raw = members.get(field).filter(|_| object.is_some());
    raw.and_then(|raw| errors.members(members.place(field), raw, Problem::unreadable))
        .unwrap_or_default()
}

fn read_one(members: &Members<'_>, errors: &mut Errors) -> SeriesFields {
    let labels = errors.optional(members, "labels", Scalar::object);
    unknown::refuse(members, &FIELDS, errors);
    SeriesFields {
        labels,
        unit: errors.optional(members, "unit", Scalar::unit),
        name: errors.optional(members, "name", Scalar::text),
        description: errors.optional(members, "description", Scalar::text),
    }
}
