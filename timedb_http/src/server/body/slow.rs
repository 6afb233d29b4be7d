//! The slow reader: takes the same rows as the fast one, and records every invalid field with its place.

use std::{borrow::Cow, marker::PhantomData};

use serde::de::Deserializer;
use serde_json::{json, value::RawValue};
use strum::VariantNames;
use uuid::Uuid;

use super::{
    fast::{Each, Field},
    fields::{Errors, echo},
    series, unknown,
};
use crate::formats::columns::{Columns, Row};
use crate::formats::scalar::{Problem, Scalar};
use crate::server::instant::TimeUnit;

/// Reads `value_rows`, one row at a time.
pub(crate) fn read_rows<'a>(
    raw: &'a RawValue,
    unit: Option<TimeUnit>,
    errors: &mut Errors,
) -> Columns<'a> {
    let mut columns = Columns::default();
    if !raw.get().starts_with('[') {
        errors.note(&[json!("value_rows")], Problem::no_list(), raw);
        return columns;
    }
    let mut at = 0;
    let each = Each(PhantomData::<&RawValue>, |raw| {
        if !errors.is_full() {
            if let Some(row) = read_row(raw, at, unit, errors) {
                columns.push(row);
            }
            at += 1;
        }
    });
    serde_json::Deserializer::from_str(raw.get())
        .deserialize_seq(each)
        .expect("the list has been read as JSON before");
    columns
}

/// The fields of a row in a list.
pub(super) const OF_ROW: [&str; 7] = [
    "valid_time",
    "value_key",
    "value",
    "valid_time_end",
    "series_id",
    "known_time",
    "knowledge_time",
];

fn read_row<'a>(
    raw: &'a RawValue,
    at: usize,
    unit: Option<TimeUnit>,
    errors: &mut Errors,
) -> Option<Row<'a>> {
    let place = vec![json!("value_rows"), json!(at)];
    let members = errors.members(place, raw, Problem::no_object)?;
    errors.require(&members, &["valid_time", "value_key"], || echo(raw));
    let valid_time = errors.given(&members, "valid_time", |s| s.instant(unit));
    let value_key = errors.given(&members, "value_key", Scalar::text);
    let value = errors.optional(&members, "value", |s| s.number());
    let valid_time_end = errors.optional(&members, "valid_time_end", |s| s.instant(unit));
    let series_id = errors.optional(&members, "series_id", |s| s.uuid());
    let known_time = errors.known_time(&members, unit);
    unknown::refuse_with(&members, &OF_ROW, errors, |name| {
        let of_series = series::FIELDS.contains(&name);
        of_series.then_some("it belongs to the series, in the field series of the upload")
    });
    Some(Row {
        valid_time: valid_time?,
        value_key: value_key?,
        value,
        valid_time_end,
        series_id,
        known_time,
        labels: None,
        unit: None,
    })
}

/// Reads a row that is a line of its own.
pub(super) fn read_line<'a>(
    raw: &'a RawValue,
    at: usize,
    unit: Option<TimeUnit>,
    errors: &mut Errors,
) -> Option<Row<'a>> {
    let members = errors.members(vec![json!(at)], raw, Problem::no_object)?;
    errors.require(&members, &["valid_time"], || echo(raw));
    let valid_time = errors.given(&members, "valid_time", |s| s.instant(unit));
    let value = errors.optional(&members, "value", |s| s.number());
    let valid_time_end = errors.optional(&members, "valid_time_end", |s| s.instant(unit));
    let series_id: Option<Uuid> = errors.optional(&members, "series_id", |s| s.uuid());
    let known_time = errors.known_time(&members, unit);
    let labels = errors.optional(&members, "labels", Scalar::kept_object);
    let of_unit = errors.optional(&members, "unit", Scalar::unit);
    let name: Option<Cow<'a, str>> = match members.present("name") {
        Some(_) if members.present("value_key").is_some() => {
            let twice = Problem::new("value_error", "Value error, value_key says the same");
            errors.given(&members, "name", |_| Err::<Cow<'a, str>, _>(twice))
        }
        Some(_) => errors.optional(&members, "name", Scalar::text),
        None if series_id.is_none() => {
            let of_value_key = members.present("value_key").map(|_| ["value_key"]);
            errors.require(&members, &of_value_key.unwrap_or(["name"]), || echo(raw));
            errors.optional(&members, "value_key", Scalar::text)
        }
        None => errors.optional(&members, "value_key", Scalar::text),
    };
    unknown::refuse(&members, Field::VARIANTS, errors);
    Some(Row {
        valid_time: valid_time?,
        value_key: name.or_else(|| series_id.map(|id| Cow::Owned(id.to_string())))?,
        value,
        valid_time_end,
        series_id,
        known_time,
        labels: labels.map(Cow::Borrowed),
        unit: of_unit,
    })
}
