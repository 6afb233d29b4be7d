//! Folding: the points of settled rows of the log go into segments, what they say about themselves into chunks, and the
//! rows are deleted. One transaction does all of it, so that every snapshot has each write in one of both places.

use crate::pg::error::{Error, Result};
use crate::pg::locks;
use crate::pg::snapshot;
use crate::pg::spi::{Arg, statements};
use crate::pg::time;
use crate::store::clock::Begun;
use crate::store::log::{COLUMNS, Lists, list_id, rows_up_to};
use crate::write::chunks;
use crate::write::merge::{self, Work};
use crate::write::segments::{SegmentWriter, push_split};
use std::collections::{BTreeMap, HashMap};
use timedb_segment::{Batch, Points, combine};

/// A write that finds so many rows in the log, or points in them, folds it.
const BOUND_ROWS: i64 = 64;
const BOUND_POINTS: i64 = 65_536;

/// Rows folded at a time, and the points in them, about.
const ROWS: usize = 1024;
const POINTS: usize = 1 << 18;

/// What a write that folds may rewrite besides.
const BESIDES: usize = 1 << 17;

/// Rows fetched at a time.
const FETCH: usize = 64;

statements! {
    DELETE_ROWS(TIMESTAMP, TIMESTAMP) =
        c"DELETE FROM timedb_internal.write_log WHERE change_time >= $1 AND change_time <= $2";
    INSERT_LIST(UUID, UUID, BYTEA) =
        c"INSERT INTO timedb_internal.series_lists (tenant_id, list_id, series_ids) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
}

/// Folds the log if the write that has just been made has found it at its bound. Not where the transaction keeps one
/// snapshot: it would fail for what others have folded since. Nor where another one is at it.
///
/// # Errors
/// As [`fold`].
pub fn at_bound(tenant: &[u8; 16], begun: &Begun) -> Result<()> {
    let is_short = begun.log.rows < BOUND_ROWS && begun.log.points < BOUND_POINTS;
    if is_short || locks::snapshot_is_kept() || !locks::try_compaction(tenant) {
        return Ok(());
    }
    let Some(last) = begun.foldable else {
        return Ok(());
    };
    let mut work = Work::of(BESIDES);
    // What is damaged does not keep anybody from writing: it is read before anything is changed.
    match fold(tenant, last, &mut work) {
        Ok(_) => Ok(()),
        Err(error) => merge::warn_of_damage(error, &mut work),
    }
}

/// Folds rows up to a change_time ([`crate::store::clock::foldable`]), the first of them if there are many. True: there
/// are more. The caller has the right to compact.
///
/// # Errors
/// XX001 for a damaged row, which stays where it is with all later ones; XX000; the statements' own errors are raised.
pub fn fold(tenant: &[u8; 16], last: i64, work: &mut Work) -> Result<bool> {
    let rows = snapshot::under_latest(|| Folded::read(tenant, last))?;
    let (Some(first), Some(last)) = (rows.batches.first(), rows.batches.last()) else {
        return Ok(false);
    };
    let packing = chunks::plan(tenant, &rows.batches)?;
    let times = [first.change_time, last.change_time].map(|t| Arg::int8(time::to_pg(t)));
    let count = rows.batches.len();
    let mut writer = SegmentWriter::new(*tenant);
    let series: Vec<[u8; 16]> = rows.points.keys().copied().collect();
    for (series, parts) in rows.points {
        pgrx::check_for_interrupts!();
        push_split(&mut writer, series, &combine(parts, *tenant))?;
    }
    writer.flush()?;
    work.written += writer.written();
    packing.carry_out(tenant)?;
    for (id, series) in rows.lists {
        let args = [
            Arg::uuid(tenant),
            Arg::uuid(&id),
            Arg::bytea(series.as_flattened()),
        ];
        INSERT_LIST.execute(&args)?;
    }
    if DELETE_ROWS.execute(&times)? != count as u64 {
        return Err(Error::internal("the log has changed while it was folded"));
    }
    work.folded += count;
    work.points += rows.count;
    merge::merge_full_levels(tenant, &series, work)?;
    Ok(rows.more)
}

/// Rows of the log that are folded together.
#[derive(Default)]
struct Folded {
    batches: Vec<Batch>,
    points: BTreeMap<[u8; 16], Vec<Points>>,
    count: usize,
    /// Lists of series that more than one row has, and that are not common yet.
    lists: Vec<([u8; 16], Vec<[u8; 16]>)>,
    more: bool,
}

impl Folded {
    fn read(tenant: &[u8; 16], last: i64) -> Result<Self> {
        let mut rows = Folded::default();
        let mut lists = Lists::default();
        let mut seen: HashMap<[u8; 16], usize> = HashMap::new();
        let mut query = rows_up_to(last)?;
        let is_full = |rows: &Folded| rows.batches.len() >= ROWS || rows.count >= POINTS;
        while query.fetch(FETCH, |row| {
            if is_full(&rows) {
                rows.more = true;
                return Ok(());
            }
            let is_common = row.has_bytea(6)?;
            COLUMNS.open(row, tenant, &mut lists, |log| {
                let batch = log.batch()?;
                for (place, series) in log.series().iter().enumerate() {
                    let positions = log.positions(place);
                    if !positions.is_empty() {
                        rows.count += positions.len();
                        let points = log.points(positions)?;
                        rows.points.entry(*series).or_default().push(points);
                    }
                }
                if !is_common && let Some(id) = list_id(&batch.series) {
                    let times = seen.entry(id).or_default();
                    *times += 1;
                    if *times == 2 {
                        rows.lists.push((id, batch.series.to_vec()));
                    }
                }
                rows.batches.push(batch);
                Ok(())
            })
        })? {
            pgrx::check_for_interrupts!();
            if is_full(&rows) {
                rows.more = true;
                break;
            }
        }
        Ok(rows)
    }
}
