//! Writing: uploads and corrections become a row of the log each, or segments; folding and compaction put what is stored
//! into fewer and larger segments; retention and deletion take points away. What SQL calls is in `sql/`.

pub mod batches;
mod chunks;
pub mod compact;
pub mod corrections;
pub mod damage;
pub mod delete;
mod fold;
pub mod import;
mod log;
pub mod merge;
pub mod remove;
pub mod retention;
mod segments;
pub mod upload;
