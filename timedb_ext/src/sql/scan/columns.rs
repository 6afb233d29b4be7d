//! The columns of `_read_rows`, by their places.

use pgrx::pg_sys::{self, Oid};

/// Columns of `_read_rows`, in its order: four of the series, five of the point, six of the version.
pub const COLUMNS: usize = 15;
/// How many of them, the first, are of the series.
pub const OF_SERIES: usize = 4;

pub const SERIES_ID: usize = 0;
pub const NAME: usize = 1;
pub const UNIT: usize = 2;
pub const LABELS: usize = 3;
pub const KNOWN_TIME: usize = 4;
pub const VALID_TIME: usize = 6;
pub const VALUE: usize = 8;

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

/// The types of the columns of `_list_series`: those of the series.
pub const SERIES_COLUMNS: [Oid; OF_SERIES] = [
    ROW_COLUMNS[0],
    ROW_COLUMNS[1],
    ROW_COLUMNS[2],
    ROW_COLUMNS[3],
];
