//! Reads of points: packed for the HTTP server, in chunks for the streaming scan (`scan`), and as rows.
//!
//! Rows come from here where the scan cannot be used. `_read_rows` is written directly against the function manager: a
//! row costs one `tuplestore_putvalues`, several times less than converting each column.

use super::SQL_CHUNK_POINTS;
use super::arguments::Arguments;
use super::packed;
use super::request::open;
use super::rows::{PointRows, RunColumns, series_columns};
use super::scan::{COLUMNS, ROW_COLUMNS};
use crate::pg::error::entry;
use crate::pg::spi::Home;
use crate::pg::tuplestore::Tuplestore;
use crate::read::Runs;
use pgrx::datum::{JsonB, Uuid};
use pgrx::pg_sys::{self, Datum};
use pgrx::prelude::*;
use timedb_wire::reads::READ;

/// Points of a chunk that goes to a client as it is.
const WIRE_CHUNK_POINTS: usize = 65_536;

/// `timedb._read_packed(...)`.
#[pg_extern(sql = false)]
fn read_packed(fcinfo: pg_sys::FunctionCallInfo) -> SetOfIterator<'static, Vec<u8>> {
    let mut read = entry(|| {
        // SAFETY: the call is under way, and declared with the arguments of such a read.
        let (arguments, home) = unsafe { (Arguments::of(fcinfo, &READ)?, Home::of_query(fcinfo)?) };
        open(&arguments, home)
    });
    SetOfIterator::new(std::iter::from_fn(move || {
        entry(|| {
            let runs = read.next_runs(WIRE_CHUNK_POINTS)?;
            Ok((!runs.runs.is_empty()).then(|| packed::points(&runs)))
        })
    }))
}

/// `timedb._read_chunks(...)`: a row for each stretch of one series.
#[pg_extern(sql = false)]
fn read_chunks(
    fcinfo: pg_sys::FunctionCallInfo,
) -> TableIterator<
    'static,
    (
        name!(series_id, Uuid),
        name!(name, String),
        name!(unit, String),
        name!(labels, JsonB),
        name!(points, i32),
        name!(packed, Vec<u8>),
    ),
> {
    let mut read = entry(|| {
        // SAFETY: the call is under way, and declared with the arguments of such a read.
        let (arguments, home) = unsafe { (Arguments::of(fcinfo, &READ)?, Home::of_query(fcinfo)?) };
        open(&arguments, home)
    });
    TableIterator::new(std::iter::from_fn(move || {
        entry(|| {
            // One run at a time: with any point there is enough.
            let runs = read.next_runs(1)?;
            Ok(runs.runs.first().map(|run| {
                (
                    Uuid::from_bytes(run.series.id),
                    run.series.name.clone(),
                    run.series.unit.clone(),
                    JsonB(serde_json::from_str(&run.series.labels).unwrap_or_default()),
                    run.points.len() as i32,
                    packed::points(&runs),
                )
            }))
        })
    }))
}

/// Describes the calling convention of [`timedb_read_rows`] to PostgreSQL.
#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_timedb_read_rows() -> &'static pg_sys::Pg_finfo_record {
    const V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &V1
}

/// SQL `timedb._read_rows(...)`.
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
            let home = Home::of_query(fcinfo)?;
            let arguments = Arguments::of(fcinfo, &READ)?;
            let mut read = open(&arguments, home)?;
            loop {
                let runs = read.next_runs(SQL_CHUNK_POINTS)?;
                if runs.runs.is_empty() {
                    break;
                }
                store.with_scratch(|store| {
                    put_rows(&runs, store);
                    Ok(())
                })?;
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
