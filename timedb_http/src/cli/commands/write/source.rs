//! A file of points: where it is, and what it is.

use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use tokio::sync::mpsc::Sender;

use super::batch::PointBatch;
use super::cutter::Cutter;
use super::record::Defaults;
use super::{arrow_points, csv_points, json_points};
use crate::cli::failure::Failure;
use crate::cli::grammar::PointFormat;

const BUFFER: usize = 1 << 20;

/// What an Arrow IPC stream begins with, and what files of other kinds do.
const ARROW: &[u8] = &[0xff; 4];
const ARROW_FILE: &[u8] = b"ARROW1";
const PARQUET: &[u8] = b"PAR1";
const GZIP: &[u8] = &[0x1f, 0x8b];
const BOM: &[u8] = "\u{feff}".as_bytes();

/// A file that has been opened.
pub struct PointSource {
    input: Box<dyn BufRead + Send>,
    format: PointFormat,
}

/// Opens the file, or stdin, and finds out what it is.
///
/// # Errors
/// When it cannot be read, or is of a kind that is not read.
pub fn open(path: Option<&Path>, format: Option<PointFormat>) -> Result<PointSource, Failure> {
    let path = path.filter(|path| path.as_os_str() != "-");
    let place = path.map_or("stdin".into(), |path| path.display().to_string());
    let unreadable = |error| Failure::new(format!("{place} cannot be read: {error}"));
    let mut input: Box<dyn BufRead + Send> = match path {
        Some(path) => {
            let file = File::open(path).map_err(unreadable)?;
            Box::new(BufReader::with_capacity(BUFFER, file))
        }
        None => Box::new(BufReader::with_capacity(BUFFER, stdin())),
    };
    if input.fill_buf().map_err(unreadable)?.starts_with(GZIP) {
        let unpacked = MultiGzDecoder::new(input);
        input = Box::new(BufReader::with_capacity(BUFFER, unpacked));
    }
    let begin = input.fill_buf().map_err(unreadable)?;
    if begin.starts_with(BOM) {
        input.consume(BOM.len());
    }
    let begin = input.fill_buf().map_err(unreadable)?;
    let unknown = |kind: &str| {
        Err(Failure::new(format!(
            "{place} is {kind}, which timedb write does not read. It reads CSV, NDJSON, JSON and Arrow IPC streams"
        )))
    };
    if begin.starts_with(PARQUET) {
        return unknown("a Parquet file");
    }
    if begin.starts_with(ARROW_FILE) {
        return unknown("an Arrow IPC file");
    }
    let format = format.unwrap_or_else(|| looks_like(begin));
    Ok(PointSource { input, format })
}

fn looks_like(begin: &[u8]) -> PointFormat {
    if begin.starts_with(ARROW) {
        return PointFormat::Arrow;
    }
    match begin.trim_ascii_start().first() {
        Some(b'{') => PointFormat::Ndjson,
        Some(b'[') => PointFormat::Json,
        _ => PointFormat::Csv,
    }
}

/// Reads the file to its end, or to what is wrong with it. The batches before that are handed over.
///
/// # Errors
/// A sentence that says where and what.
pub fn read(
    source: PointSource,
    defaults: &Defaults,
    size: usize,
    send: &Sender<PointBatch>,
) -> Result<(), String> {
    let mut cutter = Cutter::new(defaults, size, send);
    match source.format {
        PointFormat::Csv => csv_points::read(source.input, &mut cutter),
        PointFormat::Ndjson => json_points::read_lines(source.input, &mut cutter),
        PointFormat::Json => json_points::read_array(source.input, &mut cutter),
        PointFormat::Arrow => arrow_points::read(source.input, &mut cutter),
    }?;
    cutter.pass()
}
