//! Rows as CSV (RFC 4180) with a line of names at the top; what is missing is empty, labels and metadata are JSON.

use timedb_wire::Series;

use super::{
    cells::{CellWriter, Style},
    chunk::Chunk,
    format::{Format, Onward, RowFormat, Shared, Unwritten},
    layout::Cell,
};

pub(super) static CSV: Format = Format {
    content_type: "text/csv; charset=utf-8",
    rows_per_piece: 2048,
    needs_all: false,
    rows: |layout, precision| {
        Box::new(CsvRows {
            cells: layout.cells(),
            writer: CellWriter::new(Style::Csv, precision),
        })
    },
};

struct CsvRows {
    cells: Vec<Cell>,
    writer: CellWriter,
}

impl RowFormat for CsvRows {
    fn open(&mut self, _count: Option<usize>, out: &mut Vec<u8>) -> Result<(), Unwritten> {
        let names: Vec<_> = self.cells.iter().map(|cell| cell.name()).collect();
        out.extend_from_slice(names.join(",").as_bytes());
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn row(&mut self, chunk: &Chunk<'_>, index: usize, series: &Shared, out: &mut Vec<u8>) {
        for (place, cell) in self.cells.iter().enumerate() {
            // These three stand behind each other, and have been written together.
            if matches!(cell, Cell::Unit | Cell::Labels) {
                continue;
            }
            if place > 0 {
                out.push(b',');
            }
            match cell {
                Cell::SeriesId => out.extend_from_slice(&series.before),
                Cell::Name => out.extend_from_slice(&series.after),
                cell => self.writer.write(*cell, chunk, index, out),
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    fn shared(&mut self, series: &Series<'_>) -> Shared {
        let [before, name, unit, labels] = self.writer.series(series);
        Shared {
            before,
            after: [name, unit, labels].join(&b','),
            number: 0,
        }
    }

    fn close(&mut self, _onward: Option<Onward<'_>>, _out: &mut Vec<u8>) -> Result<(), Unwritten> {
        Ok(())
    }
}
