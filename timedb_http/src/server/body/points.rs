//! The body of `POST /points`: columns, each with an entry for every row, or one value for all of them.

use serde_json::{json, value::RawValue};
use uuid::Uuid;

use super::{
    fields::{Errors, Members, echo_body, read_object},
    unknown,
};
use crate::formats::rows::ROW_ORDER_LIMIT;
use crate::formats::scalar::{Problem, Scalar};
use crate::server::{db::PgInstant, duration::Interval, error::FieldError, instant::TimeUnit};

pub(super) const FIELDS: [&str; 11] = [
    "series_id",
    "name",
    "labels",
    "series_index",
    "valid_time",
    "valid_time_end",
    "as_of",
    "as_of_change",
    "max_age",
    "unit",
    "time_unit",
];

/// What is asked for, as `timedb_internal._read_points_packed` takes it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct PointsAsked {
    pub series_id: Option<Vec<Uuid>>,
    pub name: Option<Vec<String>>,
    /// JSON texts of objects.
    pub labels: Option<Vec<String>>,
    pub series_index: Option<Vec<i32>>,
    pub valid_time: Vec<PgInstant>,
    /// Null for a point without an end.
    pub valid_time_end: Option<Vec<Option<PgInstant>>>,
    pub as_of: Vec<PgInstant>,
    pub as_of_change: Option<PgInstant>,
    pub max_age: Option<Interval>,
    pub unit: Option<String>,
}

/// Reads what is asked for, or says what is wrong with it. `in_query` is what its query says that numbers count.
pub(crate) fn read_points(
    body: &[u8],
    in_query: Option<TimeUnit>,
) -> Result<PointsAsked, Vec<FieldError>> {
    let members = read_object(body)?;
    let unit = Errors::time_unit(&members, in_query)?;
    let mut errors = Errors::default();
    errors.require(&members, &["valid_time", "as_of"], || echo_body(body));
    let instant = |scalar: Scalar<'_>| scalar.instant(unit).map(PgInstant);
    let asked = PointsAsked {
        valid_time: list(&members, &mut errors, "valid_time", instant).unwrap_or_default(),
        as_of: column(&members, &mut errors, "as_of", instant).unwrap_or_default(),
        valid_time_end: list(
            &members,
            &mut errors,
            "valid_time_end",
            |scalar| match scalar {
                Scalar::Null => Ok(None),
                end => instant(end).map(Some),
            },
        ),
        series_id: column(&members, &mut errors, "series_id", |scalar| scalar.uuid()),
        name: column(&members, &mut errors, "name", |scalar| {
            scalar.text().map(String::from)
        }),
        labels: column(&members, &mut errors, "labels", |scalar| {
            scalar.kept_object().map(str::to_owned)
        }),
        series_index: list(&members, &mut errors, "series_index", |scalar| {
            scalar.integer()
        }),
        as_of_change: errors.optional(&members, "as_of_change", instant),
        max_age: errors.optional(&members, "max_age", |scalar| scalar.length()),
        unit: errors.optional(&members, "unit", Scalar::unit),
    };
    unknown::refuse(&members, &FIELDS, &mut errors);
    match (members.present("name"), members.present("series_id")) {
        (Some(_), Some(raw)) => {
            let told = "Value error, name says which series are meant: give one of the two";
            let place = members.place("series_id");
            errors.note(&place, Problem::new("value_error", told), raw);
        }
        (None, None) => {
            let told = "Value error, either name or series_id is required";
            let whole = echo_body(body);
            errors.add([FieldError::new("value_error", [json!("body")], told, whole)]);
        }
        _ => {}
    }
    errors.finish(Some(asked))
}

/// A member that has an entry for each row; null is the same as none, but where the member is required.
fn list<'a, T>(
    members: &Members<'a>,
    errors: &mut Errors,
    name: &str,
    read: impl Fn(Scalar<'a>) -> Result<T, Problem>,
) -> Option<Vec<T>> {
    let raw = match name {
        "valid_time" => members.get(name),
        _ => members.present(name),
    }?;
    let entries: Vec<&RawValue> = errors.read(members, name, Some(raw), Scalar::list)?;
    if entries.len() > ROW_ORDER_LIMIT {
        let told = format!(
            "List should have at most {ROW_ORDER_LIMIT} items after validation, not {}; ask in several requests",
            entries.len()
        );
        errors.note(&members.place(name), Problem::new("too_long", &told), raw);
        return None;
    }
    let mut column = Vec::with_capacity(entries.len());
    for (at, raw) in entries.into_iter().enumerate() {
        match read(Scalar::of(raw)) {
            Ok(entry) => column.push(entry),
            Err(problem) => {
                let place = [members.place(name), vec![json!(at)]].concat();
                errors.note(&place, problem, raw);
                if errors.is_full() {
                    return None;
                }
            }
        }
    }
    Some(column)
}

