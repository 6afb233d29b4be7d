//! Compaction of a whole store: its log is folded, and the small segments of each series are merged.

use crate::identity::writer::writable_tenant;
use crate::pg::error::{Error, Result};
use crate::pg::spi::{Arg, statements};
use crate::store::{clock, presence};
use crate::write::fold::fold;
use crate::write::merge::{SERIES, Work, full, merge_or_warn};
use timedb_segment::LEVELS;

statements! {
    NEXT_SERIES(UUID, INT8) -> (UUID) =
        c"SELECT series_id FROM timedb.series WHERE series_id > $1 ORDER BY series_id LIMIT $2";
}

/// Compacts the tenant's store, as far as about so many points are rewritten; if not `entirely`, it is only folded, and
/// of segments only full levels are merged. True: there is more to do.
///
/// # Errors
/// As [`writable_tenant`]; 22023 for a number of points that is not positive; 25008 in a transaction that keeps one
/// snapshot; XX001 for what is damaged.
pub fn compact(max_points: i64, entirely: bool) -> Result<(Work, bool)> {
    const WHAT: &str = "timedb.compact()";
    let tenant = writable_tenant(WHAT)?;
    let budget = usize::try_from(max_points).ok().filter(|&most| most > 0);
    let Some(budget) = budget else {
        return Err(Error::invalid(format!(
            "max_points must be positive, not {max_points}"
        )));
    };
    let mut work = Work::of(budget);
    if !presence::try_compaction(&tenant, WHAT)? {
        work.is_busy = true;
        return Ok((work, false));
    }
    if let Some(last) = clock::foldable(&tenant)? {
        while fold(&tenant, last, &mut work)? {
            if work.is_done() {
                return Ok((work, true));
            }
        }
    }
    if !entirely {
        return Ok((work, false));
    }
    let mut after = [0; 16];
    loop {
        let args = [Arg::uuid(&after), Arg::int8(SERIES as i64)];
        let series = NEXT_SERIES.rows(true, &args, |row| row.uuid(1))?;
        let Some(last) = series.last() else {
            return Ok((work, false));
        };
        after = *last;
        for series in full(&series, 0, LEVELS.len(), 2)? {
            if work.is_done() {
                return Ok((work, true));
            }
            merge_or_warn(&tenant, &series, 0, LEVELS.len(), &mut work)?;
        }
    }
}
