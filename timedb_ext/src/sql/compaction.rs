//! Compaction, as SQL calls it.

use crate::pg::error::entry;
use crate::pg::spi::connected;
use crate::write::compact;
use pgrx::prelude::*;

/// `timedb.compact(max_points, entirely)`: a row of folded_writes, merged_segments, written_segments, points and more.
#[pg_extern(sql = false)]
fn compact(
    max_points: Option<i64>,
    entirely: Option<bool>,
) -> TableIterator<'static, (i64, i64, i64, i64, bool)> {
    const DEFAULT: i64 = 1_000_000;
    let max_points = max_points.unwrap_or(DEFAULT);
    let run = || connected(|| compact::compact(max_points, entirely.unwrap_or(true)));
    let (work, more) = entry(run);
    TableIterator::once((
        work.folded as i64,
        work.merged as i64,
        work.written as i64,
        work.points as i64,
        more,
    ))
}
