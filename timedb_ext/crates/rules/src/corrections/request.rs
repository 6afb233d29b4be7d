//! The updates of a request: read from JSON, checked, in canonical form.

use super::fields;
use super::update::{Edit, PointUpdate, Target, UpdatePlace};
use crate::error::{Error, Result, SqlState, uuid_text};
use crate::time;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use timedb_segment::NO_END;
use timedb_wire::json::UPDATE_FIELDS;

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
        let members = Members::of(raw, read_instant).map_err(|e| e.at(UpdatePlace(i)))?;
        refuse_foreign(&members, tenant, i)?;
        updates.push(update(&members).map_err(|e| e.at(UpdatePlace(i)))?);
    }
    Ok(updates)
}

/// Clients know this sentence.
fn refuse_foreign(members: &Members, tenant: &[u8; 16], i: usize) -> Result<()> {
    match members
        .uuid("tenant_id")
        .map_err(|e| e.at(UpdatePlace(i)))?
    {
        Some(other) if other != *tenant => Err(Error::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!(
                "Cannot update records for tenant_id {}. You can only update records for your own tenant_id ({}).",
                uuid_text(&other),
                uuid_text(tenant)
            ),
        )),
        _ => Ok(()),
    }
}

fn update(members: &Members) -> Result<PointUpdate> {
    if let Some(unknown) = members
        .raw
        .keys()
        .find(|name| !UPDATE_FIELDS.contains(&name.as_str()))
    {
        return Err(
            Error::invalid(format!("an update has no member \"{unknown}\""))
                .hint(format!("It may have {}.", UPDATE_FIELDS.join(", "))),
        );
    }
    let required = |name: &str| Error::invalid(format!("{name} is missing"));
    let series = members.uuid("series_id")?;
    let valid_time = members.instant("valid_time")?;
    let target = Target {
        series: series.ok_or_else(|| required("series_id"))?,
        valid_time: valid_time.ok_or_else(|| required("valid_time"))?,
        end: match members.get("valid_time_end") {
            Some(_) => Some(members.instant("valid_time_end")?.unwrap_or(NO_END)),
            None => None,
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
        value: members.get("value").map(fields::value).transpose()?,
        annotation: members
            .get("annotation")
            .map(fields::annotation)
            .transpose()?,
        tags: members.get("tags").map(fields::tags).transpose()?,
        metadata: members.get("metadata").map(fields::metadata).transpose()?,
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
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        match uuid::Uuid::try_parse(&text) {
            Ok(id) => Ok(Some(id.into_bytes())),
            Err(_) => Err(Error::new(
                SqlState::INVALID_TEXT_REPRESENTATION,
                format!("{name} is not a UUID: \"{text}\""),
            )),
        }
    }

    fn instant(&self, name: &str) -> Result<Option<i64>> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let timestamp = (self.read_instant)(&text).map_err(|e| e.at(name))?;
        time::stored_from_pg(timestamp, name).map(Some)
    }
}
