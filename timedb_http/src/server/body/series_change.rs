//! The body of `PATCH /series/{series_id}`.

use super::{
    fields::{Errors, read_object},
    scalar::Scalar,
    unknown,
};
use crate::server::error::FieldError;

/// What changes, and what else `GET` answers: that may come back, and changes nothing.
const FIELDS: [&str; 14] = [
    "name",
    "labels",
    "description",
    "unit",
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

/// What of a series changes; `None` leaves it as it is.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct SeriesChange {
    pub name: Option<String>,
    /// JSON text of an object.
    pub labels: Option<String>,
    /// An empty one is none.
    pub description: Option<String>,
    pub unit: Option<String>,
}

/// Reads a change, or says what is wrong with it. A description that is null is taken away; of the other
/// fields null leaves what is, so that what `GET` answered can be sent back.
pub(crate) fn read_series_change(body: &[u8]) -> Result<SeriesChange, Vec<FieldError>> {
    let members = read_object(body)?;
    let mut errors = Errors::default();
    let name = errors.optional(&members, "name", Scalar::text);
    let unit = errors.optional(&members, "unit", Scalar::unit);
    let labels = errors.object(&members, "labels");
    let description = match members.get("description") {
        Some(raw) if raw.get() == "null" => Some("".into()),
        _ => errors.optional(&members, "description", Scalar::text),
    };
    unknown::refuse(&members, &FIELDS, &[], &mut errors);
    if !errors.is_empty() {
        return Err(errors.into_list());
    }
    Ok(SeriesChange {
        name: name.map(Into::into),
        labels: labels.map(|raw| raw.get().to_owned()),
        description: description.map(Into::into),
        unit: unit.map(Into::into),
    })
}
