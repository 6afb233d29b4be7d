//! The schemas of what is answered: rows, lists, series.

use timedb_wire::Aggregate;
use utoipa::openapi::{
    ObjectBuilder, RefOr, Schema, Type,
    schema::{AdditionalProperties, AnyOfBuilder},
};

use super::scalars::{Named, integer, list, named, nullable, object, of, or_null, text, to, uuid};

/// The schemas that answers refer to.
pub(super) fn schemas() -> Vec<Named> {
    let row: Vec<_> = members()
        .into_iter()
        .map(|(name, schema, _)| (name, schema))
        .collect();
    let required: Vec<_> = members()
        .into_iter()
        .filter_map(|(name, _, is_always_there)| is_always_there.then_some(name))
        .collect();
    let columns = members().into_iter().map(|(name, schema, _)| {
        let column = if name == "valid_time_end" {
            list(or_null("Time"))
        } else {
            list(schema)
        };
        (name, column)
    });
    let onward = [
        ("cursor", RefOr::from(text())),
        ("more", RefOr::from(of(Type::Boolean))),
    ];
    let read = AnyOfBuilder::new().item(to("Rows")).item(to("Columns"));
    let changes = AnyOfBuilder::new()
        .item(of_list(list(to("Row")), onward.clone()))
        .item(of_list(to("ColumnValues"), onward));
    vec![
        named(
            "Row",
            object(row, &required).description(Some(
                "A point. Which members there are depends on the read; `valid_time_end` is there if the point has an end.",
            )),
        ),
        named("ColumnValues", object(columns, &required)),
        named("Rows", maybe_page(list(to("Row")))),
        named("Columns", maybe_page(to("ColumnValues"))),
        named("Read", read),
        named("Changes", changes),
        named("Series", series([])),
        named("DescribedSeries", series(described())),
        named(
            "SeriesPage",
            page(to("Series"), AnyOfBuilder::new().item(uuid()).item(of(Type::Null))),
        ),
        named("ListedSeries", listed()),
        named("Count", object([("count", integer())], &["count"])),
        named("LabelNames", of_list(list(with_count("label")), [])),
        named("LabelValues", page(with_count("value"), nullable(Type::String))),
        named("Service", of(Type::Object)),
        named("Document", of(Type::Object)),
        named("Health", object([("status", text())], &["status"])),
        named("Ready", ready()),
        named("Uploaded", uploaded()),
        named("Corrected", corrected()),
        named(
            "CreatedSeries",
            object([("series_id", uuid()), ("message", text())], &["series_id", "message"]),
        ),
    ]
}

/// The members of a row in their order, and whether every row has them.
fn members() -> Vec<(&'static str, RefOr<Schema>, bool)> {
    let number = || RefOr::from(nullable(Type::Number));
    let maybe_text = || RefOr::from(nullable(Type::String));
    let aggregates = Aggregate::ALL.map(|aggregate| match aggregate {
        Aggregate::Count => (aggregate.name(), integer().into(), false),
        _ => (aggregate.name(), number(), false),
    });
    let before = [
        ("known_time", or_null("Time").into(), false),
        ("change_time", to("Time").into(), false),
        ("valid_time", to("Time").into(), true),
        ("valid_time_end", to("Time").into(), false),
        ("series_id", uuid().into(), true),
        ("value", number(), false),
    ];
    let after = [
        ("name", text().into(), true),
        ("unit", text().into(), true),
        ("labels", to("Labels").into(), true),
        ("found", of(Type::Boolean).into(), false),
        ("lead_time", of(Type::Number).into(), false),
        ("batch_id", maybe_text(), false),
        ("value_id", integer().into(), false),
        ("changed_by", maybe_text(), false),
        ("annotation", maybe_text(), false),
        (
            "tags",
            AnyOfBuilder::new()
                .item(list(text()))
                .item(of(Type::Null))
                .into(),
            false,
        ),
        ("metadata", or_null("Metadata").into(), false),
    ];
    before.into_iter().chain(aggregates).chain(after).collect()
}

