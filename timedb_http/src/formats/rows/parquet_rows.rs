//! Rows as a Parquet file, which leaves row group by row group: a group is held until it is complete.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};

use super::{
    batch_rows::{BatchRows, BatchWriter},
    format::{Format, Unwritten},
};

/// Rows of a group, whose columns are packed and held until it is complete.
const GROUP_ROWS: usize = 128 << 10;
/// And its bytes, where texts are long.
const GROUP_BYTES: usize = 16 << 20;

pub(super) static PARQUET: Format = Format {
    content_type: "application/vnd.apache.parquet",
    rows_per_piece: 16 << 10,
    needs_all: false,
    rows: |layout, _| Box::new(BatchRows::<ArrowWriter<Vec<u8>>>::new(layout)),
};

impl BatchWriter for ArrowWriter<Vec<u8>> {
    fn begin(schema: &SchemaRef) -> Result<Self, Unwritten> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_max_row_group_bytes(Some(GROUP_BYTES))
            .build();
        Ok(Self::try_new(
            Vec::new(),
            Arc::clone(schema),
            Some(properties),
        )?)
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), Unwritten> {
        Ok(self.write(batch)?)
    }

    fn finish(&mut self) -> Result<(), Unwritten> {
        self.finish()?;
        Ok(())
    }

    /// What comes next counts on from what has been taken all the same.
    fn written(&mut self) -> &mut Vec<u8> {
        self.inner_mut()
    }
}
