//! One module per route; each turns a request into one statement and its answer into JSON.

pub(crate) mod changes;
pub(crate) mod corrections;
pub(crate) mod health;
pub(crate) mod list_timeseries;
mod query;
pub(crate) mod root;
pub(crate) mod series;
mod streamed;
pub(crate) mod upload;
pub(crate) mod values;

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};

use crate::server::{
    db::ApiKey,
    error::{ApiError, FieldError},
    router::AppState,
};

/// A body this large is parsed or rendered beside the workers that serve everybody else.
const BLOCKING_FROM_BYTES: usize = 256 << 10;

/// 200 with a body that is JSON already.
fn json_response(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// What an invalid request is answered: 422, or 401 when the key isn't good either.
async fn invalid(state: &AppState, key: Option<&ApiKey>, errors: &[FieldError]) -> ApiError {
    match state.within(state.db.authenticate(key)).await {
        Ok(()) => ApiError::invalid(errors),
        Err(refused) => refused,
    }
}
