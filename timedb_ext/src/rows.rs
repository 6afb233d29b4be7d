//! `timedb._read_rows(...)`: a read as SQL rows, written into a tuplestore.
//!
//! The way it runs where the streaming scan (scan.rs) cannot stand in. Written against the
//! function manager directly: a row costs one `tuplestore_putvalues`, several times less than
//! converting each column.

use crate::error::or_raise;
use crate::functions::SQL_CHUNK_POINTS;
use crate::pack::parse_chunk;
use crate::read::{OutChunk, ReadArguments};
use crate::scan::{COLUMNS, point_column};
use crate::series::SeriesInfo;
use crate::spi::Arg;
use pgrx::pg_sys::{self, Datum};
use pgrx::prelude::*;

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
    // SAFETY: the declaration promises the types of the arguments and the columns of the rows.
    unsafe {
        pg_sys::InitMaterializedSRF(fcinfo, 0);
        let arguments = ReadArguments::of(fcinfo);
        let mut read = or_raise(arguments.open(SQL_CHUNK_POINTS, false));
        let result = &*(*fcinfo).resultinfo.cast::<pg_sys::ReturnSetInfo>();
        while let Some(chunk) = or_raise(read.next_chunk()) {
            put_rows(&chunk, result.setResult, result.setDesc);
            pgrx::check_for_interrupts!();
        }
        Datum::null()
    }
}

/// # Safety
/// The tuplestore is open and its rows have the columns of `_read_rows`.
unsafe fn put_rows(chunk: &OutChunk, store: *mut pg_sys::Tuplestorestate, desc: pg_sys::TupleDesc) {
    let points = or_raise(parse_chunk(&chunk.packed));
    let series = series_columns(&chunk.series);
    for i in 0..points.valid_time.len() {
        let mut values = [Datum::null(); COLUMNS];
        let mut is_null = [true; COLUMNS];
        for (column, (value, null)) in values.iter_mut().zip(&mut is_null).enumerate() {
            let datum = series.get(column).copied();
            if let Some(datum) = datum.or_else(|| point_column(&points, i, column)) {
                *value = datum;
                *null = false;
            }
        }
        // SAFETY: as promised by the caller; the arrays are as long as the row.
        unsafe {
            pg_sys::tuplestore_putvalues(store, desc, values.as_mut_ptr(), is_null.as_mut_ptr());
        }
    }
}

/// series_id, name, unit and labels.
fn series_columns(series: &SeriesInfo) -> [Datum; 4] {
    let labels = serde_json::from_str(&series.labels).unwrap_or_default();
    [
        Arg::uuid(&series.id).0,
        Arg::text(&series.name).0,
        Arg::text(&series.unit).0,
        pgrx::JsonB(labels).into_datum(),
    ]
    .map(|datum| datum.unwrap_or(Datum::null()))
}
