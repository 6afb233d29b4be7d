//! The functions that write and read points as PostgreSQL calls them: arguments in, `Result` out, nothing else.
//!
//! Their SQL declarations, owners and grants stand in `sql/functions/`; the symbol of `f` is
//! `f_wrapper`. Instants come in as PostgreSQL's microseconds (`timestamptz` is an `i64`).

use crate::batches::{BatchInfo, Retry};
use crate::columns::{UploadArrays, from_arrays};
use crate::corrections;
use crate::error::{Error, Result, entry};
use crate::json::Jsonb;
use crate::pack::{pack_buckets, parse_upload};
use crate::read::{BucketArguments, ReadArguments};
use crate::spi::{Home, connected};
use crate::upload::{Uploaded, upload};
use crate::{json, time};
use pgrx::datum::{AnyArray, AnyElement, JsonB, Uuid};
use pgrx::pg_sys;
use pgrx::prelude::*;

/// Points of a chunk that becomes SQL rows: few enough to stay within work_mem.
pub const SQL_CHUNK_POINTS: usize = 4_096;
/// Points of a chunk that goes to a client as it is.
const WIRE_CHUNK_POINTS: usize = 65_536;
/// Buckets of a chunk that goes to a client as it is: each may have a column for each aggregate.
const WIRE_CHUNK_BUCKETS: usize = 16_384;

// pgrx reads the columns off the signature, so that it can be no alias.
fn upload_row(
    uploaded: Uploaded,
) -> TableIterator<
    'static,
    (
        name!(batch_id, Uuid),
        name!(points, i64),
        name!(series_ids, Vec<Uuid>),
        name!(skipped, i64),
        name!(replayed, bool),
    ),
> {
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
) -> TableIterator<
    'static,
    (
        name!(batch_id, Uuid),
        name!(points, i64),
        name!(series_ids, Vec<Uuid>),
        name!(skipped, i64),
        name!(replayed, bool),
    ),
> {
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
            name: name.as_ref(),
            labels: labels.as_ref(),
            unit: unit.as_ref(),
            description: description.as_ref(),
            series_id: series_id.as_ref(),
            series_index: series_index.as_ref(),
            valid_time_end: valid_time_end.as_ref(),
            known_times: known_times.as_ref(),
        })?;
        let retry = Retry {
            batch_id: batch_id.map(|id| *id.as_bytes()),
            idempotency_key,
        };
        connected(|| upload(columns, info, &retry, skip_unchanged.unwrap_or(false)))
    };
    upload_row(entry(run))
}

/// `timedb._upload_packed(...)`.
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
) -> TableIterator<
    'static,
    (
        name!(batch_id, Uuid),
        name!(points, i64),
        name!(series_ids, Vec<Uuid>),
        name!(skipped, i64),
        name!(replayed, bool),
    ),
> {
    let run = || {
        let info = batch_info(
            known_time,
            workflow_id,
            batch_start_time,
            batch_finish_time,
            batch_params,
        )?;
        let columns = parse_upload(data.ok_or_else(|| Error::invalid("data must not be null"))?)?;
        let retry = Retry {
            batch_id: batch_id.map(|id| *id.as_bytes()),
            idempotency_key,
        };
        connected(|| upload(columns, info, &retry, skip_unchanged.unwrap_or(false)))
    };
    upload_row(entry(run))
}

/// `timedb.update_values(...)`.
#[pg_extern(sql = false)]
fn update_values(
    updates: Option<AnyElement>,
    idempotency_key: Option<String>,
) -> Option<AnyElement> {
    let run = || {
        let updates = updates.ok_or_else(|| {
            Error::new(
                PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
                "updates must not be null",
            )
        })?;
        let updates = Jsonb::of_argument(&updates)?;
        corrections::check_size(updates)?;
        let json = updates.text();
        connected(|| corrections::update_values(&json, idempotency_key))
    };
    let answer = json::jsonb_datum(&entry(run));
    // SAFETY: the datum is a jsonb.
    answer.and_then(|datum| unsafe {
        AnyElement::from_polymorphic_datum(datum, false, pg_sys::JSONBOID)
    })
}

/// `timedb._read_packed(...)`.
#[pg_extern(sql = false)]
fn read_packed(fcinfo: pg_sys::FunctionCallInfo) -> SetOfIterator<'static, Vec<u8>> {
    let mut read = entry(|| {
        // SAFETY: the call is under way, and declared with the arguments of such a read.
        let (arguments, home) = unsafe { (ReadArguments::of(fcinfo)?, Home::of_query(fcinfo)?) };
        arguments.open(WIRE_CHUNK_POINTS, true, home)
    });
    SetOfIterator::new(std::iter::from_fn(move || {
        entry(|| Ok(read.next_chunk()?.map(|chunk| chunk.packed)))
    }))
}

/// `timedb._read_buckets_packed(...)`.
#[pg_extern(sql = false)]
fn read_buckets_packed(fcinfo: pg_sys::FunctionCallInfo) -> SetOfIterator<'static, Vec<u8>> {
    let mut read = entry(|| {
        // SAFETY: the call is under way, and declared with the arguments of such a read.
        let (arguments, home) = unsafe { (BucketArguments::of(fcinfo)?, Home::of_query(fcinfo)?) };
        arguments.open(WIRE_CHUNK_BUCKETS, home)
    });
    SetOfIterator::new(std::iter::from_fn(move || {
        entry(|| {
            let pieces = read.next_pieces()?;
            Ok((!pieces.is_empty()).then(|| pack_buckets(&read, &pieces)))
        })
    }))
}

/// `timedb._read_chunks(...)`: a row for each stretch of one series.
#[pg_extern(sql = false)]
fn read_chunks(
    fcinfo: pg_sys::FunctionCallInfo,
) -> TableIterator<
    'static,
    (
        name!(series_id, Uuid),
        name!(name, String),
        name!(unit, String),
        name!(labels, JsonB),
        name!(points, i32),
        name!(packed, Vec<u8>),
    ),
> {
    let mut read = entry(|| {
        // SAFETY: the call is under way, and declared with the arguments of such a read.
        let (arguments, home) = unsafe { (ReadArguments::of(fcinfo)?, Home::of_query(fcinfo)?) };
        arguments.open(SQL_CHUNK_POINTS, false, home)
    });
    TableIterator::new(std::iter::from_fn(move || {
        entry(|| {
            Ok(read.next_chunk()?.map(|chunk| {
                (
                    Uuid::from_bytes(chunk.series.id),
                    chunk.series.name,
                    chunk.series.unit,
                    JsonB(serde_json::from_str(&chunk.series.labels).unwrap_or_default()),
                    chunk.points as i32,
                    chunk.packed,
                )
            }))
        })
    }))
}
