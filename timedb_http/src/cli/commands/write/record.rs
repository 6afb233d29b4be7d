//! A row of a file, as all formats have it: which columns there are, and what they may hold.

use std::collections::BTreeMap;

use timedb_http::instant;
use uuid::Uuid;

/// The labels of a series.
pub type Labels = BTreeMap<String, String>;

/// What rows mean that do not say it.
#[derive(Default)]
pub struct Defaults {
    pub name: Option<String>,
    pub labels: Labels,
    pub unit: Option<String>,
}

/// A series as a row names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SeriesName {
    /// Known by its id, or else by name and labels.
    pub id: Option<Uuid>,
    pub name: String,
    pub labels: Labels,
    pub unit: Option<String>,
}

/// A point with its series.
#[derive(Debug, PartialEq)]
pub struct InputRow {
    pub series: SeriesName,
    pub valid_time: i64,
    pub valid_time_end: Option<i64>,
    pub value: Option<f64>,
    pub known_time: Option<i64>,
}

/// A column of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointField {
    ValidTime,
    ValidTimeEnd,
    Value,
    KnownTime,
    Name,
    SeriesId,
    Unit,
    Labels,
    /// What reads print besides, and writes cannot set.
    Ignored,
}

const FIELDS: [(&str, PointField); 17] = [
    ("valid_time", PointField::ValidTime),
    ("valid_time_end", PointField::ValidTimeEnd),
    ("value", PointField::Value),
    ("known_time", PointField::KnownTime),
    ("name", PointField::Name),
    ("value_key", PointField::Name),
    ("series_id", PointField::SeriesId),
    ("unit", PointField::Unit),
    ("labels", PointField::Labels),
    ("change_time", PointField::Ignored),
    ("batch_id", PointField::Ignored),
    ("value_id", PointField::Ignored),
    ("changed_by", PointField::Ignored),
    ("annotation", PointField::Ignored),
    ("tags", PointField::Ignored),
    ("metadata", PointField::Ignored),
    ("lead_time", PointField::Ignored),
];

impl PointField {
    /// The column of this name.
    ///
    /// # Errors
    /// A sentence about a column that is none.
    pub fn named(name: &str) -> Result<Self, String> {
        let found = FIELDS.iter().find(|(known, _)| *known == name);
        found.map(|(_, field)| *field).ok_or_else(|| {
            format!(
                "unknown column \"{name}\"; there are valid_time, valid_time_end, value, known_time, name, series_id, \
                 unit and labels"
            )
        })
    }
}

/// A row under construction; a field that is missing or null is `None`.
#[derive(Default)]
pub struct InputParts {
    pub valid_time: Option<i64>,
    pub valid_time_end: Option<i64>,
    pub value: Option<f64>,
    pub known_time: Option<i64>,
    pub name: Option<String>,
    pub series_id: Option<Uuid>,
    pub unit: Option<String>,
    pub labels: Option<Labels>,
}

impl InputParts {
    /// Takes a field as text; an empty one is missing, but for a name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn set_text(&mut self, field: PointField, text: &str) -> Result<(), String> {
        if text.is_empty() {
            return Ok(());
        }
        match field {
            PointField::ValidTime => self.valid_time = Some(time("valid_time", text)?),
            PointField::ValidTimeEnd => self.valid_time_end = Some(time("valid_time_end", text)?),
            PointField::KnownTime => self.known_time = Some(time("known_time", text)?),
            PointField::Value => self.value = Some(number(text)?),
            PointField::Name => self.name = Some(text.to_owned()),
            PointField::SeriesId => {
                let id = Uuid::try_parse(text);
                self.series_id = Some(id.map_err(|_| format!("series_id: \"{text}\" is no UUID"))?);
            }
            PointField::Unit => self.unit = Some(text.to_owned()),
            PointField::Labels => {
                let labels = serde_json::from_str(text);
                self.labels = Some(
                    labels.map_err(|_| format!("labels: \"{text}\" is no JSON object of texts"))?,
                );
            }
            PointField::Ignored => {}
        }
        Ok(())
    }

    /// The whole row.
    ///
    /// # Errors
    /// What it lacks.
    pub fn finish(self, defaults: &Defaults) -> Result<InputRow, String> {
        let valid_time = self.valid_time.ok_or("valid_time is missing")?;
        let has_own = self.name.is_some() || self.series_id.is_some();
        // A file that was read from another store has ids that mean nothing here: the name counts.
        let id = self.series_id.filter(|_| self.name.is_none());
        let name = match (self.name, id) {
            (Some(name), _) => name,
            (None, Some(_)) => String::new(),
            (None, None) => defaults.name.clone().ok_or(
                "the series is missing: there is neither a name nor a series_id, and no --name",
            )?,
        };
        let labels = match self.labels {
            _ if id.is_some() => Labels::new(),
            Some(labels) => labels,
            None if has_own => Labels::new(),
            None => defaults.labels.clone(),
        };
        let unit = self.unit.or_else(|| defaults.unit.clone());
        storable("name", Some(&name))?;
        storable("unit", unit.as_ref())?;
        for (label, value) in &labels {
            storable("labels", Some(label))?;
            storable("labels", Some(value))?;
        }
        Ok(InputRow {
            series: SeriesName {
                id,
                name,
                labels,
                unit,
            },
            valid_time,
            valid_time_end: self.valid_time_end,
            value: self.value,
            known_time: self.known_time,
        })
    }
}

