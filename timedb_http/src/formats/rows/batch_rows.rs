//! Rows in a format that a library writes batch by batch.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use timedb_wire::Series;

use super::{
    batches::Batches,
    chunk::Chunk,
    format::{Onward, RowFormat, Shared, Unwritten},
    layout::Layout,
};

/// A library's writer of batches, into memory.
pub(super) trait BatchWriter: Send + Sized {
    /// Writes what comes before the first batch.
    fn begin(schema: &SchemaRef) -> Result<Self, Unwritten>;

    fn write(&mut self, batch: &RecordBatch) -> Result<(), Unwritten>;

    /// Writes what comes after the last batch.
    fn finish(&mut self) -> Result<(), Unwritten>;

    /// What has been written and not been taken.
    fn written(&mut self) -> &mut Vec<u8>;
}

pub(super) struct BatchRows<W> {
    batches: Batches,
    /// None until the answer is opened.
    writer: Option<W>,
}

impl<W> BatchRows<W> {
    pub(super) fn new(layout: &Layout) -> Self {
        Self {
            batches: Batches::new(layout),
            writer: None,
        }
    }
}

impl<W: BatchWriter> RowFormat for BatchRows<W> {
    fn open(&mut self, _count: Option<usize>, out: &mut Vec<u8>) -> Result<(), Unwritten> {
        let writer = self.writer.insert(W::begin(self.batches.schema())?);
        out.append(writer.written());
        Ok(())
    }

    fn row(&mut self, chunk: &Chunk<'_>, index: usize, series: &Shared, _out: &mut Vec<u8>) {
        self.batches.push(chunk, index, series);
    }

    fn shared(&mut self, series: &Series<'_>) -> Shared {
        self.batches.shared(series)
    }

    fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), Unwritten> {
        if let (Some(writer), Some(batch)) = (&mut self.writer, self.batches.finish()?) {
            writer.write(&batch)?;
            out.append(writer.written());
        }
        Ok(())
    }

    fn close(&mut self, _onward: Option<Onward<'_>>, out: &mut Vec<u8>) -> Result<(), Unwritten> {
        self.flush(out)?;
        if let Some(writer) = &mut self.writer {
            writer.finish()?;
            out.append(writer.written());
        }
        Ok(())
    }
}
