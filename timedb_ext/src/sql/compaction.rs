//! Compaction, as SQL calls it.

use crate::identity::settings::acting_as;
use crate::pg::error::{Result, entry};
use crate::pg::spi::connected;
use crate::write::compact;
use crate::write::merge::Work;
use pgrx::Uuid;
use pgrx::prelude::*;

type Compacted = (i64, i64, i64, i64, bool);

/// `timedb.compact(max_points, entirely)`: a row of folded_writes, merged_segments, written_segments, points and more.
#[pg_extern(sql = false)]
fn compact(
    max_points: Option<i64>,
    entirely: Option<bool>,
) -> TableIterator<'static, (i64, i64, i64, i64, bool)> {
    TableIterator::once(row(entry(|| run(max_points, entirely))))
}

/// `timedb._compact_tenant(tenant_id, max_points, entirely)`: the same as this tenant, for administrators.
#[pg_extern(sql = false)]
fn _compact_tenant(
    tenant_id: Uuid,
    max_points: Option<i64>,
    entirely: Option<bool>,
) -> TableIterator<'static, (i64, i64, i64, i64, bool)> {
    TableIterator::once(row(entry(|| {
        acting_as(*tenant_id.as_bytes(), || run(max_points, entirely))
    })))
}

fn run(max_points: Option<i64>, entirely: Option<bool>) -> Result<(Work, bool)> {
    const DEFAULT: i64 = 1_000_000;
    let max_points = max_points.unwrap_or(DEFAULT);
    connected(|| compact::compact(max_points, entirely.unwrap_or(true)))
}

fn row((work, more): (Work, bool)) -> Compacted {
    let [folded, merged, written, points] =
        [work.folded, work.merged, work.written, work.points].map(|count| count as i64);
    (folded, merged, written, points, more)
}
