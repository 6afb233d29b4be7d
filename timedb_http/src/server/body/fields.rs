//! A body's top level as raw members, and the list of what is wrong with it in pydantic's form.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, json, value::RawValue};

use crate::formats::scalar::{Problem, Scalar, Text};
use crate::server::{error::FieldError, instant::TimeUnit};

/// An error list names this many places; a million bad rows need no million entries.
const MOST_ERRORS: usize = 100;
/// Longer inputs are not echoed.
const LONGEST_ECHO: usize = 4096;

/// The members of a JSON object in order; a repeated key counts with its last value, as everywhere in JSON.
#[derive(Default)]
pub(crate) struct Members<'a> {
    /// Where the object is below the body.
    place: Vec<Value>,
    list: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Members<'a> {
    pub(crate) fn push(&mut self, name: Cow<'a, str>, value: &'a RawValue) {
        self.list.push((name, value));
    }

    /// Where a member is below the body.
    pub(crate) fn place(&self, name: &str) -> Vec<Value> {
        [&self.place[..], &[json!(name)]].concat()
    }

    /// A member's value; `None` when it is absent.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let member = self.list.iter().rev().find(|(key, _)| key == name);
        member.map(|(_, value)| *value)
    }

    /// Like `get`, with null the same as absent.
    pub(crate) fn present(&self, name: &str) -> Option<&'a RawValue> {
        self.get(name).filter(|value| value.get() != "null")
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.list
            .iter()
            .map(|(name, value)| (name.as_ref(), *value))
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
                while let Some(Text(name)) = map.next_key()? {
                    members.push(name, map.next_value()?);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// Reads a body that must be a JSON object.
pub(crate) fn read_object(body: &[u8]) -> Result<Members<'_>, Vec<FieldError>> {
    let mut errors = Errors::default();
    if body.iter().all(u8::is_ascii_whitespace) {
        errors.missing(&[], Value::Null);
        return errors.finish(None);
    }
    let raw: &RawValue =
        serde_json::from_slice(body).map_err(|error| vec![syntax_error(body, &error)])?;
    let members = errors.members(Vec::new(), raw, Problem::no_object);
    errors.finish(members)
}