/// As [`list`], or one value for all rows.
fn column<'a, T>(
    members: &Members<'a>,
    errors: &mut Errors,
    name: &str,
    read: impl Fn(Scalar<'a>) -> Result<T, Problem>,
) -> Option<Vec<T>> {
    let raw = match name {
        "as_of" => members.get(name),
        _ => members.present(name),
    }?;
    if raw.get().starts_with('[') {
        return list(members, errors, name, read);
    }
    let one: Option<T> = errors.read(members, name, Some(raw), read);
    one.map(|one| vec![one])
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn error(body: &str) -> Value {
        let errors = read_points(body.as_bytes(), None).expect_err(body);
        json!(errors)[0].clone()
    }

    #[test]
    fn columns_and_single_values_are_read() {
        let body = r#"{"name": ["wind", "lo\u0061d"], "labels": {"site": "north"}, "series_index": [2, 1.0, 2e0],
            "valid_time": [0, 3600, "1970-01-01T02:00:00Z"], "valid_time_end": [null, 7200, null], "as_of": 0,
            "as_of_change": 3600, "max_age": "1h", "unit": "MW", "time_unit": "s"}"#;
        let asked = read_points(body.as_bytes(), None).expect("all is right");
        let instants = [0, HOUR, 2 * HOUR].map(PgInstant);
        assert_eq!(
            asked,
            PointsAsked {
                series_id: None,
                name: Some(vec!["wind".to_owned(), "load".to_owned()]),
                labels: Some(vec![r#"{"site": "north"}"#.to_owned()]),
                series_index: Some(vec![2, 1, 2]),
                valid_time: instants.to_vec(),
                valid_time_end: Some(vec![None, Some(instants[2]), None]),
                as_of: vec![instants[0]],
                as_of_change: Some(instants[1]),
                max_age: Some(Interval {
                    micros: HOUR,
                    ..Interval::default()
                }),
                unit: Some("MW".to_owned()),
            }
        );
        let id = Uuid::from_u128(7);
        let body =
            format!(r#"{{"series_id": "{id}", "valid_time": [], "as_of": [], "max_age": 90}}"#);
        let asked = read_points(body.as_bytes(), None).expect("all is right");
        assert_eq!((asked.series_id, asked.as_of), (Some(vec![id]), vec![]));
        assert_eq!(asked.max_age.map(|age| age.micros), Some(90_000_000));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_row() {
        let rest = r#""valid_time": ["2025-01-01T00:00:00Z"], "as_of": "2025-01-01T00:00:00Z""#;
        for (body, kind, place) in [
            ("{}".to_owned(), "missing", json!(["body", "valid_time"])),
            (
                r#"{"valid_time": []}"#.to_owned(),
                "missing",
                json!(["body", "as_of"]),
            ),
            (
                r#"{"valid_time": null, "as_of": []}"#.to_owned(),
                "list_type",
                json!(["body", "valid_time"]),
            ),
            (
                r#"{"valid_time": [], "as_of": null}"#.to_owned(),
                "datetime_type",
                json!(["body", "as_of"]),
            ),
            (
                r#"{"valid_time": ["2025-01-01T00:00:00Z", null], "as_of": []}"#.to_owned(),
                "datetime_type",
                json!(["body", "valid_time", 1]),
            ),
            (
                r#"{"valid_time": [], "as_of": ["infinity"]}"#.to_owned(),
                "datetime_from_date_parsing",
                json!(["body", "as_of", 0]),
            ),
            (
                format!(r#"{{"series_id": ["x"], {rest}}}"#),
                "uuid_parsing",
                json!(["body", "series_id", 0]),
            ),
            (
                format!(r#"{{"labels": "north", {rest}}}"#),
                "dict_type",
                json!(["body", "labels"]),
            ),
            (
                format!(r#"{{"series_index": [1.5], {rest}}}"#),
                "int_type",
                json!(["body", "series_index", 0]),
            ),
            (
                format!(r#"{{"series_index": [2147483648.0], {rest}}}"#),
                "int_type",
                json!(["body", "series_index", 0]),
            ),
            (
                format!(r#"{{"series_index": 1, {rest}}}"#),
                "list_type",
                json!(["body", "series_index"]),
            ),
            (
                format!(r#"{{"max_age": "soon", {rest}}}"#),
                "time_delta_parsing",
                json!(["body", "max_age"]),
            ),
            (
                format!(r#"{{"max_age": true, {rest}}}"#),
                "time_delta_type",
                json!(["body", "max_age"]),
            ),
            (
                format!(r#"{{"nmae": "wind", {rest}}}"#),
                "extra_forbidden",
                json!(["body", "nmae"]),
            ),
            (format!("{{{rest}}}"), "value_error", json!(["body"])),
            (
                format!(
                    r#"{{"name": "wind", "series_id": "{}", {rest}}}"#,
                    Uuid::nil()
                ),
                "value_error",
                json!(["body", "series_id"]),
            ),
        ] {
            let error = error(&body);
            assert_eq!(error["type"], kind, "{body}: {error}");
            assert_eq!(error["loc"], place, "{body}: {error}");
        }
        let many = vec!["0"; ROW_ORDER_LIMIT + 1].join(",");
        let body = format!(r#"{{"time_unit": "s", "as_of": 0, "valid_time": [{many}]}}"#);
        assert_eq!(error(&body)["type"], "too_long");
    }
}
