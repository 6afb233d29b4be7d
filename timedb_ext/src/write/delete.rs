//! Deletion: a batch, a series, or all that a tenant has. Nobody writes to the tenant's store meanwhile, and what is held
//! stays.

use crate::identity::audit;
use crate::identity::writer::writable_tenant;
use crate::pg::error::{Error, Result, SqlState, uuid_text};
use crate::pg::spi::{Arg, Statement, statements};
use crate::pg::time;
use crate::series::delete;
use crate::store::{clock, presence};
use crate::write::chunks;
use crate::write::fold::fold;
use crate::write::merge::Work;
use crate::write::remove::{OnDamage, Removed, Within, remove};
use serde_json::json;
use timedb_segment::{BatchIds, Points, SegmentKey, change_time_of};

statements! {
    REQUEST(UUID) -> (TIMESTAMP) = c"SELECT change_time FROM timedb.requests WHERE batch_id = $1";
    DELETE_REQUEST(UUID) = c"DELETE FROM timedb.requests WHERE batch_id = $1";
    DELETE_SEGMENTS_OF(UUID) -> (INT8, INT8, INT8) =
        c"WITH gone AS (DELETE FROM timedb_internal.segments WHERE series_id = $1 RETURNING count, octet_length(blob) AS bytes) \
          SELECT COALESCE(sum(count), 0)::bigint, count(*), COALESCE(sum(bytes), 0)::bigint FROM gone";
    DELETE_RETENTION(UUID) = c"DELETE FROM timedb.retention WHERE series_id = $1";
    // All that the tenant has.
    ALL_SEGMENTS(UUID) -> (INT8, INT8, INT8) =
        c"WITH gone AS (DELETE FROM timedb_internal.segments WHERE tenant_id = $1 RETURNING count, octet_length(blob) AS bytes) \
          SELECT COALESCE(sum(count), 0)::bigint, count(*), COALESCE(sum(bytes), 0)::bigint FROM gone";
    ALL_LOGGED(UUID) -> (INT8, INT8, INT8) =
        c"WITH gone AS (DELETE FROM timedb_internal.write_log WHERE tenant_id = $1 RETURNING points, octet_length(blob) AS bytes) \
          SELECT COALESCE(sum(points), 0)::bigint, 0::bigint, COALESCE(sum(bytes), 0)::bigint FROM gone";
    ALL_CHUNKS(UUID) = c"DELETE FROM timedb_internal.batch_chunks WHERE tenant_id = $1";
    ALL_LISTS(UUID) = c"DELETE FROM timedb_internal.series_lists WHERE tenant_id = $1";
    ALL_REQUESTS(UUID) = c"DELETE FROM timedb.requests WHERE tenant_id = $1";
    ALL_LABELS(UUID) = c"DELETE FROM timedb.series_labels WHERE tenant_id = $1";
    ALL_SERIES(UUID) = c"DELETE FROM timedb.series WHERE tenant_id = $1";
    ALL_DAMAGED(UUID) = c"DELETE FROM timedb_internal.damaged_rows WHERE tenant_id = $1";
    ALL_RETENTION(UUID) = c"DELETE FROM timedb.retention WHERE tenant_id = $1";
}

