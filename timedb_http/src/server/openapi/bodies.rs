//! The schemas of request bodies. A test compares the fields with those that the readers of bodies know.

use utoipa::openapi::{
    ObjectBuilder, RefOr, Schema, Type,
    schema::{AdditionalProperties, AnyOfBuilder},
};

use super::scalars::{
    Named, anything, list, named, nullable, object, of, or_null, prose, small_integer, stored_text,
    to, uuid,
};
use crate::{formats::rows::ROW_ORDER_LIMIT, server::body::ANSWERED_OF_SERIES};

/// The schemas that operations refer to.
pub(super) fn schemas() -> Vec<Named> {
    let update = [
        ("series_id", RefOr::from(uuid())),
        ("valid_time", to("Time").into()),
        ("valid_time_end", or_null("Time").into()),
        ("known_time", or_null("Time").into()),
        ("knowledge_time", or_null("Time").into()),
        ("batch_id", or_uuid_null()),
        ("tenant_id", or_uuid_null()),
        ("value", number_or_null()),
        ("annotation", nullable_text()),
        (
            "tags",
            AnyOfBuilder::new()
                .item(list(stored_text()))
                .item(of(Type::Null))
                .into(),
        ),
        ("metadata", or_null("Metadata").into()),
    ];
    let updates = [
        (
            "updates",
            RefOr::from(list(to("Update")).max_items(Some(100_000))),
        ),
        ("time_unit", or_null("TimeUnit").into()),
    ];
    vec![
        named("Upload", upload()),
        named("UploadRow", upload_row()),
        named("NewSeries", series().required("name")),
        named("SeriesFields", series()),
        named("SeriesChange", change()),
        named("Update", object(update, &["series_id", "valid_time"])),
        named("Updates", object(updates, &["updates"])),
        named("Points", points()),
    ]
}

fn nullable_text() -> RefOr<Schema> {
    AnyOfBuilder::new()
        .item(stored_text())
        .item(of(Type::Null))
        .into()
}

fn or_uuid_null() -> RefOr<Schema> {
    AnyOfBuilder::new().item(uuid()).item(of(Type::Null)).into()
}

fn number_or_null() -> RefOr<Schema> {
    nullable(Type::Number)
        .description(Some(
            "A string that holds a number is one too; null is a missing value.",
        ))
        .into()
}

fn by_key(schema: impl Into<RefOr<Schema>>) -> RefOr<Schema> {
    nullable(Type::Object)
        .additional_properties(Some(AdditionalProperties::RefOr(schema.into())))
        .into()
}

fn upload() -> ObjectBuilder {
    let members = [
        ("batch_start_time", RefOr::from(to("Time"))),
        ("value_rows", list(to("UploadRow")).into()),
        ("known_time", or_null("Time").into()),
        ("knowledge_time", or_null("Time").into()),
        ("workflow_id", nullable_text()),
        ("batch_finish_time", or_null("Time").into()),
        ("batch_params", or_null("Metadata").into()),
        ("series", by_key(to("SeriesFields"))),
        ("series_descriptions", by_key(prose())),
        ("batch_id", or_uuid_null()),
        ("skip_unchanged", nullable(Type::Boolean).into()),
        ("time_unit", or_null("TimeUnit").into()),
        ("tenant_id", nullable_text()),
    ];
    object(members, &["batch_start_time"])
}

fn upload_row() -> ObjectBuilder {
    let members = [
        ("valid_time", RefOr::from(to("Time"))),
        ("value_key", to("Name").into()),
        ("value", number_or_null()),
        ("valid_time_end", or_null("Time").into()),
        ("series_id", or_uuid_null()),
        ("known_time", or_null("Time").into()),
        ("knowledge_time", or_null("Time").into()),
    ];
    object(members, &["valid_time", "value_key"])
}

fn series_members() -> [(&'static str, RefOr<Schema>); 4] {
    [
        ("name", to("Name").into()),
        ("labels", or_null("Labels").into()),
        ("unit", or_null("Unit").into()),
        (
            "description",
            AnyOfBuilder::new()
                .item(prose())
                .item(of(Type::Null))
                .into(),
        ),
    ]
}

fn series() -> ObjectBuilder {
    object(series_members(), &[])
}

/// A change may hold all that was answered; what cannot be changed is ignored there.
fn change() -> ObjectBuilder {
    let ignored = ANSWERED_OF_SERIES.map(|name| {
        let anything = anything().description(Some("Ignored."));
        (name, RefOr::from(anything))
    });
    let mut members = series_members();
    // What is null stays as it is.
    members[0].1 = or_null("Name").into();
    object(members.into_iter().chain(ignored), &[])
}

fn points() -> ObjectBuilder {
    let column = |items: RefOr<Schema>| list(items).max_items(Some(ROW_ORDER_LIMIT));
    let column_or_one = |name: &str, one: RefOr<Schema>| {
        let either = AnyOfBuilder::new()
            .item(column(one.clone()))
            .item(one)
            .description(Some("An entry for each row, or one for all."));
        match name {
            "as_of" => RefOr::from(either),
            _ => either.item(of(Type::Null)).into(),
        }
    };
    let or_absent =
        |schema: RefOr<Schema>| RefOr::from(AnyOfBuilder::new().item(schema).item(of(Type::Null)));
    let seconds = of(Type::Number)
        .exclusive_minimum(Some(-9e9))
        .exclusive_maximum(Some(9e9));
    let max_age = AnyOfBuilder::new()
        .item(to("Length"))
        .item(seconds)
        .item(of(Type::Null));
    let members = [
        ("valid_time", column(to("Time").into()).into()),
        ("as_of", column_or_one("as_of", to("Time").into())),
        ("series_id", column_or_one("series_id", uuid().into())),
        ("name", column_or_one("name", stored_text().into())),
        ("labels", column_or_one("labels", to("Labels").into())),
        (
            "series_index",
            or_absent(column(small_integer().minimum(Some(1)).into()).into()),
        ),
        (
            "valid_time_end",
            or_absent(column(or_null("Time").into()).into()),
        ),
        ("max_age", max_age.into()),
        ("as_of_change", or_null("Time").into()),
        ("unit", or_null("Unit").into()),
        ("time_unit", or_null("TimeUnit").into()),
    ];
    object(members, &["valid_time", "as_of"])
}
