//! `GET /series/{series_id}`: what a series is and how much of it is stored. `PATCH`: a new name, labels, description
//! or unit.

use axum::response::Response;
use futures_util::future::join3;
use tokio_postgres::{Client, Row, types::Type};
use uuid::Uuid;

use super::{
    super::query::{escapes, none, wrong},
    CREATED_AT, write_instant, write_series,
};
use crate::server::{
    answer,
    body::{Problem, Received, SeriesFields, read_series_change},
    db::PgInstant,
    error::ApiError,
    guard::{Plan, Query},
    head::Head,
    instant::{Formatter, Precision},
    json,
    state::Caller,
};

const DESCRIBE: &str = "SELECT series_id, name, unit, description, labels::pg_catalog.text, created_at, \
                        versions, segments, bytes, first_valid_time, last_valid_time, first_known_time, \
                        last_known_time, last_change_time FROM timedb.describe_series($1)";
/// The times of that row besides the creation, with their names.
const TIMES: [(usize, &str); 5] = [
    (9, "first_valid_time"),
    (10, "last_valid_time"),
    (11, "first_known_time"),
    (12, "last_known_time"),
    (13, "last_change_time"),
];
const RENAME: &str = "SELECT timedb.rename_series($1, $2, $3::pg_catalog.text::pg_catalog.jsonb)";
const UPDATE: &str = "SELECT timedb.update_series($1, $2, $3)";

/// The series that the path names; there are no other parameters.
pub(crate) fn plan(head: &Head) -> Query<Uuid> {
    let raw = head.last_part();
    // Whatever is wrong with its escapes, it is not an id.
    let text = escapes::of_path(raw).ok();
    let rest = none(head);
    let Some(id) = text.and_then(|text| Uuid::try_parse(&text).ok()) else {
        let wrong = wrong(&["path", "series_id"], raw, Problem::uuid());
        return Err([vec![wrong], rest.err().unwrap_or_default()].concat());
    };
    rest.map(|()| id)
}

pub(crate) async fn describe(caller: Caller, id: Uuid) -> Result<Response, ApiError> {
    let row = caller.read_one(DESCRIBE, &[(&id, Type::UUID)]).await?;
    Ok(render(&row))
}

pub(crate) fn plan_change(head: &Head, body: &Received) -> Plan<(Uuid, SeriesFields)> {
    Ok((plan(head)?, read_series_change(body.json()?)?))
}

pub(crate) async fn change(
    caller: Caller,
    (id, change): (Uuid, SeriesFields),
) -> Result<Response, ApiError> {
    // All are sent at once; after one that fails the others are not carried out.
    let write = async |client: &Client| {
        let rename = [
            (&id as _, Type::UUID),
            (&change.name as _, Type::TEXT),
            (&change.labels as _, Type::TEXT),
        ];
        let update = [
            (&id as _, Type::UUID),
            (&change.description as _, Type::TEXT),
            (&change.unit as _, Type::TEXT),
        ];
        // In this order: a change of the unit waits for uploads, and should hold no series then.
        let (updated, renamed, described) = join3(
            client.query_typed(UPDATE, &update),
            client.query_typed(RENAME, &rename),
            client.query_typed_one(DESCRIBE, &[(&id, Type::UUID)]),
        )
        .await;
        updated?;
        renamed?;
        described
    };
    Ok(render(&caller.write(write).await?))
}

fn render(row: &Row) -> Response {
    let mut out = Vec::with_capacity(768);
    let times = [CREATED_AT]
        .into_iter()
        .chain(TIMES.map(|(column, _)| column));
    let times = times.filter_map(|column| row.get(column));
    let mut formatter = Formatter::new(Precision::of(times.map(|PgInstant(micros)| micros)));
    out.push(b'{');
    write_series(row, &mut formatter, &mut out);
    for (column, name) in [(6, "versions"), (7, "segments"), (8, "bytes")] {
        json::write_member(name, row.get::<_, i64>(column), &mut out);
    }
    for (column, name) in TIMES {
        write_instant(name, row.get(column), &mut formatter, &mut out);
    }
    out.push(b'}');
    answer::json(out)
}
