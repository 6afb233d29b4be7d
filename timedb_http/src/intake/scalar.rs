//! One JSON value as a body brings it, and the lenient conversions that clients rely on: numbers as text,
//! epoch seconds as instants. Both readers use these, so they can't disagree.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Value, json, value::RawValue};
use uuid::Uuid;

use crate::instant::{self, Malformed};

/// A JSON value, with lists and objects only named.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    Composite,
    /// A string with half a surrogate pair: JSON by its grammar, but no text.
    Unreadable,
}

/// What is wrong with a value, in pydantic's words; where it stands is the reader's to add.
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
        let error = malformed.to_string();
        Self {
            kind: "datetime_from_date_parsing",
            msg: format!("Input should be a valid datetime or date, {error}"),
            ctx: Some(json!({ "error": error })),
        }
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

    fn not_finite() -> Self {
        Self::new("finite_number", "Input should be a finite number")
    }
}

impl<'a> Scalar<'a> {
    /// Reads one value that is known to be well-formed JSON.
    pub(crate) fn of(raw: &'a RawValue) -> Self {
        serde_json::from_str(raw.get()).unwrap_or_else(|_| match raw.get().as_bytes().first() {
            Some(b'"') => Self::Unreadable,
            Some(b'[' | b'{') => Self::Composite,
            // Well-formed, and still not read: a number beyond every float.
            _ => Self::Number(f64::INFINITY),
        })
    }

    /// A finite number, or `None` for null.
    pub(crate) fn number(&self) -> Result<Option<f64>, Problem> {
        let number = match self {
            Self::Null => return Ok(None),
            Self::Number(number) => *number,
            Self::Bool(truth) => f64::from(u8::from(*truth)),
            Self::Text(text) => text.trim().parse().map_err(|_| {
                Problem::new(
                    "float_parsing",
                    "Input should be a valid number, unable to parse string as a number",
                )
            })?,
            Self::Composite | Self::Unreadable => {
                return Err(Problem::new("float_type", "Input should be a valid number"));
            }
        };
        if number.is_finite() {
            Ok(Some(number))
        } else {
            Err(Problem::not_finite())
        }
    }

    /// An instant in microseconds since 1970.
    pub(crate) fn instant(&self) -> Result<i64, Problem> {
        match self {
            Self::Text(text) => instant::parse(text).map_err(Problem::instant),
            Self::Number(number) => instant::from_number(*number).map_err(Problem::instant),
            _ => Err(Problem::new(
                "datetime_type",
                "Input should be a valid datetime",
            )),
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

    /// True or false.
    pub(crate) fn truth(&self) -> Result<bool, Problem> {
        match self {
            Self::Bool(truth) => Ok(*truth),
            _ => Err(Problem::new("bool_type", "Input should be a valid boolean")),
        }
    }

    /// The id of a series or a batch.
    pub(crate) fn uuid(&self) -> Result<Uuid, Problem> {
        match self {
            Self::Text(text) => Uuid::try_parse(text).map_err(|_| Problem::uuid()),
            _ => Err(Problem::new("uuid_type", "UUID input should be a string")),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Bool(truth))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(number as f64))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Composite)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Composite)
    }
}
