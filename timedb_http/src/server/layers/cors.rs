//! Which pages of other origins may use the API from a browser (CORS): none, unless the operator names them. For other
//! origins everything is as if this did not exist, so their browsers refuse.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};
use tower::{Layer, Service};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::server::{
    config::CorsOrigin,
    head::{API_KEY, IDEMPOTENCY_KEY},
    layers::request_id::REQUEST_ID,
    routes::{
        changes::{CURSOR, LAST_EVENT_ID, MORE},
        upload::REPLAYED,
    },
};

/// For so long a browser need not ask again.
const MAX_AGE: Duration = Duration::from_secs(600);

/// What pages of some origins may learn.
pub(crate) struct Sharing {
    /// None of them means all.
    origins: Option<Vec<HeaderValue>>,
    layer: CorsLayer,
}

impl Sharing {
    /// For these origins; `None` if there are none.
    pub(crate) fn with(allowed: &[CorsOrigin]) -> Option<Arc<Self>> {
        if allowed.is_empty() {
            return None;
        }
        let one = |origin: &CorsOrigin| match origin {
            CorsOrigin::Any => None,
            CorsOrigin::One(origin) => Some(origin.clone()),
        };
        let origins: Option<Vec<_>> = allowed.iter().map(one).collect();
        let layer = CorsLayer::new()
            .allow_origin(match &origins {
                None => AllowOrigin::any(),
                Some(origins) => AllowOrigin::list(origins.iter().cloned()),
            })
            .allow_methods([
                Method::GET,
                Method::HEAD,
                Method::POST,
                Method::PUT,
                Method::PATCH,
            ])
            .allow_headers([
                API_KEY,
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                header::CONTENT_ENCODING,
                IDEMPOTENCY_KEY,
                LAST_EVENT_ID,
            ])
            .expose_headers([
                REPLAYED,
                REQUEST_ID,
                CURSOR,
                MORE,
                header::LINK,
                header::RETRY_AFTER,
                header::WWW_AUTHENTICATE,
                header::ALLOW,
            ])
            .max_age(MAX_AGE)
            // Said below, of all answers.
            .vary([]);
        Some(Arc::new(Self { origins, layer }))
    }

    /// Whether a request comes from such a page: the request itself, or the browser's preflight.
    fn is_for(&self, request: &Request) -> bool {
        let headers = request.headers();
        let Some(origin) = headers.get(header::ORIGIN) else {
            return false;
        };
        let allowed = self.origins.as_ref();
        allowed.is_none_or(|origins| origins.contains(origin))
            && (request.method() != Method::OPTIONS
                || headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD))
    }
}

/// Answers browsers that ask first, and tells them whose pages may see an answer.
pub(crate) async fn share(
    State(sharing): State<Option<Arc<Sharing>>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(sharing) = sharing else {
        return next.run(request).await;
    };
    let mut response = if sharing.is_for(&request) {
        let Ok(response) = sharing.layer.layer(next).call(request).await;
        response
    } else {
        next.run(request).await
    };
    let origin = HeaderValue::from_static("Origin");
    response.headers_mut().append(header::VARY, origin);
    response
}
