//! The values of query parameters: text to what the database takes, or what is wrong with it in pydantic's words.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    db::PgInstant,
    duration::{self, Interval, TimeOfDay},
    error::FieldError,
    instant,
    intake::Problem,
    output::Mode,
};

/// The error of a parameter, with its place.
pub(crate) fn error(name: &str, value: &str, problem: Problem) -> FieldError {
    let place = vec![json!("query"), json!(name)];
    let mut error = FieldError::new(problem.kind, place, problem.msg, Value::from(value));
    error.ctx = problem.ctx;
    error
}

/// A parameter that nobody knows.
pub(crate) fn unknown() -> Problem {
    Problem::new("extra_forbidden", "Extra inputs are not permitted")
}

pub(crate) fn instant(value: &str, into: &mut Option<PgInstant>) -> Result<(), Problem> {
    *into = Some(PgInstant(instant::parse(value).map_err(Problem::instant)?));
    Ok(())
}

/// A length of time.
pub(crate) fn length(value: &str, into: &mut Option<Interval>) -> Result<(), Problem> {
    let problem = || {
        Problem::new(
            "time_delta_parsing",
            "Input should be a length of time, such as 24h, 15 min, 1 day or PT1H",
        )
    };
    *into = Some(duration::parse(value).ok_or_else(problem)?);
    Ok(())
}

pub(crate) fn time_of_day(value: &str, into: &mut Option<TimeOfDay>) -> Result<(), Problem> {
    let problem = |malformed: instant::Malformed| {
        let error = malformed.to_string();
        Problem {
            ctx: Some(json!({ "error": error })),
            ..Problem::new(
                "time_parsing",
                &format!("Input should be a time of day such as 06:00, {error}"),
            )
        }
    };
    *into = Some(TimeOfDay(instant::time_of_day(value).map_err(problem)?));
    Ok(())
}

/// A whole number.
pub(crate) fn integer(value: &str, into: &mut Option<i32>) -> Result<(), Problem> {
    let problem = |_| {
        Problem::new(
            "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer",
        )
    };
    *into = Some(value.trim().parse().map_err(problem)?);
    Ok(())
}

pub(crate) fn text(value: &str, into: &mut Option<String>) -> Result<(), Problem> {
    if value.contains('\0') {
        return Err(Problem::new(
            "string_pattern_mismatch",
            "Input should not contain the character U+0000",
        ));
    }
    *into = Some(value.to_owned());
    Ok(())
}

/// A JSON object, as it stands.
pub(crate) fn labels(value: &str, into: &mut Option<String>) -> Result<(), Problem> {
    match serde_json::from_str(value) {
        Ok(Value::Object(_)) => text(value, into),
        _ => Err(Problem::new(
            "dict_type",
            "Input should be a JSON object, such as {\"site\": \"north\"}",
        )),
    }
}

pub(crate) fn mode(value: &str) -> Result<Mode, Problem> {
    const EXPECTED: &str = "'flat', 'overlapping' or 'relative'";
    match value {
        "flat" => Ok(Mode::Flat),
        "overlapping" => Ok(Mode::Overlapping),
        "relative" => Ok(Mode::Relative),
        _ => Err(Problem {
            ctx: Some(json!({ "expected": EXPECTED })),
            ..Problem::new("literal_error", &format!("Input should be {EXPECTED}"))
        }),
    }
}

pub(crate) fn truth(value: &str) -> Result<bool, Problem> {
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
pub(crate) fn ids(value: &str) -> Result<Vec<Uuid>, Problem> {
    let ids = value.split(',').map(|id| Uuid::try_parse(id.trim()));
    ids.collect::<Result<_, _>>().map_err(|_| Problem::uuid())
}
