//! `timedb._read_rows(...)` and `timedb.read_buckets(...)`: reads as SQL rows, written into a tuplestore.
//!
//! The way rows of points come where the streaming scan (scan.rs) cannot stand in. Written against the
//! function manager directly: a row costs one `tuplestore_putvalues`, several times less than
//! converting each column.

use crate::error::{Result, entry};
use crate::functions::SQL_CHUNK_POINTS;
use crate::pack::parse_chunk;
use crate::read::{Aggregate, BucketArguments, BucketCursor, OutChunk, Piece, ReadArguments};
use crate::scan::{COLUMNS, ROW_COLUMNS, point_column};
use crate::series::SeriesInfo;
use crate::spi::{Arg, Home};
use crate::time;
use crate::tuplestore::Tuplestore;
use pgrx::pg_sys::{self, Datum, Oid};
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
    entry(|| {
        // SAFETY: the declaration promises the types of the arguments; those of the rows are checked.
        unsafe {
            let mut store = Tuplestore::open(fcinfo, &ROW_COLUMNS)?;
            let home = Home::of_query(fcinfo)?;
            let mut read = ReadArguments::of(fcinfo)?.open(SQL_CHUNK_POINTS, false, home)?;
            while let Some(chunk) = read.next_chunk()? {
                store.with_scratch(|store| put_rows(&chunk, store))?;
                pgrx::check_for_interrupts!();
            }
        }
        Ok(Datum::null())
    })
}

fn put_rows(chunk: &OutChunk, store: &mut Tuplestore<COLUMNS>) -> Result<()> {
    let points = parse_chunk(&chunk.packed)?;
    let series = series_columns(&chunk.series);
    for i in 0..points.valid_time.len() {
        let row = std::array::from_fn(|column| match series.get(column) {
            Some(of_series) => *of_series,
            None => point_column(&points, i, column),
        });
        // SAFETY: the columns of series and points are those of `ROW_COLUMNS`.
        unsafe { store.put(row) };
    }
    Ok(())
}

/// Columns of `read_buckets`: start and end, four of the series, one for each aggregate.
const BUCKET_COLUMNS: [Oid; 6 + Aggregate::ALL.len()] = [
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::UUIDOID,
    pg_sys::TEXTOID,
    pg_sys::TEXTOID,
    pg_sys::JSONBOID,
    pg_sys::INT8OID,
    pg_sys::FLOAT8OID,
    pg_sys::FLOAT8OID,
    pg_sys::FLOAT8OID,
    pg_sys::FLOAT8OID,
    pg_sys::FLOAT8OID,
    pg_sys::FLOAT8OID,
    pg_sys::FLOAT8OID,
];

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
    entry(|| {
        // SAFETY: the declaration promises the types of the arguments; those of the rows are checked.
        unsafe {
            let mut store = Tuplestore::open(fcinfo, &BUCKET_COLUMNS)?;
            let home = Home::of_query(fcinfo)?;
            let mut read = BucketArguments::of(fcinfo)?.open(SQL_CHUNK_POINTS, home)?;
            while let Some(piece) = read.next_piece()? {
                store.with_scratch(|store| {
                    put_buckets(&read, &piece, store);
                    Ok(())
                })?;
                pgrx::check_for_interrupts!();
            }
        }
        Ok(Datum::null())
    })
}

fn put_buckets(
    read: &BucketCursor,
    piece: &Piece,
    store: &mut Tuplestore<{ BUCKET_COLUMNS.len() }>,
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
        let mut row: [Option<Datum>; BUCKET_COLUMNS.len()] = [None; BUCKET_COLUMNS.len()];
        let (head, aggregates) = row.split_at_mut(6);
        head.copy_from_slice(&[
            Some(Datum::from(time::to_pg(start))),
            Some(Datum::from(time::to_pg(end))),
            series[0],
            series[1],
            series[2],
            series[3],
        ]);
        for (column, values) in aggregates.iter_mut().zip(values) {
            let value = values.get(i).copied().flatten();
            *column = value.map(|value| Datum::from(value.to_bits()));
        }
        if let (Some(column), Some(count)) = (aggregates.first_mut(), counts.get(i)) {
            *column = Some(Datum::from(*count));
        }
        // SAFETY: times, series, count and numbers stand where `BUCKET_COLUMNS` has them.
        unsafe { store.put(row) };
    }
}

/// series_id, name, unit and labels.
fn series_columns(series: &SeriesInfo) -> [Option<Datum>; 4] {
    let labels = serde_json::from_str(&series.labels).unwrap_or_default();
    [
        Arg::uuid(&series.id).datum(),
        Arg::text(&series.name).datum(),
        Arg::text(&series.unit).datum(),
        pgrx::JsonB(labels).into_datum(),
    ]
}
