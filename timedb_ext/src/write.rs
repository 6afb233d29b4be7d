//! Writing: uploads and corrections become a row of the log each, or segments; folding and compaction put what is stored
//! into fewer and larger segments. What SQL calls is in `sql/`.

pub mod batches;
mod chunks;
pub mod compact;
pub mod corrections;
mod fold;
mod log;
pub mod merge;
mod segments;
pub mod upload;
