//! How many segments this backend has read, for EXPLAIN: whoever reads looks before and after.

use std::cell::Cell;

thread_local! {
    static SEGMENTS: Cell<u64> = const { Cell::new(0) };
}

/// How many segments have been read so far.
pub fn segments_read() -> u64 {
    SEGMENTS.get()
}

/// Counts one.
pub fn count_segment() {
    SEGMENTS.set(SEGMENTS.get().wrapping_add(1));
}