/// An answer with entries and their number, and what else it says.
fn of_list<const N: usize>(
    data: impl Into<RefOr<Schema>>,
    more: [(&'static str, RefOr<Schema>); N],
) -> ObjectBuilder {
    let required: Vec<_> = ["count", "data"]
        .into_iter()
        .chain(more.iter().map(|(name, _)| *name))
        .collect();
    let members = [("count", integer().into()), ("data", data.into())];
    object(members.into_iter().chain(more), &required)
}

/// Rows, and where the next page begins if they are one.
fn maybe_page(rows: impl Into<RefOr<Schema>>) -> ObjectBuilder {
    of_list(rows, []).property("next", nullable(Type::String))
}

/// One page of a list, and where the next one begins.
fn page(entry: impl Into<RefOr<Schema>>, next: impl Into<RefOr<Schema>>) -> ObjectBuilder {
    of_list(list(entry), [("next", next.into())])
}

fn with_count(what: &'static str) -> ObjectBuilder {
    object([(what, text()), ("series", integer())], &[what, "series"])
}

fn series(more: impl IntoIterator<Item = (&'static str, RefOr<Schema>)>) -> ObjectBuilder {
    let members = [
        ("series_id", uuid().into()),
        ("name", text().into()),
        ("unit", text().into()),
        ("description", nullable(Type::String).into()),
        ("labels", to("Labels").into()),
        ("created_at", to("Time").into()),
    ];
    let members: Vec<_> = members.into_iter().chain(more).collect();
    let required: Vec<_> = members.iter().map(|(name, _)| *name).collect();
    object(members.clone(), &required)
}

fn described() -> Vec<(&'static str, RefOr<Schema>)> {
    let counts = ["versions", "segments", "bytes"].map(|name| (name, integer().into()));
    let times = [
        "first_valid_time",
        "last_valid_time",
        "first_known_time",
        "last_known_time",
        "last_change_time",
    ];
    let times = times.map(|name| (name, or_null("Time").into()));
    counts.into_iter().chain(times).collect()
}

fn listed() -> ObjectBuilder {
    let members = [
        ("series_key", text().into()),
        ("name", text().into()),
        ("description", nullable(Type::String).into()),
        ("unit", text().into()),
        ("labels", RefOr::from(to("Labels"))),
    ];
    let required = members.each_ref().map(|(name, _)| *name);
    ObjectBuilder::new()
        .property_names(Some(uuid()))
        .additional_properties(Some(AdditionalProperties::RefOr(RefOr::from(object(
            members, &required,
        )))))
        .description(Some("The series by their ids."))
}

fn uploaded() -> ObjectBuilder {
    let ids = ObjectBuilder::new().additional_properties(Some(uuid()));
    let labelled = [
        ("name", RefOr::from(text())),
        ("labels", to("Labels").into()),
        ("series_id", uuid().into()),
    ];
    let labelled = object(labelled, &["name", "labels", "series_id"]);
    let members = [
        ("batch_id", RefOr::from(uuid())),
        ("message", text().into()),
        ("series_ids", ids.into()),
        ("series", list(labelled).into()),
        ("points", integer().into()),
        ("skipped_unchanged", integer().into()),
    ];
    object(members, &["batch_id", "message", "series_ids"])
}

fn corrected() -> ObjectBuilder {
    let skipped = [
        ("batch_id", RefOr::from(uuid())),
        ("tenant_id", uuid().into()),
        ("valid_time", to("Time").into()),
        ("valid_time_end", to("Time").into()),
        ("series_id", uuid().into()),
        ("known_time", to("Time").into()),
    ];
    let required = [
        "batch_id",
        "tenant_id",
        "valid_time",
        "series_id",
        "known_time",
    ];
    let updated = skipped
        .clone()
        .into_iter()
        .chain([("value_id", RefOr::from(integer()))]);
    let updated = object(updated, &[&required[..], &["value_id"]].concat());
    let members = [
        ("updated", list(updated)),
        ("skipped_no_ops", list(object(skipped, &required))),
    ];
    object(members, &["updated", "skipped_no_ops"])
}

fn ready() -> ObjectBuilder {
    let members = [("status", text()), ("writes", of(Type::Boolean))];
    object(members, &["status", "writes"])
}
