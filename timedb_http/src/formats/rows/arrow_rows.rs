//! Rows as an Arrow IPC stream: a schema, and batches of rows with their dictionaries.

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::SchemaRef;

use super::{
    batch_rows::{BatchRows, BatchWriter},
    format::{Format, Unwritten},
};

pub(super) static ARROW: Format = Format {
    content_type: "application/vnd.apache.arrow.stream",
    rows_per_piece: 16 << 10,
    needs_all: false,
    rows: |layout, _| Box::new(BatchRows::<StreamWriter<Vec<u8>>>::new(layout)),
};

impl BatchWriter for StreamWriter<Vec<u8>> {
    fn begin(schema: &SchemaRef) -> Result<Self, Unwritten> {
        Ok(Self::try_new(Vec::new(), schema)?)
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), Unwritten> {
        Ok(self.write(batch)?)
    }

    fn finish(&mut self) -> Result<(), Unwritten> {
        Ok(self.finish()?)
    }

    fn written(&mut self) -> &mut Vec<u8> {
        self.get_mut()
    }
}
