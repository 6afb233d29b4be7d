//! Compaction, as SQL calls it.

use crate::identity::settings::acting_as;
use crate::pg::error::{Result, entry};
use crate::pg::spi::connected;
use crate::write::compact;
use crate::write::merge::Work;
use pgrx::Uuid;
use pgrx::prelude::*;

/// `timedb.compact(max_points, entirely)`: a row of folded_writes, merged_segments, written_segments, points and more.
#[pg_extern(sql = false)]
fn compact(
    max_points: Option<i64>,
    entirely: Option<bool>,
) -> TableIterator<'static, (i64, i64, i64, i64, bool)> {
    let (work, more) = entry(|| run(max_points, entirely));
    let [folded, merged, written, points] = counts(&work);
    TableIterator::once((folded, merged, written, points, more))
}

/// `timedb_internal._compact_tenant(tenant_id, max_points, entirely)`: the same as this tenant, for administrators; and whether
/// another transaction is at it, and what is damaged.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "pgrx reads the columns off it")]
fn _compact_tenant(
    tenant_id: Uuid,
    max_points: Option<i64>,
    entirely: Option<bool>,
) -> TableIterator<'static, (i64, i64, i64, i64, bool, bool, Option<String>)> {
    let (work, more) = entry(|| acting_as(*tenant_id.as_bytes(), || run(max_points, entirely)));
    let [folded, merged, written, points] = counts(&work);
    TableIterator::once((
        folded,
        merged,
        written,
        points,
        more,
        work.is_busy,
        work.damage,
    ))
}

fn run(max_points: Option<i64>, entirely: Option<bool>) -> Result<(Work, bool)> {
    const DEFAULT: i64 = 1_000_000;
    let max_points = max_points.unwrap_or(DEFAULT);
    connected(|| compact::compact(max_points, entirely.unwrap_or(true)))
}

fn counts(work: &Work) -> [i64; 4] {
    [work.folded, work.merged, work.written, work.points].map(|count| count as i64)
}
