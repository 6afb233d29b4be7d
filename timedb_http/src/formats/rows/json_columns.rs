//! Rows as JSON by column: `{"count":N,"data":{"valid_time":[...],"value":[...]}}`. The first column ends with the last
//! row, so such an answer cannot stream.

use timedb_wire::Series;

use super::{
    cells::{CellWriter, Style},
    chunk::Chunk,
    format::{Format, Onward, RowFormat, Shared, Unwritten},
    layout::Cell,
};
use crate::server::json;

pub(super) static JSON_COLUMNS: Format = Format {
    content_type: "application/json",
    rows_per_piece: 2048,
    needs_all: true,
    rows: |layout, precision| {
        let cells = layout.cells();
        Box::new(JsonColumns {
            columns: vec![Vec::new(); cells.len()],
            cells,
            writer: CellWriter::new(Style::Json, precision),
            series: Vec::new(),
            rows: 0,
        })
    },
};

struct JsonColumns {
    cells: Vec<Cell>,
    columns: Vec<Vec<u8>>,
    writer: CellWriter,
    /// What the rows of each series share.
    series: Vec<[Vec<u8>; 4]>,
    rows: usize,
}

impl RowFormat for JsonColumns {
    fn open(&mut self, _count: Option<usize>, _out: &mut Vec<u8>) -> Result<(), Unwritten> {
        Ok(())
    }

    fn row(&mut self, chunk: &Chunk<'_>, index: usize, series: &Shared, _out: &mut Vec<u8>) {
        let shared = self.series.get(series.number);
        for (cell, column) in self.cells.iter().zip(&mut self.columns) {
            if !column.is_empty() {
                column.push(b',');
            }
            let place = match cell {
                Cell::SeriesId => 0,
                Cell::Name => 1,
                Cell::Unit => 2,
                Cell::Labels => 3,
                cell => {
                    self.writer.write(*cell, chunk, index, column);
                    continue;
                }
            };
            let text = shared.map_or(&b"null"[..], |texts| &texts[place]);
            column.extend_from_slice(text);
        }
        self.rows += 1;
    }

    fn shared(&mut self, series: &Series<'_>) -> Shared {
        self.series.push(self.writer.series(series));
        Shared {
            before: Vec::new(),
            after: Vec::new(),
            number: self.series.len() - 1,
        }
    }

    fn close(&mut self, onward: Option<Onward<'_>>, out: &mut Vec<u8>) -> Result<(), Unwritten> {
        out.reserve(self.columns.iter().map(|column| column.len() + 32).sum());
        out.extend_from_slice(b"{\"count\":");
        out.extend_from_slice(itoa::Buffer::new().format(self.rows).as_bytes());
        out.extend_from_slice(b",\"data\":{");
        for (place, (cell, column)) in self.cells.iter().zip(&mut self.columns).enumerate() {
            if place > 0 {
                out.push(b',');
            }
            json::write_str(cell.name(), out);
            out.extend_from_slice(b":[");
            out.append(column);
            out.push(b']');
        }
        out.push(b'}');
        if let Some(onward) = onward {
            onward.write_members(out);
        }
        out.push(b'}');
        Ok(())
    }
}
