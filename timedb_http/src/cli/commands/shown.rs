//! What several commands read and show alike: tenants, times, lists, what is done, and a new key.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use crate::cli::failure::Failure;
use crate::cli::grammar::Common;
use crate::cli::terminal::{Output, print, print_json, unless_gone};

/// A key that has just been made, and nobody has seen.
pub struct NewKey<'a> {
    /// All there is to say of it, the key included.
    pub json: Value,
    pub headline: &'a str,
    pub fields: &'a [(&'a str, &'a str)],
    pub label: &'a str,
    pub api_key: &'a str,
    /// What a message calls it, after "the new API key".
    pub name: &'a str,
    /// The command that undoes or replaces it.
    pub remedy: &'a str,
}

impl NewKey<'_> {
    /// Shows it this once.
    pub fn show(&self, common: &Common) -> Result<(), Failure> {
        let shown = if common.json {
            print_json(&self.json)
        } else {
            let mut out = Output::new();
            out.card(self.headline, self.fields);
            // Alone on its line without box or colour: people and programs copy it from there.
            out.line("");
            out.line(&format!("{}: {}", self.label, self.api_key));
            out.line("");
            out.warning("Save the API key - it will not be shown again.");
            out.send()
        };
        shown.map_err(|error| {
            Failure::new(format!(
                "The new API key {} is stored, but the output cannot be written ({error}), so nobody has seen it. \
                 Run: timedb {}",
                self.name, self.remedy
            ))
        })
    }
}

/// Says that something is done: in a sentence, or as JSON.
pub fn show_done(as_json: bool, json: &Value, sentence: &str) -> Result<(), Failure> {
    unless_gone(if as_json {
        print_json(json)
    } else {
        let mut out = Output::new();
        out.done(sentence);
        out.send()
    })
}

/// Shows a list of `what`: a table of what `cells` says of each row (shortened if asked to), or the rows as JSON.
pub fn show_list(
    common: &Common,
    what: &str,
    rows: &[Row],
    cells: impl Fn(&Row, bool) -> Vec<(&'static str, String)>,
) -> Result<(), Failure> {
    unless_gone(if common.json {
        print_json(&rows.iter().map(Object).collect::<Vec<_>>())
    } else if let Some(first) = rows.first() {
        let columns: Vec<_> = cells(first, true).into_iter().map(|cell| cell.0).collect();
        let texts = |row, short| cells(row, short).into_iter().map(|cell| cell.1).collect();
        let mut out = Output::new();
        out.table(&format!("{what} ({})", rows.len()), &columns, |short| {
            rows.iter().map(|row| texts(row, short)).collect()
        });
        out.send()
    } else {
        print(&format!("No {} found.\n", what.to_lowercase()))
    })
}

/// A row as a JSON object with its columns in their order.
pub struct Object<'a>(pub &'a Row);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(row) = self;
        let mut object = serializer.serialize_map(Some(row.len()))?;
        for (at, column) in row.columns().iter().enumerate() {
            let name = column.name();
            match *column.type_() {
                Type::UUID => object.serialize_entry(name, &row.get::<_, Option<Uuid>>(at))?,
                Type::BOOL => object.serialize_entry(name, &row.get::<_, Option<bool>>(at))?,
                Type::INT8 => object.serialize_entry(name, &row.get::<_, Option<i64>>(at))?,
                Type::FLOAT8 => object.serialize_entry(name, &row.get::<_, Option<f64>>(at))?,
                Type::JSONB => object.serialize_entry(name, &row.get::<_, Json<&RawValue>>(at))?,
                _ => object.serialize_entry(name, &row.get::<_, Option<&str>>(at))?,
            }
        }
        object.end()
    }
}

/// A tenant as an argument names it.
pub fn tenant_id(text: Option<&str>) -> Result<Option<Uuid>, Failure> {
    let parse = |text: &str| {
        Uuid::try_parse(text.trim())
            .map_err(|_| Failure::new(format!("Invalid tenant-id UUID: {text}")))
    };
    text.map(parse).transpose()
}

/// SQL for a time as JSON shows it.
pub fn iso(column: &str) -> String {
    format!(
        "pg_catalog.to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"')"
    )
}

/// A time from [`iso`] for people; a time that is not set is `never`.
pub fn moment(iso: Option<&str>) -> String {
    let Some(iso) = iso else {
        return "never".to_owned();
    };
    let minute = iso.get(..16).unwrap_or(iso);
    format!("{} UTC", minute.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_id_is_a_uuid_or_a_known_text() {
        assert_eq!(tenant_id(None).unwrap(), None);
        let id = "adbe46ce-04e5-4352-8aa9-6accf88a9aeb";
        assert_eq!(tenant_id(Some(id)).unwrap().unwrap().to_string(), id);
        let failure = tenant_id(Some("not-one")).unwrap_err();
        assert_eq!(failure.to_string(), "Invalid tenant-id UUID: not-one");
        assert_eq!(failure.code(), 1);
    }

    #[test]
    fn a_moment_is_shown_to_the_minute() {
        assert_eq!(
            moment(Some("2026-03-01T12:34:56.000000+00:00")),
            "2026-03-01 12:34 UTC"
        );
        assert_eq!(moment(None), "never");
    }
}
