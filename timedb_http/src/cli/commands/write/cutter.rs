//! Cutting the rows of a file into batches, and saying which row is wrong.

use tokio::sync::mpsc::Sender;

use super::batch::PointBatch;
use super::record::{Defaults, InputParts, InputRow};

/// Cuts rows into batches.
pub struct Cutter<'a> {
    defaults: &'a Defaults,
    size: usize,
    send: &'a Sender<PointBatch>,
    rows: u64,
    batch: PointBatch,
}

impl<'a> Cutter<'a> {
    /// Begins with nothing.
    pub fn new(defaults: &'a Defaults, size: usize, send: &'a Sender<PointBatch>) -> Self {
        Self {
            defaults,
            size,
            send,
            rows: 0,
            batch: PointBatch::default(),
        }
    }

    /// Takes the next row.
    ///
    /// # Errors
    /// A sentence that says which row it is and what is wrong with it.
    pub fn row(&mut self, parts: Result<InputParts, String>) -> Result<(), String> {
        self.rows += 1;
        let record = parts.and_then(|parts| parts.finish(self.defaults));
        let record: InputRow = record.map_err(|problem| self.wrong(self.rows, &problem))?;
        if !self.batch.takes(&record) {
            self.pass()?;
        }
        self.batch.push(self.rows, record);
        match self.batch.len() >= self.size {
            true => self.pass(),
            false => Ok(()),
        }
    }

    /// Says that something is wrong behind the rows so far.
    pub fn damaged(&self, problem: &str) -> String {
        self.wrong(self.rows + 1, problem)
    }

    fn wrong(&self, row: u64, problem: &str) -> String {
        format!("Row {row}: {problem}")
    }

    /// Hands over the rows that are left.
    ///
    /// # Errors
    /// When nobody takes them.
    pub fn pass(&mut self) -> Result<(), String> {
        let batch = std::mem::take(&mut self.batch);
        if batch.len() == 0 {
            return Ok(());
        }
        // Nobody waits for it any more only when something else has been said already.
        let passed = self.send.blocking_send(batch);
        passed.map_err(|_| "The writing has stopped.".to_owned())
    }
}
