//! Successful answers, and the work that produces large ones.

use std::fmt::Display;

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

use crate::{formats::rows::Format, server::error::ApiError};

/// A body this large is parsed or rendered apart from the workers that serve everybody else.
const BESIDE_FROM_BYTES: usize = 256 << 10;

/// 200 with a body of this type.
pub(crate) fn of_type(content_type: &'static str, body: impl Into<Body>) -> Response {
    let content_type = HeaderValue::from_static(content_type);
    ([(header::CONTENT_TYPE, content_type)], body.into()).into_response()
}

/// 200 with rows of a format, which the client may have chosen by a header.
pub(crate) fn of_format(format: &Format, body: impl Into<Body>) -> Response {
    let mut response = of_type(format.content_type, body);
    let accept = HeaderValue::from_static("Accept");
    response.headers_mut().append(header::VARY, accept);
    response
}

/// 200 with a body that is JSON already.
pub(crate) fn json(body: impl Into<Body>) -> Response {
    of_type("application/json", body)
}

/// 200 with rows that `render` makes of so many packed bytes; as text they are about eight times as long.
pub(crate) async fn rows<E: Display + Send + 'static>(
    format: &'static Format,
    packed: usize,
    render: impl FnOnce() -> Result<Vec<u8>, E> + Send + 'static,
) -> Result<Response, ApiError> {
    let rendered = work_on(8 * packed, render).await?;
    let body = rendered.map_err(|damaged| ApiError::internal(&damaged.to_string()))?;
    Ok(of_format(format, body))
}

/// Does the work for this many bytes of a body: here, or apart from the workers if there are many.
pub(crate) async fn work_on<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    if bytes < BESIDE_FROM_BYTES {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| ApiError::internal("parsing or rendering a body panicked"))
}