/// What FastAPI says of a body that is no JSON: the offset, and the parser's reason.
fn syntax_error(body: &[u8], error: &serde_json::Error) -> FieldError {
    let offset = offset_of(body, error.line(), error.column());
    let reason = match not_a_number(body, offset) {
        Some(word) => format!("{word} is not a number in JSON; a missing value is null"),
        None => {
            let text = error.to_string();
            // The place is in `loc` already.
            let end = text.rfind(" at line ").unwrap_or(text.len());
            text[..end].to_owned()
        }
    };
    let place = vec![json!("body"), json!(offset)];
    FieldError::new("json_invalid", place, "JSON decode error", json!({}))
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
    (offset.saturating_sub(2)..=offset).find_map(|at| {
        let rest = body.get(at..)?;
        let mut words = ["NaN", "-Infinity", "Infinity"].into_iter();
        words.find(|word| rest.starts_with(word.as_bytes()))
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

/// Collects what is wrong with a body. Places are below it.
#[derive(Default)]
pub(crate) struct Errors(Vec<FieldError>);

impl Errors {
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= MOST_ERRORS
    }

    /// What was read, unless something is wrong with it.
    pub(crate) fn finish<T>(self, read: Option<T>) -> Result<T, Vec<FieldError>> {
        match read {
            Some(read) if self.0.is_empty() => Ok(read),
            _ => Err(self.0),
        }
    }

    /// Adds what somebody else has found.
    pub(super) fn add(&mut self, errors: impl IntoIterator<Item = FieldError>) {
        errors.into_iter().for_each(|error| self.push(error));
    }

    fn push(&mut self, error: FieldError) {
        if !self.is_full() {
            self.0.push(error);
        }
    }

    /// Notes a problem with a value.
    pub(crate) fn note(&mut self, place: &[Value], problem: Problem, raw: &RawValue) {
        self.push(FieldError {
            ctx: problem.ctx,
            ..FieldError::new(problem.kind, location(place), problem.msg, echo(raw))
        });
    }

    /// Notes that something is absent from `whole`.
    fn missing(&mut self, place: &[Value], whole: Value) {
        let place = location(place);
        self.push(FieldError::new("missing", place, "Field required", whole));
    }

    /// Notes which of these members an object lacks; `whole` echoes it.
    pub(crate) fn require(
        &mut self,
        members: &Members<'_>,
        names: &[&str],
        whole: impl Fn() -> Value,
    ) {
        for name in names.iter().filter(|name| members.get(name).is_none()) {
            self.missing(&members.place(name), whole());
        }
    }

    /// The members of the object at a place; `otherwise` says what is wrong with anything else.
    pub(crate) fn members<'a>(
        &mut self,
        place: Vec<Value>,
        raw: &'a RawValue,
        otherwise: fn() -> Problem,
    ) -> Option<Members<'a>> {
        match serde_json::from_str(raw.get()) {
            Ok(Members { list, .. }) => Some(Members { place, list }),
            Err(_) => {
                self.note(&place, otherwise(), raw);
                None
            }
        }
    }

    /// Reads a member that may be absent; null counts as that.
    pub(crate) fn optional<'a, T, U: From<T>>(
        &mut self,
        members: &Members<'a>,
        name: &str,
        read: impl FnOnce(Scalar<'a>) -> Result<T, Problem>,
    ) -> Option<U> {
        self.read(members, name, members.present(name), read)
    }

    /// Reads a member that [`Errors::require`] has asked for; null is like any other value.
    pub(crate) fn given<'a, T, U: From<T>>(
        &mut self,
        members: &Members<'a>,
        name: &str,
        read: impl FnOnce(Scalar<'a>) -> Result<T, Problem>,
    ) -> Option<U> {
        self.read(members, name, members.get(name), read)
    }

    /// Converts the value of a member, if there is one; what is wrong with it is noted.
    pub(crate) fn read<'a, T, U: From<T>>(
        &mut self,
        members: &Members<'_>,
        name: &str,
        raw: Option<&'a RawValue>,
        read: impl FnOnce(Scalar<'a>) -> Result<T, Problem>,
    ) -> Option<U> {
        let raw = raw?;
        read(Scalar::of(raw))
            .map_err(|problem| self.note(&members.place(name), problem, raw))
            .map(U::from)
            .ok()
    }

    /// Reads the `known_time` of an object, which the Python project calls `knowledge_time`.
    pub(crate) fn known_time(
        &mut self,
        members: &Members<'_>,
        unit: Option<TimeUnit>,
    ) -> Option<i64> {
        const OTHER_NAME: &str = "knowledge_time";
        let mut instant = |name| self.optional(members, name, |scalar| scalar.instant(unit));
        let (known_time, other): (Option<i64>, _) = (instant("known_time"), instant(OTHER_NAME));
        if let (Some(known_time), Some(other)) = (known_time, other)
            && known_time != other
        {
            let differs = Problem::new(
                "value_error",
                "Value error, knowledge_time is a synonym for known_time and must not differ from it",
            );
            self.given(members, OTHER_NAME, |_| Err::<i64, _>(differs))
        } else {
            known_time.or(other)
        }
    }

    /// Reads what the numbers of the request count: its body may say so, or its query did. Where that is wrong
    /// no number can be read, and that is all there is to say.
    pub(crate) fn time_unit(
        members: &Members<'_>,
        in_query: Option<TimeUnit>,
    ) -> Result<Option<TimeUnit>, Vec<FieldError>> {
        let mut errors = Self::default();
        let unit = errors.optional(members, "time_unit", |scalar| {
            match (scalar.time_unit()?, in_query) {
                (unit, Some(other)) if unit != other => Err(Problem::new(
                    "value_error",
                    "Value error, the query gives a different time_unit",
                )),
                (unit, _) => Ok(unit),
            }
        });
        errors.finish(Some(unit.or(in_query)))
    }
}

/// A place below the body as an error names it.
pub(super) fn location(place: &[Value]) -> Vec<Value> {
    [&[json!("body")], place].concat()
}

/// The whole body as an error repeats it.
pub(crate) fn echo_body(body: &[u8]) -> Value {
    if body.len() > LONGEST_ECHO {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or(Value::Null)
}
