//! `GET /health`: the process answers. `GET /ready`: so does the database, and isolation holds in it.

use axum::{
    extract::{RawQuery, State},
    response::Response,
};

use super::{json_response, query};
use crate::{error::ApiError, router::AppState};

pub(crate) async fn health(RawQuery(raw): RawQuery) -> Result<Response, ApiError> {
    query::any(raw.as_deref()).map_err(|errors| ApiError::invalid(&errors))?;
    Ok(json_response(r#"{"status":"ok"}"#))
}

pub(crate) async fn ready(
    State(state): State<AppState>,
    RawQuery(raw): RawQuery,
) -> Result<Response, ApiError> {
    query::any(raw.as_deref()).map_err(|errors| ApiError::invalid(&errors))?;
    state.within(state.db.probe()).await?;
    Ok(json_response(r#"{"status":"ready"}"#))
}
