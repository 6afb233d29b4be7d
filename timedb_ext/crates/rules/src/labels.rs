//! Labels of a series: parsing, the canonical form, and the identity of a series.

use crate::error::{Error, Result};
use crate::text;
use serde_json::Value;
use sha2::{Digest, Sha256};
use timedb_wire::refused::SeriesField;

/// Longest name of a series, in bytes: it is part of an index, whose entries hold 2.7 kB.
pub const MAX_NAME_BYTES: usize = 1024;
/// Longest name of a label, in bytes, for the same reason.
pub const MAX_LABEL_BYTES: usize = 256;
/// Most bytes of all labels of one series together, as JSON.
pub const MAX_LABELS_BYTES: usize = 128 * 1024;
/// Longest unit of a series, and longest description, in bytes.
const MAX_UNIT_BYTES: usize = 256;
const MAX_DESCRIPTION_BYTES: usize = 64 * 1024;

/// Labels that are not too long need no more than this, however they are written: what is longer is not read.
const MAX_WRITTEN_BYTES: usize = 16 * MAX_LABELS_BYTES;

/// How much of a label's value is in the index; `sql/tables/series_labels.sql` has the same number.
const HEAD_CHARACTERS: usize = 64;

/// Labels in canonical order: by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(Vec<(String, String)>);

impl Labels {
    /// Parses a JSON object of strings; an empty text means no labels.
    ///
    /// # Errors
    /// 22023 for anything else, naming the label.
    pub fn parse(json: &str) -> Result<Self> {
        if json.is_empty() || json == "{}" {
            return Ok(Self::default());
        }
        Self::check_written(json.len())?;
        let value = serde_json::from_str(json)
            .map_err(|e| Error::invalid(format!("labels cannot be read: {e}")))?;
        let Value::Object(map) = value else {
            return Err(Error::invalid("labels must be a JSON object")
                .hint("Pass an object of strings, for instance {\"site\": \"north\"}."));
        };
        let mut labels = Self(Vec::with_capacity(map.len()));
        for (label, value) in map {
            if label.is_empty() || label.len() > MAX_LABEL_BYTES {
                return Err(Error::invalid(format!(
                    "the name of a label must have 1 to {MAX_LABEL_BYTES} bytes"
                )));
            }
            let Value::String(value) = value else {
                return Err(Error::invalid(format!(
                    "label \"{label}\" must be a string"
                )));
            };
            refuse_nul(&label, "the name of a label")?;
            refuse_nul(&value, "the value of a label")?;
            labels.0.push((label, value));
        }
        if labels.bytes() > MAX_LABELS_BYTES {
            return Err(too_long());
        }
        labels.0.sort();
        Ok(labels)
    }

    /// Checks how many bytes their JSON has, before it is read.
    ///
    /// # Errors
    /// 22023 for more than any labels need.
    pub fn check_written(bytes: usize) -> Result<()> {
        match bytes > MAX_WRITTEN_BYTES {
            true => Err(too_long()),
            false => Ok(()),
        }
    }

    /// Checks labels that a series is to get: names and values that can be seen, or values that are empty.
    ///
    /// # Errors
    /// 22023 naming the character that must not be.
    pub fn check(&self) -> Result<()> {
        for (label, value) in self.pairs() {
            let what = format!("the value of label \"{label}\"");
            check_visible(label, "the name of a label", SeriesField::Labels)?;
            if !value.is_empty() {
                check_visible(value, &what, SeriesField::Labels)?;
            }
        }
        Ok(())
    }

    /// How many bytes names and values take.
    pub fn bytes(&self) -> usize {
        let each = self.0.iter();
        each.map(|(label, value)| label.len() + value.len()).sum()
    }

    /// The labels as compact JSON.
    pub fn json(&self) -> String {
        self.pairs().collect::<Value>().to_string()
    }

    /// Name and value of each label.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(label, value)| (&**label, &**value))
    }
}

fn too_long() -> Error {
    Error::invalid(format!(
        "the labels of a series may have at most {MAX_LABELS_BYTES} bytes together"
    ))
}

