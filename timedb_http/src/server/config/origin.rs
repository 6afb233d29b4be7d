//! An origin whose pages may use the API from a browser, as an operator writes it.

use std::str::FromStr;

use axum::http::{HeaderValue, Uri};

/// Whose pages may use the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigin {
    /// Everybody's: `*`.
    Any,
    /// Those of one origin, to the letter: `https://app.example`.
    One(HeaderValue),
}

/// A text that is not an origin.
#[derive(Debug, thiserror::Error)]
#[error(
    "an origin is a scheme and a host in lower case, with the port unless it is the scheme's default, and \
     nothing after that, such as https://app.example or http://localhost:3000; or * for all"
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
