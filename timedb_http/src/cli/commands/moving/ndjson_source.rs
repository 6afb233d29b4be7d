//! Reading an export of lines of JSON.

use std::io::{BufRead, Read};

use sha2::Digest;

use super::columns::PointColumns;
use super::point::PointLine;
use super::tally::{Tally, cut_off, damaged, unreadable};
use crate::cli::failure::Failure;

/// No line is longer: a batch names 100,000 series, and has parameters.
const LINE_BYTES: u64 = 256 << 20;

/// Lines that are being read.
pub struct NdjsonSource {
    input: Box<dyn BufRead>,
    line: Vec<u8>,
}

impl NdjsonSource {
    pub fn new(input: Box<dyn BufRead>) -> Self {
        Self {
            input,
            line: Vec::new(),
        }
    }

    /// Reads a line: that of a point is added to the points, another one returned.
    pub fn next(
        &mut self,
        tally: &mut Tally,
        points: &mut PointColumns,
    ) -> Result<Option<String>, Failure> {
        self.line.clear();
        let lines = tally.records + tally.points;
        let mut input = self.input.by_ref().take(LINE_BYTES);
        input
            .read_until(b'\n', &mut self.line)
            .map_err(unreadable)?;
        if self.line.pop_if(|last| *last == b'\n').is_none() {
            return Err(cut_off(lines));
        }
        if PointLine::is(&self.line) {
            let read = PointLine::read(&self.line);
            let pushed = read.and_then(|line| line.point(|point| points.push(point)));
            pushed.map_err(|what| damaged(lines, &what))?;
            tally.hash.update(&self.line);
            tally.hash.update(b"\n");
            tally.points += 1;
            return Ok(None);
        }
        match str::from_utf8(&self.line) {
            Ok(line) => Ok(Some(line.to_owned())),
            Err(_) => Err(damaged(lines, "this is no text")),
        }
    }

    /// Whether there is nothing more.
    pub fn is_at_end(&mut self) -> Result<bool, Failure> {
        Ok(self.input.fill_buf().map_err(unreadable)?.is_empty())
    }
}
