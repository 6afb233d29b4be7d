//! Which pages of other origins may use the API from a browser (CORS): none, unless the operator names them. For the
//! others everything is as if this were not here, so that their browsers refuse.

use std::{str::FromStr, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderValue, Method, Uri, header},
    middleware::Next,
    response::Response,
};
use tower::{Layer, Service};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::server::{body::IDEMPOTENCY_KEY, guard::API_KEY, routes::upload::REPLAYED};

/// For so long a browser need not ask again.
const MAX_AGE: Duration = Duration::from_secs(600);

/// Whose pages may use the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigin {
    /// Everybody's: `*`.
    Any,
    /// Those of one origin, to the letter: `https://app.example`.
    One(HeaderValue),
}

/// A text that is no origin.
#[derive(Debug, thiserror::Error)]
#[error(
    "an origin is a scheme and a host in small letters, with the port unless it is the scheme's own, and nothing \
     behind it, such as https://app.example or http://localhost:3000; or * for all"
)]
pub struct NoOrigin;

impl FromStr for CorsOrigin {
    type Err = NoOrigin;

    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        if text == "*" {
            return Ok(Self::Any);
        }
        // As browsers write it: what they never send would be allowed in vain.
        let uri: Uri = text.parse().map_err(|_| NoOrigin)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(NoOrigin);
        };
        let usual_port = match scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        let is_as_sent = text == format!("{scheme}://{authority}")
            && text == text.to_lowercase()
            && !authority.as_str().contains('@')
            && !authority.as_str().ends_with(':')
            && (authority.port_u16().is_none() || authority.port_u16() != usual_port);
        match HeaderValue::from_str(text) {
            Ok(origin) if is_as_sent => Ok(Self::One(origin)),
            _ => Err(NoOrigin),
        }
    }
}

/// What pages of some origins are told.
pub(crate) struct Sharing {
    /// None of them stands for all.
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
            ])
            .expose_headers([
                REPLAYED,
                header::RETRY_AFTER,
                header::WWW_AUTHENTICATE,
                header::ALLOW,
            ])
            .max_age(MAX_AGE)
            // Said below, of all answers.
            .vary([]);
        Some(Arc::new(Self { origins, layer }))
    }

    /// Whether a request comes from such a page: itself, or the browser's question before it.
    fn is_for(&self, request: &Request) -> bool {
        let headers = request.headers();
        let Some(origin) = headers.get(header::ORIGIN) else {
            return false;
        };
        let is_allowed = match &self.origins {
            None => true,
            Some(origins) => origins.contains(origin),
        };
        is_allowed
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
        match sharing.layer.layer(next).call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    } else {
        next.run(request).await
    };
    let origin = HeaderValue::from_static("Origin");
    response.headers_mut().append(header::VARY, origin);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for origin in [
            "*",
            "https://app.example",
            "http://localhost:3000",
            "http://[::1]:3000",
            "https://app.example:80",
            "capacitor://localhost",
            "https://xn--bcher-kva.example",
        ] {
            assert!(origin.parse::<CorsOrigin>().is_ok(), "{origin}");
        }
        for other in [
            "",
            "null",
            "app.example",
            "https://",
            "https://app.example/",
            "https://app.example/page",
            "https://app.example:443",
            "http://app.example:80",
            "https://app.example:",
            "https://App.example",
            "https://user@app.example",
            "https://*.example/*",
            "https://bücher.example",
            "https://a.example https://b.example",
        ] {
            assert!(other.parse::<CorsOrigin>().is_err(), "{other}");
        }
    }
}
