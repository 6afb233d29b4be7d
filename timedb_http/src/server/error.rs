//! Every unsuccessful answer, as `{"detail": ...}`: a sentence, or for 422 a list in pydantic's form. Nothing here
//! ever contains SQL text.

mod field;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

pub(crate) use field::{FieldError, RefusedField};

/// After this many seconds, a temporary problem may be over.
const PASSING_RETRY_S: u16 = 1;
/// What an operator has to fix takes longer; clients that tried again at once would only add to it.
pub(crate) const OPERATORS_RETRY_S: u16 = 60;

/// An answer with a status of 400 or more.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    detail: Value,
    /// When the client may come again, in seconds.
    retry: Option<u16>,
    /// The coding of a body that would have been understood.
    coding: Option<&'static str>,
    refused: Option<Box<RefusedField>>,
    /// It is the database's trouble, and not that of this request.
    stops_all: bool,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, detail: impl Into<Value>) -> Self {
        Self {
            status,
            detail: detail.into(),
            retry: None,
            coding: None,
            refused: None,
            stops_all: false,
        }
    }

    pub(crate) fn bad_request(detail: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 401 with one of the two texts that clients know.
    pub(crate) fn unauthenticated(with_key: bool) -> Self {
        let detail = if with_key {
            "Invalid or inactive API key."
        } else {
            "API key required. Please provide X-API-Key header."
        };
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// 401 for a request that brings two keys.
    pub(crate) fn two_keys() -> Self {
        let detail = "Two different API keys were given. Please provide one, in X-API-Key or in Authorization: Bearer.";
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    pub(crate) fn forbidden(detail: String) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    pub(crate) fn not_found(detail: String) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(crate) fn no_such_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
    }

    pub(crate) fn body_too_slow() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "The request body took too long to arrive.",
        )
    }

    pub(crate) fn body_broken() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "The request body ended before it was complete.",
        )
    }

    pub(crate) fn body_too_large(limit: usize) -> Self {
        let detail = format!("The request body is larger than the limit of {limit} bytes.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    pub(crate) fn not_json(content_type: &str) -> Self {
        let detail = format!(
            "The request body must be JSON (Content-Type: application/json), not {content_type}."
        );
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    /// 415 for a body that is compressed with something other than gzip.
    pub(crate) fn unknown_coding(coding: &str) -> Self {
        let detail = format!(
            "The request body has Content-Encoding: {coding}. Compress it with gzip, once, or not at all."
        );
        Self {
            coding: Some("gzip"),
            ..Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
        }
    }

    /// 400 for a body that says it is gzip.
    pub(crate) fn not_gzip() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "The request body is not valid, complete gzip, although its Content-Encoding says gzip.",
        )
    }

    pub(crate) fn not_utf8() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The request body begins like a text in UTF-16 or UTF-32. Send JSON in UTF-8.",
        )
    }

    pub(crate) fn conflict(detail: String) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// 409 that is over when another request is, and the client may come again in a second.
    pub(crate) fn under_way(detail: String) -> Self {
        Self {
            retry: Some(PASSING_RETRY_S),
            ..Self::conflict(detail)
        }
    }

    pub(crate) fn invalid(errors: &[FieldError]) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, json!(errors))
    }

    /// 422 for a field that the database refuses, at the top of the body unless [`ApiError::place_field`] says
    /// where it is.
    pub(crate) fn refused_field(field: RefusedField) -> Self {
        let place = vec![json!("body"), json!(field.name)];
        Self {
            refused: Some(Box::new(field)),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, Value::Null)
        }
        .place_field(|_| (place, Value::Null))
    }

    /// Says where in the body the refused field is and what it contains, if that is what this error is about.
    pub(crate) fn place_field(
        mut self,
        place: impl FnOnce(&RefusedField) -> (Vec<Value>, Value),
    ) -> Self {
        if let Some(field) = &self.refused {
            let (place, input) = place(field);
            let told = format!("Value error, {}", field.sentence);
            self.detail = json!([FieldError::new("value_error", place, told, input)]);
        }
        self
    }

    /// 503, and the client may come again in a second.
    pub(crate) fn unavailable(detail: &str) -> Self {
        Self {
            retry: Some(PASSING_RETRY_S),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        }
    }

    /// 503 that lasts until an operator has mended the cause, which is in the log.
    pub(crate) fn operators(detail: &str) -> Self {
        Self {
            retry: Some(OPERATORS_RETRY_S),
            stops_all: true,
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        }
    }

    /// The same of a limit that this one request has met: another may fit.
    pub(crate) fn of_this_request(self) -> Self {
        Self {
            stops_all: false,
            ..self
        }
    }

    /// Whether it is about the request: clients without a valid key must not learn it.
    pub(crate) fn is_about_the_request(&self) -> bool {
        self.status.is_client_error() && self.status != StatusCode::UNAUTHORIZED
    }

    /// Whether every request like this one will fail, until an operator has mended the cause.
    pub(crate) fn stops_all(&self) -> bool {
        self.stops_all
    }

    /// 501 for what this database cannot answer, whoever asks.
    pub(crate) fn not_supported(detail: String) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, detail)
    }

    pub(crate) fn timed_out() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "The request took too long.")
    }

    /// 500 for something that should not happen; the cause goes to the log here.
    pub(crate) fn internal(cause: &str) -> Self {
        tracing::error!(cause, "internal error");
        Self::internal_quiet()
    }

    /// 500 whose cause is in the log already.
    pub(crate) fn internal_quiet() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
    }

    #[cfg(test)]
    pub(crate) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    #[cfg(test)]
    pub(crate) fn detail(&self) -> &Value {
        &self.detail
    }
}

impl From<Vec<FieldError>> for ApiError {
    fn from(errors: Vec<FieldError>) -> Self {
        Self::invalid(&errors)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (
            self.status,
            [(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            )],
            json!({ "detail": self.detail }).to_string(),
        )
            .into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("ApiKey"));
        }
        if let Some(coding) = self.coding {
            let coding = HeaderValue::from_static(coding);
            headers.insert(header::ACCEPT_ENCODING, coding);
        }
        if let Some(seconds) = self.retry {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
