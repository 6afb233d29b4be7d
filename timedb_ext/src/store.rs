//! What is stored besides segments: the log of the latest writes, batches, the clock that gives writes their times, and who
//! may write beside whom.
//! Knows nothing of series but their ids.

pub mod batches;
pub mod clock;
pub mod log;
pub mod presence;
