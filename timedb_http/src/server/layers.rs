//! What happens around every request and answer, whichever route it is.

pub(super) mod cors;
pub(super) mod observe;
pub(crate) mod request_id;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::Response,
};
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer, Predicate,
        predicate::{NotForContentType, SizeAbove},
    },
};

use crate::server::{peer::Peer, state::AppState};

/// What an answer depends on besides the URL: a cache that ignores `Cache-Control` still keeps keys apart by it.
const KEYS: HeaderValue = HeaderValue::from_static("X-API-Key, Authorization");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const NOTHING_RUNS: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const ONE_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// A shorter answer is sent as it is.
const PACKED_FROM_BYTES: u64 = 1024;
/// More effort would keep a worker longer than it takes to send what it saves.
const EFFORT: CompressionLevel = CompressionLevel::Precise(1);

/// Packs answers with gzip or zstd for clients that take it (`Accept-Encoding`); a Parquet file is packed already.
pub(super) fn packing() -> CompressionLayer<impl Predicate> {
    let predicate = SizeAbove::new(PACKED_FROM_BYTES)
        .and(NotForContentType::SSE)
        .and(NotForContentType::const_new(
            "application/vnd.apache.parquet",
        ));
    CompressionLayer::new()
        .quality(EFFORT)
        .compress_when(predicate)
}

/// Adds what every answer says about itself, whoever produced it: who may keep it, and that its type is what it says.
/// One that nobody has marked as public is nobody's to keep. The outermost layer, so that errors, refused heads and
/// panics say it too.
pub(super) async fn mark(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Peer>();
    let client = peer.map(|peer| peer.client(request.headers(), &state.config.trusted_proxies));
    if let Some(client) = client {
        request.extensions_mut().insert(client);
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if client.is_some_and(|client| client.is_encrypted) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, ONE_YEAR);
    }
    headers.insert(header::REFERRER_POLICY, NO_REFERRER);
    // An answer is data: whoever opens it as a page, or in a frame of one, gets nothing that runs.
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, NOTHING_RUNS);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        headers.append(header::VARY, KEYS);
    }
    response
}
