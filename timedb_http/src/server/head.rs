//! What a request says besides its body: its URL, its key, its name. Whether the key is valid is up to the database.

mod credentials;

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header, request::Parts};
use serde_json::json;

use crate::server::{
    error::{ApiError, FieldError},
    key::ApiKey,
    peer::Client,
};

/// Where it is, unless it comes as `Authorization: Bearer`.
pub(crate) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const LONGEST_IDEMPOTENCY_KEY: usize = 255;

/// A head, and the key that it brings, or what is wrong with that.
pub(crate) type HeadAndKey = (Head, Result<Option<ApiKey>, ApiError>);

/// A request without its body.
pub(crate) struct Head {
    pub headers: HeaderMap,
    pub has_key: bool,
    /// Where it comes from; none at a socket of this machine.
    pub address: Option<IpAddr>,
    uri: Uri,
}

impl Head {
    /// The head, and the key that it brings.
    pub(crate) fn new(parts: Parts) -> HeadAndKey {
        let key = api_key(&parts.headers);
        Self::with_key(parts, key)
    }

    /// The same where a key may also come as a token or a password.
    pub(crate) fn with_password(parts: Parts) -> HeadAndKey {
        let more = credentials::in_headers(&parts.headers);
        let key = key_among(&parts.headers, more);
        Self::with_key(parts, key)
    }

    /// The same where the password may come in the query, too.
    pub(crate) fn with_password_in_query(parts: Parts) -> HeadAndKey {
        let mut more = credentials::in_headers(&parts.headers);
        more.extend(credentials::in_query(parts.uri.query().unwrap_or_default()));
        let key = key_among(&parts.headers, more);
        Self::with_key(parts, key)
    }

    fn with_key(parts: Parts, key: Result<Option<ApiKey>, ApiError>) -> HeadAndKey {
        let client = parts.extensions.get::<Client>();
        let address = client.and_then(|client| client.address);
        let head = Self {
            headers: parts.headers,
            has_key: !matches!(key, Ok(None)),
            address,
            uri: parts.uri,
        };
        (head, key)
    }

    /// The query, as it came.
    pub(crate) fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// The last part of the path, as it came.
    pub(crate) fn last_part(&self) -> &str {
        self.uri.path().rsplit('/').next().unwrap_or_default()
    }

    /// The client's name for a request that it may send again, to the letter: `Idempotency-Key`, 1 to 255
    /// printable characters of ASCII.
    ///
    /// # Errors
    /// 422 for anything else, and for two of them.
    pub(crate) fn idempotency_key(&self) -> Result<Option<String>, ApiError> {
        let given = self.headers.get_all(IDEMPOTENCY_KEY).iter();
        let given: Vec<_> = given
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        match given.as_slice() {
            [] => Ok(None),
            [key]
                if (1..=LONGEST_IDEMPOTENCY_KEY).contains(&key.len())
                    && key.bytes().all(|byte| matches!(byte, b' '..=b'~')) =>
            {
                Ok(Some(key.to_string()))
            }
            _ => Err(ApiError::from(vec![FieldError::new(
                "string_pattern_mismatch",
                ["header", "Idempotency-Key"],
                format!(
                    "Input should be given once, with 1 to {LONGEST_IDEMPOTENCY_KEY} printable ASCII characters"
                ),
                json!(given.join(", ")),
            )])),
        }
    }
}

/// The key of a request, from `X-API-Key` and `Authorization: Bearer`. Empty is as good as absent.
///
/// # Errors
/// 401 for what can't be a key, and for two that differ: a proxy in between may have looked at the other one.
fn api_key(headers: &HeaderMap) -> Result<Option<ApiKey>, ApiError> {
    key_among(headers, Vec::new())
}

/// The same with what else may say a key.
fn key_among(headers: &HeaderMap, more: Vec<Vec<u8>>) -> Result<Option<ApiKey>, ApiError> {
    let own = headers.get_all(API_KEY).iter().map(HeaderValue::as_bytes);
    let authorizations = headers.get_all(header::AUTHORIZATION);
    let bearers = authorizations.iter().filter_map(bearer);
    let more = more.iter().map(Vec::as_slice);
    let mut given = own
        .chain(bearers)
        .chain(more)
        .filter(|text| !text.is_empty());
    let Some(first) = given.next() else {
        return Ok(None);
    };
    let mut schemes = authorizations.iter();
    let scheme = schemes.next();
    if given.any(|other| other != first) || schemes.any(|other| Some(other) != scheme) {
        return Err(ApiError::two_keys());
    }
    let key = std::str::from_utf8(first).ok().and_then(ApiKey::parse);
    key.map(Some).ok_or_else(|| ApiError::unauthenticated(true))
}

fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| token.trim_ascii())
}

#[cfg(test)]
impl Head {
    /// A request with this query.
    pub(crate) fn asking(query: &str) -> Self {
        let request = axum::http::Request::get(format!("/?{query}")).body(());
        Self::new(request.unwrap().into_parts().0).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn found(pairs: &[(&'static str, &str)]) -> Option<String> {
        let key = api_key(&headers(pairs)).unwrap();
        key.map(|key| key.expose().to_owned())
    }

    const K: &str = "tdb_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1Yo7hP";
    const LEGACY: &str = "Zm9vYmFyX2Zvb2Jhci1mb29iYXJfZm9vYmFyX2Zvb2J";

    #[test]
    fn a_key_comes_in_either_header() {
        assert_eq!(found(&[("x-api-key", K)]).as_deref(), Some(K));
        let bearer = |value: &str| found(&[("authorization", value)]);
        assert_eq!(bearer(&format!("Bearer {K}")).as_deref(), Some(K));
        assert_eq!(bearer(&format!("bearer  {K}")).as_deref(), Some(K));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("Bearer "), None);
        let same = format!("Bearer {K}");
        let both = [("x-api-key", K), ("authorization", &*same)];
        assert_eq!(found(&both).as_deref(), Some(K));
        // Other schemes are for somebody else.
        let beside = [("x-api-key", K), ("authorization", "Basic abc")];
        assert_eq!(found(&beside).as_deref(), Some(K));
        assert_eq!(
            found(&[("x-api-key", K), ("x-api-key", K)]).as_deref(),
            Some(K)
        );
        assert_eq!(found(&[("x-api-key", "")]), None);
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn two_keys_are_none_whichever_is_good() {
        let (good, other) = (format!("Bearer {K}"), format!("Bearer {LEGACY}"));
        for pairs in [
            vec![("x-api-key", K), ("x-api-key", LEGACY)],
            vec![("x-api-key", K), ("authorization", &*other)],
            vec![("x-api-key", LEGACY), ("authorization", &*good)],
            vec![("x-api-key", K), ("authorization", "Bearer x")],
            vec![("authorization", &*good), ("authorization", &*other)],
            vec![("authorization", &*good), ("authorization", "Basic abc")],
        ] {
            let error = api_key(&headers(&pairs)).unwrap_err();
            assert_eq!(error.status(), 401, "{pairs:?}");
            let told = error.detail().as_str().unwrap_or_default();
            assert!(
                told.starts_with("Two different API keys"),
                "{pairs:?}: {told}"
            );
        }
    }

    #[test]
    fn what_cannot_be_a_key_is_a_wrong_key() {
        for pairs in [
            vec![("x-api-key", &*"k".repeat(600))],
            vec![("x-api-key", "k")],
            vec![("x-api-key", "ключ")],
            vec![("authorization", "Bearer k")],
        ] {
            let error = api_key(&headers(&pairs)).unwrap_err();
            assert_eq!(error.status(), 401, "{pairs:?}");
            assert_eq!(error.detail(), "Invalid or inactive API key.");
        }
    }

    #[test]
    fn a_request_has_one_printable_name_or_none() {
        let name = |values: &[&str]| {
            let mut given = HeaderMap::new();
            for value in values {
                let value = axum::http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
                given.append("idempotency-key", value);
            }
            let head = Head {
                headers: given,
                uri: Uri::default(),
                has_key: false,
                address: None,
            };
            head.idempotency_key().map_err(|error| error.status())
        };
        let (longest, longer) = ("k".repeat(255), "k".repeat(256));
        assert_eq!(name(&[]), Ok(None));
        for good in ["k", "7f0c5f0e-6c1f-4c39", "a b", "\"quoted\"", &longest] {
            assert_eq!(name(&[good]), Ok(Some(good.to_owned())));
        }
        for bad in [
            &[""] as &[&str],
            &[&longer],
            &["ключ"],
            &["a\tb"],
            &["a", "a"],
        ] {
            assert_eq!(name(bad), Err(422), "{bad:?}");
        }
    }
}
