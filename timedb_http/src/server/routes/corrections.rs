//! `PUT /values`: corrections of points, all or none of them.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::query::parse_for_body;
use crate::server::{
    answer,
    body::{Received, read_corrections},
    error::ApiError,
    guard::Plan,
    head::Head,
    state::Caller,
};

const UPDATE: &str =
    "SELECT timedb.update_values($1::pg_catalog.text::pg_catalog.jsonb, $2)::pg_catalog.text";

/// Corrections as JSON, and the client's name for the request.
type NamedCorrections = (String, Option<String>);

pub(crate) fn plan(head: &Head, body: &Received) -> Plan<NamedCorrections> {
    let unit = parse_for_body(head)?;
    let corrections = read_corrections(body.json()?, unit)?;
    Ok((corrections, head.idempotency_key()?))
}

pub(crate) async fn update(
    caller: Caller,
    (corrections, idempotency_key): NamedCorrections,
) -> Result<Response, ApiError> {
    let parameters = [
        (&corrections as _, Type::TEXT),
        (&idempotency_key as _, Type::TEXT),
    ];
    let row = caller.write_one(UPDATE, &parameters).await?;
    let malformed = |error: serde_json::Error| {
        ApiError::internal(&format!("update_values returned something else: {error}"))
    };
    let corrected: Corrected<'_> = serde_json::from_str(row.get(0)).map_err(malformed)?;
    caller.record().add_rows_in(corrected.updated.len() as u64);
    let answer = serde_json::to_vec(&corrected).map_err(malformed)?;
    Ok(answer::json(answer))
}

/// What the database answers, in the order that clients know.
#[derive(Serialize, Deserialize)]
struct Corrected<'a> {
    #[serde(borrow)]
    updated: Vec<CorrectedPoint<'a>>,
    #[serde(borrow)]
    skipped_no_ops: Vec<CorrectedPoint<'a>>,
}

#[derive(Serialize, Deserialize)]
struct CorrectedPoint<'a> {
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
