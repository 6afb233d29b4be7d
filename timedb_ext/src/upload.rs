//! Writing points: validation, grouping by series, encoding into segments, one batch a call.

use crate::error::{Error, Result};
use crate::pack::UploadColumns;
use crate::segments::SegmentWriter;
use crate::series::{Resolved, describe, get_or_create, uuid7};
use crate::spi::{Arg, Statement};
use crate::{key_use, settings, time};
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::{self, Datum};
use std::collections::HashMap;
use timedb_segment::group::{Duplicate, Group, group_points};
use timedb_segment::{Column, NO_END, Points, SegmentKey, encode, split};

/// Most points one call takes: memory for them is needed several times over.
pub const MAX_POINTS_PER_UPLOAD: usize = 50_000_000;

/// What a batch says about itself; instants in Unix microseconds.
#[derive(Default)]
pub struct BatchInfo {
    pub known_time: Option<i64>,
    pub workflow_id: Option<String>,
    pub batch_start_time: Option<i64>,
    pub batch_finish_time: Option<i64>,
    /// A jsonb, stored as it came.
    pub batch_params: Option<Datum>,
}

/// What an upload answers.
pub struct Uploaded {
    pub batch_id: [u8; 16],
    pub points: usize,
    /// One for each series of the upload, in its order.
    pub series: Vec<Resolved>,
}

thread_local! {
    static INSERT_BATCH: Statement = const { Statement::new(
        c"INSERT INTO timedb.batches \
              (tenant_id, batch_id, user_id, workflow_id, batch_start_time, batch_finish_time, \
               known_time, change_time, batch_params, points) \
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            pg_sys::UUIDOID, pg_sys::UUIDOID, pg_sys::UUIDOID, pg_sys::TEXTOID,
            pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPTZOID,
            pg_sys::TIMESTAMPTZOID, pg_sys::JSONBOID, pg_sys::INT8OID,
        ],
    ) };
}

/// The tenant that this transaction may write for; its key is noted as in use.
///
/// # Errors
/// 25006 in a read-only transaction or on a standby, 28000 without a tenant, 42501 with a
/// read-only key.
pub fn writable_tenant(what: &str) -> Result<[u8; 16]> {
    // SAFETY: reads the backend's own state.
    let read_only = unsafe { pg_sys::XactReadOnly || pg_sys::RecoveryInProgress() };
    if read_only {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_READ_ONLY_SQL_TRANSACTION,
            format!("cannot execute {what} in a read-only transaction"),
        ));
    }
    let tenant = settings::tenant().ok_or_else(|| {
        Error::new(
            PgSqlErrorCode::ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
            "no tenant: call timedb.authenticate(key) first",
        )
        .hint("authenticate() lasts for one transaction: call it between BEGIN and COMMIT.")
    })?;
    if settings::access_is_read_only() {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            "this API key is read-only",
        )
        .hint("Use a key with read_write access."));
    }
    key_use::report()?;
    Ok(tenant)
}

