//! `GET /`: what this is and where to go next.

use axum::{
    extract::RawQuery,
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::query::any;
use crate::server::{answer, error::ApiError};

pub(crate) async fn root(RawQuery(raw): RawQuery) -> Result<Response, ApiError> {
    any(raw.as_deref().unwrap_or_default())?;
    let about = json!({
        "name": "TimeDB API",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "REST API for reading and writing time series that get revised.",
        "endpoints": {
            "read_values": "GET /values - Read time series values",
            "read_points": "POST /points - Read values as each was known by its own cut-off",
            "upload_timeseries": "POST /upload - Upload time series data",
            "create_series": "POST /series - Create a new time series",
            "list_timeseries": "GET /list_timeseries - List the time series",
            "find_series": "GET /series - Find time series by name and labels",
            "count_series": "GET /series/count - Count the time series that would be found",
            "label_names": "GET /series/labels - List the names of labels",
            "label_values": "GET /series/labels/{label} - List the values of a label",
            "describe_series": "GET /series/{series_id} - Describe a time series",
            "update_series": "PATCH /series/{series_id} - Rename a time series, or change its labels, description or unit",
            "update_records": "PUT /values - Update existing records",
            "remote_write": "POST /api/v1/write - Prometheus remote write",
            "write_line_protocol": "POST /api/v2/write - Write in InfluxDB line protocol",
            "write_line_protocol_v1": "POST /write - The same for clients of its version 1",
        },
        "authentication": {
            "method": "API Key",
            "header": "X-API-Key",
            "note": "Every endpoint with data requires the key, unless the store is open without authentication.",
        },
        "admin_note": "Schema, tenants and users are managed with the command line (timedb) or in SQL, not here.",
    });
    // The same for everybody: caches may keep it, for five minutes.
    let minutes = [(header::CACHE_CONTROL, "public, max-age=300")];
    Ok((minutes, answer::json(about.to_string())).into_response())
}
