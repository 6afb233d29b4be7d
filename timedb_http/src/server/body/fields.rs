//! A body's top level as raw members, and the list of what is wrong with it in pydantic's form.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, json, value::RawValue};

use super::{
    kept::kept_object,
    scalar::{Problem, Scalar, Text},
};
use crate::server::{error::FieldError, instant::TimeUnit};

/// An error list names this many places; a million bad rows need no million entries.
const MOST_ERRORS: usize = 100;
/// Longer inputs are not echoed.
const LONGEST_ECHO: usize = 4096;

/// The members of a JSON object in order; a repeated key counts with its last value, as everywhere in JSON.
#[derive(Default)]
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    pub(crate) fn push(&mut self, name: Cow<'a, str>, value: &'a RawValue) {
        self.0.push((name, value));
    }

    /// A member's value; `None` when it is absent.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let member = self.0.iter().rev().find(|(key, _)| key == name);
        member.map(|(_, value)| *value)
    }

    /// Like `get`, with null the same as absent.
    pub(crate) fn present(&self, name: &str) -> Option<&'a RawValue> {
        self.get(name).filter(|value| value.get() != "null")
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), *value))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Members::default();
                while let Some(name) = map.next_key::<Text<'de>>()? {
                    members.push(name.0, map.next_value()?);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// Reads a body that must be a JSON object.
pub(crate) fn read_object(body: &[u8]) -> Result<Members<'_>, Vec<FieldError>> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(vec![FieldError::new(
            "missing",
            vec![json!("body")],
            "Field required",
            Value::Null,
        )]);
    }
    let raw: &RawValue =
        serde_json::from_slice(body).map_err(|error| vec![syntax_error(body, &error)])?;
    serde_json::from_str(raw.get()).map_err(|_| {
        vec![FieldError::new(
            "model_attributes_type",
            vec![json!("body")],
            "Input should be a valid dictionary or object to extract fields from",
            echo(raw),
        )]
    })
}

/// What FastAPI says of a body that is no JSON: the offset, and the parser's reason.
fn syntax_error(body: &[u8], error: &serde_json::Error) -> FieldError {
    let offset = offset_of(body, error.line(), error.column());
    let reason = match not_a_number(body, offset) {
        Some(word) => format!("{word} is not a number in JSON; a missing value is null"),
        None => {
            let text = error.to_string();
            // The place is in `loc` already.
            match text.rfind(" at line ") {
                Some(end) => text[..end].to_owned(),
                None => text,
            }
        }
    };
    FieldError::new(
        "json_invalid",
        vec![json!("body"), json!(offset)],
        "JSON decode error",
        json!({}),
    )
    .with_ctx(json!({ "error": reason }))
}

fn offset_of(body: &[u8], line: usize, column: usize) -> usize {
    let mut start = 0;
    for _ in 1..line {
        match memchr::memchr(b'\n', &body[start..]) {
            Some(at) => start += at + 1,
            None => break,
        }
    }
    (start + column.saturating_sub(1)).min(body.len())
}

/// The words that JavaScript and Python write where JSON has no number; the parser stops a byte or two into them.
fn not_a_number(body: &[u8], offset: usize) -> Option<&'static str> {
    let words = ["NaN", "-Infinity", "Infinity"];
    let from = offset.saturating_sub(2);
    (from..=offset).find_map(|at| {
        let rest = body.get(at..)?;
        words
            .into_iter()
            .find(|word| rest.starts_with(word.as_bytes()))
    })
}

/// A value as an error repeats it: as it came, unless it is long.
pub(crate) fn echo(raw: &RawValue) -> Value {
    if raw.get().len() > LONGEST_ECHO {
        return Value::Null;
    }
    // A number beyond every float has no JSON value of its own here; its text says it.
    serde_json::from_str(raw.get()).unwrap_or_else(|_| Value::from(raw.get()))
}

/// Collects what is wrong with a body.
#[derive(Default)]
pub(crate) struct Errors(Vec<FieldError>);

