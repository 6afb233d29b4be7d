//! `GET /health`: the process answers. `GET /ready`: so does the database, and isolation holds in it.

use axum::{extract::State, response::Response};

use super::json_response;
use crate::{error::ApiError, router::AppState};

pub(crate) async fn health() -> Response {
    json_response(r#"{"status":"ok"}"#)
}

pub(crate) async fn ready(State(state): State<AppState>) -> Result<Response, ApiError> {
    state.within(state.db.probe()).await?;
    Ok(json_response(r#"{"status":"ready"}"#))
}
