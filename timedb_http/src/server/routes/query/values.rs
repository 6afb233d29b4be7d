//! The values of query parameters: from text to what the database takes, or what is wrong with it in pydantic's words.

use std::{borrow::Cow, time::Duration};

use serde_json::{Value, json};
use timedb_wire::Aggregate;
use uuid::Uuid;

use crate::formats::rows::Mode;
use crate::server::{
    body::{NOT_PERMITTED, Problem},
    db::PgInstant,
    duration::{self, Interval, TimeOfDay},
    instant::{self, TimeUnit},
};

/// Most things that a list answers at a time.
pub(crate) const MOST_ANSWERED: usize = 10_000;
/// The modes that a parameter may name.
pub(crate) const MODES: [Mode; 3] = [Mode::Flat, Mode::Overlapping, Mode::Relative];
/// What may stand in empty buckets.
pub(crate) const FILLS: [&str; 4] = ["none", "null", "last", "linear"];
/// The longest that a request waits for news, as many proxies give up an answer that takes longer.
const MOST_WAIT: Duration = Duration::from_secs(60);

/// A parameter that nobody knows.
pub(crate) fn unknown() -> Problem {
    Problem::new("extra_forbidden", NOT_PERMITTED)
}

/// An instant; with a unit a number is one too.
pub(crate) fn instant(value: &str, unit: Option<TimeUnit>) -> Result<PgInstant, Problem> {
    let number = unit.and_then(|unit| instant::from_number(value, unit));
    let read = number.unwrap_or_else(|| instant::parse_in_query(value));
    let advice = "give their unit with time_unit (s, ms, us or ns)";
    read.map(PgInstant)
        .map_err(|malformed| Problem::instant_or(malformed, advice))
}

/// What the numbers of a request count; `query::time_unit` reads it before the other parameters.
pub(crate) fn time_unit(value: &str) -> Result<(), Problem> {
    TimeUnit::named(value)
        .map(drop)
        .ok_or_else(Problem::time_unit)
}

/// A length of time.
pub(crate) fn length(value: &str) -> Result<Interval, Problem> {
    duration::parse(value).map_err(Problem::length)
}

/// How long a request waits for news.
pub(crate) fn wait(value: &str) -> Result<Duration, Problem> {
    let Interval {
        months,
        days,
        micros,
    } = length(value)?;
    let most = MOST_WAIT.as_secs();
    match u64::try_from(micros).map(Duration::from_micros) {
        Ok(wait) if months == 0 && days == 0 && wait <= MOST_WAIT => Ok(wait),
        Ok(_) if months >= 0 && days >= 0 => {
            let told = format!("less than or equal to {most} seconds");
            Err(should_be("less_than_equal", &told, "le", json!(most)))
        }
        _ => Err(should_be(
            "greater_than_equal",
            "greater than or equal to 0 seconds",
            "ge",
            json!(0),
        )),
    }
}

/// For a stream of events, which waits anyway.
pub(crate) fn no_wait_for_events() -> Problem {
    Problem::new(
        "value_error",
        "Input should not be given with Accept: text/event-stream, which waits as long as the stream lasts",
    )
}

/// A time of day. `24:00`, the end of the day, is one as it is to the database.
pub(crate) fn time_of_day(value: &str) -> Result<TimeOfDay, Problem> {
    if matches!(value.trim(), "24:00" | "24:00:00") {
        return Ok(TimeOfDay(86_400_000_000));
    }
    let problem = |malformed: instant::Malformed| {
        let error = malformed.to_string();
        let told = format!("a time of day such as 06:00, {error}");
        should_be("time_parsing", &told, "error", json!(error))
    };
    instant::time_of_day(value).map(TimeOfDay).map_err(problem)
}

/// A whole number.
pub(crate) fn integer(value: &str) -> Result<i32, Problem> {
    let told = "Input should be a valid integer, unable to parse string as an integer";
    let number = value.trim().parse();
    number.map_err(|_| Problem::new("int_parsing", told))
}

pub(crate) fn text(value: &str) -> Result<String, Problem> {
    match value.contains('\0') {
        true => Err(Problem::new(
            "string_pattern_mismatch",
            "Input should not contain the character U+0000",
        )),
        false => Ok(value.to_owned()),
    }
}

/// A unit of measurement.
pub(crate) fn unit(value: &str) -> Result<String, Problem> {
    match value.trim().is_empty() {
        true => Err(Problem::blank_unit()),
        false => text(value),
    }
}

/// A JSON object, unchanged.
pub(crate) fn labels(value: &str) -> Result<String, Problem> {
    match serde_json::from_str(value) {
        Ok(Value::Object(_)) => text(value),
        _ => Err(Problem::new(
            "dict_type",
            "Input should be a JSON object, such as {\"site\": \"north\"}",
        )),
    }
}

pub(crate) fn mode(value: &str) -> Result<Mode, Problem> {
    choice(value, &MODES, Mode::name)
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

/// How many to answer at most.
pub(crate) fn limit(value: &str) -> Result<usize, Problem> {
    limit_to(MOST_ANSWERED, value)
}

/// How many to answer, where there may be this many at most.
pub(crate) fn limit_to(most: usize, value: &str) -> Result<usize, Problem> {
    let bound = |kind, relation: &str, member, bound: usize| {
        let told = format!("{relation} than or equal to {bound}");
        should_be(kind, &told, member, json!(bound))
    };
    match usize::try_from(integer(value)?) {
        Err(_) | Ok(0) => Err(bound("greater_than_equal", "greater", "ge", 1)),
        Ok(limit) if limit > most => Err(bound("less_than_equal", "less", "le", most)),
        Ok(limit) => Ok(limit),
    }
}

/// One id.
pub(crate) fn id(value: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(value.trim()).map_err(|_| Problem::uuid())
}

/// One id, or several with commas between.
pub(crate) fn ids(value: &str) -> Result<Vec<Uuid>, Problem> {
    value.split(',').map(id).collect()
}

/// One aggregate, or several with commas between.
pub(super) fn aggregates(value: &str, into: &mut Vec<Cow<'static, str>>) -> Result<(), Problem> {
    for name in value.split(',') {
        let name = match name.trim() {
            "twa" => "time_weighted_avg",
            name => name,
        };
        let known = choice(name, &Aggregate::ALL, Aggregate::name)?.name();
        if !into.iter().any(|named| named == known) {
            into.push(known.into());
        }
    }
    Ok(())
}

/// What buckets without values contain.
pub(super) fn fill(value: &str) -> Result<&'static str, Problem> {
    choice(value, &FILLS, |name| name)
}

pub(super) fn choice<T: Copy>(
    value: &str,
    known: &[T],
    name: fn(T) -> &'static str,
) -> Result<T, Problem> {
    let mut choices = known.iter().copied();
    choices
        .find(|choice| name(*choice) == value)
        .ok_or_else(|| {
            let quoted = known.iter().map(|choice| format!("'{}'", name(*choice)));
            let mut told = quoted.collect::<Vec<_>>().join(", ");
            if let Some((others, last)) = told.rsplit_once(", ") {
                told = format!("{others} or {last}");
            }
            should_be("literal_error", &told, "expected", json!(told))
        })
}

/// A problem with one member of context.
fn should_be(kind: &'static str, told: &str, member: &str, context: Value) -> Problem {
    Problem {
        ctx: Some(json!({ member: context })),
        ..Problem::new(kind, &format!("Input should be {told}"))
    }
}