impl Errors {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= MOST_ERRORS
    }

    pub(crate) fn into_list(self) -> Vec<FieldError> {
        self.0
    }

    pub(crate) fn push(&mut self, error: FieldError) {
        if !self.is_full() {
            self.0.push(error);
        }
    }

    /// Notes a problem with a value at a place below the body.
    pub(crate) fn note(&mut self, place: &[Value], problem: Problem, raw: &RawValue) {
        let mut error = FieldError::new(problem.kind, location(place), problem.msg, echo(raw));
        error.ctx = problem.ctx;
        self.push(error);
    }

    /// Notes that a required field is absent from the object `whole`.
    pub(crate) fn missing(&mut self, place: &[Value], whole: Value) {
        self.push(FieldError::new(
            "missing",
            location(place),
            "Field required",
            whole,
        ));
    }

    /// Reads an optional top-level field; null counts as absent.
    pub(crate) fn optional<'a, T>(
        &mut self,
        members: &Members<'a>,
        name: &str,
        read: impl FnOnce(Scalar<'a>) -> Result<T, Problem>,
    ) -> Option<T> {
        self.read(&[json!(name)], members.present(name), read)
    }

    /// Converts a value that is present; what is wrong with it goes to the list.
    pub(crate) fn read<'a, T>(
        &mut self,
        place: &[Value],
        raw: Option<&'a RawValue>,
        read: impl FnOnce(Scalar<'a>) -> Result<T, Problem>,
    ) -> Option<T> {
        let raw = raw?;
        match read(Scalar::of(raw)) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.note(place, problem, raw);
                None
            }
        }
    }

    /// Reads the `known_time` of the object at `place`, which the Python project calls `knowledge_time`.
    pub(crate) fn known_time(
        &mut self,
        members: &Members<'_>,
        place: &[Value],
        unit: Option<TimeUnit>,
    ) -> Option<i64> {
        const OTHER_NAME: &str = "knowledge_time";
        let at = |name: &str| [place, &[json!(name)]].concat();
        let mut instant = |name| self.read(&at(name), members.present(name), |s| s.instant(unit));
        let (known_time, other) = (instant("known_time"), instant(OTHER_NAME));
        if let (Some(known_time), Some(other), Some(raw)) =
            (known_time, other, members.present(OTHER_NAME))
            && known_time != other
        {
            let problem = Problem::new(
                "value_error",
                "Value error, knowledge_time is a synonym for known_time and must not differ from it",
            );
            self.note(&at(OTHER_NAME), problem, raw);
        }
        known_time.or(other)
    }

    /// Reads what the numbers of the request count: its body may say so, or its query did. Where that is wrong
    /// no number can be read, and that is all there is to say.
    pub(crate) fn time_unit(
        members: &Members<'_>,
        in_query: Option<TimeUnit>,
    ) -> Result<Option<TimeUnit>, Vec<FieldError>> {
        const NAME: &str = "time_unit";
        let mut errors = Self::default();
        let unit = errors.optional(members, NAME, |scalar| {
            match (scalar.time_unit()?, in_query) {
                (unit, Some(other)) if unit != other => Err(Problem::new(
                    "value_error",
                    "Value error, the query gives a different time_unit",
                )),
                (unit, _) => Ok(unit),
            }
        });
        match errors.is_empty() {
            true => Ok(unit.or(in_query)),
            false => Err(errors.into_list()),
        }
    }

    /// Reads an optional top-level field that must be an object, unchanged.
    pub(crate) fn object<'a>(&mut self, members: &Members<'a>, name: &str) -> Option<&'a RawValue> {
        let raw = members.present(name)?;
        match kept_object(raw) {
            Ok(()) => Some(raw),
            Err(problem) => {
                self.note(&[json!(name)], problem, raw);
                None
            }
        }
    }
}

fn location(place: &[Value]) -> Vec<Value> {
    let mut location = vec![json!("body")];
    location.extend_from_slice(place);
    location
}

/// The whole body as an error repeats it.
pub(crate) fn echo_body(body: &[u8]) -> Value {
    if body.len() > LONGEST_ECHO {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or(Value::Null)
}
