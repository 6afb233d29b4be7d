//! Reads of points: packed for the HTTP server, in chunks for the streaming scan (`scan`), and as rows.
//!
//! Rows come from here where the scan cannot be used. `_read_rows` is written directly against the function manager: a
//! row costs one `tuplestore_putvalues`, several times less than converting each column.

use super::SQL_CHUNK_POINTS;
use super::arguments::{Arguments, PAGE, READ, SERIES};
use super::packed;
use super::request::request;
use super::rows::{PointRows, RunColumns, series_columns};
use super::scan::{COLUMNS, ROW_COLUMNS, SERIES_COLUMNS};
use super::series::jsonb;
use crate::identity::{caller, nobody};
use crate::pg::error::{Result, entry};
use crate::pg::spi::{Home, connected};
use crate::pg::tuplestore::Tuplestore;
use crate::read::{ReadCursor, Runs};
use crate::series::{find, list};
use pgrx::datum::{JsonB, Uuid};
use pgrx::pg_sys::{self, Datum};
use pgrx::prelude::*;
use timedb_rules::PagePlace;
use timedb_wire::reads::Argument;

/// Points of a chunk that goes to a client as it is.
const WIRE_CHUNK_POINTS: usize = 65_536;

/// Starts the read that a call asks for.
///
/// # Errors
/// XX000 when the function is declared with other arguments; as [`request`] and [`ReadCursor::open`].
///
/// # Safety
/// The call is one under way.
unsafe fn open(fcinfo: pg_sys::FunctionCallInfo) -> Result<ReadCursor> {
    // SAFETY: the caller's promise.
    let (home, arguments) = unsafe { (Home::of_query(fcinfo)?, Arguments::of(fcinfo, &READ)?) };
    ReadCursor::open(request(&arguments)?, home)
}

/// `timedb_internal._read_packed(...)`.
#[pg_extern(sql = false)]
fn read_packed(fcinfo: pg_sys::FunctionCallInfo) -> SetOfIterator<'static, Vec<u8>> {
    // SAFETY: the call is under way.
    let mut read = entry(|| unsafe { open(fcinfo) });
    SetOfIterator::new(std::iter::from_fn(move || {
        entry(|| {
            let runs = read.next_runs(WIRE_CHUNK_POINTS)?;
            Ok((!runs.runs.is_empty()).then(|| packed::points(&runs)))
        })
    }))
}

/// `timedb_internal._read_page_packed(...)`: one row of cursor and packed; none without a tenant.
#[pg_extern(sql = false)]
fn read_page_packed(
    fcinfo: pg_sys::FunctionCallInfo,
) -> TableIterator<'static, (Option<String>, Vec<u8>)> {
    let run = || {
        let Some(tenant) = caller::tenant() else {
            nobody::warn();
            return Ok(None);
        };
        // SAFETY: the call is under way, and declared with these arguments.
        let (home, arguments) = unsafe { (Home::of_query(fcinfo)?, Arguments::of(fcinfo, &PAGE)?) };
        let cursor = arguments.text(Argument::Cursor);
        let after = cursor
            .map(|cursor| PagePlace::parse(&cursor, &tenant))
            .transpose()?;
        let most = arguments.max_points()?;
        let mut read = ReadCursor::open_page(request(&arguments)?, after.as_ref(), home)?;
        let (runs, place) = read.page(after.as_ref(), most)?;
        let next = place.map(|place| place.cursor(&tenant));
        Ok(Some((next, packed::points(&runs))))
    };
    TableIterator::new(entry(run))
}

/// `timedb_internal._read_chunks(...)`: a row for each stretch of one series.
#[pg_extern(sql = false)]
fn read_chunks(
    fcinfo: pg_sys::FunctionCallInfo,
) -> TableIterator<'static, (Uuid, String, String, JsonB, i32, Vec<u8>)> {
    // SAFETY: the call is under way.
    let mut read = entry(|| unsafe { open(fcinfo) });
    TableIterator::new(std::iter::from_fn(move || {
        entry(|| {
            // One run at a time: with any point there is enough.
            let runs = read.next_runs(1)?;
            Ok(runs.runs.first().map(|run| {
                (
                    Uuid::from_bytes(run.series.id),
                    run.series.name.clone(),
                    run.series.unit.clone(),
                    jsonb(&run.series.labels),
                    run.points.len() as i32,
                    packed::points(&runs),
                )
            }))
        })
    }))
}

finfo!(pg_finfo_timedb_list_series, timedb_list_series);

/// SQL `timedb_internal._list_series(...)`: a row for each series that a read of these arguments would be of.
///
/// # Safety
/// Called by PostgreSQL as declared in `sql/functions/read.sql`.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn timedb_list_series(fcinfo: pg_sys::FunctionCallInfo) -> Datum {
    entry(|| {
        // SAFETY: the declaration promises the types of the arguments; those of the rows are checked.
        unsafe {
            let mut store = Tuplestore::open(fcinfo, &SERIES_COLUMNS)?;
            let filter = Arguments::of(fcinfo, &SERIES)?.series()?;
            if nobody::warn() {
                connected(|| match filter.is_open() {
                    true => list(|row| store.put(row)),
                    false => {
                        for series in find(&filter)? {
                            store.with_scratch(|store| store.put(series_columns(&series)));
                        }
                        Ok(())
                    }
                })?;
            }
        }
        Ok(Datum::null())
    })
}

finfo!(pg_finfo_timedb_read_rows, timedb_read_rows);

/// SQL `timedb_internal._read_rows(...)`.
///
/// # Safety
/// Called by PostgreSQL as declared in `sql/functions/read.sql`.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn timedb_read_rows(fcinfo: pg_sys::FunctionCallInfo) -> Datum {
    entry(|| {
        // SAFETY: the declaration promises the types of the arguments; those of the rows are checked.
        unsafe {
            let mut store = Tuplestore::open(fcinfo, &ROW_COLUMNS)?;
            let mut read = open(fcinfo)?;
            loop {
                let runs = read.next_runs(SQL_CHUNK_POINTS)?;
                if runs.runs.is_empty() {
                    break;
                }
                store.with_scratch(|store| put_rows(&runs, store));
                pgrx::check_for_interrupts!();
            }
        }
        Ok(Datum::null())
    })
}

fn put_rows(runs: &Runs, store: &mut Tuplestore<COLUMNS>) {
    for run in &runs.runs {
        let series = series_columns(run.series);
        let points = PointRows::of(RunColumns::of(run, runs.writers));
        for i in 0..points.len() {
            let row = std::array::from_fn(|column| match series.get(column) {
                Some(of_series) => *of_series,
                None => points.column(i, column),
            });
            // SAFETY: the columns of series and points are those of `ROW_COLUMNS`.
            unsafe { store.put(row) };
        }
    }
}
