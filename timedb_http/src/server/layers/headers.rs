//! What every answer says about itself, whoever produced it: who may keep it, and that its type is what it says. The
//! outermost layer, so that errors, refused heads and panics say it too.

use axum::{
    extract::Request,
    http::{HeaderValue, header},
    middleware::Next,
    response::Response,
};

/// What an answer depends on besides the URL: a cache that ignores `Cache-Control` still keeps keys apart by it.
const KEYS: HeaderValue = HeaderValue::from_static("X-API-Key, Authorization");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Adds the headers to an answer. One that nobody has marked as public is nobody's to keep.
pub(crate) async fn mark(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        headers.append(header::VARY, KEYS);
    }
    response
}
