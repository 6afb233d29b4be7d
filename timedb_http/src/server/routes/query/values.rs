//! The values of query parameters: from text to what the database takes, or what is wrong with it in pydantic's words.

use serde_json::{Value, json};
use timedb_wire::Aggregate;
use uuid::Uuid;

use crate::server::{
    body::Problem,
    db::PgInstant,
    duration::{self, Interval, NoLength, TimeOfDay},
    instant::{self, TimeUnit},
    rows::Mode,
};

const FILLS: [&str; 4] = ["none", "null", "last", "linear"];

/// Most things that a list answers at a time.
const MOST_ANSWERED: usize = 10_000;

/// A parameter that nobody knows.
pub(crate) fn unknown() -> Problem {
    Problem::new("extra_forbidden", "Extra inputs are not permitted")
}

/// An instant; with a unit a number is one too.
pub(crate) fn instant(value: &str, unit: Option<TimeUnit>) -> Result<PgInstant, Problem> {
    let number = unit.and_then(|unit| instant::from_number(value, unit));
    let read = number.unwrap_or_else(|| instant::parse_in_query(value));
    let problem = |malformed| {
        Problem::instant_or(
            malformed,
            "give their unit with time_unit (s, ms, us or ns)",
        )
    };
    read.map(PgInstant).map_err(problem)
}

/// What the numbers of a request count; `parameters::time_unit` reads it before the other parameters.
pub(crate) fn time_unit(value: &str) -> Result<(), Problem> {
    TimeUnit::named(value)
        .map(drop)
        .ok_or_else(Problem::time_unit)
}

/// A length of time.
pub(crate) fn length(value: &str) -> Result<Interval, Problem> {
    let problem = |no_length| {
        let told = match no_length {
            NoLength::Unreadable => {
                "Input should be a length of time, such as 24h, 15 min, 1 day or PT1H"
            }
            NoLength::MinuteOrMonth => {
                "Input should be a length of time, M is a minute to some and a month to others: write 1min or PT1M, or \
                 1mo or P1M"
            }
        };
        Problem::new("time_delta_parsing", told)
    };
    duration::parse(value).map_err(problem)
}

/// A time of day. `24:00`, the end of the day, is one as it is to the database.
pub(crate) fn time_of_day(value: &str) -> Result<TimeOfDay, Problem> {
    if matches!(value.trim(), "24:00" | "24:00:00") {
        return Ok(TimeOfDay(86_400_000_000));
    }
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
    instant::time_of_day(value).map(TimeOfDay).map_err(problem)
}

/// A whole number.
pub(crate) fn integer(value: &str) -> Result<i32, Problem> {
    let problem = |_| {
        Problem::new(
            "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer",
        )
    };
    value.trim().parse().map_err(problem)
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

/// A unit of measurement.
pub(crate) fn unit(value: &str, into: &mut Option<String>) -> Result<(), Problem> {
    match value.trim().is_empty() {
        true => Err(Problem::blank_unit()),
        false => text(value, into),
    }
}

/// A JSON object, unchanged.
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

/// How many to answer at most.
pub(crate) fn limit(value: &str, into: &mut usize) -> Result<(), Problem> {
    let most = i32::try_from(MOST_ANSWERED).unwrap_or(i32::MAX);
    match integer(value)? {
        limit if limit < 1 => Err(Problem {
            ctx: Some(json!({ "ge": 1 })),
            ..Problem::new(
                "greater_than_equal",
                "Input should be greater than or equal to 1",
            )
        }),
        limit if limit > most => Err(Problem {
            ctx: Some(json!({ "le": most })),
            ..Problem::new(
                "less_than_equal",
                &format!("Input should be less than or equal to {most}"),
            )
        }),
        limit => {
            *into = usize::try_from(limit).unwrap_or(*into);
            Ok(())
        }
    }
}

/// One id.
pub(crate) fn id(value: &str, into: &mut Option<Uuid>) -> Result<(), Problem> {
    *into = Some(Uuid::try_parse(value.trim()).map_err(|_| Problem::uuid())?);
    Ok(())
}

/// One id, or several with commas between.
pub(crate) fn ids(value: &str) -> Result<Vec<Uuid>, Problem> {
    let ids = value.split(',').map(|id| Uuid::try_parse(id.trim()));
    ids.collect::<Result<_, _>>().map_err(|_| Problem::uuid())
}

/// One aggregate, or several with commas between.
pub(super) fn aggregates(value: &str, into: &mut Vec<&'static str>) -> Result<(), Problem> {
    for name in value.split(',') {
        let name = match name.trim() {
            "twa" => "time_weighted_avg",
            name => name,
        };
        let known = choice(name, &Aggregate::ALL.map(Aggregate::name))?;
        if !into.contains(&known) {
            into.push(known);
        }
    }
    Ok(())
}

/// What buckets without values contain.
pub(super) fn fill(value: &str) -> Result<&'static str, Problem> {
    choice(value, &FILLS)
}

fn choice(value: &str, choices: &[&'static str]) -> Result<&'static str, Problem> {
    if let Some(known) = choices.iter().find(|choice| **choice == value) {
        return Ok(known);
    }
    let quoted: Vec<String> = choices.iter().map(|choice| format!("'{choice}'")).collect();
    let (last, others) = quoted.split_last().map_or(("", &[][..]), |(l, o)| (l, o));
    let expected = format!("{} or {last}", others.join(", "));
    Err(Problem {
        ctx: Some(json!({ "expected": expected })),
        ..Problem::new("literal_error", &format!("Input should be {expected}"))
    })
}