/// Checks for the one character that a text in the database cannot have.
fn storable(field: &str, text: Option<&String>) -> Result<(), String> {
    match text.is_some_and(|text| text.contains('\0')) {
        true => Err(format!("{field}: the character U+0000 cannot be stored")),
        false => Ok(()),
    }
}

fn time(field: &str, text: &str) -> Result<i64, String> {
    instant::parse(text).map_err(|malformed| {
        format!("{field}: \"{text}\" is no time ({malformed}), such as 2025-01-01T00:00:00Z")
    })
}

fn number(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.trim().parse().ok();
    number.filter(|number| number.is_finite()).ok_or_else(|| {
        format!("value: \"{text}\" is no finite number; leave the field empty for a missing value")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: &[(&str, &str)], defaults: &Defaults) -> Result<InputRow, String> {
        let mut parts = InputParts::default();
        for (name, text) in fields {
            parts.set_text(PointField::named(name)?, text)?;
        }
        parts.finish(defaults)
    }

    #[test]
    fn rows_name_their_series_or_take_that_of_the_command() {
        let defaults = Defaults {
            name: Some("d".to_owned()),
            labels: Labels::from([("site".to_owned(), "n".to_owned())]),
            unit: Some("MW".to_owned()),
        };
        let own = [("name", "x"), ("valid_time", "2025-01-01"), ("value", "")];
        let own = record(&own, &defaults).unwrap();
        assert_eq!((own.series.name.as_str(), own.value), ("x", None));
        assert!(own.series.labels.is_empty());
        let other = record(&[("valid_time", "2025-01-01")], &defaults).unwrap();
        assert_eq!(
            (other.series.name.as_str(), other.series.labels.len()),
            ("d", 1)
        );
        assert_eq!(other.series.unit.as_deref(), Some("MW"));
        let id = "0193e3a4-0000-7000-8000-000000000000";
        let by_id = [("series_id", id), ("valid_time", "2025-01-01")];
        assert!(record(&by_id, &defaults).unwrap().series.id.is_some());
        let both = [
            ("series_id", id),
            ("name", "x"),
            ("valid_time", "2025-01-01"),
        ];
        assert_eq!(record(&both, &defaults).unwrap().series.id, None);
    }

    #[test]
    fn what_is_wrong_names_the_field() {
        let none = Defaults::default();
        for (fields, begin) in [
            (&[("valid_time", "x")][..], "valid_time: \"x\" is no time"),
            (&[("valid_time", "1735689600")], "valid_time: "),
            (&[("value", "NaN")], "value: "),
            (&[("value", "1e999")], "value: "),
            (&[("series_id", "1")], "series_id: "),
            (&[("labels", "{\"a\":1}")], "labels: "),
            (&[("vlaue", "1")], "unknown column \"vlaue\""),
            (&[("value", "1"), ("name", "x")], "valid_time is missing"),
            (&[("valid_time", "2025-01-01")], "the series is missing"),
            (
                &[("valid_time", "2025-01-01"), ("name", "a\0")],
                "name: the character U+0000",
            ),
            (
                &[
                    ("valid_time", "2025-01-01"),
                    ("name", "a"),
                    ("labels", r#"{"b":"\u0000"}"#),
                ],
                "labels: the character U+0000",
            ),
        ] {
            let problem = record(fields, &none).unwrap_err();
            assert!(problem.starts_with(begin), "{problem}");
        }
    }
}
