//! `timedb._unpack(bytea)`: the points of a packed chunk as SQL rows.
//!
//! Written against the function manager directly: a row costs one `tuplestore_putvalues`, several
//! times less than going through converted tuples. A chunk is small, so the tuplestore stays in
//! memory.

use crate::error::{Result, or_raise};
use crate::pack::{Chunk, parse_chunk};
use crate::time;
use pgrx::pg_sys::{self, Datum};
use pgrx::prelude::*;
use timedb_segment::NO_END;

const COLUMNS: usize = 5;

/// Describes the calling convention of [`timedb_unpack`] to PostgreSQL.
#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_timedb_unpack() -> &'static pg_sys::Pg_finfo_record {
    const V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &V1
}

/// `timedb._unpack(bytea)`, returning known_time, change_time, valid_time, valid_time_end, value.
///
/// # Safety
/// Called by PostgreSQL with one non-null bytea (the function is STRICT).
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn timedb_unpack(fcinfo: pg_sys::FunctionCallInfo) -> Datum {
    // SAFETY: the declaration in sql/functions/read.sql promises one bytea and these columns.
    unsafe {
        pg_sys::InitMaterializedSRF(fcinfo, 0);
        let packed = pgrx::fcinfo::pg_getarg_datum_raw(fcinfo, 0);
        let original = packed.cast_mut_ptr::<pg_sys::varlena>();
        let plain = pg_sys::pg_detoast_datum_packed(original);
        let chunk: Result<Chunk> = parse_chunk(pgrx::varlena::varlena_to_byte_slice(plain));
        let chunk = or_raise(chunk);
        let result = (*fcinfo).resultinfo.cast::<pg_sys::ReturnSetInfo>();
        put_rows(&chunk, (*result).setResult, (*result).setDesc);
        Datum::null()
    }
}

/// # Safety
/// The tuplestore is open and its rows have the columns of `_unpack`.
unsafe fn put_rows(chunk: &Chunk, store: *mut pg_sys::Tuplestorestate, desc: pg_sys::TupleDesc) {
    let instant = |column: &Option<Vec<i64>>, i: usize| column.as_ref().map(|c| c[i]);
    for i in 0..chunk.valid_time.len() {
        let end = instant(&chunk.valid_time_end, i).filter(|&end| end != NO_END);
        let null = chunk.nulls.as_ref().is_some_and(|nulls| nulls[i]);
        let columns = [
            instant(&chunk.known_time, i).map(|t| Datum::from(time::to_pg(t))),
            instant(&chunk.change_time, i).map(|t| Datum::from(time::to_pg(t))),
            Some(Datum::from(time::to_pg(chunk.valid_time[i]))),
            end.map(|t| Datum::from(time::to_pg(t))),
            // Whatever the platform: float8 is passed by value on all that pgrx supports.
            (!null).then(|| Datum::from(chunk.value[i].to_bits())),
        ];
        let mut values = [Datum::null(); COLUMNS];
        let mut is_null = [true; COLUMNS];
        for (place, column) in columns.into_iter().enumerate() {
            if let Some(datum) = column {
                values[place] = datum;
                is_null[place] = false;
            }
        }
        // SAFETY: as promised by the caller; the arrays are as long as the row.
        unsafe {
            pg_sys::tuplestore_putvalues(store, desc, values.as_mut_ptr(), is_null.as_mut_ptr())
        };
    }
}
