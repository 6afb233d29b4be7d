//! `GET /docs`: a page on which people read what the API takes and try it, with all of its files from this binary. It
//! needs no other host, and its policy allows none: what is in an answer cannot run there, nor send a key elsewhere.

use std::io::Read;

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
};
use flate2::read::GzDecoder;

use crate::server::{answer, error::ApiError};

const PAGE: &str = include_str!("../../../assets/docs.html");
const START: &str = include_str!("../../../assets/start.js");
const SCRIPT: &[u8] = include_bytes!("../../../assets/swagger_ui/swagger-ui-bundle.js.gz");
const STYLES: &[u8] = include_bytes!("../../../assets/swagger_ui/swagger-ui.css.gz");

/// Scripts and styles from files only, requests to this server only; the viewer's icons are in its styles.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const SCRIPT_TYPE: &str = "text/javascript; charset=utf-8";
const MINUTES: HeaderValue = HeaderValue::from_static("public, max-age=300");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// The page.
pub(crate) async fn page() -> Response {
    let mut response = answer::of_type("text/html; charset=utf-8", PAGE);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::CACHE_CONTROL, MINUTES);
    response
}

/// Where clients of the Python project look for another viewer.
pub(crate) async fn other_viewer() -> Redirect {
    Redirect::temporary("docs")
}

/// What starts the viewer.
pub(crate) async fn start() -> Response {
    kept(answer::of_type(SCRIPT_TYPE, START))
}

/// The viewer.
pub(crate) async fn script(headers: HeaderMap) -> Result<Response, ApiError> {
    packed(&headers, SCRIPT_TYPE, SCRIPT)
}

/// How it looks.
pub(crate) async fn styles(headers: HeaderMap) -> Result<Response, ApiError> {
    packed(&headers, "text/css; charset=utf-8", STYLES)
}

fn kept(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, MINUTES);
    response
}

/// A file as it is in the binary, or unpacked for a client that does not take it so.
fn packed(
    headers: &HeaderMap,
    content_type: &'static str,
    bytes: &'static [u8],
) -> Result<Response, ApiError> {
    let response = if takes_gzip(headers) {
        let response = answer::of_type(content_type, bytes);
        ([(header::CONTENT_ENCODING, GZIP)], response).into_response()
    } else {
        let mut plain = Vec::new();
        GzDecoder::new(bytes)
            .read_to_end(&mut plain)
            .map_err(|error| ApiError::internal(&error.to_string()))?;
        answer::of_type(content_type, plain)
    };
    let vary = [(header::VARY, HeaderValue::from_static("Accept-Encoding"))];
    Ok((vary, kept(response)).into_response())
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut values = values.filter_map(|value| value.to_str().ok());
    values.any(|value| {
        value.split(',').any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let is_refused = weight
                .trim()
                .strip_prefix("q=")
                .is_some_and(|weight| weight.parse() == Ok(0.0));
            name.trim().eq_ignore_ascii_case("gzip") && !is_refused
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_for_those_who_take_it() {
        for (accepted, expected) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000", false),
            ("br", false),
            ("", false),
        ] {
            let value = HeaderValue::from_static(accepted);
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]);
            assert_eq!(takes_gzip(&headers), expected, "{accepted}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
