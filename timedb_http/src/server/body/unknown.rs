//! Unknown fields: refused by name, with the known field that was probably meant. What is ignored is lost silently.

use super::fields::{Errors, Members};
use crate::formats::scalar::Problem;

/// What is said of a field or a parameter that there isn't, before which one was meant.
pub(crate) const NOT_PERMITTED: &str = "Extra inputs are not permitted";

/// Longer names are cut off in messages.
const LONGEST_TOLD: usize = 200;
/// Names are compared as far as this.
const LONGEST_COMPARED: usize = 64;
/// So many wrong letters are a mistake; more are another word.
const MOST_MISTAKES: usize = 2;
/// Fewer letters are the beginning of too much.
const SHORTEST_BEGINNING: usize = 3;

/// Notes the members of an object that are not among `known`.
pub(super) fn refuse(members: &Members<'_>, known: &[&str], errors: &mut Errors) {
    refuse_with(members, known, errors, |_| None);
}

/// As [`refuse`]; `elsewhere` tells of a name where it belongs.
pub(super) fn refuse_with(
    members: &Members<'_>,
    known: &[&str],
    errors: &mut Errors,
    elsewhere: impl Fn(&str) -> Option<&'static str>,
) {
    for (name, raw) in members.iter().filter(|(name, _)| !known.contains(name)) {
        // A million unknown fields need no million comparisons.
        if errors.is_full() {
            return;
        }
        let advice = match (elsewhere(name), nearest(name, known)) {
            (Some(advice), _) => format!(": {advice}"),
            (None, Some(meant)) => format!(": did you mean {meant}?"),
            (None, None) => String::new(),
        };
        let told = format!("{NOT_PERMITTED}{advice}");
        let place = members.place(&told_of(name));
        errors.note(&place, Problem::new("extra_forbidden", &told), raw);
    }
}

/// A name as an error tells it.
fn told_of(name: &str) -> String {
    match name.char_indices().nth(LONGEST_TOLD) {
        Some((end, _)) => format!("{}...", &name[..end]),
        None => name.to_owned(),
    }
}

/// The known name that is most like this one, if any is like it: `val`, `valuekey`, `known_tme`.
pub(crate) fn nearest<'k, K: AsRef<str>>(name: &str, known: &'k [K]) -> Option<&'k str> {
    let given = letters(name);
    let candidates = known.iter().filter_map(|known| {
        let known = known.as_ref();
        let other = letters(known);
        let begins = given.len() >= SHORTEST_BEGINNING
            && (other.starts_with(&given) || given.starts_with(&other));
        let mistakes = strsim::osa_distance(&given, &other);
        let longest = given.chars().count().max(other.chars().count());
        let is_like = mistakes <= MOST_MISTAKES && longest > 2 * mistakes;
        (begins || is_like).then_some(((!begins, mistakes), known))
    });
    let (_, meant) = candidates.min_by_key(|(likeness, _)| *likeness)?;
    Some(meant)
}

/// What of a name tells words apart: `validTime` is `valid_time`.
fn letters(name: &str) -> String {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    letters
        .take(LONGEST_COMPARED)
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_was_meant_is_found() {
        let known = [
            "valid_time",
            "value_key",
            "value",
            "valid_time_end",
            "series_id",
            "known_time",
        ];
        for (name, meant) in [
            ("val", Some("value")),
            ("valeu", Some("value")),
            ("Value", Some("value")),
            ("values", Some("value")),
            ("known_tme", Some("known_time")),
            ("knownTime", Some("known_time")),
            ("known", Some("known_time")),
            ("valid", Some("valid_time")),
            ("valid_time_utc", Some("valid_time")),
            ("valid_end", None),
            ("seriesid", Some("series_id")),
            ("unit", None),
            ("labels", None),
            ("name", None),
            ("id", None),
            ("x", None),
            ("", None),
            ("größe", None),
        ] {
            assert_eq!(nearest(name, &known), meant, "{name}");
        }
        let long = "v".repeat(1 << 20);
        assert_eq!(nearest(&long, &known), None);
        assert_eq!(told_of(&long).len(), LONGEST_TOLD + 3);
        assert_eq!(told_of("größe"), "größe");
    }
}
