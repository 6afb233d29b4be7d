//! `PUT /values`: corrections of points, all or none.

use axum::{
    body::Body,
    extract::{RawQuery, State},
    http::HeaderMap,
    response::Response,
};
use serde::{Deserialize, Serialize};
use tokio_postgres::{Client, Row, types::Type};
use uuid::Uuid;

use super::{BLOCKING_FROM_BYTES, json_response, query};
use crate::server::{
    body::{Received, idempotency_key, key_and_body, read_body},
    body::{Refused, read_corrections},
    db::Access,
    error::ApiError,
    instant::TimeUnit,
    router::AppState,
};

const UPDATE: &str =
    "SELECT timedb.update_values($1::pg_catalog.text::pg_catalog.jsonb, $2)::pg_catalog.text";

pub(crate) async fn update_values(
    State(state): State<AppState>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
    body: Body,
) -> Result<Response, ApiError> {
    let (key, body) = key_and_body(&headers, body)?;
    let key = key.as_ref();
    let body = read_body(&state, key, &headers, body).await?;
    let work = async {
        let unit = match query::parse_for_body(raw.as_deref()) {
            Ok(unit) => unit,
            Err(errors) => return Err(body.invalid(&state.db, key, &errors).await),
        };
        if let Some(content_type) = body.not_json() {
            let answer = ApiError::not_json(content_type);
            return Err(body.refuse(&state.db, key, answer).await);
        }
        let updates = match parse(&body, unit).await? {
            Ok(updates) => updates,
            Err(Refused::Invalid(errors)) => {
                return Err(body.invalid(&state.db, key, &errors).await);
            }
            Err(Refused::NoUuid(sentence)) => {
                let answer = ApiError::bad_request(sentence);
                return Err(body.refuse(&state.db, key, answer).await);
            }
        };
        let request = match idempotency_key(&headers) {
            Ok(request) => request,
            Err(answer) => return Err(body.refuse(&state.db, key, answer).await),
        };
        let write = async |client: &Client| {
            let parameters = [(&updates as _, Type::TEXT), (&request as _, Type::TEXT)];
            client.query_typed(UPDATE, &parameters).await
        };
        let rows = state.db.run(Access::Write, key, write).await?;
        render(&rows)
    };
    state.within(work).await
}

/// Parses a body, a large one beside the workers that serve everybody else.
async fn parse(
    body: &Received,
    unit: Option<TimeUnit>,
) -> Result<Result<String, Refused>, ApiError> {
    if body.bytes.len() < BLOCKING_FROM_BYTES {
        return Ok(read_corrections(&body.bytes, unit));
    }
    let bytes = body.bytes.clone();
    tokio::task::spawn_blocking(move || read_corrections(&bytes, unit))
        .await
        .map_err(|_| ApiError::internal("parsing a body panicked"))
}

/// What the database answers, in the order that clients know.
#[derive(Serialize, Deserialize)]
struct Corrected<'a> {
    #[serde(borrow)]
    updated: Vec<Entry<'a>>,
    #[serde(borrow)]
    skipped_no_ops: Vec<Entry<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Entry<'a> {
    batch_id: Uuid,
    tenant_id: Uuid,
    valid_time: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_time_end: Option<&'a str>,
    series_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_id: Option<i64>,
    known_time: &'a str,
}

fn render(rows: &[Row]) -> Result<Response, ApiError> {
    let row = rows
        .first()
        .ok_or_else(|| ApiError::internal("update_values returned no row"))?;
    let malformed = |error: serde_json::Error| {
        ApiError::internal(&format!("update_values returned something else: {error}"))
    };
    let corrected: Corrected<'_> = serde_json::from_str(row.get(0)).map_err(malformed)?;
    let answer = serde_json::to_vec(&corrected).map_err(malformed)?;
    Ok(json_response(answer))
}
