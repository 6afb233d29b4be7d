//! `POST /series`: get or create a series by name and labels. The modules contain the other routes below it.

pub(crate) mod labels;
pub(crate) mod one;
mod row;
pub(crate) mod search;

use axum::response::Response;
use serde_json::json;
use tokio_postgres::{Client, types::Type};
use uuid::Uuid;

use super::query::none;
use crate::server::{
    answer,
    body::{Received, SeriesFields, read_new_series},
    error::ApiError,
    guard::Plan,
    head::Head,
    state::Caller,
};

const CREATE: &str = "SELECT series_id, created FROM timedb.create_series(\
                      name => $1, unit => $2, labels => $3::pg_catalog.text::pg_catalog.jsonb, description => $4)";

pub(crate) fn plan(head: &Head, body: &Received) -> Plan<SeriesFields> {
    none(head.query())?;
    Ok(read_new_series(body.json()?)?)
}

pub(crate) async fn create(caller: Caller, series: SeriesFields) -> Result<Response, ApiError> {
    let create = async |client: &Client| {
        let parameters = [
            (&series.name as _, Type::TEXT),
            (&series.unit as _, Type::TEXT),
            (&series.labels as _, Type::TEXT),
            (&series.description as _, Type::TEXT),
        ];
        client.query_typed_one(CREATE, &parameters).await
    };
    let row = caller.write(create).await?;
    let message = if row.get(1) {
        "Series created successfully"
    } else {
        "Series already exists"
    };
    let answer = json!({ "series_id": row.get::<_, Uuid>(0).to_string(), "message": message });
    Ok(answer::json(answer.to_string()))
}
