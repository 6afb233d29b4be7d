//! The updates of a request: read from JSON, checked, in canonical form.

use super::{Edit, PointUpdate, Target, place};
use crate::error::{Error, Result, SqlState, uuid_text};
use crate::limits::check_nesting;
use crate::time;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use timedb_segment::NO_END;
use timedb_wire::json::UPDATE_FIELDS;

/// Longest annotation, and longest metadata as JSON, in bytes.
const MAX_TEXT_BYTES: usize = 64 << 10;
/// Most tags of a version, and the longest one in bytes.
const MAX_TAGS: usize = 100;
const MAX_TAG_BYTES: usize = 256;

/// Reads a text as PostgreSQL's microseconds of a `timestamptz`.
pub type ReadInstant = fn(&str) -> Result<i64>;

/// Reads the updates of a jsonb's text. `read_instant` reads a text as PostgreSQL reads a `timestamptz`.
///
/// # Errors
/// 22023, 22P02, 22007 or 22008 for one that is malformed, and 42501 for one of another
/// tenant, each with its position.
pub fn parse(json: &str, tenant: &[u8; 16], read_instant: ReadInstant) -> Result<Vec<PointUpdate>> {
    let list: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| {
        Error::invalid("updates must be an array of objects")
            .hint("For instance [{\"series_id\": \"...\", \"valid_time\": \"2025-01-01 00:00Z\", \"value\": 1.5}].")
    })?;
    let mut updates = Vec::with_capacity(list.len());
    for (i, raw) in list.into_iter().enumerate() {
        if i % 1000 == 0 {
            timedb_segment::pause();
        }
        let at_place = |e: Error| e.at(place(i));
        let members = Members::of(raw, read_instant).map_err(at_place)?;
        let given = members.uuid("tenant_id").map_err(at_place)?;
        if let Some(other) = given.filter(|other| other != tenant) {
            return Err(foreign(&other, tenant));
        }
        updates.push(update(&members).map_err(at_place)?);
    }
    Ok(updates)
}

/// Clients know this sentence.
fn foreign(other: &[u8; 16], tenant: &[u8; 16]) -> Error {
    let (other, tenant) = (uuid_text(other), uuid_text(tenant));
    Error::new(
        SqlState::INSUFFICIENT_PRIVILEGE,
        format!(
            "Cannot update records for tenant_id {other}. You can only update records for your own tenant_id ({tenant})."
        ),
    )
}

fn update(members: &Members) -> Result<PointUpdate> {
    let mut names = members.raw.keys();
    if let Some(unknown) = names.find(|name| !UPDATE_FIELDS.contains(&name.as_str())) {
        let unknown = Error::invalid(format!("an update has no member \"{unknown}\""));
        return Err(unknown.hint(format!("It may have {}.", UPDATE_FIELDS.join(", "))));
    }
    let required = |name: &str| Error::invalid(format!("{name} is missing"));
    let series = members.uuid("series_id")?;
    let valid_time = members.instant("valid_time")?;
    let target = Target {
        series: series.ok_or_else(|| required("series_id"))?,
        valid_time: valid_time.ok_or_else(|| required("valid_time"))?,
        end: match members.get("valid_time_end") {
            Some("null") => Some(NO_END),
            _ => members.instant("valid_time_end")?,
        },
        known_time: known_time(members)?,
        batch: members.uuid("batch_id")?,
    };
    if let Some(end) = target.end
        && end != NO_END
        && end <= target.valid_time
    {
        return Err(Error::invalid("valid_time_end is not after valid_time"));
    }
    let edit = Edit {
        value: members.get("value").map(value).transpose()?,
        annotation: members.get("annotation").map(annotation).transpose()?,
        tags: members.get("tags").map(tags).transpose()?,
        metadata: members.get("metadata").map(metadata).transpose()?,
    };
    if edit.is_empty() {
        return Err(Error::invalid("there is nothing to change")
            .hint("Give at least one of value, annotation, tags and metadata; null clears it."));
    }
    Ok(PointUpdate { target, edit })
}

fn known_time(members: &Members) -> Result<Option<i64>> {
    let names = ["known_time", "knowledge_time"].map(|name| members.instant(name));
    match names {
        [Ok(Some(one)), Ok(Some(other))] if one != other => Err(Error::invalid(
            "known_time and knowledge_time are different instants",
        )
        .hint("They mean the same thing: give one of them.")),
        [one, other] => Ok(one?.or(other?)),
    }
}

