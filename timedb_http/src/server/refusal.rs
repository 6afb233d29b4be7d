//! How the gate tells the router why a request is refused: by a request of its own, which the HTTP library gets
//! instead and the router answers.

use axum::http::StatusCode;

use crate::server::error::ApiError;

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Malformed,
    BareNewline,
    TooLarge,
    TooSlow,
    NoHost,
    SeveralHosts,
    Target,
    TargetTooLong,
    Framing,
    Coding,
}

impl Refusal {
    /// In their order, in which they are numbered.
    pub(crate) const ALL: [Self; 10] = [
        Self::Malformed,
        Self::BareNewline,
        Self::TooLarge,
        Self::TooSlow,
        Self::NoHost,
        Self::SeveralHosts,
        Self::Target,
        Self::TargetTooLong,
        Self::Framing,
        Self::Coding,
    ];

    /// The method of the request that the HTTP library gets instead. Whoever sends it is refused too.
    pub(crate) const METHOD: &str = "REFUSED";

    /// That request.
    pub(crate) fn request(self) -> String {
        format!(
            "{} /{} HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n",
            Self::METHOD,
            self as usize
        )
    }

    /// What such a request means.
    pub(crate) fn of_path(path: &str) -> Self {
        let place = path.trim_start_matches('/').parse::<usize>().ok();
        let found = place.and_then(|place| Self::ALL.get(place));
        found.copied().unwrap_or(Self::Malformed)
    }

    /// What the client gets.
    pub(crate) fn answer(self) -> ApiError {
        let status = match self {
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::Coding => StatusCode::NOT_IMPLEMENTED,
            _ => StatusCode::BAD_REQUEST,
        };
        let sentence = match self {
            Self::Malformed => "The request is not well-formed HTTP/1.1.",
            Self::BareNewline => "The lines of a request's head must end with CR and LF.",
            Self::TooLarge => {
                "The head of the request is too large: at most 128 KiB and 100 headers."
            }
            Self::TooSlow => "The head of the request took too long to arrive.",
            Self::NoHost => "An HTTP/1.1 request needs a Host header.",
            Self::SeveralHosts => "The request has more than one Host header.",
            Self::Target => "The request's target is not a valid URI.",
            Self::TargetTooLong => "The request's URL is too long: at most 65534 bytes.",
            Self::Framing => {
                "The length of the request's body is not clear: give either one Content-Length or \
                 Transfer-Encoding: chunked."
            }
            Self::Coding => {
                "The only supported transfer coding is chunked: send Transfer-Encoding: chunked by itself."
            }
        };
        ApiError::new(status, sentence)
    }
}
