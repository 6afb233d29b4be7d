//! What is stored besides segments: the log of the latest writes, batches, and the clock that gives writes their times.
//! Knows nothing of series but their ids.

pub mod batches;
pub mod clock;
pub mod log;
