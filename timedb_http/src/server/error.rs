//! Every unsuccessful answer, as `{"detail": ...}`: a sentence, or for 422 a list in pydantic's form. Nothing here
//! ever contains SQL text.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Value, json};

/// After this many seconds, a temporary problem may be over.
const PASSING_RETRY_S: u16 = 1;
/// What an operator has to fix takes longer; clients that tried again at once would only add to it.
pub(crate) const OPERATORS_RETRY_S: u16 = 60;

/// What clients know as the answer to a request without a key.
const KEY_REQUIRED: &str = "API key required. Please provide X-API-Key header.";
/// The same for clients of other protocols, which send it in their own ways.
const PASSWORD_REQUIRED: &str = "API key required. Please provide it as Authorization: Token or Bearer, or as a password (Authorization: Basic).";

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
            KEY_REQUIRED
        };
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// 401 for a request that brings two keys.
    pub(crate) fn two_keys() -> Self {
        let detail = "Two different API keys were given. Please provide one, in X-API-Key or in Authorization: Bearer.";
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// An answer that only says what its status is called.
    pub(crate) fn plain(status: StatusCode) -> Self {
        Self::new(status, status.canonical_reason())
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

    /// 413 for a body that has fewer bytes than its rows take.
    pub(crate) fn unpacked_too_large(limit: usize) -> Self {
        let detail = format!(
            "The rows of the request body take more memory than the limit of {limit} bytes: send them in several requests."
        );
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    pub(crate) fn not_json(content_type: &str) -> Self {
        let detail = format!(
            "The request body must be JSON (Content-Type: application/json), not {content_type}."
        );
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    /// 415 for the body of an upload.
    pub(crate) fn unknown_format(content_type: &str) -> Self {
        let detail = format!(
            "The request body must be JSON (Content-Type: application/json), NDJSON (application/x-ndjson), CSV \
             (text/csv), an Arrow IPC stream (application/vnd.apache.arrow.stream) or a Parquet file \
             (application/vnd.apache.parquet), not {content_type}."
        );
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    /// 415 for a body that is compressed with something other than gzip or zstd.
    pub(crate) fn unknown_coding(coding: &str) -> Self {
        let detail = format!(
            "The request body has Content-Encoding: {coding}. Compress it with gzip or zstd, once, or not at all."
        );
        Self {
            coding: Some("gzip, zstd"),
            ..Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
        }
    }

    /// 400 for a body that says it is packed like this.
    pub(crate) fn not_packed(coding: &str) -> Self {
        let detail = format!(
            "The request body is not valid, complete {coding}, although its Content-Encoding says {coding}."
        );
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn not_utf8() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The request body begins like a text in UTF-16 or UTF-32. Send it in UTF-8.",
        )
    }

    /// 415 for a text that is declared in another encoding.
    pub(crate) fn other_charset(charset: &str) -> Self {
        let detail =
            format!("The request body is declared as {charset} (Content-Type). Send it in UTF-8.");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    /// 409 that is over when another request is, and the client may come again in a second.
    pub(crate) fn under_way(detail: String) -> Self {
        Self {
            retry: Some(PASSING_RETRY_S),
            ..Self::new(StatusCode::CONFLICT, detail)
        }
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

    /// 429 for a key that has sent more than its rate.
    pub(crate) fn too_many_requests(seconds: u16) -> Self {
        Self {
            retry: Some(seconds),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests with this API key; please try again later.",
            )
        }
    }

    /// 429 for an address from which too many requests had no valid key.
    pub(crate) fn too_many_failures(seconds: u16) -> Self {
        Self {
            retry: Some(seconds),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests without a valid API key from this address; please try again later.",
            )
        }
    }

    /// 429 for a tenant of whom too many wait for news.
    pub(crate) fn too_many_waiting() -> Self {
        Self {
            retry: Some(PASSING_RETRY_S),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many of your clients are waiting for news; please ask without waiting, or try again later.",
            )
        }
    }

    /// Whether the request had no valid key.
    pub(crate) fn is_about_the_key(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
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

    /// Whether the same may be answered otherwise later: the fault is the server's.
    pub(crate) fn may_pass(&self) -> bool {
        self.status.is_server_error()
    }

    pub(crate) fn timed_out() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "The request took too long.")
    }

    /// The field that the database refuses, if that is what it is about.
    pub(crate) fn refused(&self) -> Option<&RefusedField> {
        self.refused.as_deref()
    }

    /// The same for clients that send again what was answered with 429 or 5xx, and throw away what was answered with
    /// another 4xx: what may go well later is 503, and what is wrong with a request is 400.
    pub(crate) fn for_senders(mut self) -> Self {
        let passes = self.retry.is_some() || self.status == StatusCode::REQUEST_TIMEOUT;
        self.status = match self.status {
            StatusCode::TOO_MANY_REQUESTS => self.status,
            status if status.is_client_error() && passes => StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        };
        self
    }

    /// The same answer in the form of another protocol, whose body is made of a text.
    pub(crate) fn told_as(&self, body: impl FnOnce(StatusCode, String) -> Value) -> Response {
        let message = match &self.detail {
            Value::String(sentence) if sentence == KEY_REQUIRED => PASSWORD_REQUIRED.to_owned(),
            Value::String(sentence) => sentence.clone(),
            Value::Array(fields) => {
                let fields: Vec<_> = fields.iter().map(field_sentence).collect();
                fields.join("; ")
            }
            other => other.to_string(),
        };
        self.respond(&body(self.status, message))
    }

    /// 500 for something that should not happen; the cause goes to the log here.
    pub(crate) fn internal(cause: &str) -> Self {
        tracing::error!(cause, "internal error");
        Self::plain(StatusCode::INTERNAL_SERVER_ERROR)
    }

    #[cfg(test)]
    pub(crate) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// What is wrong with each field, if that is what it is about: objects in pydantic's form.
    pub(crate) fn fields_mut(&mut self) -> &mut [Value] {
        self.detail
            .as_array_mut()
            .map_or(&mut [], Vec::as_mut_slice)
    }

    /// What it says, as the body has it.
    pub(crate) fn detail(&self) -> &Value {
        &self.detail
    }
}

impl From<Vec<FieldError>> for ApiError {
    fn from(errors: Vec<FieldError>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, json!(errors))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({ "detail": self.detail });
        self.respond(&body)
    }
}

