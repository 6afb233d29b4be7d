//! The fast reader: serde_json passes on value after value, directly into columns; nothing is kept per row. It gives
//! up at the first thing that is wrong or unknown; the slow reader then takes over and finds the words.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use strum::VariantNames;
use uuid::Uuid;

use super::fields::Members;
use crate::formats::columns::{Columns, Row};
use crate::formats::scalar::{Problem, Scalar, Text};
use crate::server::instant::TimeUnit;

/// A row of JSON is rarely shorter than this; a guess for the columns' first allocation.
pub(super) const BYTES_PER_ROW: usize = 80;

/// Reads an upload's body: the rows as columns, everything else as raw members. A body that says after its rows
/// what their numbers count is read once the caller knows that.
pub(super) fn read(body: &[u8], unit: Option<TimeUnit>) -> Option<(Members<'_>, Columns<'_>)> {
    let text = std::str::from_utf8(body).ok()?;
    let mut json = serde_json::Deserializer::from_str(text);
    let rows = body.len() / BYTES_PER_ROW;
    let read = json.deserialize_map(Body { unit, rows }).ok()?;
    json.end().ok()?;
    Some(read)
}

/// What ends the reading; nobody sees it.
fn give_up<E: Error>() -> E {
    E::custom("for the slow reader")
}

fn taken<T, E: Error>(read: Result<T, Problem>) -> Result<T, E> {
    read.map_err(|_| give_up())
}

struct Body {
    unit: Option<TimeUnit>,
    /// How many there may be.
    rows: usize,
}

impl<'de> Visitor<'de> for Body {
    type Value = (Members<'de>, Columns<'de>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self { mut unit, rows } = self;
        let mut members = Members::default();
        let mut columns = Columns::default();
        let mut rows_are_read = false;
        while let Some(Text(name)) = map.next_key()? {
            if name == "value_rows" {
                columns = Columns::with_capacity(rows);
                let row = RowVisitor {
                    unit,
                    is_line: false,
                };
                let rows = Each(Seed(row), |row| columns.push(row));
                map.next_value_seed(Seed(rows))?;
                rows_are_read = true;
                continue;
            }
            let raw: &RawValue = map.next_value()?;
            if name == "time_unit" {
                let said = Scalar::of(raw).time_unit().ok();
                if unit.is_none() && !rows_are_read {
                    unit = said;
                }
                if said.is_none() || said != unit {
                    return Err(give_up());
                }
            }
            members.push(name, raw);
        }
        Ok((members, columns))
    }
}

/// Visits a value of whatever kind it is.
#[derive(Clone, Copy)]
struct Seed<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Seed<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<V::Value, D::Error> {
        json.deserialize_any(self.0)
    }
}

/// Passes on the elements of a list, which a seed reads.
pub(super) struct Each<S, F>(pub S, pub F);

impl<'de, S: DeserializeSeed<'de> + Copy, F: FnMut(S::Value)> Visitor<'de> for Each<S, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self(seed, mut take) = self;
        while let Some(element) = list.next_element_seed(seed)? {
            take(element);
        }
        Ok(())
    }
}

/// The fields of a row, and those that only a line has: what a table says of its series.
#[derive(Deserialize, VariantNames)]
#[serde(field_identifier, rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(super) enum Field {
    ValidTime,
    ValueKey,
    Name,
    Value,
    ValidTimeEnd,
    SeriesId,
    KnownTime,
    KnowledgeTime,
    Labels,
    Unit,
}

/// Visits a row.
#[derive(Clone, Copy)]
pub(super) struct RowVisitor {
    pub unit: Option<TimeUnit>,
    /// It is a line of its own, not one of a list.
    pub is_line: bool,
}

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row<'de>, A::Error> {
        let Self { unit, is_line } = self;
        let (mut value_key, mut name, mut series_id) = (None, None, None);
        let (mut valid_time, mut valid_time_end, mut value) = (None, None, None);
        let (mut known_time, mut knowledge_time) = (None, None);
        let (mut labels, mut of_unit) = (None, None);
        while let Some(field) = map.next_key()? {
            match field {
                Field::ValidTime => valid_time = time(&mut map, unit)?,
                Field::ValueKey => value_key = text(&mut map, Scalar::text)?,
                Field::Value => value = map.next_value_seed(Seed(Number))?,
                Field::ValidTimeEnd => valid_time_end = time(&mut map, unit)?,
                Field::KnownTime => known_time = time(&mut map, unit)?,
                Field::KnowledgeTime => knowledge_time = time(&mut map, unit)?,
                Field::SeriesId => series_id = text(&mut map, |s| s.uuid())?,
                Field::Name | Field::Labels | Field::Unit if !is_line => return Err(give_up()),
                Field::Name => name = text(&mut map, Scalar::text)?,
                Field::Labels => labels = object(&mut map)?,
                Field::Unit => of_unit = text(&mut map, Scalar::unit)?,
            }
        }
        if value_key.is_some() && name.is_some() {
            return Err(give_up());
        }
        let of_id = || {
            series_id
                .filter(|_| is_line)
                .map(|id: Uuid| id.to_string().into())
        };
        Ok(Row {
            value_key: name.or(value_key).or_else(of_id).ok_or_else(give_up)?,
            valid_time: valid_time.ok_or_else(give_up)?,
            series_id,
            valid_time_end,
            value,
            known_time: same_known_time(known_time, knowledge_time)?,
            labels: labels.map(Cow::Borrowed),
            unit: of_unit,
        })
    }
}

/// An object as it stands there, or null.
fn object<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<&'de str>, A::Error> {
    match Scalar::of(map.next_value()?) {
        Scalar::Null => Ok(None),
        scalar => taken(scalar.kept_object()).map(Some),
    }
}

/// What both names of it say.
fn same_known_time<E: Error>(
    known_time: Option<i64>,
    knowledge_time: Option<i64>,
) -> Result<Option<i64>, E> {
    match (known_time, knowledge_time) {
        (Some(one), Some(other)) if one != other => Err(give_up()),
        _ => Ok(known_time.or(knowledge_time)),
    }
}

/// What a text means, or null.
fn text<'de, A: MapAccess<'de>, T>(
    map: &mut A,
    read: impl FnOnce(Scalar<'de>) -> Result<T, Problem>,
) -> Result<Option<T>, A::Error> {
    let text: Option<Text<'de>> = map.next_value()?;
    taken(text.map(|Text(text)| read(Scalar::Text(text))).transpose())
}

/// A time, or null.
fn time<'de, A: MapAccess<'de>>(
    map: &mut A,
    unit: Option<TimeUnit>,
) -> Result<Option<i64>, A::Error> {
    if unit.is_none() {
        return text(map, |s| s.instant(unit));
    }
    // A float of seconds has lost microseconds.
    match Scalar::of(map.next_value()?) {
        Scalar::Null => Ok(None),
        scalar => taken(scalar.instant(unit)).map(Some),
    }
}

/// A number, also one in a text, or null.
struct Number;

impl Visitor<'_> for Number {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number as f64))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        taken(Scalar::Text(text.into()).number()).map(Some)
    }
}