/// Deletes a batch: every version that belongs to it, those that corrections wrote later for its points included, and what
/// it said about itself. Returns what was removed.
///
/// # Errors
/// As [`writable_tenant`] and [`presence::take`]; 42704 for a batch that does not exist; 55000 where a series of it is held;
/// XX001 for what is damaged and may belong to it.
pub fn batch(batch_id: &[u8; 16]) -> Result<Removed> {
    const WHAT: &str = "timedb.delete_batch()";
    let tenant = writable_tenant(WHAT)?;
    begin(&tenant, WHAT)?;
    let no_such_batch = || {
        Error::new(
            SqlState::UNDEFINED_OBJECT,
            format!("batch \"{}\" does not exist", uuid_text(batch_id)),
        )
        .hint("timedb.batches shows the tenant's batches.")
    };
    let by_name = REQUEST.row(false, &[Arg::uuid(batch_id)], |row| row.instant(1))?;
    let change_time = by_name.or_else(|| change_time_of(&tenant, batch_id));
    let change_time = change_time.ok_or_else(no_such_batch)?;
    let found = chunks::find(&tenant, change_time)?.filter(|found| {
        let batch = found.batch();
        batch.id(&tenant) == *batch_id && !batch.is_deleted()
    });
    let found = found.ok_or_else(no_such_batch)?;
    presence::refuse_held(Some(&found.batch().series))?;
    let ids = BatchIds::of(tenant);
    let goes = |points: &Points, i: usize| {
        points.change_time.get(i) == change_time || points.batch(i, &ids) == *batch_id
    };
    let mut removed = Removed::default();
    if let Some(valid) = found.batch().valid {
        let within = Within {
            valid,
            first_change: change_time,
        };
        for &series in found.batch().series.iter() {
            let key = SegmentKey { tenant, series };
            removed = removed.and(remove(&key, within, goes, OnDamage::Fail, false)?);
        }
    }
    let details = json!({
        "batch_id": uuid_text(batch_id),
        "change_time": time::text(change_time),
        "points": removed.points,
    });
    found.mark_deleted(&tenant)?;
    DELETE_REQUEST.execute(&[Arg::uuid(batch_id)])?;
    audit::record(&tenant, "batch_deleted", &details)?;
    Ok(removed)
}

/// Deletes a series with all its points. Returns what was removed.
///
/// # Errors
/// As [`writable_tenant`] and [`presence::take`]; 42704 for a series that does not exist; 55000 where it is held.
pub fn series(id: &[u8; 16]) -> Result<Removed> {
    const WHAT: &str = "timedb.delete_series()";
    let tenant = writable_tenant(WHAT)?;
    begin(&tenant, WHAT)?;
    let name = delete(id)?;
    presence::refuse_held(Some(&[*id]))?;
    let args = [Arg::uuid(id)];
    let removed = counted(&DELETE_SEGMENTS_OF, &args)?;
    DELETE_RETENTION.execute(&args)?;
    let details = json!({"series_id": uuid_text(id), "name": name, "points": removed.points});
    audit::record(&tenant, "series_deleted", &details)?;
    Ok(removed)
}

/// Deletes all that is stored for the tenant, and says how many series it had. What is damaged is deleted like the rest.
///
/// # Errors
/// As [`writable_tenant`] and [`presence::take`]; 55000 where anything of it is held.
pub fn everything() -> Result<(Removed, u64)> {
    const WHAT: &str = "timedb.delete_tenant()";
    let tenant = writable_tenant(WHAT)?;
    presence::take(&tenant, WHAT)?;
    presence::refuse_held(None)?;
    let args = [Arg::uuid(&tenant)];
    let removed = counted(&ALL_SEGMENTS, &args)?.and(counted(&ALL_LOGGED, &args)?);
    for statement in [
        &ALL_CHUNKS,
        &ALL_LISTS,
        &ALL_REQUESTS,
        &ALL_LABELS,
        &ALL_DAMAGED,
        &ALL_RETENTION,
    ] {
        statement.execute(&args)?;
    }
    Ok((removed, ALL_SERIES.execute(&args)?))
}

/// Takes the store, and puts all points into segments.
fn begin(tenant: &[u8; 16], what: &str) -> Result<()> {
    presence::take(tenant, what)?;
    if let Some(last) = clock::foldable_alone()? {
        while fold(tenant, last, &mut Work::of(usize::MAX))? {}
    }
    presence::expect_folded()
}

fn counted(statement: &Statement, args: &[Arg]) -> Result<Removed> {
    let removed = statement.row(false, args, |row| {
        Ok(Removed {
            points: row.int8(1)? as usize,
            segments: row.int8(2)?,
            bytes: row.int8(3)?,
        })
    })?;
    Ok(removed.unwrap_or_default())
}
