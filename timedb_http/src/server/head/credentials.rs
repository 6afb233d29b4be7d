//! A key where clients of other protocols put one: as a token, as the password of `Authorization: Basic`, or as `p` in
//! the query.

use axum::http::{HeaderMap, header};
use base64::{Engine, engine::general_purpose::STANDARD};

/// What may be a key in the headers, besides what is one everywhere.
pub(super) fn in_headers(headers: &HeaderMap) -> Vec<Vec<u8>> {
    let authorizations = headers.get_all(header::AUTHORIZATION).iter();
    authorizations
        .filter_map(|value| of_authorization(value.as_bytes()))
        .collect()
}

/// What may be a key in the query.
pub(super) fn in_query(query: &str) -> impl Iterator<Item = Vec<u8>> {
    let passwords = query.split('&').filter_map(|pair| pair.strip_prefix("p="));
    passwords.map(|password| percent_encoding::percent_decode_str(password).collect())
}

fn of_authorization(value: &[u8]) -> Option<Vec<u8>> {
    let blank = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = value.split_at_checked(blank)?;
    let rest = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"Token") {
        // Clients of version 1 that log in write user:password behind it.
        return Some(password_of(rest).unwrap_or(rest).to_vec());
    }
    if !scheme.eq_ignore_ascii_case(b"Basic") {
        return None;
    }
    let pair = STANDARD.decode(rest).ok()?;
    password_of(&pair).map(<[u8]>::to_vec)
}

fn password_of(pair: &[u8]) -> Option<&[u8]> {
    let colon = pair.iter().position(|byte| *byte == b':')?;
    pair.get(colon + 1..)
}

#[cfg(test)]
mod tests {
    use super::*;

    const K: &str = "tdb_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1Yo7hP";

    fn found(authorization: &str, query: &str) -> Vec<String> {
        let mut headers = HeaderMap::new();
        headers.append("authorization", authorization.parse().unwrap());
        let found = in_headers(&headers).into_iter().chain(in_query(query));
        found.map(|key| String::from_utf8(key).unwrap()).collect()
    }

    #[test]
    fn a_key_comes_as_token_password_or_parameter() {
        assert_eq!(found(&format!("Token {K}"), ""), [K]);
        assert_eq!(found(&format!("Token me:{K}"), ""), [K]);
        let pair = STANDARD.encode(format!("me:{K}"));
        assert_eq!(found(&format!("Basic {pair}"), ""), [K]);
        assert_eq!(found("", &format!("db=x&u=me&p={K}")), [K]);
        assert_eq!(found(&format!("Token {K}"), "p=other"), [K, "other"]);
        assert!(found(&format!("Bearer {K}"), "db=x").is_empty());
    }
}
