//! Answers: packed chunks of columns to JSON rows, in memory and in order while they are few, streamed
//! when they are many.

mod changes;
mod chunk;
mod ordered;
mod writer;

pub(crate) use changes::write_changes;
pub(crate) use chunk::Chunk;
pub(crate) use ordered::write_ordered;
pub(crate) use writer::{Fragment, Mode, Writer};

/// Up to this many rows an answer is collected and sorted by time; beyond it, it streams by series.
pub(crate) const ROW_ORDER_LIMIT: usize = 250_000;

#[cfg(test)]
mod tests;
