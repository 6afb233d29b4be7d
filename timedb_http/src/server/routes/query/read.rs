//! The parameters of `GET /values` and `GET /values/last`.

use uuid::Uuid;

use super::{
    buckets::{self, BucketParameters, Buckets},
    parameters::{each, time_unit},
    values,
};
use crate::server::{
    body::Problem,
    db::PgInstant,
    duration::{Interval, TimeOfDay},
    error::FieldError,
    instant::TimeUnit,
    rows::Mode,
};

/// What to read, as the database's functions take it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ReadQuery {
    pub mode: Mode,
    pub series_id: Option<Vec<Uuid>>,
    pub name: Option<String>,
    /// JSON of an object.
    pub labels: Option<String>,
    pub start_valid: Option<PgInstant>,
    pub end_valid: Option<PgInstant>,
    pub start_known: Option<PgInstant>,
    pub end_known: Option<PgInstant>,
    pub as_of: Option<PgInstant>,
    pub as_of_change: Option<PgInstant>,
    pub min_lead: Option<Interval>,
    pub max_lead: Option<Interval>,
    pub window_length: Option<Interval>,
    pub issue_offset: Option<Interval>,
    pub start_window: Option<PgInstant>,
    pub days_ahead: Option<i32>,
    pub time_of_day: Option<TimeOfDay>,
    pub tz: Option<String>,
    pub unit: Option<String>,
    /// Aggregates in buckets of time instead of values.
    pub buckets: Option<Buckets>,
}

/// Reads the raw query string of `GET /values`, or says what is wrong with it.
pub(crate) fn parse(query: &str) -> Result<ReadQuery, Vec<FieldError>> {
    let mut read = ReadQuery::default();
    let (mut all_versions, mut by_known_time) = (false, false);
    let mut buckets = BucketParameters::default();
    let unit = time_unit(query);
    each(query, |name, value| match name {
        "start_valid" => values::instant(value, unit, &mut read.start_valid),
        "start_known" => values::instant(value, unit, &mut read.start_known),
        "end_known" => values::instant(value, unit, &mut read.end_known),
        "min_lead" => values::length(value, &mut read.min_lead),
        "max_lead" => values::length(value, &mut read.max_lead),
        "window_length" => values::length(value, &mut read.window_length),
        "issue_offset" => values::length(value, &mut read.issue_offset),
        "start_window" => values::instant(value, unit, &mut read.start_window),
        "days_ahead" => values::integer(value, &mut read.days_ahead),
        "time_of_day" => values::time_of_day(value, &mut read.time_of_day),
        "tz" => values::text(value, &mut read.tz),
        "mode" => values::mode(value).map(|mode| read.mode = mode),
        "all_versions" | "include_updates" => {
            values::truth(value).map(|truth| all_versions |= truth)
        }
        "include_knowledge_time" => values::truth(value).map(|truth| by_known_time |= truth),
        "bucket" => values::length(value, &mut buckets.bucket),
        "aggregate" => buckets::aggregates(value, &mut buckets.aggregates),
        "fill" => buckets::fill(value, &mut buckets.fill),
        _ => common(name, value, unit, &mut read),
    })?;
    if all_versions {
        read.mode = Mode::Versions;
    } else if by_known_time && read.mode == Mode::Flat {
        read.mode = Mode::Overlapping;
    }
    let windows = [
        ("window_length", read.window_length.is_some()),
        ("issue_offset", read.issue_offset.is_some()),
        ("start_window", read.start_window.is_some()),
        ("days_ahead", read.days_ahead.is_some()),
        ("time_of_day", read.time_of_day.is_some()),
    ];
    read.buckets = buckets.go_with(read.mode, &windows)?;
    Ok(read)
}

/// Reads the raw query string of `GET /values/last`, or says what is wrong with it.
pub(crate) fn parse_last(query: &str) -> Result<ReadQuery, Vec<FieldError>> {
    let mut read = ReadQuery {
        mode: Mode::Last,
        ..ReadQuery::default()
    };
    let unit = time_unit(query);
    each(query, |name, value| common(name, value, unit, &mut read))?;
    Ok(read)
}

