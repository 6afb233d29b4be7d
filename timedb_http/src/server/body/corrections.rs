//! The body of `PUT /values`: which fields an update has, each in the one form that `timedb.update_values` takes. What
//! an update means, and whether it is possible, is up to the database.

use serde_json::{Value, json, value::RawValue};
use timedb_wire::json::UPDATE_FIELDS;
use uuid::Uuid;

use super::{
    fields::{Errors, Members, echo, echo_body, read_object},
    kept::kept_object,
    scalar::{Problem, Scalar},
    unknown,
};
use crate::server::{
    error::{ApiError, FieldError},
    instant::{Formatter, Precision, TimeUnit},
    json::write_str,
};

const FIELDS: [&str; 2] = ["updates", "time_unit"];
/// Longer texts are not echoed.
const LONGEST_ECHO: usize = 100;

/// Why a body of corrections is refused.
#[derive(Debug)]
pub(crate) enum CorrectionsRefused {
    /// 422: it can't be read.
    Invalid(Vec<FieldError>),
    /// 400, with the sentence that clients know: a text that should be a UUID.
    NoUuid(String),
}

impl From<CorrectionsRefused> for ApiError {
    fn from(refused: CorrectionsRefused) -> Self {
        match refused {
            CorrectionsRefused::Invalid(errors) => errors.into(),
            CorrectionsRefused::NoUuid(sentence) => Self::bad_request(sentence),
        }
    }
}

