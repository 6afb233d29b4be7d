//! Retention, as SQL calls it.

use crate::identity::settings::acting_as;
use crate::pg::error::entry;
use crate::pg::spi::connected;
use crate::pg::time;
use crate::write::remove::Removed;
use crate::write::retention;
use pgrx::Uuid;
use pgrx::prelude::*;

/// `timedb.apply_retention(dry_run)`: a row of series_id, name, cutoff, points, segments, bytes and held for each series
/// that has, or had, anything to delete.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "pgrx reads the columns off it")]
fn apply_retention(
    dry_run: Option<bool>,
) -> TableIterator<'static, (Uuid, String, i64, i64, i64, i64, bool)> {
    let dry_run = dry_run.unwrap_or(false);
    let expired = entry(|| connected(|| retention::apply(dry_run)));
    TableIterator::new(expired.into_iter().map(|one| {
        (
            Uuid::from_bytes(one.series),
            one.name,
            time::to_pg(one.cutoff),
            one.removed.points as i64,
            one.removed.segments,
            one.removed.bytes,
            one.held,
        )
    }))
}

/// `timedb_internal._retain_tenant(tenant_id, dry_run)`: the same as this tenant, for administrators: of all series that are not
/// held together, their number, points, segments and bytes.
#[pg_extern(sql = false)]
fn _retain_tenant(tenant_id: Uuid, dry_run: bool) -> TableIterator<'static, (i64, i64, i64, i64)> {
    let tenant = *tenant_id.as_bytes();
    let expired = entry(|| acting_as(tenant, || connected(|| retention::apply(dry_run))));
    let expired = expired.iter().filter(|one| !one.held);
    let series = expired.clone().count() as i64;
    let all = expired.fold(Removed::default(), |all, one| all.and(one.removed));
    TableIterator::once((series, all.points as i64, all.segments, all.bytes))
}
