//! `POST /api/v1/write`: what Prometheus sends to a remote storage. It sends again what is answered with 5xx, and with 429 if
//! it is told to; what is answered with another 4xx it throws away.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{query::none, samples};
use crate::server::{
    body::{Received, Samples, read_remote_write},
    error::ApiError,
    guard::{Dialect, Plan},
    head::Head,
    state::Caller,
};

/// Keys, bodies and errors of remote write.
pub(crate) const REMOTE_WRITE: Dialect = Dialect {
    head: Head::with_password,
    takes_snappy: true,
    tell,
};

/// Reads a request.
pub(crate) fn plan(head: &Head, body: &Received) -> Plan<Samples> {
    none(head)?;
    let content_type = body.content_type().unwrap_or_default();
    if content_type.contains("io.prometheus.write.v2") {
        let told = "Remote write 2.0 is not understood here: send prometheus.WriteRequest, which is version 1.0.";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, told));
    }
    read_remote_write(body.bytes())
}

/// Stores the samples as one batch; the answer is 400 if there was something that can't be stored.
pub(crate) async fn write(caller: Caller, given: Samples) -> Result<Response, ApiError> {
    let stored = samples::store(caller, given).await?;
    let Some(left_out) = stored.left_out() else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let rest = if left_out.is_partial {
        "; everything else is stored"
    } else {
        ""
    };
    // One line: of more, Prometheus logs the first.
    let (told, count) = (left_out.told.join("; "), left_out.count);
    Err(ApiError::bad_request(format!(
        "Left out: {count}{rest}. {told}."
    )))
}

fn tell(error: ApiError) -> Response {
    let error = error.for_senders();
    error.told_as(|_, message| json!({ "detail": message }))
}