/// SHA-256 over the name and the canonical labels, each part with its length: what makes a series
/// one within its tenant.
pub fn identity(name: &str, labels: &Labels) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |tag: u8, bytes: &[u8]| {
        hash.update([tag]);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(b'n', name.as_bytes());
    for (label, value) in labels.pairs() {
        part(b'l', label.as_bytes());
        part(b'v', value.as_bytes());
    }
    hash.finalize().into()
}

/// SHA-256 of a label's value, shortened to 16 bytes: the value itself may be too long for an index.
pub fn value_hash(value: &str) -> [u8; 16] {
    let digest = Sha256::digest(value.as_bytes());
    std::array::from_fn(|i| digest[i])
}

/// The first characters of a label's value, as the table's column `value_head` has them: by them the index
/// has values in their order.
pub fn value_head(value: &str) -> &str {
    let end = value.char_indices().nth(HEAD_CHARACTERS);
    end.map_or(value, |(end, _)| value.split_at(end).0)
}

/// Checks a name by which a series is looked for, or written to.
///
/// # Errors
/// 22023 when it is empty, too long or holds a NUL.
pub fn check_name(name: &str) -> Result<()> {
    if name.is_empty() {
        let empty = Error::invalid("the name of a series must not be empty");
        return Err(empty.field(SeriesField::Name));
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(Error::invalid(format!(
            "the name of a series may have at most {MAX_NAME_BYTES} bytes, this one has {}",
            name.len()
        ))
        .hint("Put what distinguishes the series into labels."));
    }
    refuse_nul(name, "the name of a series")
}

/// Checks a name that a series is to get.
///
/// # Errors
/// As [`check_name`]; 22023 also for a name that cannot be seen, or does more than be seen.
pub fn check_new_name(name: &str) -> Result<()> {
    check_name(name)?;
    check_visible(name, "the name of a series", SeriesField::Name)
}

/// Checks a unit that values come in, or are asked for.
///
/// # Errors
/// 22023 when it is blank, too long or holds a NUL.
pub fn check_unit(unit: &str) -> Result<()> {
    if unit.trim().is_empty() {
        return Err(Error::invalid("a unit must not be blank")
            .field(SeriesField::Unit)
            .hint("Use dimensionless for a pure number."));
    }
    check_length(unit, "a unit", MAX_UNIT_BYTES)?;
    refuse_nul(unit, "a unit")
}

/// Checks a unit that a series is to get.
///
/// # Errors
/// As [`check_unit`]; 22023 also as for a name.
pub fn check_new_unit(unit: &str) -> Result<()> {
    check_unit(unit)?;
    check_visible(unit, "the unit of a series", SeriesField::Unit)
}

/// Checks a text that is looked for in names and descriptions.
///
/// # Errors
/// 22023 when it is longer than any of them.
pub fn check_search(words: &str) -> Result<()> {
    check_length(words, "search", MAX_DESCRIPTION_BYTES)
}

/// Checks a description that a series is to get.
///
/// # Errors
/// 22023 for one that is too long, or has characters that do more than be seen.
pub fn check_description(description: &str) -> Result<()> {
    let what = "the description of a series";
    check_length(description, what, MAX_DESCRIPTION_BYTES)?;
    text::check_prose(description, what)
}

fn check_visible(text: &str, what: &str, field: SeriesField) -> Result<()> {
    text::check_name(text, what).map_err(|e| e.field(field))
}

fn check_length(text: &str, what: &str, most: usize) -> Result<()> {
    match text.len() > most {
        true => Err(Error::invalid(format!(
            "{what} may have at most {most} bytes, this one has {}",
            text.len()
        ))),
        false => Ok(()),
    }
}

/// Refuses the one character that PostgreSQL cannot store.
///
/// # Errors
/// 22023 when `text` holds a NUL.
pub fn refuse_nul(text: &str, what: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(Error::invalid(format!(
            "{what} must not contain a NUL character"
        )));
    }
    Ok(())
}
