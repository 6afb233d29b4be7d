//! What an upload says about its series: `series` and `series_descriptions`, by handle.

use std::collections::HashMap;

use serde_json::{Value, json, value::RawValue};

use super::{
    fields::{Errors, Members},
    scalar::{Problem, Scalar},
    unknown,
};

/// What an upload may say of a series.
pub(super) const FIELDS: [&str; 4] = ["name", "labels", "unit", "description"];

/// What a handle refers to; `None` if the upload does not say.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Declared {
    /// The handle itself unless given.
    pub name: Option<String>,
    /// JSON text of an object.
    pub labels: Option<String>,
    /// The unit of the values, and of a new series.
    pub unit: Option<String>,
    pub description: Option<String>,
}

/// Reads what an upload says of its series. Where both fields describe one, `series` counts.
pub(super) fn read_declared(
    members: &Members<'_>,
    errors: &mut Errors,
) -> HashMap<String, Declared> {
    let mut declared = HashMap::new();
    each(members, "series", errors, |handle, raw, errors| {
        if let Some(one) = read_one(handle, raw, errors) {
            declared.insert(handle.to_owned(), one);
        }
    });
    let mut descriptions = HashMap::new();
    each(
        members,
        "series_descriptions",
        errors,
        |handle, raw, errors| {
            let place = [json!("series_descriptions"), json!(handle)];
            if let Some(text) = read_text(&place, Some(raw), errors) {
                descriptions.insert(handle.to_owned(), text);
            }
        },
    );
    for (handle, text) in descriptions {
        let one: &mut Declared = declared.entry(handle).or_default();
        one.description.get_or_insert(text);
    }
    declared
}

/// Goes through the members of an optional top-level object.
fn each<'a>(
    members: &Members<'a>,
    field: &str,
    errors: &mut Errors,
    mut read: impl FnMut(&str, &'a RawValue, &mut Errors),
) {
    let Some(raw) = errors.object(members, field) else {
        return;
    };
    let Ok(inner) = serde_json::from_str::<Members<'a>>(raw.get()) else {
        errors.note(&[json!(field)], Problem::unreadable(), raw);
        return;
    };
    for (name, raw) in inner.iter() {
        read(name, raw, errors);
    }
}

fn read_one(handle: &str, raw: &RawValue, errors: &mut Errors) -> Option<Declared> {
    let place = |member: &str| [json!("series"), json!(handle), json!(member)];
    if raw.get() == "null" {
        return None;
    }
    if !raw.get().starts_with('{') {
        let problem = Problem::new("dict_type", "Input should be a valid dictionary");
        errors.note(&[json!("series"), json!(handle)], problem, raw);
        return None;
    }
    let Ok(members) = serde_json::from_str::<Members<'_>>(raw.get()) else {
        errors.note(
            &[json!("series"), json!(handle)],
            Problem::unreadable(),
            raw,
        );
        return None;
    };
    let labels = members.present("labels").filter(|raw| {
        let is_object = raw.get().starts_with('{');
        if !is_object {
            let problem = Problem::new("dict_type", "Input should be a valid dictionary");
            errors.note(&place("labels"), problem, raw);
        }
        is_object
    });
    let labels = labels.map(|raw| raw.get().to_owned());
    unknown::refuse(&members, &FIELDS, &[json!("series"), json!(handle)], errors);
    let unit = errors.read(&place("unit"), members.present("unit"), Scalar::unit);
    let mut text = |member| read_text(&place(member), members.get(member), errors);
    Some(Declared {
        name: text("name"),
        unit: unit.map(Into::into),
        description: text("description"),
        labels,
    })
}

/// A text, or nothing where there is none or null.
fn read_text(place: &[Value], raw: Option<&RawValue>, errors: &mut Errors) -> Option<String> {
    let raw = raw?;
    match Scalar::of(raw) {
        Scalar::Null => None,
        scalar => match scalar.text() {
            Ok(text) => Some(text.into_owned()),
            Err(problem) => {
                errors.note(place, problem, raw);
                None
            }
        },
    }
}
