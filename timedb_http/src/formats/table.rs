//! The rows of an upload from a table: CSV, an Arrow IPC stream, or a Parquet file. Each reader finds its columns by name,
//! converts cell by cell, and says of what it can't take where it stands. None takes memory that the table's size does not
//! justify, whatever the table says of itself.

mod arrow;
mod batch;
mod csv;
mod fields;
mod pages;
mod parquet;
mod trouble;

use bytes::Bytes;

pub(crate) use parquet::unpacked_size;
pub(crate) use trouble::{TableTrouble, Troubles};

use super::columns::Columns;
use crate::server::instant::TimeUnit;

/// The formats that a table comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableFormat {
    Csv,
    Arrow,
    Parquet,
}

/// Reads a table, or says what is wrong with it. `unit` is what numbers count that stand for times.
pub(crate) fn read_table(
    format: TableFormat,
    table: &Bytes,
    unit: Option<TimeUnit>,
) -> Result<Columns<'static>, Vec<TableTrouble>> {
    let mut columns = Columns::default();
    let mut troubles = Troubles::default();
    match format {
        TableFormat::Csv => csv::read(table, unit, &mut columns, &mut troubles),
        TableFormat::Arrow => arrow::read(table, unit, &mut columns, &mut troubles),
        TableFormat::Parquet => parquet::read(table, unit, &mut columns, &mut troubles),
    }
    troubles.finish().map(|()| columns)
}

#[cfg(test)]
mod tests;
