//! Writing: uploads and corrections become segments and one batch each. What SQL calls is in `sql/`.

pub mod batches;
pub mod corrections;
mod segments;
pub mod upload;
