//! The fast reader: JSON straight into columns, nothing kept per row. It gives up at the first thing that is
//! wrong; the slow reader then finds the words.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{
    columns::{Columns, Row},
    fields::{Members, Name},
    scalar::{Problem, Scalar},
};

/// A row of JSON is rarely shorter than this; a guess for the columns' first allocation.
const BYTES_PER_ROW: usize = 80;

/// Reads an upload's body: the rows as columns, everything else as raw members.
pub(crate) fn read(body: &[u8]) -> Option<(Members<'_>, Columns<'_>)> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let seed = BodyVisitor {
        rows: body.len() / BYTES_PER_ROW,
    };
    let read = deserializer.deserialize_map(seed).ok()?;
    deserializer.end().ok()?;
    Some(read)
}

struct BodyVisitor {
    rows: usize,
}

impl<'de> Visitor<'de> for BodyVisitor {
    type Value = (Members<'de>, Columns<'de>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        let mut columns = None;
        while let Some(name) = map.next_key::<Name<'de>>()? {
            if name.0 == "value_rows" {
                let fresh = Columns::with_capacity(self.rows);
                columns = Some(map.next_value_seed(Rows(fresh))?);
            } else {
                members.push(name.0, map.next_value()?);
            }
        }
        Ok((members, columns.unwrap_or_default()))
    }
}

/// The list of rows, into columns.
struct Rows<'a>(Columns<'a>);

impl<'de> DeserializeSeed<'de> for Rows<'de> {
    type Value = Columns<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'de> {
    type Value = Columns<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Self::Value, A::Error> {
        while let Some(row) = list.next_element::<FastRow<'de>>()? {
            self.0.push(row.0);
        }
        Ok(self.0)
    }
}

struct FastRow<'a>(Row<'a>);

impl<'de> Deserialize<'de> for FastRow<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RowVisitor)
    }
}

struct RowVisitor;

/// The reader gives up; nobody reads this text.
fn refuse<E: Error>(_: Problem) -> E {
    E::custom("refused")
}

impl<'de> Visitor<'de> for RowVisitor {
    type Value = FastRow<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut value_key, mut valid_time) = (None, None);
        let (mut series_id, mut valid_time_end, mut value) = (None, None, None);
        while let Some(field) = map.next_key::<Field>()? {
            if matches!(field, Field::Unknown) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let scalar = map.next_value::<Scalar<'de>>()?;
            match field {
                Field::ValidTime => valid_time = Some(scalar.instant().map_err(refuse)?),
                Field::ValueKey => value_key = Some(scalar.text().map_err(refuse)?),
                Field::Value => value = scalar.number().map_err(refuse)?,
                Field::ValidTimeEnd if scalar == Scalar::Null => valid_time_end = None,
                Field::ValidTimeEnd => valid_time_end = Some(scalar.instant().map_err(refuse)?),
                Field::SeriesId if scalar == Scalar::Null => series_id = None,
                Field::SeriesId => series_id = Some(scalar.uuid().map_err(refuse)?),
                Field::Unknown => {}
            }
        }
        Ok(FastRow(Row {
            value_key: value_key.ok_or_else(|| A::Error::missing_field("value_key"))?,
            valid_time: valid_time.ok_or_else(|| A::Error::missing_field("valid_time"))?,
            series_id,
            valid_time_end,
            value,
        }))
    }
}

/// The fields of a row.
#[derive(Clone, Copy)]
enum Field {
    ValidTime,
    ValidTimeEnd,
    ValueKey,
    Value,
    SeriesId,
    Unknown,
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldVisitor;
        impl Visitor<'_> for FieldVisitor {
            type Value = Field;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Field, E> {
                Ok(match name {
                    "valid_time" => Field::ValidTime,
                    "valid_time_end" => Field::ValidTimeEnd,
                    "value_key" => Field::ValueKey,
                    "value" => Field::Value,
                    "series_id" => Field::SeriesId,
                    _ => Field::Unknown,
                })
            }
        }
        deserializer.deserialize_identifier(FieldVisitor)
    }
}
