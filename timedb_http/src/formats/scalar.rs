//! One value of a body, and the conversions that clients rely on, such as numbers as text. All readers use these, so they
//! can't disagree.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use timedb_wire::json::{MAX_NESTING, nesting};
use uuid::Uuid;

use crate::server::{
    duration::{self, Interval, NoLength},
    instant::{self, Malformed, TimeUnit},
};

/// A JSON value, with lists and objects as they came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    /// Unchanged: a float may have lost some of its digits.
    Number(&'a str),
    Text(Cow<'a, str>),
    Composite(&'a str),
    /// A string with half a surrogate pair: JSON by its grammar, but no text.
    Unreadable,
}

/// What is wrong with a value, in pydantic's words; the reader adds its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    pub kind: &'static str,
    pub msg: String,
    pub ctx: Option<Value>,
}

impl Problem {
    pub(crate) fn new(kind: &'static str, msg: &str) -> Self {
        Self {
            kind,
            msg: msg.to_owned(),
            ctx: None,
        }
    }

    pub(crate) fn instant(malformed: Malformed) -> Self {
        Self::instant_or(malformed, "a JSON number with time_unit (s, ms, us or ns)")
    }

    /// As [`Problem::instant`], and what else than ISO 8601 the digits could be written as.
    pub(crate) fn instant_or(malformed: Malformed, other_form: &str) -> Self {
        let mut error = malformed.to_string();
        let mut advice = ": write ISO 8601 such as 2025-01-01T00:00:00Z";
        if malformed.is_digits() {
            error = format!("{error}{advice}, or {other_form}");
            advice = "";
        }
        Self {
            kind: "datetime_from_date_parsing",
            msg: format!("Input should be a valid datetime or date, {error}{advice}"),
            ctx: Some(json!({ "error": error })),
        }
    }

    pub(crate) fn time_unit() -> Self {
        const EXPECTED: &str = "'s', 'ms', 'us' or 'ns'";
        Self {
            ctx: Some(json!({ "expected": EXPECTED })),
            ..Self::new("literal_error", &format!("Input should be {EXPECTED}"))
        }
    }

    pub(crate) fn blank_unit() -> Self {
        Self::new(
            "value_error",
            "Value error, a unit must not be blank (Use dimensionless for a pure number.)",
        )
    }

    pub(crate) fn length(no_length: NoLength) -> Self {
        let told = match no_length {
            NoLength::Unreadable => {
                "Input should be a length of time, such as 24h, 15 min, 1 day or PT1H"
            }
            NoLength::MinuteOrMonth => {
                "Input should be a length of time, M is a minute to some and a month to others: write 1min or PT1M, or \
                 1mo or P1M"
            }
        };
        Self::new("time_delta_parsing", told)
    }

    pub(crate) fn uuid() -> Self {
        Self::new("uuid_parsing", "Input should be a valid UUID")
    }

    pub(crate) fn unreadable() -> Self {
        Self::new(
            "string_unicode",
            "Input should be a valid string, unable to parse raw data as a unicode string",
        )
    }

    pub(crate) fn no_object() -> Self {
        Self::new(
            "model_attributes_type",
            "Input should be a valid dictionary or object to extract fields from",
        )
    }

    pub(crate) fn no_list() -> Self {
        Self::new("list_type", "Input should be a valid list")
    }
}

impl<'a> Scalar<'a> {
    /// Reads one value that is known to be well-formed JSON.
    pub(crate) fn of(raw: &'a RawValue) -> Self {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'"') => match serde_json::from_str(text) {
                Ok(Text(text)) => Self::Text(text),
                Err(_) => Self::Unreadable,
            },
            Some(b'n') => Self::Null,
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'[' | b'{') => Self::Composite(text),
            _ => Self::Number(text),
        }
    }

    /// A finite number.
    pub(crate) fn number(&self) -> Result<f64, Problem> {
        let number: f64 = match self {
            // Infinite where it is beyond every float.
            Self::Number(text) => text.parse().unwrap_or(f64::INFINITY),
            Self::Text(text) => text.trim().parse().map_err(|_| {
                Problem::new(
                    "float_parsing",
                    "Input should be a valid number, unable to parse string as a number",
                )
            })?,
            _ => return Err(Problem::new("float_type", "Input should be a valid number")),
        };
        let infinite = || Problem::new("finite_number", "Input should be a finite number");
        number.is_finite().then_some(number).ok_or_else(infinite)
    }

    /// An instant in microseconds since 1970. A number is one only with a unit.
    pub(crate) fn instant(&self, unit: Option<TimeUnit>) -> Result<i64, Problem> {
        match (self, unit) {
            (Self::Text(text), _) => instant::parse(text).map_err(Problem::instant),
            (Self::Number(text), Some(unit)) => instant::from_number(text, unit)
                .unwrap_or_else(|| instant::parse(text))
                .map_err(Problem::instant),
            (Self::Number(_), None) => Err(Problem::new(
                "datetime_type",
                "Input should be a valid datetime, a number is one only with time_unit (s, ms, us or ns): say it \
                 in the request, or write ISO 8601 such as 2025-01-01T00:00:00Z",
            )),
            _ => Err(Problem::new(
                "datetime_type",
                "Input should be a valid datetime",
            )),
        }
    }

    /// What the numbers of a request count.
    pub(crate) fn time_unit(&self) -> Result<TimeUnit, Problem> {
        match self {
            Self::Text(text) => TimeUnit::named(text).ok_or_else(Problem::time_unit),
            _ => Err(Problem::time_unit()),
        }
    }

    /// A text that PostgreSQL can hold.
    pub(crate) fn text(self) -> Result<Cow<'a, str>, Problem> {
        match self {
            Self::Text(text) if text.contains('\0') => Err(Problem::new(
                "string_pattern_mismatch",
                "Input should not contain the character U+0000",
            )),
            Self::Text(text) => Ok(text),
            Self::Unreadable => Err(Problem::unreadable()),
            _ => Err(Problem::new(
                "string_type",
                "Input should be a valid string",
            )),
        }
    }

    /// A unit: a text that is not blank, which would be taken for that of a mere number.
    pub(crate) fn unit(self) -> Result<Cow<'a, str>, Problem> {
        let text = self.text()?;
        match text.trim().is_empty() {
            true => Err(Problem::blank_unit()),
            false => Ok(text),
        }
    }

    /// The text of an object.
    pub(crate) fn object(self) -> Result<&'a str, Problem> {
        match self {
            Self::Composite(text) if text.starts_with('{') => Ok(text),
            _ => Err(Problem::new(
                "dict_type",
                "Input should be a valid dictionary",
            )),
        }
    }

    /// The text of an object that the database stores as it is.
    pub(crate) fn kept_object(self) -> Result<&'a str, Problem> {
        let text = self.object()?;
        let levels = nesting(text);
        if levels <= MAX_NESTING {
            return Ok(text);
        }
        let told = format!(
            "Value error, lists and objects may be nested at most {MAX_NESTING} levels deep, not {levels}"
        );
        Err(Problem::new("value_error", &told))
    }

    /// The elements of a list.
    pub(crate) fn list(self) -> Result<Vec<&'a RawValue>, Problem> {
        match self {
            Self::Composite(text) => serde_json::from_str(text).map_err(|_| Problem::no_list()),
            _ => Err(Problem::no_list()),
        }
    }

    /// True or false.
    pub(crate) fn truth(&self) -> Result<bool, Problem> {
        match self {
            Self::Bool(truth) => Ok(*truth),
            _ => Err(Problem::new("bool_type", "Input should be a valid boolean")),
        }
    }

    /// A whole number. One that is written with a fraction of zero is one, as in JSON Schema.
    pub(crate) fn integer(&self) -> Result<i32, Problem> {
        let whole = match self {
            Self::Number(text) => text.parse().ok().or_else(|| whole(text)),
            _ => None,
        };
        whole.ok_or_else(|| Problem::new("int_type", "Input should be a valid integer"))
    }

    /// A length of time; a number is one of seconds.
    pub(crate) fn length(&self) -> Result<Interval, Problem> {
        let text = match self {
            Self::Number(text) => text,
            Self::Text(text) => text.as_ref(),
            _ => {
                return Err(Problem::new(
                    "time_delta_type",
                    "Input should be a length of time, such as 24h, 15 min, 1 day or PT1H",
                ));
            }
        };
        duration::parse(text).map_err(Problem::length)
    }

    /// The id of a series or a batch.
    pub(crate) fn uuid(&self) -> Result<Uuid, Problem> {
        match self {
            Self::Text(text) => Uuid::try_parse(text).map_err(|_| Problem::uuid()),
            _ => Err(Problem::new("uuid_type", "UUID input should be a string")),
        }
    }
}

/// The whole number that a text with a fraction or an exponent stands for.
fn whole(text: &str) -> Option<i32> {
    let number: f64 = text.parse().ok()?;
    let is_whole =
        number.fract() == 0.0 && (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number);
    // It fits, and nothing is cut off.
    is_whole.then_some(number as i32)
}

/// A text or a member's name, borrowed from the body unless it has escapes.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// Checks that a text says labels: a JSON object that the database can store.
pub(crate) fn read_labels(text: &str) -> Result<(), Problem> {
    let raw: Option<&RawValue> = serde_json::from_str(text).ok();
    let no_object = || {
        Problem::new(
            "dict_type",
            "Input should be a JSON object, such as {\"site\": \"north\"}",
        )
    };
    if text.contains('\0') {
        return Err(no_object());
    }
    match raw.map(Scalar::of) {
        Some(Scalar::Composite(object)) if object.starts_with('{') => {
            Scalar::Composite(object).kept_object().map(drop)
        }
        _ => Err(no_object()),
    }
}
