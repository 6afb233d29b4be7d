//! `GET /health`: the process responds. `GET /ready`: so does the database, and tenants are isolated in it. The answer
//! says whether the database accepts writes; how much that matters is up to the caller.

use axum::{
    extract::{RawQuery, State},
    response::Response,
};

use super::query::{any, each, values};
use crate::server::{answer, db::Writing, error::ApiError, state::AppState};

pub(crate) async fn health(RawQuery(raw): RawQuery) -> Result<Response, ApiError> {
    any(raw.as_deref().unwrap_or_default())?;
    Ok(answer::json(r#"{"status":"ok"}"#))
}

pub(crate) async fn ready(
    State(state): State<AppState>,
    RawQuery(raw): RawQuery,
) -> Result<Response, ApiError> {
    let mut for_writes = None;
    each(raw.as_deref().unwrap_or_default(), |name, value| {
        // A probe may say whatever else it wants, so that no cache answers it.
        if name == "writes" {
            for_writes = Some(values::truth(value)?);
        }
        Ok(())
    })?;
    let writing = state.probe().await?;
    let writes = writing == Writing::Works;
    let is_ready = match for_writes {
        Some(true) => writes,
        Some(false) => true,
        None => writing != Writing::Fails,
    };
    if !is_ready {
        return Err(ApiError::operators(
            "The database does not accept writes at the moment.",
        ));
    }
    Ok(answer::json(format!(
        r#"{{"status":"ready","writes":{writes}}}"#
    )))
}
