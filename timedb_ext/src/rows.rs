//! `timedb._read_rows(...)` and `timedb.read_buckets(...)`: reads as SQL rows, written into a tuplestore.
//!
//! The way rows of points come where the streaming scan (scan.rs) cannot stand in. Written against the
//! function manager directly: a row costs one `tuplestore_putvalues`, several times less than
//! converting each column.

use crate::error::or_raise;
use crate::functions::SQL_CHUNK_POINTS;
use crate::pack::parse_chunk;
use crate::read::{Aggregate, BucketArguments, BucketCursor, OutChunk, Piece, ReadArguments};
use crate::scan::{COLUMNS, point_column};
use crate::series::SeriesInfo;
use crate::spi::Arg;
use crate::time;
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

/// Columns of `read_buckets`: start and end, four of the series, one for each aggregate.
const BUCKET_COLUMNS: usize = 6 + Aggregate::ALL.len();

/// Describes the calling convention of [`timedb_read_buckets`] to PostgreSQL.
#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_timedb_read_buckets() -> &'static pg_sys::Pg_finfo_record {
    const V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &V1
}

/// SQL `timedb.read_buckets(...)`.
///
/// # Safety
/// Called by PostgreSQL as declared in `sql/functions/buckets.sql`.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn timedb_read_buckets(fcinfo: pg_sys::FunctionCallInfo) -> Datum {
    // SAFETY: the declaration promises the types of the arguments and the columns of the rows.
    unsafe {
        pg_sys::InitMaterializedSRF(fcinfo, 0);
        let arguments = BucketArguments::of(fcinfo);
        let mut read = or_raise(arguments.open(SQL_CHUNK_POINTS));
        let result = &*(*fcinfo).resultinfo.cast::<pg_sys::ReturnSetInfo>();
        while let Some(piece) = or_raise(read.next_piece()) {
            put_buckets(&read, &piece, result.setResult, result.setDesc);
            pgrx::check_for_interrupts!();
        }
        Datum::null()
    }
}

/// # Safety
/// The tuplestore is open and its rows have the columns of `read_buckets`.
unsafe fn put_buckets(
    read: &BucketCursor,
    piece: &Piece,
    store: *mut pg_sys::Tuplestorestate,
    desc: pg_sys::TupleDesc,
) {
    let series = series_columns(read.series_of(piece));
    let values = Aggregate::ALL.map(|aggregate| match read.aggregates().contains(&aggregate) {
        true => piece.values(aggregate),
        false => &[],
    });
    let counts = match read.aggregates().contains(&Aggregate::Count) {
        true => piece.counts(),
        false => &[],
    };
    for (i, (start, end)) in piece.starts().zip(piece.ends()).enumerate() {
        let mut row: [Option<Datum>; BUCKET_COLUMNS] = [None; BUCKET_COLUMNS];
        let (head, aggregates) = row.split_at_mut(6);
        head.copy_from_slice(&[
            Some(Datum::from(time::to_pg(start))),
            Some(Datum::from(time::to_pg(end))),
            Some(series[0]),
            Some(series[1]),
            Some(series[2]),
            Some(series[3]),
        ]);
        for (column, values) in aggregates.iter_mut().zip(values) {
            let value = values.get(i).copied().flatten();
            *column = value.map(|value| Datum::from(value.to_bits()));
        }
        if let (Some(column), Some(count)) = (aggregates.first_mut(), counts.get(i)) {
            *column = Some(Datum::from(*count));
        }
        let mut nulls = row.map(|column| column.is_none());
        let mut datums = row.map(|column| column.unwrap_or(Datum::null()));
        // SAFETY: as promised by the caller; the arrays are as long as the row.
        unsafe {
            pg_sys::tuplestore_putvalues(store, desc, datums.as_mut_ptr(), nulls.as_mut_ptr());
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
