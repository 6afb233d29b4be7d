//! The values of operands, of the types that the recognised conditions give them.

use crate::pg::json::Jsonb;
use crate::sql::arguments::labels_of;
use pgrx::datum::{Array, FromDatum, Uuid};
use pgrx::pg_sys::{self, Datum, Oid};
use std::collections::HashSet;
use std::ptr;
use timedb_rules::labels::Labels;

/// From 1970 to 2000.
const EPOCH_SECONDS: f64 = 946_684_800.0;

/// About the instant that so many seconds since 1970 are. A number that is none is greater than all others.
fn instant_of_seconds(seconds: f64) -> i64 {
    match seconds.is_nan() {
        true => i64::MAX,
        false => ((seconds - EPOCH_SECONDS) * 1e6) as i64,
    }
}

/// An instant of a type, as PostgreSQL compares it with a `timestamptz`, or of seconds since 1970.
pub fn instant_of(value: Datum, of_type: Oid) -> Option<i64> {
    let mut overflow = 0;
    // SAFETY: the value is of the type. What is out of range becomes infinite.
    unsafe {
        Some(match of_type {
            pg_sys::TIMESTAMPTZOID => value.value() as i64,
            pg_sys::TIMESTAMPOID => {
                pg_sys::timestamp2timestamptz_opt_overflow(value.value() as i64, &mut overflow)
            }
            pg_sys::DATEOID => {
                pg_sys::date2timestamptz_opt_overflow(value.value() as i32, &mut overflow)
            }
            pg_sys::FLOAT8OID => instant_of_seconds(f64::from_bits(value.value() as u64)),
            pg_sys::NUMERICOID => {
                let to_float = pg_sys::numeric_float8_no_overflow;
                let seconds = pgrx::direct_function_call::<f64>(to_float, &[Some(value)]);
                instant_of_seconds(seconds?)
            }
            _ => return None,
        })
    }
}

/// The instants of an array of a type, without NULLs.
pub fn instants_of(array: Datum, of_type: Oid) -> Vec<i64> {
    let (length, align) = match of_type {
        pg_sys::DATEOID => (4, b'i'),
        _ => (8, b'd'),
    };
    let (mut elements, mut nulls, mut number) = (ptr::null_mut(), ptr::null_mut(), 0);
    // SAFETY: the array is one of the type, which is passed by value; there are so many elements as it says.
    unsafe {
        pg_sys::deconstruct_array(
            pg_sys::pg_detoast_datum(array.cast_mut_ptr()).cast(),
            of_type,
            length,
            true,
            align as _,
            &mut elements,
            &mut nulls,
            &mut number,
        );
        let places = (0..number as usize).filter(|i| !*nulls.add(*i));
        places
            .filter_map(|i| instant_of(*elements.add(i), of_type))
            .collect()
    }
}

/// The ids in an array, without NULLs.
pub fn ids_of(array: Datum) -> HashSet<[u8; 16]> {
    // SAFETY: the expression is of the type uuid[].
    let ids: Option<Array<Uuid>> = unsafe { Array::from_datum(array, false) };
    let ids = ids.iter().flat_map(|ids| ids.iter().flatten());
    ids.map(|id| *id.as_bytes()).collect()
}

/// One id.
pub fn id_of(id: Datum) -> HashSet<[u8; 16]> {
    // SAFETY: the expression is of the type uuid.
    let id = unsafe { Uuid::from_datum(id, false) };
    id.iter().map(|id| *id.as_bytes()).collect()
}

/// A text.
pub fn text(value: Datum) -> Option<String> {
    // SAFETY: the expression is of the type text.
    unsafe { String::from_datum(value, false) }
}

/// The labels in a `jsonb`, if they can be some.
pub fn labels_in(value: Datum) -> Option<Labels> {
    // SAFETY: the expression is of the type jsonb.
    let json = unsafe { Jsonb::from_datum(value, false) };
    labels_of(json?).ok()
}
