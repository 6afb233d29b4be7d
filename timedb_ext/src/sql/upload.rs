//! Uploads: as arrays, and packed as the HTTP server sends them.

mod arrays;

use super::named::NamedArrays;
use super::packed;
use crate::pg::error::{Error, Result, entry};
use crate::pg::json::{self, Jsonb};
use crate::pg::spi::connected;
use crate::pg::time;
use crate::write::batches::{BatchInfo, Retry};
use crate::write::upload::{Uploaded, upload};
use arrays::{UploadArrays, from_arrays};
use pgrx::datum::{AnyArray, AnyElement, Uuid};
use pgrx::prelude::*;
use timedb_rules::limits::Call;
use timedb_rules::upload::UploadColumns;

/// A row of batch_id, points, series_ids, skipped and replayed.
fn upload_row(uploaded: Uploaded) -> TableIterator<'static, (Uuid, i64, Vec<Uuid>, i64, bool)> {
    let ids = uploaded.series.into_iter().map(Uuid::from_bytes).collect();
    TableIterator::once((
        Uuid::from_bytes(uploaded.batch_id),
        uploaded.points as i64,
        ids,
        uploaded.skipped as i64,
        uploaded.replayed,
    ))
}

fn batch_info(
    known_time: Option<i64>,
    workflow_id: Option<String>,
    batch_start_time: Option<i64>,
    batch_finish_time: Option<i64>,
    batch_params: Option<AnyElement>,
) -> Result<BatchInfo> {
    let stored = |t: Option<i64>, what| t.map(|t| time::stored_from_pg(t, what)).transpose();
    Ok(BatchInfo {
        known_time: stored(known_time, "known_time")?,
        workflow_id,
        batch_start_time: stored(batch_start_time, "batch_start_time")?,
        batch_finish_time: stored(batch_finish_time, "batch_finish_time")?,
        batch_params: batch_params.as_ref().map(Jsonb::of_argument).transpose()?,
    })
}

/// Stores what both functions have made of their arguments.
fn store(
    columns: UploadColumns,
    info: BatchInfo,
    batch_id: Option<Uuid>,
    idempotency_key: Option<String>,
    skip_unchanged: Option<bool>,
) -> Result<Uploaded> {
    let retry = Retry {
        batch_id: batch_id.map(|id| *id.as_bytes()),
        idempotency_key,
    };
    connected(|| upload(columns, info, &retry, skip_unchanged.unwrap_or(false)))
}

/// `timedb.upload(...)`.
#[pg_extern(sql = false)]
#[allow(clippy::too_many_arguments, reason = "the SQL signature")]
fn upload_arrays<'a>(
    valid_time: Option<Array<'a, i64>>,
    value: Option<Array<'a, f64>>,
    name: Option<Array<'a, &'a str>>,
    labels: Option<AnyArray>,
    unit: Option<Array<'a, &'a str>>,
    description: Option<Array<'a, &'a str>>,
    series_id: Option<Array<'a, Uuid>>,
    series_index: Option<Array<'a, i32>>,
    valid_time_end: Option<Array<'a, i64>>,
    known_time: Option<i64>,
    workflow_id: Option<String>,
    batch_start_time: Option<i64>,
    batch_finish_time: Option<i64>,
    batch_params: Option<AnyElement>,
    batch_id: Option<Uuid>,
    idempotency_key: Option<String>,
    skip_unchanged: Option<bool>,
    known_times: Option<Array<'a, i64>>,
) -> TableIterator<'static, (Uuid, i64, Vec<Uuid>, i64, bool)> {
    let run = || {
        let info = batch_info(
            known_time,
            workflow_id,
            batch_start_time,
            batch_finish_time,
            batch_params,
        )?;
        // SAFETY: declared as jsonb[].
        let labels = labels.and_then(|labels| unsafe { json::elements(labels.datum()) });
        let columns = from_arrays(UploadArrays {
            valid_time: valid_time.as_ref(),
            value: value.as_ref(),
            series: NamedArrays {
                call: Call::Upload,
                name: name.as_ref(),
                labels: labels.as_ref(),
                unit: unit.as_ref(),
                description: description.as_ref(),
                series_id: series_id.as_ref(),
                series_index: series_index.as_ref(),
            },
            valid_time_end: valid_time_end.as_ref(),
            known_times: known_times.as_ref(),
        })?;
        store(columns, info, batch_id, idempotency_key, skip_unchanged)
    };
    upload_row(entry(run))
}

/// `timedb_internal._upload_packed(...)`.
#[pg_extern(sql = false)]
#[allow(clippy::too_many_arguments, reason = "the SQL signature")]
fn upload_packed(
    data: Option<&[u8]>,
    known_time: Option<i64>,
    workflow_id: Option<String>,
    batch_start_time: Option<i64>,
    batch_finish_time: Option<i64>,
    batch_params: Option<AnyElement>,
    batch_id: Option<Uuid>,
    idempotency_key: Option<String>,
    skip_unchanged: Option<bool>,
) -> TableIterator<'static, (Uuid, i64, Vec<Uuid>, i64, bool)> {
    let run = || {
        let info = batch_info(
            known_time,
            workflow_id,
            batch_start_time,
            batch_finish_time,
            batch_params,
        )?;
        let columns = packed::upload(data.ok_or_else(|| Error::invalid("data must not be null"))?)?;
        store(columns, info, batch_id, idempotency_key, skip_unchanged)
    };
    upload_row(entry(run))
}
