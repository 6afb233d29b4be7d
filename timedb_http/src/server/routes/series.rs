//! `POST /series`: get or create a series by name and labels. The modules have the other routes below it.

pub(crate) mod labels;
pub(crate) mod one;
pub(crate) mod search;

use axum::{
    body::Body,
    extract::{RawQuery, State},
    http::HeaderMap,
    response::Response,
};
use serde_json::json;
use tokio_postgres::{Client, types::Type};
use uuid::Uuid;

use super::{json_response, query};
use crate::server::{
    body::read_series,
    body::{key_and_body, read_body},
    db::Access,
    error::ApiError,
    router::AppState,
};

const CREATE: &str = "SELECT series_id, created FROM timedb.create_series(\
                      name => $1, unit => $2, labels => $3::pg_catalog.text::pg_catalog.jsonb, description => $4)";

pub(crate) async fn create_series(
    State(state): State<AppState>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
    body: Body,
) -> Result<Response, ApiError> {
    let (key, body) = key_and_body(&headers, body)?;
    let key = key.as_ref();
    let body = read_body(&state, key, &headers, body).await?;
    let work = async {
        if let Err(errors) = query::none(raw.as_deref()) {
            return Err(body.invalid(&state.db, key, &errors).await);
        }
        if let Some(content_type) = body.not_json() {
            let answer = ApiError::not_json(content_type);
            return Err(body.refuse(&state.db, key, answer).await);
        }
        let series = match read_series(&body.bytes) {
            Ok(series) => series,
            Err(errors) => return Err(body.invalid(&state.db, key, &errors).await),
        };
        let create = async |client: &Client| {
            let parameters = [
                (&series.name as _, Type::TEXT),
                (&series.unit as _, Type::TEXT),
                (&series.labels as _, Type::TEXT),
                (&series.description as _, Type::TEXT),
            ];
            client.query_typed(CREATE, &parameters).await
        };
        state.db.run(Access::Write, key, create).await
    };
    let rows = state.within(work).await?;
    let row = rows
        .first()
        .ok_or_else(|| ApiError::internal("create_series returned no row"))?;
    let message = if row.get(1) {
        "Series created successfully"
    } else {
        "Series already exists"
    };
    let answer = json!({ "series_id": row.get::<_, Uuid>(0).to_string(), "message": message });
    Ok(json_response(answer.to_string()))
}
