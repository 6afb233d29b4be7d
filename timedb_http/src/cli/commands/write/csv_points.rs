//! Points as CSV with a header.

use std::io::BufRead;

use csv::{ReaderBuilder, StringRecord};

use super::cutter::Cutter;
use super::record::{InputParts, PointField};

/// Columns of a file; there are no more names to give.
const MOST_COLUMNS: usize = 64;

pub fn read(input: Box<dyn BufRead + Send>, cutter: &mut Cutter<'_>) -> Result<(), String> {
    let mut reader = ReaderBuilder::new().flexible(false).from_reader(input);
    let header = reader
        .headers()
        .map_err(|error| format!("Header: {error}"))?;
    if header.len() > MOST_COLUMNS {
        return Err(format!("Header: there are {} columns", header.len()));
    }
    let mut fields = Vec::with_capacity(header.len());
    for name in header {
        let field =
            PointField::named(name.trim()).map_err(|problem| format!("Header: {problem}"))?;
        if field != PointField::Ignored && fields.contains(&field) {
            return Err(format!(
                "Header: the column \"{}\" is there twice",
                name.trim()
            ));
        }
        fields.push(field);
    }
    if fields.is_empty() {
        return Err("Header: it is missing".to_owned());
    }
    let mut row = StringRecord::new();
    loop {
        match reader.read_record(&mut row) {
            Ok(true) => cutter.row(parts(&fields, &row))?,
            Ok(false) => return Ok(()),
            Err(error) => return Err(cutter.damaged(&error.to_string())),
        }
    }
}

fn parts(fields: &[PointField], row: &StringRecord) -> Result<InputParts, String> {
    let mut parts = InputParts::default();
    for (field, text) in fields.iter().zip(row) {
        parts.set_text(*field, text)?;
    }
    Ok(parts)
}
