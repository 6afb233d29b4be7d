//! Points as a Parquet file, row group by row group.

use std::fs::File;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use timedb_http::guarded;

use super::arrow_points;
use super::cutter::Cutter;

/// Rows that are read together.
const ROWS: usize = 8192;

pub fn read(file: File, cutter: &mut Cutter<'_>) -> Result<(), String> {
    let open = || {
        ParquetRecordBatchReaderBuilder::try_new(file)?
            .with_batch_size(ROWS)
            .build()
    };
    let mut reader = guarded(open).map_err(|problem| cutter.damaged(&problem))?;
    loop {
        let rows = guarded(|| reader.next().transpose());
        match rows.map_err(|problem| cutter.damaged(&problem))? {
            Some(rows) => arrow_points::take(&rows, cutter)?,
            None => return Ok(()),
        }
    }
}
