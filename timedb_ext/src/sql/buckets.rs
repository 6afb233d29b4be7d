//! Reads of buckets: as rows, and packed for the HTTP server.

use super::SQL_CHUNK_POINTS;
use super::arguments::{Arguments, BUCKETS};
use super::packed;
use super::request::{request, zone};
use super::rows::series_columns;
use crate::pg::error::{Error, Result, entry};
use crate::pg::spi::Home;
use crate::pg::time;
use crate::pg::tuplestore::Tuplestore;
use crate::read::{Aggregate, BucketCursor, BucketRequest, Fill, Piece};
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::prelude::*;
use timedb_calendar::Bucket;
use timedb_rules::limits::{MAX_AGGREGATES, too_many};
use timedb_wire::reads::Argument;

/// Buckets of a chunk that goes to a client as it is: each may have a column for each aggregate.
const WIRE_CHUNK_BUCKETS: usize = 16_384;

/// Starts a read of buckets, with pieces of at most `piece_buckets` of them.
///
/// # Errors
/// XX000 when the function is declared with other arguments, 22023 for an argument that is none of the choices; as
/// [`ReadCursor::open`](crate::read::ReadCursor::open).
///
/// # Safety
/// The call is one under way, of a function that answers buckets.
unsafe fn open(fcinfo: pg_sys::FunctionCallInfo, piece_buckets: usize) -> Result<BucketCursor> {
    // SAFETY: the caller's promise.
    let (arguments, home) = unsafe { (Arguments::of(fcinfo, &BUCKETS)?, Home::of_query(fcinfo)?) };
    let bucket = arguments
        .length(Argument::Bucket)
        .ok_or_else(|| Error::invalid("bucket must not be null"))?;
    let bucket = Bucket::new(bucket.months(), bucket.days(), bucket.micros())
        .map_err(|e| Error::invalid(e.to_string()))?;
    let what = BucketRequest {
        bucket,
        zone: zone(&arguments)?,
        fill: fill(arguments.text(Argument::Fill).as_deref())?,
        read: request(&arguments)?,
        aggregates: chosen(arguments.texts(Argument::Aggregates))?,
        look_before: arguments.truth(Argument::LookBefore),
    };
    BucketCursor::open(what, piece_buckets, home)
}

fn fill(name: Option<&str>) -> Result<Fill> {
    match name {
        None | Some("none") => Ok(Fill::None),
        Some("null") => Ok(Fill::Null),
        Some("last") => Ok(Fill::Last),
        Some("linear") => Ok(Fill::Linear),
        Some(other) => Err(Error::invalid(format!("unknown fill \"{other}\""))
            .hint("The fills are none, null, last and linear.")),
    }
}

/// The aggregates with these names, each of them once; all if none is given.
///
/// # Errors
/// 22023 for a name that is not that of an aggregate, 54000 for too many.
fn chosen(names: Option<Array<&str>>) -> Result<Vec<Aggregate>> {
    let Some(names) = names else {
        return Ok(Aggregate::ALL.to_vec());
    };
    if names.len() > MAX_AGGREGATES {
        return Err(too_many(
            "a read",
            MAX_AGGREGATES,
            "aggregates",
            names.len(),
            "Name each of them once.",
        ));
    }
    let mut chosen = Vec::new();
    for name in names.iter() {
        let name = name.unwrap_or("NULL");
        let aggregate = Aggregate::ALL.into_iter().find(|a| a.name() == name);
        let aggregate = aggregate.ok_or_else(|| {
            Error::invalid(format!("unknown aggregate \"{name}\"")).hint(
                "The aggregates are count, avg, sum, min, max, first, last and time_weighted_avg.",
            )
        })?;
        if !chosen.contains(&aggregate) {
            chosen.push(aggregate);
        }
    }
    Ok(chosen)
}

/// `timedb_internal._read_buckets_packed(...)`.
#[pg_extern(sql = false)]
fn read_buckets_packed(fcinfo: pg_sys::FunctionCallInfo) -> SetOfIterator<'static, Vec<u8>> {
    // SAFETY: the call is under way, and one of such a read.
    let mut read = entry(|| unsafe { open(fcinfo, WIRE_CHUNK_BUCKETS) });
    SetOfIterator::new(std::iter::from_fn(move || {
        entry(|| {
            let pieces = read.next_pieces()?;
            Ok((!pieces.is_empty()).then(|| packed::buckets(&read, &pieces)))
        })
    }))
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

finfo!(pg_finfo_timedb_read_buckets, timedb_read_buckets);

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
            let mut read = open(fcinfo, SQL_CHUNK_POINTS)?;
            while let Some(piece) = read.next_piece()? {
                store.with_scratch(|store| put_buckets(&read, &piece, store));
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
    let mut row = [None; BUCKET_COLUMNS.len()];
    row[2..6].copy_from_slice(&series);
    for (i, (start, end)) in piece.starts().zip(piece.ends()).enumerate() {
        row[0] = Some(Datum::from(time::to_pg(start)));
        row[1] = Some(Datum::from(time::to_pg(end)));
        let aggregates = &mut row[6..];
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
