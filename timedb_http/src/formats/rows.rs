//! Answers with rows: from packed chunks of columns to the bytes of a format, collected and sorted if there are few,
//! streamed if there are many.

mod arrow_rows;
mod batch_rows;
mod batches;
mod cells;
mod chunk;
mod collected;
mod csv_rows;
mod format;
mod json_columns;
mod json_rows;
mod layout;
mod list;
mod ndjson_rows;
mod parquet_rows;

pub use chunk::{Chunk, DamagedChunk};
pub(crate) use collected::{write_in_order, write_ordered, write_placed};
pub use format::{Format, FormatName, Onward, RowFormat, Shared, Unwritten};
pub use layout::{Layout, Mode};
pub(crate) use list::JsonList;

/// The format of a name; each is in a file of its own.
pub fn format(name: FormatName) -> &'static Format {
    match name {
        FormatName::Json => &json_rows::JSON,
        FormatName::JsonColumns => &json_columns::JSON_COLUMNS,
        FormatName::Ndjson => &ndjson_rows::NDJSON,
        FormatName::Csv => &csv_rows::CSV,
        FormatName::Arrow => &arrow_rows::ARROW,
        FormatName::Parquet => &parquet_rows::PARQUET,
    }
}

/// Up to this many rows an answer is collected and sorted by time; beyond it, it streams by series.
pub(crate) const ROW_ORDER_LIMIT: usize = 250_000;

#[cfg(test)]
mod tests;