/// Reads corrections and returns them as a JSON array, or says what is wrong with them. `in_query` is what their
/// query says that numbers count.
pub(crate) fn read_corrections(
    body: &[u8],
    in_query: Option<TimeUnit>,
) -> Result<String, CorrectionsRefused> {
    let members = read_object(body).map_err(CorrectionsRefused::Invalid)?;
    let unit = Errors::time_unit(&members, in_query).map_err(CorrectionsRefused::Invalid)?;
    let mut reader = Reader {
        unit,
        errors: Errors::default(),
        no_uuid: None,
        formatter: Formatter::new(Precision::Seconds),
        out: Vec::with_capacity(body.len() + body.len() / 4),
    };
    match members.get("updates") {
        None => reader.errors.missing(&[json!("updates")], echo_body(body)),
        Some(raw) => reader.list(raw),
    }
    unknown::refuse(&members, &FIELDS, &[], &mut reader.errors);
    if !reader.errors.is_empty() {
        return Err(CorrectionsRefused::Invalid(reader.errors.into_list()));
    }
    match reader.no_uuid {
        Some(sentence) => Err(CorrectionsRefused::NoUuid(sentence)),
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
    fn list(&mut self, raw: &RawValue) {
        let Some(updates) = elements(raw) else {
            let problem = Problem::new("list_type", "Input should be a valid list");
            self.errors.note(&[json!("updates")], problem, raw);
            return;
        };
        self.out.push(b'[');
        for (at, raw) in updates.into_iter().enumerate() {
            if self.errors.is_full() {
                return;
            }
            if at > 0 {
                self.out.push(b',');
            }
            self.update(at, raw);
        }
        self.out.push(b']');
    }

    fn update(&mut self, at: usize, raw: &RawValue) {
        let Ok(members) = serde_json::from_str::<Members<'_>>(raw.get()) else {
            let problem = Problem::new(
                "model_attributes_type",
                "Input should be a valid dictionary or object to extract fields from",
            );
            self.errors
                .note(&[json!("updates"), json!(at)], problem, raw);
            return;
        };
        let place = |name: &str| vec![json!("updates"), json!(at), json!(name)];
        for name in ["series_id", "valid_time"] {
            if members.get(name).is_none() {
                self.errors.missing(&place(name), echo(raw));
            }
        }
        let here = [json!("updates"), json!(at)];
        unknown::refuse(&members, &UPDATE_FIELDS, &here, &mut self.errors);
        self.out.push(b'{');
        let start = self.out.len();
        let mut field = |name: &str, raw, write: Write| {
            if let Some(raw) = raw {
                if self.out.len() > start {
                    self.out.push(b',');
                }
                write_str(name, &mut self.out);
                self.out.push(b':');
                write(self, &place(name), raw);
            }
        };
        field("series_id", members.get("series_id"), Self::uuid);
        field("valid_time", members.get("valid_time"), Self::instant);
        field("valid_time_end", members.get("valid_time_end"), Self::end);
        for name in ["batch_id", "tenant_id"] {
            field(name, members.present(name), Self::uuid);
        }
        for name in ["known_time", "knowledge_time"] {
            field(name, members.present(name), Self::instant);
        }
        field("value", members.get("value"), Self::value);
        field("annotation", members.get("annotation"), Self::annotation);
        field("tags", members.get("tags"), Self::tags);
        field("metadata", members.get("metadata"), Self::metadata);
        self.out.push(b'}');
    }

    fn uuid(&mut self, place: &[Value], raw: &RawValue) {
        match Scalar::of(raw).text() {
            Ok(text) => match Uuid::try_parse(&text) {
                Ok(id) => write_str(&id.to_string(), &mut self.out),
                Err(_) => self.no_uuid(place, &text),
            },
            Err(problem) => self.errors.note(place, problem, raw),
        }
    }

    fn no_uuid(&mut self, place: &[Value], text: &str) {
        let [_, at, name] = place else { return };
        let place = format!("updates[{at}].{}", name.as_str().unwrap_or_default());
        let sentence = match text.len() {
            ..=LONGEST_ECHO => format!("Invalid UUID format: {place} is \"{text}\""),
            _ => format!("Invalid UUID format: {place}"),
        };
        self.no_uuid.get_or_insert(sentence);
    }

    fn instant(&mut self, place: &[Value], raw: &RawValue) {
        match Scalar::of(raw).instant(self.unit) {
            Ok(micros) => {
                self.out.push(b'"');
                self.formatter.write(micros, &mut self.out);
                self.out.push(b'"');
            }
            Err(problem) => self.errors.note(place, problem, raw),
        }
    }

    /// The end of an interval, or null for the point without.
    fn end(&mut self, place: &[Value], raw: &RawValue) {
        match raw.get() {
            "null" => self.null(),
            _ => self.instant(place, raw),
        }
    }

    fn value(&mut self, place: &[Value], raw: &RawValue) {
        match Scalar::of(raw).number() {
            Ok(Some(number)) => self
                .out
                .extend_from_slice(json!(number).to_string().as_bytes()),
            Ok(None) => self.null(),
            Err(problem) => self.errors.note(place, problem, raw),
        }
    }

    fn annotation(&mut self, place: &[Value], raw: &RawValue) {
        match raw.get() {
            "null" => self.null(),
            _ => self.text(place, raw),
        }
    }

    fn tags(&mut self, place: &[Value], raw: &RawValue) {
        if raw.get() == "null" {
            return self.null();
        }
        let Some(tags) = elements(raw) else {
            let problem = Problem::new("list_type", "Input should be a valid list");
            return self.errors.note(place, problem, raw);
        };
        self.out.push(b'[');
        for (at, tag) in tags.into_iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            let mut place = place.to_vec();
            place.push(json!(at));
            self.text(&place, tag);
        }
        self.out.push(b']');
    }

    fn metadata(&mut self, place: &[Value], raw: &RawValue) {
        if raw.get() == "null" {
            return self.null();
        }
        match kept_object(raw) {
            Ok(()) => self.out.extend_from_slice(raw.get().as_bytes()),
            Err(problem) => self.errors.note(place, problem, raw),
        }
    }

    fn text(&mut self, place: &[Value], raw: &RawValue) {
        match Scalar::of(raw).text() {
            Ok(text) => write_str(&text, &mut self.out),
            Err(problem) => self.errors.note(place, problem, raw),
        }
    }

    fn null(&mut self) {
        self.out.extend_from_slice(b"null");
    }
}

/// Writes a field's value, or notes what is wrong with it.
type Write = fn(&mut Reader, &[Value], &RawValue);

/// The elements of a JSON list.
fn elements(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

#[cfg(test)]
mod tests;
