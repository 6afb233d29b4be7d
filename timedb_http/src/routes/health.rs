//! `GET /health`: the process answers. `GET /ready`: so does the database, and isolation holds in it; the answer says
//! whether it takes writes, and is a 503 without them where the caller asks for that.

use axum::{
    extract::{RawQuery, State},
    response::Response,
};

use super::json_response;
use super::query::{self, values};
use crate::{error::ApiError, router::AppState};

pub(crate) async fn health(RawQuery(raw): RawQuery) -> Result<Response, ApiError> {
    query::any(raw.as_deref()).map_err(|errors| ApiError::invalid(&errors))?;
    Ok(json_response(r#"{"status":"ok"}"#))
}

pub(crate) async fn ready(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let mut for_writes = false;
    query::each(
        query.as_deref().unwrap_or_default(),
        |name, value| match name {
            "writes" => values::truth(value).map(|truth| for_writes = truth),
            // Whatever else a probe says, so that no cache answers it.
            _ => Ok(()),
        },
    )
    .map_err(|errors| ApiError::invalid(&errors))?;
    let writes = state.within(state.db.probe()).await?;
    if for_writes && !writes {
        return Err(ApiError::operators(
            "The database takes no writes at the moment.",
        ));
    }
    Ok(json_response(format!(
        r#"{{"status":"ready","writes":{writes}}}"#
    )))
}