/// Stores the points as one batch: all of them, or none.
///
/// # Errors
/// As [`writable_tenant`] and [`get_or_create`]; 22008 and 22003 for instants and values that
/// cannot be stored, 22023 for an interval that does not end after it starts, 21000 for a point
/// that occurs twice.
pub fn upload(mut columns: UploadColumns, info: BatchInfo) -> Result<Uploaded> {
    let tenant = writable_tenant("timedb.upload()")?;
    if let Some(nulls) = &columns.nulls {
        // What stands where nothing is known must not matter.
        for (value, _) in columns
            .value
            .iter_mut()
            .zip(nulls)
            .filter(|(_, null)| **null)
        {
            *value = 0.0;
        }
    }
    check_points(&columns)?;
    check_info(&info)?;
    let resolved = get_or_create(&tenant, &columns.series)?;
    let (ordinals, series_ids) = ordinals(&resolved);
    let series_index: Vec<u32> = columns
        .series_index
        .iter()
        .map(|&i| ordinals[i as usize])
        .collect();
    let ends = columns.valid_time_end.as_deref();
    let groups = group_points(&series_index, series_ids.len(), &columns.valid_time, ends)
        .map_err(|duplicate| duplicate_point(&columns, &duplicate))?;

    let change_time = time::change_time();
    let batch_id = uuid7();
    let known_time = info.known_time.unwrap_or(change_time);
    insert_batch(
        &tenant,
        &batch_id,
        &info,
        known_time,
        change_time,
        columns.value.len(),
    )?;
    let mut writer = SegmentWriter::new(tenant);
    for group in &groups {
        let key = SegmentKey {
            tenant,
            series: series_ids[group.series as usize],
        };
        write_group(&mut writer, &key, &columns, group, &|range| Points {
            known_time: Column::Constant(known_time),
            change_time: Column::Constant(change_time),
            version: Column::Constant(version_of(&batch_id)),
            batch: Column::Constant(batch_id),
            ..range
        })?;
    }
    writer.flush()?;
    Ok(Uploaded {
        batch_id,
        points: columns.value.len(),
        series: resolved,
    })
}

/// Several names may mean one series: points of both must not collide.
fn ordinals(resolved: &[Resolved]) -> (Vec<u32>, Vec<[u8; 16]>) {
    let mut seen = HashMap::with_capacity(resolved.len());
    let mut ids = Vec::with_capacity(resolved.len());
    let ordinal = |series: &Resolved| {
        *seen.entry(series.id).or_insert_with(|| {
            ids.push(series.id);
            (ids.len() - 1) as u32
        })
    };
    let ordinals = resolved.iter().map(ordinal).collect();
    (ordinals, ids)
}

fn check_points(columns: &UploadColumns) -> Result<()> {
    let n = columns.valid_time.len();
    if n > MAX_POINTS_PER_UPLOAD {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            format!("an upload may have at most {MAX_POINTS_PER_UPLOAD} points, this one has {n}"),
        )
        .hint("Split it into several uploads."));
    }
    let at = |i: usize| {
        let series = describe(&columns.series[columns.series_index[i] as usize]);
        format!("Point {} of series {series}, counted from 1.", i + 1)
    };
    let in_range = |t: &i64| (time::MIN_TIME..=time::MAX_TIME).contains(t);
    if let Some(i) = columns.valid_time.iter().position(|t| !in_range(t)) {
        return Err(out_of_range("valid_time", columns.valid_time[i]).detail(at(i)));
    }
    if let Some(i) = columns.value.iter().position(|v| !v.is_finite()) {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            format!("value must be finite, not {}", columns.value[i]),
        )
        .detail(at(i))
        .hint("Use null for a missing value."));
    }
    let Some(ends) = &columns.valid_time_end else {
        return Ok(());
    };
    for (i, (&start, &end)) in columns.valid_time.iter().zip(ends).enumerate() {
        if end == NO_END {
            continue;
        }
        if !in_range(&end) {
            return Err(out_of_range("valid_time_end", end).detail(at(i)));
        }
        if end <= start {
            return Err(Error::invalid(format!(
                "valid_time_end {} is not after valid_time {}",
                time::text(end),
                time::text(start)
            ))
            .detail(at(i)));
        }
    }
    Ok(())
}

fn out_of_range(what: &str, instant: i64) -> Error {
    if instant == time::from_pg(time::PG_INFINITY)
        || instant == time::from_pg(time::PG_MINUS_INFINITY)
    {
        return Error::time(format!("{what} must not be infinity"));
    }
    Error::time(format!("{what} is outside the years 1 to 9999"))
}

