//! The body of `PUT /values`: which fields an update has, each in the one form that `timedb.update_values` takes. What
//! an update means, and whether it is possible, is up to the database.

use serde_json::{Value, json, value::RawValue};
use timedb_wire::json::UPDATE_FIELDS;
use uuid::Uuid;

use super::{
    fields::{Errors, echo, echo_body, read_object},
    unknown,
};
use crate::formats::scalar::{Problem, Scalar};
use crate::server::{
    error::ApiError,
    instant::{Formatter, Precision, TimeUnit},
    json::write_str,
};

pub(super) const FIELDS: [&str; 2] = ["updates", "time_unit"];
/// Longer texts are not echoed.
const LONGEST_ECHO: usize = 100;

/// What null means where it stands for a field.
#[derive(Clone, Copy, PartialEq)]
enum Null {
    /// The same as no field.
    Absence,
    /// That nothing is to be there.
    Nothing,
    /// Nothing that could be read.
    Mistake,
}

/// Writes a field's value, whose place is for what is said of it.
type Write = fn(&mut Reader, &[Value], Scalar<'_>) -> Result<(), Problem>;

/// The fields of an update in the order in which they are passed on.
const WRITTEN: [(&str, Null, Write); UPDATE_FIELDS.len()] = [
    ("series_id", Null::Mistake, Reader::uuid),
    ("valid_time", Null::Mistake, Reader::instant),
    ("valid_time_end", Null::Nothing, Reader::instant),
    ("batch_id", Null::Absence, Reader::uuid),
    ("tenant_id", Null::Absence, Reader::uuid),
    ("known_time", Null::Absence, Reader::instant),
    ("knowledge_time", Null::Absence, Reader::instant),
    ("value", Null::Nothing, Reader::value),
    ("annotation", Null::Nothing, Reader::text),
    ("tags", Null::Nothing, Reader::tags),
    ("metadata", Null::Nothing, Reader::metadata),
];

/// Reads corrections and returns them as a JSON array, or says what is wrong with them. `in_query` is what their
/// query says that numbers count.
///
/// # Errors
/// 422 for what can't be read, else 400 for a text that should be a UUID, with the sentence that clients know.
pub(crate) fn read_corrections(
    body: &[u8],
    in_query: Option<TimeUnit>,
) -> Result<String, ApiError> {
    let members = read_object(body)?;
    let mut reader = Reader {
        unit: Errors::time_unit(&members, in_query)?,
        errors: Errors::default(),
        no_uuid: None,
        formatter: Formatter::new(Precision::Seconds),
        out: Vec::with_capacity(body.len() + body.len() / 4),
    };
    let errors = &mut reader.errors;
    errors.require(&members, &["updates"], || echo_body(body));
    let updates: Option<Vec<&RawValue>> = errors.given(&members, "updates", Scalar::list);
    reader.list(updates.unwrap_or_default(), |reader, at, raw| {
        reader.update(at, raw);
    });
    unknown::refuse(&members, &FIELDS, &mut reader.errors);
    reader.errors.finish(Some(()))?;
    match reader.no_uuid {
        Some(sentence) => Err(ApiError::bad_request(sentence)),
        // What was written is JSON, and JSON that came in as UTF-8.
        None => Ok(String::from_utf8_lossy(&reader.out).into_owned()),
    }
}

struct Reader {
    unit: Option<TimeUnit>,
    errors: Errors,
    /// The first text that is no UUID.
    no_uuid: Option<String>,
    formatter: Formatter,
    out: Vec<u8>,
}

impl Reader {
    /// Writes a list, whose elements `write` does.
    fn list(&mut self, raws: Vec<&RawValue>, mut write: impl FnMut(&mut Self, usize, &RawValue)) {
        self.out.push(b'[');
        for (at, raw) in raws.into_iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            write(self, at, raw);
        }
        self.out.push(b']');
    }

    fn update(&mut self, at: usize, raw: &RawValue) {
        if self.errors.is_full() {
            return;
        }
        let place = vec![json!("updates"), json!(at)];
        let Some(members) = self.errors.members(place, raw, Problem::no_object) else {
            return;
        };
        let required = ["series_id", "valid_time"];
        self.errors.require(&members, &required, || echo(raw));
        unknown::refuse(&members, &UPDATE_FIELDS, &mut self.errors);
        self.out.push(b'{');
        let start = self.out.len();
        for (name, null, write) in WRITTEN {
            let Some(raw) = members.get(name) else {
                continue;
            };
            let is_null = raw.get() == "null";
            if is_null && null == Null::Absence {
                continue;
            }
            if self.out.len() > start {
                self.out.push(b',');
            }
            write_str(name, &mut self.out);
            self.out.push(b':');
            if is_null && null == Null::Nothing {
                self.out.extend_from_slice(b"null");
            } else {
                self.write(write, &members.place(name), raw);
            }
        }
        self.out.push(b'}');
    }

    fn write(&mut self, write: Write, place: &[Value], raw: &RawValue) {
        if let Err(problem) = write(self, place, Scalar::of(raw)) {
            self.errors.note(place, problem, raw);
        }
    }

    /// A text that is none is for later: what can't be read at all comes first.
    fn uuid(&mut self, place: &[Value], scalar: Scalar<'_>) -> Result<(), Problem> {
        let text = scalar.text()?;
        match (Uuid::try_parse(&text), place) {
            (Ok(id), _) => write_str(&id.to_string(), &mut self.out),
            (Err(_), [_, at, name]) => {
                let place = format!("updates[{at}].{}", name.as_str().unwrap_or_default());
                let echo = match text.len() {
                    ..=LONGEST_ECHO => format!(" is \"{text}\""),
                    _ => String::new(),
                };
                let sentence = format!("Invalid UUID format: {place}{echo}");
                self.no_uuid.get_or_insert(sentence);
            }
            _ => {}
        }
        Ok(())
    }

    fn instant(&mut self, _: &[Value], scalar: Scalar<'_>) -> Result<(), Problem> {
        let micros = scalar.instant(self.unit)?;
        self.out.push(b'"');
        self.formatter.write(micros, &mut self.out);
        self.out.push(b'"');
        Ok(())
    }

    fn value(&mut self, _: &[Value], scalar: Scalar<'_>) -> Result<(), Problem> {
        let number = json!(scalar.number()?).to_string();
        self.out.extend_from_slice(number.as_bytes());
        Ok(())
    }

    fn text(&mut self, _: &[Value], scalar: Scalar<'_>) -> Result<(), Problem> {
        write_str(&scalar.text()?, &mut self.out);
        Ok(())
    }

    fn tags(&mut self, place: &[Value], scalar: Scalar<'_>) -> Result<(), Problem> {
        self.list(scalar.list()?, |reader, at, raw| {
            reader.write(Self::text, &[place, &[json!(at)]].concat(), raw);
        });
        Ok(())
    }

    fn metadata(&mut self, _: &[Value], scalar: Scalar<'_>) -> Result<(), Problem> {
        self.out.extend_from_slice(scalar.kept_object()?.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
