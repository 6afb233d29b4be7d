//! The segment format of timedb: columns of one series' points, compressed, and the merging of
//! overlapping segments. Owns the bytes of a segment and the order of versions; knows neither
//! PostgreSQL nor tenants' rules. All times are microseconds since 1970-01-01T00:00:00Z.
#![forbid(unsafe_code)]

pub mod aggregate;
mod batch;
mod batches;
mod bits;
mod decode;
mod dictionary;
mod encode;
mod error;
mod floats;
pub mod format;
pub mod group;
mod ints;
mod log;
mod merge;
mod note;
mod notes;
mod nulls;
mod pause;
mod pcodec;
mod points;
mod span;
mod write_id;

pub use batch::{Batch, BatchKind};
pub use batches::{BatchBounds, MAX_BATCHES, decode_batches, encode_batches};
pub use decode::{Newest, decode, decode_newest, decode_range, decode_unstamped};
pub use encode::encode;
pub use error::SegmentError;
pub use log::{LogKey, LogRow, encode_log};
pub use merge::{Damage, Filter, Merged, Merger, Mode, Unstamped, combine};
pub use note::{Note, Notes};
pub use pause::{at_pauses, pause};
pub use points::{
    Bounds, Column, MAX_COUNT, MAX_POINTS, NO_END, Points, Segment, SegmentKey, Stamp,
};
pub use span::{LEVELS, index_class, span_class, split};
pub use write_id::{BatchIds, batch_id, change_time_of};
