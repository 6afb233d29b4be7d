//! Rows as a Parquet file, which leaves row group by row group: a group is held until it is complete.

use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};
use timedb_wire::Series;

use super::{
    batches::Batches,
    chunk::Chunk,
    format::{Format, Onward, RowFormat, Shared, Unwritten},
};

/// Rows of a group, whose columns are packed and held until it is complete.
const GROUP_ROWS: usize = 128 << 10;
/// And its bytes, where texts are long.
const GROUP_BYTES: usize = 16 << 20;

pub(super) static PARQUET: Format = Format {
    content_type: "application/vnd.apache.parquet",
    rows_per_piece: 16 << 10,
    needs_all: false,
    rows: |layout, _| {
        Box::new(ParquetRows {
            batches: Batches::new(layout),
            file: None,
        })
    },
};

struct ParquetRows {
    batches: Batches,
    file: Option<ArrowWriter<Vec<u8>>>,
}

impl RowFormat for ParquetRows {
    fn open(&mut self, _count: Option<usize>, out: &mut Vec<u8>) -> Result<(), Unwritten> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_max_row_group_bytes(Some(GROUP_BYTES))
            .build();
        let schema = self.batches.schema().clone();
        let mut file = ArrowWriter::try_new(Vec::new(), schema, Some(properties))?;
        out.append(file.inner_mut());
        self.file = Some(file);
        Ok(())
    }

    fn row(&mut self, chunk: &Chunk<'_>, index: usize, series: &Shared, _out: &mut Vec<u8>) {
        self.batches.push(chunk, index, series);
    }

    fn shared(&mut self, series: &Series<'_>) -> Shared {
        self.batches.shared(series)
    }

    fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), Unwritten> {
        if let (Some(file), Some(batch)) = (&mut self.file, self.batches.finish()?) {
            file.write(&batch)?;
            // What has been written there; what comes next counts on from it all the same.
            out.append(file.inner_mut());
        }
        Ok(())
    }

    fn close(&mut self, _onward: Option<Onward<'_>>, out: &mut Vec<u8>) -> Result<(), Unwritten> {
        self.flush(out)?;
        if let Some(file) = &mut self.file {
            file.finish()?;
            out.append(file.inner_mut());
        }
        Ok(())
    }
}
