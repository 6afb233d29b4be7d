//! The slow reader: takes the same rows as the fast one, and records every invalid field with its place.

use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::{Value, json, value::RawValue};

use super::{
    columns::{Columns, Row},
    declared,
    fields::{Errors, Members, echo},
    scalar::{Problem, Scalar},
    unknown,
};
use crate::server::instant::TimeUnit;

const FIELDS: [&str; 7] = [
    "valid_time",
    "value_key",
    "value",
    "valid_time_end",
    "series_id",
    "known_time",
    "knowledge_time",
];

/// Reads `value_rows`, one row at a time.
pub(crate) fn read_rows<'a>(
    raw: &'a RawValue,
    unit: Option<TimeUnit>,
    errors: &mut Errors,
) -> Columns<'a> {
    let mut columns = Columns::default();
    if !raw.get().starts_with('[') {
        let problem = Problem::new("list_type", "Input should be a valid list");
        errors.note(&[json!("value_rows")], problem, raw);
        return columns;
    }
    let visitor = ListVisitor {
        columns: &mut columns,
        unit,
        errors,
    };
    serde_json::Deserializer::from_str(raw.get())
        .deserialize_seq(visitor)
        .expect("the list has been read as JSON before");
    columns
}

struct ListVisitor<'c, 'a> {
    columns: &'c mut Columns<'a>,
    unit: Option<TimeUnit>,
    errors: &'c mut Errors,
}

impl<'de> Visitor<'de> for ListVisitor<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut at = 0;
        while let Some(raw) = list.next_element::<&RawValue>()? {
            if self.errors.is_full() {
                continue;
            }
            if let Some(row) = read_row(raw, at, self.unit, self.errors) {
                self.columns.push(row);
            }
            at += 1;
        }
        Ok(())
    }
}

fn read_row<'a>(
    raw: &'a RawValue,
    at: usize,
    unit: Option<TimeUnit>,
    errors: &mut Errors,
) -> Option<Row<'a>> {
    let place = |name: &str| -> [Value; 3] { [json!("value_rows"), json!(at), json!(name)] };
    let Ok(members) = serde_json::from_str::<Members<'a>>(raw.get()) else {
        let problem = Problem::new(
            "model_attributes_type",
            "Input should be a valid dictionary or object to extract fields from",
        );
        errors.note(&[json!("value_rows"), json!(at)], problem, raw);
        return None;
    };
    let required = |name: &str, errors: &mut Errors| {
        let found = members.get(name);
        if found.is_none() {
            errors.missing(&place(name), echo(raw));
        }
        found
    };
    let valid_time = required("valid_time", errors);
    let value_key = required("value_key", errors);

    let valid_time = errors.read(&place("valid_time"), valid_time, |s| s.instant(unit));
    let value_key = errors.read(&place("value_key"), value_key, Scalar::text);
    let value = members.present("value");
    let value = errors.read(&place("value"), value, |s| s.number());
    let end = members.present("valid_time_end");
    let end = errors.read(&place("valid_time_end"), end, |s| s.instant(unit));
    let series_id = members.present("series_id");
    let series_id = errors.read(&place("series_id"), series_id, |s| s.uuid());
    let here = [json!("value_rows"), json!(at)];
    let known_time = errors.known_time(&members, &here, unit);
    unknown::refuse_with(&members, &FIELDS, &here, errors, |name| {
        let of_series = declared::FIELDS.contains(&name);
        of_series.then_some("it belongs to the series, in the field series of the upload")
    });
    Some(Row {
        valid_time: valid_time?,
        value_key: value_key?,
        value: value.flatten(),
        valid_time_end: end,
        series_id,
        known_time,
    })
}