fn check_info(info: &BatchInfo) -> Result<()> {
    for (what, instant) in [
        ("known_time", info.known_time),
        ("batch_start_time", info.batch_start_time),
        ("batch_finish_time", info.batch_finish_time),
    ] {
        if let Some(instant) = instant {
            time::check(instant, what)?;
        }
    }
    if let (Some(start), Some(finish)) = (info.batch_start_time, info.batch_finish_time)
        && finish < start
    {
        return Err(Error::invalid(
            "batch_finish_time is before batch_start_time",
        ));
    }
    Ok(())
}

fn duplicate_point(columns: &UploadColumns, duplicate: &Duplicate) -> Error {
    let i = duplicate.first;
    let series = describe(&columns.series[columns.series_index[i] as usize]);
    let valid_time = time::text(columns.valid_time[i]);
    let end = match columns.valid_time_end.as_ref().map(|ends| ends[i]) {
        Some(end) if end != NO_END => format!(", valid_time_end {}", time::text(end)),
        _ => String::new(),
    };
    Error::new(
        PgSqlErrorCode::ERRCODE_CARDINALITY_VIOLATION,
        format!("point occurs twice in one upload: series {series}, valid_time {valid_time}{end}"),
    )
    .detail(format!(
        "It is given at positions {} and {}, counted from 1.",
        duplicate.first + 1,
        duplicate.second + 1
    ))
    .hint("Send each point once; a later upload of the same point is a new version of it.")
}

/// The id of a write: the random part of its batch's id.
fn version_of(batch_id: &[u8; 16]) -> i64 {
    let mut tail = [0; 8];
    tail.copy_from_slice(&batch_id[8..]);
    i64::from_be_bytes(tail) & i64::MAX
}

fn insert_batch(
    tenant: &[u8; 16],
    batch_id: &[u8; 16],
    info: &BatchInfo,
    known_time: i64,
    change_time: i64,
    points: usize,
) -> Result<()> {
    let instant = |t: Option<i64>| t.map_or(Arg::NULL, |t| Arg::int8(time::to_pg(t)));
    let text = |t: &Option<String>| t.as_deref().map_or(Arg::NULL, Arg::text);
    let args = [
        Arg::uuid(tenant),
        Arg::uuid(batch_id),
        settings::user().map_or(Arg::NULL, |user| Arg::uuid(&user)),
        text(&info.workflow_id),
        instant(Some(info.batch_start_time.unwrap_or(change_time))),
        instant(info.batch_finish_time),
        instant(Some(known_time)),
        instant(Some(change_time)),
        Arg(info.batch_params),
        Arg::int8(points as i64),
    ];
    INSERT_BATCH.with(|s| s.run(false, &args, |_| Ok(())))?;
    Ok(())
}

/// Encodes the points of one series, split into segments.
fn write_group(
    writer: &mut SegmentWriter,
    key: &SegmentKey,
    columns: &UploadColumns,
    group: &Group,
    complete: &dyn Fn(Points) -> Points,
) -> Result<()> {
    let positions = &group.positions;
    let valid_time = positions.pick(&columns.valid_time);
    let value = positions.pick(&columns.value);
    let ends = columns
        .valid_time_end
        .as_ref()
        .map(|ends| positions.pick(ends));
    let nulls = columns.nulls.as_ref().map(|nulls| positions.pick(nulls));
    for range in split(&valid_time) {
        let ends = ends.as_ref().map(|ends| ends[range.clone()].to_vec());
        let nulls = nulls.as_ref().map(|nulls| nulls[range.clone()].to_vec());
        let points = complete(Points {
            valid_time: valid_time[range.clone()].to_vec(),
            valid_time_end: ends.filter(|ends| ends.iter().any(|&end| end != NO_END)),
            value: value[range].to_vec(),
            nulls: nulls.filter(|nulls| nulls.contains(&true)),
            known_time: Column::Constant(0),
            change_time: Column::Constant(0),
            version: Column::Constant(0),
            batch: Column::Constant([0; 16]),
        });
        let segment = encode(key, &points)
            .map_err(|e| Error::internal(format!("could not encode a segment: {e}")))?;
        writer.push(key.series, segment)?;
    }
    Ok(())
}
