//! `POST /api/v2/write` and `POST /write`: what writes to InfluxDB writes here. Errors have InfluxDB's form, because
//! its clients decide by it what they send again.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    query::{each, values},
    samples,
};
use crate::server::{
    body::{LinePrecision, Problem, Received, Samples, read_influx_lines},
    error::ApiError,
    guard::{Dialect, Plan, Query},
    head::Head,
    state::Caller,
};

/// Keys and errors of version 2.
pub(crate) const V2: Dialect = Dialect {
    head: Head::with_password,
    takes_snappy: false,
    tell: tell_v2,
};

/// Keys and errors of version 1.
pub(crate) const V1: Dialect = Dialect {
    head: Head::with_password_in_query,
    takes_snappy: false,
    tell: tell_v1,
};

/// Where version 2 would store the points, which has no meaning here: the key says whose they are.
pub(crate) const IGNORED: [&str; 3] = ["org", "orgID", "bucket"];

/// The same of version 1; its `p` has been looked at with the other credentials.
pub(crate) const IGNORED_V1: [&str; 5] = ["db", "rp", "consistency", "u", "p"];

/// What timestamps count, by all its names.
pub(crate) const PRECISIONS: [(&[&str], LinePrecision); 6] = [
    (&["ns", "n", ""], LinePrecision::Nanoseconds),
    (&["us", "u", "µ"], LinePrecision::Of(1)),
    (&["ms"], LinePrecision::Of(1_000)),
    (&["s"], LinePrecision::Of(1_000_000)),
    (&["m"], LinePrecision::Of(60_000_000)),
    (&["h"], LinePrecision::Of(3_600_000_000)),
];

/// Reads a request of version 2.
pub(crate) fn plan(head: &Head, body: &Received) -> Plan<Samples> {
    read_influx_lines(body.bytes(), precision(head, &IGNORED)?)
}

/// Reads a request of version 1.
pub(crate) fn plan_v1(head: &Head, body: &Received) -> Plan<Samples> {
    read_influx_lines(body.bytes(), precision(head, &IGNORED_V1)?)
}

fn precision(head: &Head, ignored: &[&str]) -> Query<LinePrecision> {
    let mut precision = LinePrecision::default();
    each(head.query(), |name, value| {
        if name == "precision" {
            let mut all = PRECISIONS.iter();
            let known = all.find(|(names, _)| names.contains(&value));
            let Some((_, known)) = known else {
                return Err(Problem::new(
                    "value_error",
                    "Input should be ns, us, ms, s, m or h",
                ));
            };
            precision = *known;
        } else if !ignored.contains(&name) {
            return Err(values::unknown());
        }
        Ok(())
    })?;
    Ok(precision)
}

/// Stores the lines that could be read as one batch; the answer is 400 if there were others.
pub(crate) async fn write(caller: Caller, lines: Samples) -> Result<Response, ApiError> {
    let stored = samples::store(caller, lines).await?;
    let Some(left_out) = stored.left_out() else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let partial = if left_out.is_partial {
        "partial write: "
    } else {
        ""
    };
    let (told, count) = (left_out.told.join("\n"), left_out.count);
    Err(ApiError::bad_request(format!(
        "{partial}{told} dropped={count}"
    )))
}

/// An error as version 2 tells it.
fn tell_v2(error: ApiError) -> Response {
    error.for_senders().told_as(|status, message| {
        let code = match status {
            StatusCode::UNAUTHORIZED => "unauthorized",
            StatusCode::FORBIDDEN => "forbidden",
            StatusCode::NOT_FOUND => "not found",
            StatusCode::CONFLICT => "conflict",
            StatusCode::PAYLOAD_TOO_LARGE => "request too large",
            StatusCode::TOO_MANY_REQUESTS => "too many requests",
            StatusCode::SERVICE_UNAVAILABLE => "unavailable",
            status if status.is_client_error() => "invalid",
            _ => "internal error",
        };
        json!({ "code": code, "message": message })
    })
}

/// An error as version 1 tells it.
fn tell_v1(error: ApiError) -> Response {
    let error = error.for_senders();
    error.told_as(|_, message| json!({ "error": message }))
}
