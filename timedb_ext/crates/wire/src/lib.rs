//! Packed columns: how points travel between backend and client as one `bytea`, instead of rows. Owns the bytes, and
//! what else both sides must agree on (`json`, `reads`, `refused`); knows neither PostgreSQL nor segments.
//!
//! All integers are little-endian, instants are Unix microseconds, `str` is a u32 length and UTF-8.
//!
//! Upload (version 1): `u8 version, u8 flags, u16 0, u32 points, u32 series`, then each series
//! (`u8 0, str name, str labels, str unit, str description`, `u8 1, uuid` or `u8 2, uuid, str unit`), then
//! the columns `u32 series_index, i64 valid_time, [i64 valid_time_end], f64 value, [null bitmap],
//! [i64 known_time]`; a point whose known_time is `i64::MIN` has that of the batch.
//!
//! Chunk of a read (version 1): the same header with `u32 series, u32 points`, then each series
//! (`uuid, str name, str unit, str labels`), `u32 run_length` for each, then the columns
//! `i64 valid_time, [i64 valid_time_end], f64 value, [null bitmap], [i64 known_time], [versions]`. Points
//! stand grouped by series.
//!
//! Versions: `i64 change_time, i64 value_id`, then the batches (`u32 n`, n times `uuid batch, u8 1 if
//! known, uuid user`; `u32` place for each point) and, if any version has one, the notes (`u32 n`, n times
//! `u8 bits` and what the bits 1, 2, 4, 8 say: `str annotation`, `u32 n` times `str tag`, `str metadata`,
//! `uuid changed_by`; `u32` place for each point). No batch and no note stands there that no point has.
//!
//! A chunk of buckets has their starts as valid_time, their ends as valid_time_end, and for value and null
//! bitmap the aggregates: `u32 n`, n times `u8 aggregate, u8 1 if there are nulls`, `i64 count` or
//! `f64` for each bucket, `[null bitmap]`. [`Aggregate`] has their numbers.
//!
//! Flags: 1 valid_time_end, 2 nulls, 4 known_time, 8 versions, 16 notes, 32 buckets. An absent end is `i64::MIN`; null
//! bitmaps are LSB first, 1 means null.
#![forbid(unsafe_code)]

mod bytes;
mod chunk;
mod column;
pub mod json;
pub mod reads;
pub mod refused;
mod upload;

pub use bytes::Malformed;
pub use chunk::{
    Aggregate, AggregateColumn, AggregateValue, BucketRun, Chunk, Note, Run, Series, SeriesRun,
    Values, VersionSource, Versions, encode_buckets, encode_points,
};
pub use column::{Bitmap, Bits, Column, Number};
pub use upload::{SeriesName, Upload, UploadColumns, UploadReader};

/// Represents the end of a point that is not an interval.
pub const NO_END: i64 = i64::MIN;
/// The known_time of a point that says none of its own.
pub const NO_KNOWN_TIME: i64 = i64::MIN;

const VERSION: u8 = 1;
const HAS_END: u8 = 1;
const HAS_NULLS: u8 = 2;
const HAS_KNOWN: u8 = 4;
const HAS_VERSIONS: u8 = 8;
const HAS_NOTES: u8 = 16;
const HAS_BUCKETS: u8 = 32;
