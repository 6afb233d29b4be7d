//! Retention: points whose valid_time lies further back than their series keeps them are deleted, all versions of them,
//! and no others.

use crate::identity::audit;
use crate::identity::caller;
use crate::identity::writer::writable_tenant;
use crate::pg::error::{Error, Result, SqlState};
use crate::pg::snapshot;
use crate::pg::spi::{Arg, statements};
use crate::pg::time::{self, MIN_TIME};
use crate::store::log::{COLUMNS, Lists, rows_up_to};
use crate::store::{clock, presence};
use crate::write::fold::fold;
use crate::write::merge::Work;
use crate::write::remove::{OnDamage, Removed, Within, remove};
use serde_json::json;
use std::collections::HashMap;
use timedb_segment::{NO_END, Points, SegmentKey};

/// Series looked up in one statement.
const SERIES: usize = 500;
/// Rows of the log fetched at a time.
const FETCH: usize = 64;

statements! {
    // The rule of a series goes before the tenant's; months and days are those of UTC. The future never expires.
    EXPIRING(UUID, INT8) -> (UUID, TEXT, TIMESTAMP, BOOL) =
        c"SELECT s.series_id, s.name, \
                 CASE WHEN r.max_age IS NOT NULL \
                      THEN LEAST((now() AT TIME ZONE 'UTC' - r.max_age) AT TIME ZONE 'UTC', now()) END, \
                 EXISTS (SELECT FROM timedb.holds AS h \
                         WHERE h.series_id IN (s.series_id, '00000000-0000-0000-0000-000000000000')) \
          FROM (SELECT series_id, name FROM timedb.series WHERE series_id > $1 ORDER BY series_id LIMIT $2) AS s \
          LEFT JOIN LATERAL ( \
              SELECT r.max_age FROM timedb.retention AS r \
              WHERE r.series_id IN (s.series_id, '00000000-0000-0000-0000-000000000000') \
              ORDER BY r.series_id DESC LIMIT 1 \
          ) AS r ON true \
          ORDER BY s.series_id";
}

/// What the log holds of each series: each row's points on their own, and about how many bytes they take.
type LoggedPoints = HashMap<[u8; 16], Vec<(Points, usize)>>;

/// What a series has, or had, that is older than it keeps.
pub struct Expired {
    pub series: [u8; 16],
    pub name: String,
    /// Points before it are.
    pub cutoff: i64,
    pub removed: Removed,
    /// It is kept all the same.
    pub held: bool,
}

/// Deletes what is older than the tenant's series keep, or only says what that is (`dry_run`). What is held stays, and so
/// does what a transaction in progress has written.
///
/// # Errors
/// As [`writable_tenant`], unless it only says; 28000 without a tenant; 25008 in a transaction that keeps one snapshot;
/// XX001 for a damaged row of the log.
pub fn apply(dry_run: bool) -> Result<Vec<Expired>> {
    const WHAT: &str = "timedb.apply_retention()";
    let tenant = match dry_run {
        false => writable_tenant(WHAT)?,
        true => caller::tenant().ok_or_else(no_tenant)?,
    };
    let mut logged = LoggedPoints::new();
    if dry_run {
        logged = snapshot::under_fresh(|| points_of_log(&tenant))?;
    } else {
        presence::await_compaction(&tenant, WHAT)?;
        if let Some(last) = clock::foldable(&tenant)? {
            while fold(&tenant, last, &mut Work::of(usize::MAX))? {}
        }
    }
    let mut all = Vec::new();
    let mut after = [0; 16];
    loop {
        let args = [Arg::uuid(&after), Arg::int8(SERIES as i64)];
        let series = snapshot::under_own(|| {
            EXPIRING.rows(true, &args, |row| {
                let cutoff = row.optional_int8(3)?.map(time::from_pg);
                let name = row.text(2)?.unwrap_or_default();
                Ok((row.uuid(1)?, name, cutoff, row.bool(4)?))
            })
        })?;
        let Some((last, ..)) = series.last() else {
            break;
        };
        after = *last;
        for (series, name, cutoff, held) in series {
            let Some(cutoff) = cutoff else { continue };
            let key = SegmentKey { tenant, series };
            let goes = |points: &Points, i: usize| is_past(points, i, cutoff);
            let within = Within {
                valid: (MIN_TIME, cutoff),
                first_change: MIN_TIME,
            };
            let mut removed = remove(&key, within, goes, OnDamage::Warn, dry_run || held)?;
            for (points, bytes) in logged.remove(&series).unwrap_or_default() {
                let gone = (0..points.len()).filter(|&i| goes(&points, i)).count();
                removed.points += gone;
                removed.bytes += (bytes * gone / points.len().max(1)) as i64;
            }
            if removed.points > 0 {
                all.push(Expired {
                    series,
                    name,
                    cutoff,
                    removed,
                    held,
                });
            }
        }
    }
    let deleted = all.iter().filter(|one| !one.held);
    let points: usize = deleted.clone().map(|one| one.removed.points).sum();
    if !dry_run && points > 0 {
        let details = json!({"series": deleted.count(), "points": points});
        audit::record(&tenant, "retention_applied", &details)?;
    }
    Ok(all)
}

/// Whether a point lies before the instant: an interval does once it has ended.
fn is_past(points: &Points, i: usize, cutoff: i64) -> bool {
    match points.end(i) {
        NO_END => points.valid_time[i] < cutoff,
        end => end <= cutoff,
    }
}

fn points_of_log(tenant: &[u8; 16]) -> Result<LoggedPoints> {
    let mut lists = Lists::default();
    let mut found = LoggedPoints::new();
    let mut query = rows_up_to(i64::MAX)?;
    let mut more = true;
    while more {
        pgrx::check_for_interrupts!();
        more = query.fetch(FETCH, |row| {
            let bytes = row.bytea(COLUMNS.blob, |blob| Ok(blob.len()))?;
            let points = row.int4(COLUMNS.points)?.max(1) as usize;
            COLUMNS.open(row, tenant, &mut lists, |log| {
                for (place, series) in log.series().iter().enumerate() {
                    let positions = log.positions(place);
                    if !positions.is_empty() {
                        let bytes = bytes * positions.len() / points;
                        let points = log.points(positions)?;
                        found.entry(*series).or_default().push((points, bytes));
                    }
                }
                Ok(())
            })
        })?;
    }
    Ok(found)
}

fn no_tenant() -> Error {
    Error::new(
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        "no tenant: call timedb.authenticate(key) first",
    )
}