/// The parameters that all reads have.
fn common(
    name: &str,
    value: &str,
    unit: Option<TimeUnit>,
    read: &mut ReadQuery,
) -> Result<(), Problem> {
    match name {
        "series_id" => {
            values::ids(value).map(|ids| read.series_id.get_or_insert_default().extend(ids))
        }
        "name" => values::text(value, &mut read.name),
        "labels" => values::labels(value, &mut read.labels),
        "end_valid" => values::instant(value, unit, &mut read.end_valid),
        "as_of" => values::instant(value, unit, &mut read.as_of),
        "as_of_change" => values::instant(value, unit, &mut read.as_of_change),
        "unit" => values::unit(value, &mut read.unit),
        "time_unit" => values::time_unit(value),
        _ => Err(values::unknown()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn error(query: &str) -> Value {
        json!(parse(query).unwrap_err())[0].clone()
    }

    #[test]
    fn every_parameter_is_read() {
        let read = parse(
            "start_valid=2025-01-01T00%3A00%3A00%2B00%3A00&end_valid=2025-01-02&start_known=0&end_known=1\
             &time_unit=s&mode=overlapping&name=a+b&series_id=00000000-0000-0000-0000-000000000001,\
             00000000-0000-0000-0000-000000000002&series_id=00000000-0000-0000-0000-000000000003\
             &as_of=2&as_of_change=3&min_lead=1h&max_lead=PT48H&unit=MW&labels=%7B%22a%22:%22b%22%7D",
        )
        .unwrap();
        assert_eq!(read.mode, Mode::Overlapping);
        assert_eq!(read.start_valid, Some(PgInstant(1_735_689_600_000_000)));
        assert_eq!(read.end_known, Some(PgInstant(1_000_000)));
        assert_eq!(read.as_of, Some(PgInstant(2_000_000)));
        assert_eq!(read.as_of_change, Some(PgInstant(3_000_000)));
        assert_eq!(read.min_lead.map(|l| l.micros), Some(3_600_000_000));
        assert_eq!(read.max_lead.map(|l| l.micros), Some(48 * 3_600_000_000));
        assert_eq!(read.unit.as_deref(), Some("MW"));
        assert_eq!(read.labels.as_deref(), Some(r#"{"a":"b"}"#));
        assert_eq!(read.name.as_deref(), Some("a b"));
        let ids: Vec<u128> = read.series_id.unwrap().iter().map(Uuid::as_u128).collect();
        assert_eq!(ids, [1, 2, 3]);
        assert_eq!(parse("").unwrap().mode, Mode::Flat);
        for versions in [
            "all_versions=True",
            "include_updates=1",
            "all_versions=1&include_updates=0",
        ] {
            assert_eq!(parse(versions).unwrap().mode, Mode::Versions);
        }
        for (query, mode) in [
            ("include_knowledge_time=true", Mode::Overlapping),
            ("include_knowledge_time=false", Mode::Flat),
            ("include_knowledge_time=1&include_updates=1", Mode::Versions),
        ] {
            assert_eq!(parse(query).unwrap().mode, mode, "{query}");
        }
        assert_eq!(parse("all_versions=0&mode=flat").unwrap().mode, Mode::Flat);
        let read = parse(
            "mode=relative&window_length=1+day&issue_offset=-12h&start_window=1970-01-01&days_ahead=1&time_of_day=06:00&tz=UTC",
        )
        .unwrap();
        assert_eq!(read.mode, Mode::Relative);
        assert_eq!(read.window_length.map(|l| l.days), Some(1));
        assert_eq!(
            read.issue_offset.map(|l| l.micros),
            Some(-12 * 3_600_000_000)
        );
        assert_eq!(read.days_ahead, Some(1));
        assert_eq!(read.time_of_day, Some(TimeOfDay(6 * 3_600_000_000)));
        assert_eq!(read.tz.as_deref(), Some("UTC"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, kind, place) in [
            ("strat_valid=2025-01-01", "extra_forbidden", "strat_valid"),
            ("mode=best", "literal_error", "mode"),
            ("all_versions=maybe", "bool_parsing", "all_versions"),
            ("series_id=7", "uuid_parsing", "series_id"),
            ("name=%00", "string_pattern_mismatch", "name"),
            ("name=%ff", "string_unicode", "name"),
            ("name=50%", "url_parsing", "name"),
            ("unit=%zz", "url_parsing", "unit"),
            ("na%ffme=x", "string_unicode", "na%ffme"),
            ("name=a&name=b", "value_error", "name"),
            (
                "as_of=2025-01-01&unit=MW&as_of=2025-01-01",
                "value_error",
                "as_of",
            ),
            ("tz=%00", "string_pattern_mismatch", "tz"),
            ("end_known=", "datetime_from_date_parsing", "end_known"),
            ("as_of=yesterday", "datetime_from_date_parsing", "as_of"),
            ("min_lead=long", "time_delta_parsing", "min_lead"),
            ("days_ahead=one", "int_parsing", "days_ahead"),
            ("time_of_day=25:00", "time_parsing", "time_of_day"),
            ("labels=north", "dict_type", "labels"),
            ("labels=[]", "dict_type", "labels"),
            ("as_of=20250101", "datetime_from_date_parsing", "as_of"),
            ("time_unit=h&as_of=2025-01-01", "literal_error", "time_unit"),
        ] {
            let error = error(query);
            assert_eq!(error["type"], kind, "{query}");
            assert_eq!(error["loc"], json!(["query", place]), "{query}");
        }
    }
}
