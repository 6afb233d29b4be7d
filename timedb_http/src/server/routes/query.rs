//! Query strings: every parameter known by name and every value checked, because an ignored typo would return
//! everything. The result is what was asked for, in the form that the database's functions take.

pub(crate) mod about;
pub(super) mod arguments;
mod buckets;
pub(super) mod escapes;
pub(crate) mod format;
mod page;
mod read;
pub(crate) mod values;

use serde_json::Value;
use timedb_wire::reads::Argument;

pub(crate) use page::{MOST_ROWS, PageQuery};
pub(crate) use read::{OF_BUCKETS, ReadQuery, plan, plan_last};

use crate::server::{
    body::Problem, error::FieldError, guard::Query, head::Head, instant::TimeUnit,
};

/// Reads the query of a request with a body: what numbers in the body count, and nothing else.
pub(crate) fn parse_for_body(head: &Head) -> Query<Option<TimeUnit>> {
    each(head.query(), |name, value| match name {
        "time_unit" => values::time_unit(value),
        _ => Err(values::unknown()),
    })?;
    Ok(time_unit(head.query()))
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

/// Parameters of reads of which one may say more than the one before it.
const LISTS: [&str; 3] = [
    Argument::SeriesId.parameter(),
    Argument::Names.parameter(),
    Argument::Aggregates.parameter(),
];

/// Hands every parameter to `read`, and collects what that says is wrong with them. One that is given twice
/// is refused: whichever of them counted, the client may have meant the other.
pub(crate) fn each(query: &str, read: impl FnMut(&str, &str) -> Result<(), Problem>) -> Query<()> {
    each_but(&[], query, read)
}

/// As [`each`], for what reads series: some parameters may be given several times.
pub(crate) fn each_of_read(
    query: &str,
    read: impl FnMut(&str, &str) -> Result<(), Problem>,
) -> Query<()> {
    each_but(&LISTS, query, read)
}

fn each_but(
    lists: &[&str],
    query: &str,
    mut read: impl FnMut(&str, &str) -> Result<(), Problem>,
) -> Query<()> {
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
            Ok(value) if seen.contains(&name) && !lists.contains(&name.as_ref()) => Err((
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
    match errors.is_empty() {
        true => Ok(()),
        false => Err(errors),
    }
}

/// For what takes no parameters: none may be there, whatever it was meant to say.
pub(crate) fn none(head: &Head) -> Query<()> {
    each(head.query(), |_, _| Err(values::unknown()))
}

/// For what is the same whatever the parameters: they have to be readable.
pub(crate) fn any(query: &str) -> Query<()> {
    each_of_read(query, |_, _| Ok(()))
}

/// What is wrong with a value, with its place.
pub(crate) fn wrong(place: &[&str], value: impl Into<Value>, problem: Problem) -> FieldError {
    let place = place.iter().copied();
    let mut error = FieldError::new(problem.kind, place, problem.msg, value.into());
    error.ctx = problem.ctx;
    error
}
