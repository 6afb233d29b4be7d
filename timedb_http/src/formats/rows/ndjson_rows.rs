//! Rows as lines of JSON, each the same object as in the list of a JSON answer.

use timedb_wire::Series;

use super::{
    chunk::Chunk,
    format::{Format, Onward, RowFormat, Shared, Unwritten},
    json_rows::JsonObjects,
};

pub(super) static NDJSON: Format = Format {
    content_type: "application/x-ndjson",
    rows_per_piece: 2048,
    needs_all: false,
    rows: |layout, precision| Box::new(NdjsonRows(JsonObjects::new(layout.mode, precision))),
};

struct NdjsonRows(JsonObjects);

impl RowFormat for NdjsonRows {
    fn open(&mut self, _count: Option<usize>, _out: &mut Vec<u8>) -> Result<(), Unwritten> {
        Ok(())
    }

    fn row(&mut self, chunk: &Chunk<'_>, index: usize, series: &Shared, out: &mut Vec<u8>) {
        self.0.write(chunk, index, series, out);
        out.push(b'\n');
    }

    fn shared(&mut self, series: &Series<'_>) -> Shared {
        self.0.shared(series)
    }

    fn close(&mut self, _onward: Option<Onward<'_>>, _out: &mut Vec<u8>) -> Result<(), Unwritten> {
        Ok(())
    }
}
