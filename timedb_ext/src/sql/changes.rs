//! The change feed as PostgreSQL calls it: rows for SQL, packed columns for the HTTP server, and cursors to
//! begin with.

use super::SQL_CHUNK_POINTS;
use super::arguments::{Arguments, CHANGES};
use super::packed;
use super::rows::{PointRows, RunColumns, series_columns};
use super::scan::{COLUMNS, ROW_COLUMNS};
use crate::identity::{caller, nobody};
use crate::pg::error::{Error, Result, entry};
use crate::pg::spi::{Arg, connected};
use crate::pg::time;
use crate::pg::tuplestore::Tuplestore;
use crate::read::changes::{self, FeedAnswer, FeedRequest, runs};
use crate::read::moment;
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::prelude::*;
use timedb_rules::Position;
use timedb_wire::reads::Argument;

/// The columns of `read_changes` behind the cursor, each as the column of `_read_rows` that it is.
const BEHIND_CURSOR: [usize; COLUMNS] = [5, 4, 6, 7, 0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14];

/// Writes that one request of the server looks at: it can go on where it stopped.
const MOST_BATCHES: usize = 100_000;

/// What these arguments ask for.
fn request(arguments: &Arguments, tenant: &[u8; 16], max_batches: usize) -> Result<FeedRequest> {
    let max_points = arguments.max_points()?;
    let since = arguments.instant(Argument::Since);
    let start = match (since, arguments.text(Argument::Cursor)) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid("since and cursor cannot be combined")
                .hint("Begin with since, and continue with the cursor of the last change."));
        }
        (Some(since), None) => since_position(since)?,
        (None, Some(cursor)) => Position::parse(&cursor, tenant)?,
        (None, None) => Position::BEGINNING,
    };
    Ok(FeedRequest {
        start,
        series: arguments.series()?,
        max_points,
        max_batches,
    })
}

fn since_position(since: i64) -> Result<Position> {
    time::stored_from_pg(since, "since").map(Position::behind_instant)
}

finfo!(pg_finfo_timedb_read_changes, timedb_read_changes);

/// SQL `timedb.read_changes(...)`.
///
/// # Safety
/// Called by PostgreSQL as declared in `sql/functions/changes.sql`.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn timedb_read_changes(fcinfo: pg_sys::FunctionCallInfo) -> Datum {
    entry(|| {
        // SAFETY: the declaration promises the types of the arguments; those of the rows are checked.
        let (mut store, arguments) = unsafe {
            (
                Tuplestore::open(fcinfo, &types())?,
                Arguments::of(fcinfo, &CHANGES)?,
            )
        };
        if let Some(tenant) = warned_tenant() {
            let answer = changes::read(tenant, &request(&arguments, &tenant, usize::MAX)?)?;
            put_rows(answer, &tenant, &mut store)?;
        }
        Ok(Datum::null())
    })
}

fn put_rows(
    answer: FeedAnswer,
    tenant: &[u8; 16],
    store: &mut Tuplestore<{ COLUMNS + 1 }>,
) -> Result<()> {
    let mut writers = answer.writers;
    for changes in answer.changes.chunks(SQL_CHUNK_POINTS) {
        let runs = runs(changes, &answer.series, &mut writers, tenant)?;
        let mut rest = changes.iter();
        for run in &runs.runs {
            let series = series_columns(run.series);
            let points = PointRows::of(RunColumns::of(run, runs.writers));
            for (i, change) in rest.by_ref().take(points.len()).enumerate() {
                let cursor = answer.batches[change.batch].behind(change).cursor(tenant);
                let mut row = [Arg::text(&cursor).datum(); COLUMNS + 1];
                for (value, column) in row[1..].iter_mut().zip(BEHIND_CURSOR) {
                    *value = match series.get(column) {
                        Some(of_series) => *of_series,
                        None => points.column(i, column),
                    };
                }
                // SAFETY: each column is a text or the column of `_read_rows` that `types` says.
                unsafe { store.put(row) };
            }
        }
        pgrx::check_for_interrupts!();
    }
    Ok(())
}

/// The types of the columns.
fn types() -> [Oid; COLUMNS + 1] {
    let mut types = [pg_sys::TEXTOID; COLUMNS + 1];
    for (of, column) in types[1..].iter_mut().zip(BEHIND_CURSOR) {
        *of = ROW_COLUMNS[column];
    }
    types
}

/// `timedb_internal._read_changes_packed(...)`: one row of cursor, more and packed; none without a tenant.
#[pg_extern(sql = false)]
fn read_changes_packed(
    fcinfo: pg_sys::FunctionCallInfo,
) -> TableIterator<'static, (String, bool, Vec<u8>)> {
    let run = || {
        let Some(tenant) = warned_tenant() else {
            return Ok(None);
        };
        // SAFETY: the call is under way, and declared with these arguments.
        let arguments = unsafe { Arguments::of(fcinfo, &CHANGES) }?;
        let answer = changes::read(tenant, &request(&arguments, &tenant, MOST_BATCHES)?)?;
        let mut writers = answer.writers;
        let runs = runs(&answer.changes, &answer.series, &mut writers, &tenant)?;
        let cursor = answer.position.cursor(&tenant);
        Ok(Some((cursor, answer.more, packed::points(&runs))))
    };
    TableIterator::new(entry(run))
}

/// `timedb.changes_cursor(since)`.
#[pg_extern(sql = false)]
fn changes_cursor(since: Option<i64>) -> Option<String> {
    let run = || {
        let Some(tenant) = warned_tenant() else {
            return Ok(None);
        };
        let position = match since {
            Some(since) => since_position(since)?,
            None => connected(|| {
                let (settled, moment) = moment::settled(&tenant)?;
                moment.leave();
                Ok(settled.map_or(Position::BEGINNING, Position::behind_instant))
            })?,
        };
        Ok(Some(position.cursor(&tenant)))
    };
    entry(run)
}

/// The tenant; where there is none, the caller is told.
fn warned_tenant() -> Option<[u8; 16]> {
    nobody::warn();
    caller::tenant()
}
