//! What can go wrong with a segment: the caller's points, the bytes, or the age of this software.

use thiserror::Error;

/// Why a segment could not be written or read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// The points given to `encode` can't be a segment.
    #[error("invalid points: {0}")]
    Invalid(&'static str),
    /// The bytes are not what was written, or belong to another row.
    #[error("the segment is damaged: {0}")]
    Damaged(&'static str),
    /// The bytes are sound as far as this version can tell, but it doesn't know all of them. None of them is
    /// reported: what was taken for a segment may be anything.
    #[error("the segment was written by a newer version of timedb: {0}")]
    Newer(&'static str),
}
