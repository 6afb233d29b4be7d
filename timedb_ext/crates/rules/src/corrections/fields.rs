//! What an update changes in a version: value, annotation, tags and metadata, in canonical form.

use crate::error::{Error, Result, SqlState};
use crate::limits::check_nesting;

/// Longest annotation, and longest metadata as JSON, in bytes.
const MAX_TEXT_BYTES: usize = 64 << 10;
/// Most tags of a version, and the longest one in bytes.
const MAX_TAGS: usize = 100;
const MAX_TAG_BYTES: usize = 256;

/// A value: a number, or null.
///
/// # Errors
/// 22023 for anything else, 22003 for a number beyond every float.
pub fn value(json: &str) -> Result<Option<f64>> {
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
pub fn annotation(json: &str) -> Result<Option<String>> {
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
pub fn tags(json: &str) -> Result<Vec<String>> {
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
pub fn metadata(json: &str) -> Result<Option<String>> {
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
