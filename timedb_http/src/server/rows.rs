//! Answers with rows: from packed chunks of columns to a format's text, collected and sorted if there are few,
//! streamed if there are many.

mod chunk;
mod collected;
mod format;
mod json_rows;
mod list;

pub(crate) use chunk::Chunk;
pub(crate) use collected::{write_changes, write_ordered, write_placed};
pub(crate) use format::{Format, Mode, RowFormat};
pub(crate) use list::JsonList;

/// The formats, each in a file of its own; the first one is for clients that name none.
pub(crate) static FORMATS: [Format; 1] = [json_rows::JSON];

/// Up to this many rows an answer is collected and sorted by time; beyond it, it streams by series.
pub(crate) const ROW_ORDER_LIMIT: usize = 250_000;

#[cfg(test)]
mod tests;
