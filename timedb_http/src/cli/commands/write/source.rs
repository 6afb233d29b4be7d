//! A file of points: where it is, and what it is.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, stdin};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use tokio::sync::mpsc::Sender;

use super::batch::PointBatch;
use super::cutter::Cutter;
use super::record::Defaults;
use super::{arrow_points, csv_points, json_points, parquet_points};
use crate::cli::failure::Failure;
use crate::cli::grammar::PointFormat;

const BUFFER: usize = 1 << 20;

/// What an Arrow IPC stream begins with, and what files of other kinds do.
const ARROW: &[u8] = &[0xff; 4];
const ARROW_FILE: &[u8] = b"ARROW1";
const PARQUET: &[u8] = b"PAR1";
const GZIP: &[u8] = &[0x1f, 0x8b];
const BOM: &[u8] = "\u{feff}".as_bytes();
const BOMS_OF_UTF_16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// A file that has been opened.
pub enum PointSource {
    /// What is read from its begin to its end.
    Stream(Box<dyn BufRead + Send>, PointFormat),
    /// A Parquet file says at its end where its parts are.
    Parquet(File),
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
    let format = format.or_else(|| looks_like(begin, path));
    if format == Some(PointFormat::Parquet) {
        let file = path.map(File::open).transpose().map_err(unreadable)?;
        return match file {
            Some(file) if is_as_it_is(&file).map_err(unreadable)? => Ok(PointSource::Parquet(file)),
            _ => Err(Failure::new(format!(
                "{place} is no Parquet file that can be read: one is read from a file, and is compressed in itself"
            ))),
        };
    }
    if begin.starts_with(ARROW_FILE) {
        return Err(Failure::new(format!(
            "{place} is an Arrow IPC file, which timedb write does not read. It reads CSV, NDJSON, JSON, Arrow IPC streams \
             and Parquet files"
        )));
    }
    if BOMS_OF_UTF_16.iter().any(|mark| begin.starts_with(mark)) {
        return Err(Failure::new(format!(
            "{place} begins like a text in UTF-16, which timedb write does not read: write it in UTF-8"
        )));
    }
    let format = format.unwrap_or(PointFormat::Csv);
    Ok(PointSource::Stream(input, format))
}

/// Whether it begins as a Parquet file does, and its end can be looked at.
fn is_as_it_is(mut file: &File) -> io::Result<bool> {
    let mut begin = [0; PARQUET.len()];
    let read = file.read_exact(&mut begin);
    if read.is_err_and(|error| error.kind() != io::ErrorKind::UnexpectedEof) || begin != PARQUET {
        return Ok(false);
    }
    Ok(file.metadata()?.is_file() && file.rewind().is_ok())
}

/// What a file is by its begin, or else by its name.
fn looks_like(begin: &[u8], path: Option<&Path>) -> Option<PointFormat> {
    if begin.starts_with(PARQUET) {
        return Some(PointFormat::Parquet);
    }
    if begin.starts_with(ARROW) {
        return Some(PointFormat::Arrow);
    }
    match begin.trim_ascii_start().first() {
        Some(b'{') => Some(PointFormat::Ndjson),
        Some(b'[') => Some(PointFormat::Json),
        _ => PointFormat::of_name(path?),
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
    match source {
        PointSource::Parquet(file) => parquet_points::read(file, &mut cutter),
        PointSource::Stream(input, format) => match format {
            PointFormat::Csv => csv_points::read(input, &mut cutter),
            PointFormat::Ndjson => json_points::read_lines(input, &mut cutter),
            PointFormat::Json => json_points::read_array(input, &mut cutter),
            PointFormat::Arrow => arrow_points::read(input, &mut cutter),
            PointFormat::Parquet => Err("a Parquet file is read from a file".to_owned()),
        },
    }?;
    cutter.pass()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_it_begins_with_or_else_what_it_is_called() {
        let found = |begin: &[u8], name: &str| looks_like(begin, Some(Path::new(name)));
        assert_eq!(found(b"PAR1", "x.csv"), Some(PointFormat::Parquet));
        assert_eq!(found(ARROW, "x"), Some(PointFormat::Arrow));
        assert_eq!(found(b" {", "x.json"), Some(PointFormat::Ndjson));
        assert_eq!(found(b"[", "x.ndjson"), Some(PointFormat::Json));
        for (name, format) in [
            ("x.parquet", Some(PointFormat::Parquet)),
            ("x.ARROW", Some(PointFormat::Arrow)),
            ("x.jsonl.gz", Some(PointFormat::Ndjson)),
            ("x.csv.gz", Some(PointFormat::Csv)),
            ("x.txt", None),
            (".gz", None),
        ] {
            assert_eq!(found(b"junk", name), format, "{name}");
        }
        assert_eq!(looks_like(b"junk", None), None);
    }
}
