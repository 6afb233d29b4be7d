//! Segments whose stamps have not been read.

use crate::{Bounds, SegmentError, SegmentKey};

/// A segment whose newest versions came without their stamps, and what these can be read from.
#[derive(Debug, Clone)]
pub struct Unstamped {
    /// What the caller calls it.
    pub segment_id: i64,
    /// Whose it is.
    pub key: SegmentKey,
    /// Its bounds.
    pub bounds: Bounds,
    /// All of it.
    pub blob: Vec<u8>,
}

/// A segment whose stamps cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// What the caller calls it.
    pub segment_id: i64,
    /// What is wrong with it.
    pub why: SegmentError,
}
