//! What happens around every request and answer, whichever route it is.

pub(super) mod cors;

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderValue, header},
    middleware::Next,
    response::Response,
};

/// What an answer depends on besides the URL: a cache that ignores `Cache-Control` still keeps keys apart by it.
const KEYS: HeaderValue = HeaderValue::from_static("X-API-Key, Authorization");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Adds what every answer says about itself, whoever produced it: who may keep it, and that its type is what it says.
/// One that nobody has marked as public is nobody's to keep. The outermost layer, so that errors, refused heads and
/// panics say it too.
pub(super) async fn mark(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        headers.append(header::VARY, KEYS);
    }
    response
}

/// Writes the log line of a request: its route, not its path, query or key, which are the client's. Faults are logged
/// where they arise.
pub(super) async fn log_request(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "(no route)".to_owned(), |path| path.as_str().to_owned());
    let response = next.run(request).await;
    tracing::info!(
        %method,
        route,
        status = response.status().as_u16(),
        ms = started.elapsed().as_secs_f64() * 1e3,
        "request"
    );
    response
}
