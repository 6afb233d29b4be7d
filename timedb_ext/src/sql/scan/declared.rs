//! What PostgreSQL is told about the scan, and what the functions behind it are declared to return.

use pgrx::pg_sys::{self, Oid};
use std::ffi::CStr;

/// Columns of `_read_rows`, in its order: four of the series, five of the point, six of the version.
pub const COLUMNS: usize = 15;

/// The types of these columns.
pub const ROW_COLUMNS: [Oid; COLUMNS] = [
    pg_sys::UUIDOID,
    pg_sys::TEXTOID,
    pg_sys::TEXTOID,
    pg_sys::JSONBOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::FLOAT8OID,
    pg_sys::UUIDOID,
    pg_sys::INT8OID,
    pg_sys::UUIDOID,
    pg_sys::TEXTOID,
    pg_sys::TEXTARRAYOID,
    pg_sys::JSONBOID,
];

/// The types of the columns of `_read_chunks`: four of the series, the number of points, the packed columns.
pub const CHUNK_COLUMNS: [Oid; 6] = [
    pg_sys::UUIDOID,
    pg_sys::TEXTOID,
    pg_sys::TEXTOID,
    pg_sys::JSONBOID,
    pg_sys::INT4OID,
    pg_sys::BYTEAOID,
];

/// The name of the node in EXPLAIN.
pub const NAME: &CStr = c"timedb read";

/// A table of C callbacks; PostgreSQL only reads it.
#[repr(transparent)]
pub struct Methods<T>(pub T);
// SAFETY: never written, and a PostgreSQL process has one thread.
unsafe impl<T> Sync for Methods<T> {}
