//! Rows as an Arrow IPC stream: a schema, and batches of rows with their dictionaries.

use arrow_ipc::writer::StreamWriter;
use timedb_wire::Series;

use super::{
    batches::Batches,
    chunk::Chunk,
    format::{Format, Onward, RowFormat, Shared, Unwritten},
};

pub(super) static ARROW: Format = Format {
    content_type: "application/vnd.apache.arrow.stream",
    rows_per_piece: 16 << 10,
    needs_all: false,
    rows: |layout, _| {
        Box::new(ArrowRows {
            batches: Batches::new(layout),
            stream: None,
        })
    },
};

struct ArrowRows {
    batches: Batches,
    stream: Option<StreamWriter<Vec<u8>>>,
}

impl RowFormat for ArrowRows {
    fn open(&mut self, _count: Option<usize>, out: &mut Vec<u8>) -> Result<(), Unwritten> {
        let mut stream = StreamWriter::try_new(Vec::new(), self.batches.schema())?;
        out.append(stream.get_mut());
        self.stream = Some(stream);
        Ok(())
    }

    fn row(&mut self, chunk: &Chunk<'_>, index: usize, series: &Shared, _out: &mut Vec<u8>) {
        self.batches.push(chunk, index, series);
    }

    fn shared(&mut self, series: &Series<'_>) -> Shared {
        self.batches.shared(series)
    }

    fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), Unwritten> {
        if let (Some(stream), Some(batch)) = (&mut self.stream, self.batches.finish()?) {
            stream.write(&batch)?;
            out.append(stream.get_mut());
        }
        Ok(())
    }

    fn close(&mut self, _onward: Option<Onward<'_>>, out: &mut Vec<u8>) -> Result<(), Unwritten> {
        self.flush(out)?;
        if let Some(stream) = &mut self.stream {
            stream.finish()?;
            out.append(stream.get_mut());
        }
        Ok(())
    }
}