impl ApiError {
    fn respond(&self, body: &Value) -> Response {
        let lacks_key = self.status == StatusCode::UNAUTHORIZED;
        (
            self.status,
            [(header::CONTENT_TYPE, "application/json")],
            lacks_key.then_some([(header::WWW_AUTHENTICATE, "ApiKey")]),
            self.coding
                .map(|coding| [(header::ACCEPT_ENCODING, coding)]),
            self.retry
                .map(|seconds| [(header::RETRY_AFTER, seconds.to_string())]),
            body.to_string(),
        )
            .into_response()
    }
}

/// One entry of a 422 as a text: where, and what.
fn field_sentence(field: &Value) -> String {
    let place = field.get("loc").and_then(Value::as_array);
    let place = place.into_iter().flatten().map(|part| match part {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    let place = place.collect::<Vec<_>>().join(".");
    let told = field.get("msg").and_then(Value::as_str).unwrap_or_default();
    format!("{place}: {told}")
}

/// One entry of a 422, in pydantic's form.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct FieldError {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub loc: Vec<Value>,
    pub msg: String,
    pub input: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ctx: Option<Value>,
}

impl FieldError {
    pub(crate) fn new(
        kind: &'static str,
        loc: impl IntoIterator<Item: Into<Value>>,
        msg: impl Into<String>,
        input: Value,
    ) -> Self {
        Self {
            kind,
            loc: loc.into_iter().map(Into::into).collect(),
            msg: msg.into(),
            input,
            ctx: None,
        }
    }

    /// The same of a body that is this row of a longer one.
    pub(crate) fn in_row(mut self, row: usize) -> Self {
        self.loc.insert(self.loc.len().min(1), row.into());
        self
    }

    pub(crate) fn with_ctx(mut self, ctx: Value) -> Self {
        self.ctx = Some(ctx);
        self
    }
}

/// A field of a series that the database refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedField {
    /// `name`, `labels` or `unit`.
    pub name: &'static str,
    /// Which series of an upload it is of, counted from 0.
    pub series: usize,
    pub sentence: String,
}
