//! What is wrong with a table, and where.

use serde_json::Value;

use crate::formats::scalar::Problem;

/// So many are told; a million bad rows need no million entries.
const MOST: usize = 100;
/// Longer inputs are not repeated.
const LONGEST_ECHO: usize = 4096;
/// Longer names are cut off.
const LONGEST_NAME: usize = 200;

/// Something that is wrong with a table.
#[derive(Debug)]
pub(crate) struct TableTrouble {
    /// Counted from 0, without the line of names.
    pub row: Option<usize>,
    pub column: Option<String>,
    pub problem: Problem,
    pub input: Value,
}

/// What has been found so far.
#[derive(Default)]
pub(crate) struct Troubles(Vec<TableTrouble>);

impl Troubles {
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn finish(self) -> Result<(), Vec<TableTrouble>> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(self.0),
        }
    }

    /// Notes what is wrong with the whole.
    pub(super) fn whole(&mut self, kind: &'static str, told: &str) {
        self.push(None, None, Problem::new(kind, told), Value::Null);
    }

    /// Notes what is wrong with a column.
    pub(super) fn column(&mut self, name: &str, problem: Problem) {
        self.push(None, Some(name), problem, Value::Null);
    }

    /// Notes what is wrong with a cell, which is repeated unless it is long.
    pub(super) fn cell(&mut self, row: usize, name: &str, problem: Problem, cell: &str) {
        let input = match cell.len() {
            ..=LONGEST_ECHO => Value::from(cell),
            _ => Value::Null,
        };
        self.push(Some(row), Some(name), problem, input);
    }

    /// Notes what is wrong with a row.
    pub(super) fn row(&mut self, row: usize, problem: Problem) {
        self.push(Some(row), None, problem, Value::Null);
    }

    fn push(&mut self, row: Option<usize>, column: Option<&str>, problem: Problem, input: Value) {
        if !self.is_full() {
            let column = column.map(|name| match name.char_indices().nth(LONGEST_NAME) {
                Some((end, _)) => format!("{}...", &name[..end]),
                None => name.to_owned(),
            });
            self.0.push(TableTrouble {
                row,
                column,
                problem,
                input,
            });
        }
    }
}

/// A row that is being read.
pub(super) struct RowCheck<'t> {
    troubles: &'t mut Troubles,
    row: usize,
    /// Nothing has been wrong with it so far.
    pub is_sound: bool,
}

impl<'t> RowCheck<'t> {
    pub(super) fn new(troubles: &'t mut Troubles, row: usize) -> Self {
        Self {
            troubles,
            row,
            is_sound: true,
        }
    }

    /// What a cell says; what is wrong with it is noted, with what it shows.
    pub(super) fn keep<T>(
        &mut self,
        name: &str,
        read: Result<T, Problem>,
        shown: impl FnOnce() -> String,
    ) -> Option<T> {
        read.map_err(|problem| {
            self.troubles.cell(self.row, name, problem, &shown());
            self.is_sound = false;
        })
        .ok()
    }

    /// Notes that a cell says nothing that has to.
    pub(super) fn missing(&mut self, name: &str) {
        let problem = Problem::new("missing", "Field required");
        self.troubles.cell(self.row, name, problem, "");
        self.is_sound = false;
    }
}
