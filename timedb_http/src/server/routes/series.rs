//! `POST /series`: get or create a series by name and labels. The modules contain the other routes below it.

pub(crate) mod labels;
pub(crate) mod one;
pub(crate) mod search;

use axum::response::Response;
use serde_json::json;
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use super::query::none;
use crate::server::{
    answer,
    body::{Received, SeriesFields, read_new_series},
    db::PgInstant,
    error::ApiError,
    guard::Plan,
    head::Head,
    instant::Formatter,
    json,
    state::Caller,
};

const CREATE: &str = "SELECT series_id, created FROM timedb.create_series(\
                      name => $1, unit => $2, labels => $3::pg_catalog.text::pg_catalog.jsonb, description => $4)";

pub(crate) fn plan(head: &Head, body: &Received) -> Plan<SeriesFields> {
    none(head)?;
    Ok(read_new_series(body.json()?)?)
}

pub(crate) async fn create(caller: Caller, series: SeriesFields) -> Result<Response, ApiError> {
    let parameters = [
        &series.name,
        &series.unit,
        &series.labels,
        &series.description,
    ];
    let parameters = parameters.map(|text| (text as _, Type::TEXT));
    let row = caller.write_one(CREATE, &parameters).await?;
    let message = match row.get(1) {
        true => "Series created successfully",
        false => "Series already exists",
    };
    let answer = json!({ "series_id": row.get::<_, Uuid>(0), "message": message });
    Ok(answer::json(answer.to_string()))
}

/// Where the row of a series has its creation.
const CREATED_AT: usize = 5;

/// The members of a series, from a row that begins with id, name, unit, description, labels and creation.
fn write_series(row: &Row, formatter: &mut Formatter, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"series_id\":");
    json::write_str(&row.get::<_, Uuid>(0).to_string(), out);
    for (column, name) in [(1, "name"), (2, "unit"), (3, "description")] {
        json::write_member(name, row.get::<_, Option<&str>>(column), out);
    }
    json::write_name("labels", out);
    json::write_compact(row.get(4), out);
    write_instant("created_at", row.get(CREATED_AT), formatter, out);
}

/// A member with an instant, or null.
fn write_instant(
    name: &str,
    instant: Option<PgInstant>,
    formatter: &mut Formatter,
    out: &mut Vec<u8>,
) {
    json::write_name(name, out);
    match instant {
        None => out.extend_from_slice(b"null"),
        Some(PgInstant(micros)) => {
            out.push(b'"');
            formatter.write(micros, out);
            out.push(b'"');
        }
    }
}
