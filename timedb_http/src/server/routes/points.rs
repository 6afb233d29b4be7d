//! `POST /points`: for each row of a body the value of a point as it was known by the row's own cut-off. A read, with a
//! body because it has many rows.

use axum::response::Response;
use tokio_postgres::types::Type;

use super::query::format::parse_for_rows;
use crate::formats::rows::{FormatName, format, write_placed};
use crate::server::{
    answer,
    body::{PointsAsked, Received, read_points},
    error::ApiError,
    guard::Plan,
    head::Head,
    state::Caller,
};

const READ: &str = "SELECT packed, places FROM timedb_internal._read_points_packed(\
                    $1, $2, $3, $4, $5::pg_catalog.text[]::pg_catalog.jsonb[], $6, $7, $8, $9, $10)";

pub(crate) fn plan(head: &Head, body: &Received) -> Plan<(PointsAsked, FormatName)> {
    let (unit, format) = parse_for_rows(head)?;
    Ok((read_points(body.json()?, unit)?, format))
}

pub(crate) async fn read(
    caller: Caller,
    (asked, name): (PointsAsked, FormatName),
) -> Result<Response, ApiError> {
    let parameters = [
        (&asked.series_id as _, Type::UUID_ARRAY),
        (&asked.valid_time as _, Type::TIMESTAMPTZ_ARRAY),
        (&asked.as_of as _, Type::TIMESTAMPTZ_ARRAY),
        (&asked.name as _, Type::TEXT_ARRAY),
        (&asked.labels as _, Type::TEXT_ARRAY),
        (&asked.series_index as _, Type::INT4_ARRAY),
        (&asked.valid_time_end as _, Type::TIMESTAMPTZ_ARRAY),
        (&asked.max_age as _, Type::INTERVAL),
        (&asked.as_of_change as _, Type::TIMESTAMPTZ),
        (&asked.unit as _, Type::TEXT),
    ];
    let row = caller.read_one(READ, &parameters).await?;
    caller
        .record()
        .add_rows_out(row.get::<_, Vec<i32>>(1).len() as u64);
    let (format, size) = (format(name), row.get::<_, &[u8]>(0).len());
    let write = move || write_placed(row.get(0), &row.get::<_, Vec<i32>>(1), format);
    answer::rows(format, size, write).await
}
