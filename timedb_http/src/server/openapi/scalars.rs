//! The schemas of single values: times, lengths of time, names, labels.

use serde_json::Value;
use utoipa::openapi::{
    ArrayBuilder, KnownFormat, Object, ObjectBuilder, Ref, RefOr, Schema, SchemaFormat, Type,
    schema::{AdditionalProperties, AnyOfBuilder, SchemaType},
};

/// What no name has in it: control characters, line breaks, and what changes the direction of text.
const UNWANTED: &str = r"\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069";
/// What has no form of its own.
const BLANK: &str = r"\s\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8";
/// A description, which may have several lines.
const PROSE: &str =
    r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*$";
/// Any text but U+0000, which PostgreSQL cannot store.
const NO_NUL: &str = r"^[^\u0000]*$";
const LENGTH: &str = r"^[+-]?([0-9]{1,9}(\.[0-9]{1,6})? ?(s|min|h)?|[0-9]{1,9}(\.[0-9]{1,3})? ?ms|[0-9]{1,9} ?us|[0-9]{1,6} ?(d|w))$";
const TIME_OF_DAY: &str = r"^(([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?|24:00)$";

/// A schema with its name.
pub(super) type Named = (&'static str, RefOr<Schema>);

/// The schemas that others refer to.
pub(super) fn schemas() -> Vec<Named> {
    let length = AnyOfBuilder::new()
        .item(text().pattern(Some(LENGTH)))
        .item(of_format(Type::String, KnownFormat::Duration))
        .description(Some(
            "A length of time: `24h`, `15 min`, `-12h`, a number of seconds, or ISO 8601 such as `PT15M`.",
        ));
    let time = of_format(Type::String, KnownFormat::DateTime).description(Some(
        "ISO 8601; one without a zone is UTC, a date is its midnight. With `time_unit` a number is a time too.",
    ));
    let labels = ObjectBuilder::new()
        .additional_properties(Some(RefOr::from(clean())))
        .property_names(Some(visible().max_length(Some(256))))
        .description(Some("Names and values, at most 128 KiB."));
    let asked = ObjectBuilder::new()
        .additional_properties(Some(RefOr::from(stored_text())))
        .property_names(Some(stored_text()))
        .description(Some("Names and values that series have among others."));
    vec![
        named("Time", time),
        named("Length", length),
        named("Labels", labels),
        named("LabelFilter", asked),
        named(
            "Name",
            visible()
                .max_length(Some(1024))
                .description(Some("1 to 1024 bytes, of which something can be seen.")),
        ),
        named(
            "Unit",
            visible().description(Some(
                "A unit of measurement, such as `kW`, of at most 256 bytes. Values are converted between units of one \
                 quantity.",
            )),
        ),
        named("TimeUnit", choice(["s", "ms", "us", "ns"])),
        named(
            "Metadata",
            ObjectBuilder::new()
                .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(true)))
                .description(Some("Any object; at most 64 levels deep.")),
        ),
    ]
}

pub(super) fn named(name: &'static str, schema: impl Into<Schema>) -> Named {
    (name, RefOr::T(schema.into()))
}

pub(super) fn to(name: &str) -> Ref {
    Ref::from_schema_name(name)
}

/// The schema of this name, or null.
pub(super) fn or_null(name: &str) -> Schema {
    AnyOfBuilder::new()
        .item(to(name))
        .item(of(Type::Null))
        .into()
}

pub(super) fn of(ty: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(ty)
}

/// A value of this type, or null.
pub(super) fn nullable(ty: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([ty, Type::Null]))
}

pub(super) fn text() -> ObjectBuilder {
    of(Type::String)
}

/// A text without U+0000.
pub(super) fn stored_text() -> ObjectBuilder {
    text().pattern(Some(NO_NUL))
}

/// A text of which something can be seen, and in which nothing moves the rest.
fn visible() -> ObjectBuilder {
    let pattern = format!("^[^{UNWANTED}]*[^{UNWANTED}{BLANK}][^{UNWANTED}]*$");
    text().pattern(Some(pattern)).min_length(Some(1))
}

/// The same, or one of which nothing can be seen.
fn clean() -> ObjectBuilder {
    text().pattern(Some(format!("^[^{UNWANTED}]*$")))
}

/// What people read about something.
pub(super) fn prose() -> ObjectBuilder {
    text().pattern(Some(PROSE))
}

pub(super) fn uuid() -> ObjectBuilder {
    text().format(Some(SchemaFormat::Custom("uuid".to_owned())))
}

pub(super) fn integer() -> ObjectBuilder {
    of_format(Type::Integer, KnownFormat::Int64)
}

pub(super) fn time_of_day() -> ObjectBuilder {
    text().pattern(Some(TIME_OF_DAY))
}

pub(super) fn of_format(ty: Type, format: KnownFormat) -> ObjectBuilder {
    of(ty).format(Some(SchemaFormat::KnownFormat(format)))
}

pub(super) fn choice<'a>(names: impl IntoIterator<Item = &'a str>) -> ObjectBuilder {
    text().enum_values(Some(names.into_iter().map(Value::from)))
}

pub(super) fn list(items: impl Into<RefOr<Schema>>) -> ArrayBuilder {
    ArrayBuilder::new().items(items.into())
}

/// Bytes that are no text.
pub(super) fn bytes() -> Object {
    of_format(Type::String, KnownFormat::Binary).build()
}

/// An object that has these members, and no others.
pub(super) fn object<'a, S: Into<RefOr<Schema>>>(
    members: impl IntoIterator<Item = (&'a str, S)>,
    required: &[&str],
) -> ObjectBuilder {
    let mut object = ObjectBuilder::new()
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    for (name, schema) in members {
        object = object.property(name, schema);
    }
    required
        .iter()
        .fold(object, |object, name| object.required(*name))
}

/// A number of 32 bits.
pub(super) fn small_integer() -> ObjectBuilder {
    of_format(Type::Integer, KnownFormat::Int32)
}

/// Any JSON.
pub(super) fn anything() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue)
}
