//! The fast reader: serde_json passes on value after value, directly into columns; nothing is kept per row. It gives
//! up at the first thing that is wrong or unknown; the slow reader then takes over and finds the words.

use std::fmt;

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    columns::{Columns, Row},
    fields::Members,
    scalar::{Problem, Scalar, Text},
};
use crate::server::instant::{self, TimeUnit};

/// A row of JSON is rarely shorter than this; a guess for the columns' first allocation.
const BYTES_PER_ROW: usize = 80;

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
                map.next_value_seed(Rows(unit, &mut columns))?;
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

struct Rows<'c, 'a>(Option<TimeUnit>, &'c mut Columns<'a>);

impl<'de> DeserializeSeed<'de> for Rows<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self(unit, columns) = self;
        while let Some(row) = list.next_element_seed(RowSeed(unit))? {
            columns.push(row);
        }
        Ok(())
    }
}

struct RowSeed(Option<TimeUnit>);

impl<'de> DeserializeSeed<'de> for RowSeed {
    type Value = Row<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Row<'de>, D::Error> {
        json.deserialize_map(self)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    ValidTime,
    ValueKey,
    Value,
    ValidTimeEnd,
    SeriesId,
    KnownTime,
    KnowledgeTime,
}

impl<'de> Visitor<'de> for RowSeed {
    type Value = Row<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row<'de>, A::Error> {
        let Self(unit) = self;
        let (mut value_key, mut valid_time) = (None, None);
        let (mut series_id, mut valid_time_end, mut value) = (None, None, None);
        let (mut known_time, mut knowledge_time) = (None, None);
        while let Some(field) = map.next_key()? {
            match field {
                Field::ValidTime => valid_time = map.next_value_seed(Time(unit))?,
                Field::ValueKey => {
                    let Text(text) = map.next_value()?;
                    value_key = Some(taken(Scalar::Text(text).text())?);
                }
                Field::Value => value = map.next_value_seed(Number)?,
                Field::ValidTimeEnd => valid_time_end = map.next_value_seed(Time(unit))?,
                Field::KnownTime => known_time = map.next_value_seed(Time(unit))?,
                Field::KnowledgeTime => knowledge_time = map.next_value_seed(Time(unit))?,
                Field::SeriesId => {
                    let id = map.next_value::<Option<Text<'de>>>()?;
                    let read = id.map(|Text(text)| Scalar::Text(text).uuid());
                    series_id = taken(read.transpose())?;
                }
            }
        }
        if known_time.is_some() && knowledge_time.is_some() && known_time != knowledge_time {
            return Err(give_up());
        }
        Ok(Row {
            value_key: value_key.ok_or_else(give_up)?,
            valid_time: valid_time.ok_or_else(give_up)?,
            series_id,
            valid_time_end,
            value,
            known_time: known_time.or(knowledge_time),
        })
    }
}

/// A time, or null.
struct Time(Option<TimeUnit>);

impl<'de> DeserializeSeed<'de> for Time {
    type Value = Option<i64>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        if self.0.is_none() {
            return json.deserialize_any(self);
        }
        // A float of seconds has lost microseconds.
        match Scalar::of(Deserialize::deserialize(json)?) {
            Scalar::Null => Ok(None),
            scalar => taken(scalar.instant(self.0)).map(Some),
        }
    }
}

impl Visitor<'_> for Time {
    type Value = Option<i64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        instant::parse(text).map(Some).map_err(|_| give_up())
    }
}

/// A number, also one in a text, or null.
struct Number;

impl<'de> DeserializeSeed<'de> for Number {
    type Value = Option<f64>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

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
        taken(Scalar::Text(text.into()).number())
    }
}
