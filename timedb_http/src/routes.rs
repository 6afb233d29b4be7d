//! One module per route; each turns a request into one statement and its answer into JSON.

pub(crate) mod changes;
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