/// The members of one update, each as its JSON.
struct Members<'a> {
    raw: BTreeMap<String, &'a RawValue>,
    read_instant: ReadInstant,
}

impl<'a> Members<'a> {
    fn of(raw: &'a RawValue, read_instant: ReadInstant) -> Result<Self> {
        let raw = serde_json::from_str(raw.get())
            .map_err(|_| Error::invalid("an update must be an object"))?;
        Ok(Self { raw, read_instant })
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.raw.get(name).map(|raw| raw.get())
    }

    /// A text; null counts as absent.
    fn text(&self, name: &str) -> Result<Option<String>> {
        match self.get(name) {
            None | Some("null") => Ok(None),
            Some(raw) => serde_json::from_str(raw)
                .map(Some)
                .map_err(|_| Error::invalid(format!("{name} must be a string"))),
        }
    }

    fn uuid(&self, name: &str) -> Result<Option<[u8; 16]>> {
        let parse = |text: String| match uuid::Uuid::try_parse(&text) {
            Ok(id) => Ok(id.into_bytes()),
            Err(_) => Err(Error::new(
                SqlState::INVALID_TEXT_REPRESENTATION,
                format!("{name} is not a UUID: \"{text}\""),
            )),
        };
        self.text(name)?.map(parse).transpose()
    }

    fn instant(&self, name: &str) -> Result<Option<i64>> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let timestamp = (self.read_instant)(&text).map_err(|e| e.at(name))?;
        time::stored_from_pg(timestamp, name).map(Some)
    }
}

/// A value: a number, or null.
///
/// # Errors
/// 22023 for anything else, 22003 for a number beyond every float.
fn value(json: &str) -> Result<Option<f64>> {
    if json == "null" {
        return Ok(None);
    }
    // Of a JSON text only a number parses, whatever words Rust knows: those of JSON are others.
    match json.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Some(number)),
        Ok(_) => Err(Error::new(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            "value is out of range for a float8",
        )),
        Err(_) => Err(Error::invalid("value must be a number or null")),
    }
}

/// An annotation: a text without white space at its ends, or null; a blank one is null.
///
/// # Errors
/// 22023 for anything else, and for one that is too long.
fn annotation(json: &str) -> Result<Option<String>> {
    let text: Option<String> = serde_json::from_str(json)
        .map_err(|_| Error::invalid("annotation must be a string or null"))?;
    let text = text.map(|text| text.trim().to_owned());
    let text = text.filter(|text| !text.is_empty());
    check_length(text.as_deref(), "annotation")?;
    Ok(text)
}

/// Tags: trimmed, in lower case, sorted, without blank and double ones; null is none.
///
/// # Errors
/// 22023 for anything else, for too many and for one that is too long.
fn tags(json: &str) -> Result<Vec<String>> {
    let tags: Option<Vec<String>> = serde_json::from_str(json)
        .map_err(|_| Error::invalid("tags must be an array of strings, or null"))?;
    let mut tags: Vec<String> = tags
        .unwrap_or_default()
        .iter()
        .map(|tag| tag.trim().to_lowercase())
        .filter(|tag| !tag.is_empty())
        .collect();
    tags.sort_unstable();
    tags.dedup();
    if tags.len() > MAX_TAGS {
        return Err(Error::invalid(format!(
            "there may be at most {MAX_TAGS} tags, not {}",
            tags.len()
        )));
    }
    if let Some(long) = tags.iter().find(|tag| tag.len() > MAX_TAG_BYTES) {
        return Err(Error::invalid(format!(
            "a tag may have at most {MAX_TAG_BYTES} bytes, not {}",
            long.len()
        )));
    }
    Ok(tags)
}

/// Metadata: an object as jsonb prints it, or null.
///
/// # Errors
/// 22023 for anything else, and for what is too long or nested too deeply.
fn metadata(json: &str) -> Result<Option<String>> {
    if json == "null" {
        return Ok(None);
    }
    if !json.starts_with('{') {
        return Err(Error::invalid("metadata must be an object or null"));
    }
    check_length(Some(json), "metadata")?;
    check_nesting(json, "metadata")?;
    Ok(Some(json.to_owned()))
}

fn check_length(text: Option<&str>, what: &str) -> Result<()> {
    match text.map_or(0, str::len) {
        bytes if bytes > MAX_TEXT_BYTES => Err(Error::invalid(format!(
            "{what} may have at most {MAX_TEXT_BYTES} bytes, not {bytes}"
        ))),
        _ => Ok(()),
    }
}
