//! The parameters of any query string, one after the other, and what is wrong with them.

use serde_json::{Value, json};
use timedb_wire::reads::Argument;

use super::{escapes, values};
use crate::server::{body::Problem, error::FieldError, instant::TimeUnit};

/// Reads the raw query string of a request with a body: what numbers in the body count, and nothing else.
pub(crate) fn parse_for_body(query: &str) -> Result<Option<TimeUnit>, Vec<FieldError>> {
    each(query, |name, value| match name {
        "time_unit" => values::time_unit(value),
        _ => Err(values::unknown()),
    })?;
    Ok(time_unit(query))
}

/// What the numbers of a query count, wherever it says so.
pub(crate) fn time_unit(query: &str) -> Option<TimeUnit> {
    let mut unit = None;
    // Whatever is wrong with parameters, whoever reads them says so.
    let _told_elsewhere = each(query, |name, value| {
        if name == "time_unit" {
            unit = TimeUnit::named(value);
        }
        Ok(())
    });
    unit
}

/// Parameters of which one may say more than the one before it.
const LISTS: [&str; 2] = [
    Argument::SeriesId.parameter(),
    Argument::Aggregates.parameter(),
];

/// Hands every parameter to `read`, and collects what that says is wrong with them. One that is given twice
/// is refused: whichever of them counted, the client may have meant the other.
pub(crate) fn each(
    query: &str,
    mut read: impl FnMut(&str, &str) -> Result<(), Problem>,
) -> Result<(), Vec<FieldError>> {
    let (mut errors, mut seen) = (Vec::new(), Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (raw_name, raw_value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = match escapes::of_query(raw_name) {
            Ok(name) => name,
            Err(problem) => {
                errors.push(wrong(&["query", raw_name], raw_name, problem));
                continue;
            }
        };
        let problem = match escapes::of_query(raw_value) {
            Err(problem) => Err((raw_value.into(), problem)),
            Ok(value) if seen.contains(&name) && !LISTS.contains(&name.as_ref()) => Err((
                value,
                Problem::new("value_error", "Input should be given once"),
            )),
            Ok(value) => read(&name, &value).map_err(|problem| (value, problem)),
        };
        if let Err((value, problem)) = problem {
            errors.push(wrong(&["query", &name], value.as_ref(), problem));
        }
        seen.push(name);
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

/// For what takes no parameters: none may be there, whatever it was meant to say.
pub(crate) fn none(query: &str) -> Result<(), Vec<FieldError>> {
    each(query, |_, _| Err(values::unknown()))
}

/// For what is the same whatever the parameters: they have to be readable.
pub(crate) fn any(query: &str) -> Result<(), Vec<FieldError>> {
    each(query, |_, _| Ok(()))
}

/// What is wrong with a value, with its place.
pub(crate) fn wrong(place: &[&str], value: impl Into<Value>, problem: Problem) -> FieldError {
    let place = place.iter().map(|part| json!(part)).collect();
    let mut error = FieldError::new(problem.kind, place, problem.msg, value.into());
    error.ctx = problem.ctx;
    error
}
