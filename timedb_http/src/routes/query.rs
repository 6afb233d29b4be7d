//! The query string of `GET /values`: every parameter known by name, every value checked, since a typo that
//! is ignored would return everything.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{error::FieldError, instant, intake::Problem, output::Mode};

/// What to read.
#[derive(Debug, PartialEq)]
pub(super) struct Read {
    pub mode: Mode,
    pub series_id: Option<Vec<Uuid>>,
    pub name: Option<String>,
    pub start_valid: Option<i64>,
    pub end_valid: Option<i64>,
    pub start_known: Option<i64>,
    pub end_known: Option<i64>,
}

/// Reads a raw query string, or says what is wrong with it.
pub(super) fn parse(query: &str) -> Result<Read, Vec<FieldError>> {
    let mut read = Read {
        mode: Mode::Flat,
        series_id: None,
        name: None,
        start_valid: None,
        end_valid: None,
        start_known: None,
        end_known: None,
    };
    let mut all_versions = false;
    let mut errors = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let result = match name.as_ref() {
            "start_valid" => time(&value).map(|time| read.start_valid = Some(time)),
            "end_valid" => time(&value).map(|time| read.end_valid = Some(time)),
            "start_known" => time(&value).map(|time| read.start_known = Some(time)),
            "end_known" => time(&value).map(|time| read.end_known = Some(time)),
            "mode" => mode(&value).map(|mode| read.mode = mode),
            "all_versions" => truth(&value).map(|truth| all_versions = truth),
            "series_id" => {
                ids(&value).map(|ids| read.series_id.get_or_insert_default().extend(ids))
            }
            "name" if value.contains('\0') => Err(Problem::new(
                "string_pattern_mismatch",
                "Input should not contain the character U+0000",
            )),
            "name" => {
                read.name = Some(value.to_string());
                Ok(())
            }
            _ => Err(Problem::new(
                "extra_forbidden",
                "Extra inputs are not permitted",
            )),
        };
        if let Err(problem) = result {
            let place = vec![json!("query"), json!(name)];
            let input = Value::from(value.as_ref());
            let mut error = FieldError::new(problem.kind, place, problem.msg, input);
            error.ctx = problem.ctx;
            errors.push(error);
        }
    }
    if all_versions {
        read.mode = Mode::Versions;
    }
    if errors.is_empty() {
        Ok(read)
    } else {
        Err(errors)
    }
}

fn time(value: &str) -> Result<i64, Problem> {
    instant::parse(value).map_err(Problem::instant)
}

fn mode(value: &str) -> Result<Mode, Problem> {
    match value {
        "flat" => Ok(Mode::Flat),
        "overlapping" => Ok(Mode::Overlapping),
        _ => Err(Problem {
            ctx: Some(json!({ "expected": "'flat' or 'overlapping'" })),
            ..Problem::new("literal_error", "Input should be 'flat' or 'overlapping'")
        }),
    }
}

fn truth(value: &str) -> Result<bool, Problem> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" | "t" | "y" => Ok(true),
        "false" | "0" | "no" | "off" | "f" | "n" => Ok(false),
        _ => Err(Problem::new(
            "bool_parsing",
            "Input should be a valid boolean, unable to interpret input",
        )),
    }
}

/// One id, or several with commas between.
fn ids(value: &str) -> Result<Vec<Uuid>, Problem> {
    let ids = value.split(',').map(|id| Uuid::try_parse(id.trim()));
    ids.collect::<Result<_, _>>().map_err(|_| Problem::uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(query: &str) -> Value {
        json!(parse(query).unwrap_err())[0].clone()
    }

    #[test]
    fn every_parameter_is_read() {
        let read = parse(
            "start_valid=2025-01-01T00%3A00%3A00%2B00%3A00&end_valid=2025-01-02&start_known=0&end_known=1\
             &mode=overlapping&name=a+b&series_id=00000000-0000-0000-0000-000000000001,\
             00000000-0000-0000-0000-000000000002&series_id=00000000-0000-0000-0000-000000000003",
        )
        .unwrap();
        assert_eq!(read.mode, Mode::Overlapping);
        assert_eq!(read.start_valid, Some(1_735_689_600_000_000));
        assert_eq!(read.end_known, Some(1_000_000));
        assert_eq!(read.name.as_deref(), Some("a b"));
        let ids: Vec<u128> = read.series_id.unwrap().iter().map(Uuid::as_u128).collect();
        assert_eq!(ids, [1, 2, 3]);
        assert_eq!(parse("").unwrap().mode, Mode::Flat);
        assert_eq!(parse("all_versions=True").unwrap().mode, Mode::Versions);
        assert_eq!(parse("all_versions=0&mode=flat").unwrap().mode, Mode::Flat);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, kind, place) in [
            ("strat_valid=2025-01-01", "extra_forbidden", "strat_valid"),
            ("mode=best", "literal_error", "mode"),
            ("all_versions=maybe", "bool_parsing", "all_versions"),
            ("series_id=7", "uuid_parsing", "series_id"),
            ("name=%00", "string_pattern_mismatch", "name"),
            ("end_known=", "datetime_from_date_parsing", "end_known"),
            (
                "start_valid=2025-01-01T00:00:00+00:00",
                "datetime_from_date_parsing",
                "start_valid",
            ),
        ] {
            let error = error(query);
            assert_eq!(error["type"], kind, "{query}");
            assert_eq!(error["loc"], json!(["query", place]), "{query}");
        }
    }
}
