//! The rows of a statement as the columns of an upload. What a row must have is checked when it comes; whatever can be
//! stored in a series at all, `write::upload` checks.

use crate::pg::error::{Error, Result, SqlState, uuid_text};
use crate::pg::json::Jsonb;
use crate::sql::arguments::labels_of;
use pgrx::datum::Uuid;
use std::collections::HashMap;
use timedb_rules::limits::check_points;
use timedb_rules::upload::{NamedSeries, SeriesList, SeriesRef, UploadColumns};
use timedb_segment::NO_END;
use timedb_wire::NO_KNOWN_TIME;

/// A row, with instants in Unix microseconds.
pub struct InsertedRow<'a> {
    pub series_id: Option<Uuid>,
    pub name: Option<&'a str>,
    pub unit: Option<&'a str>,
    /// With the bytes that it is stored as.
    pub labels: Option<(Jsonb, &'a [u8])>,
    pub valid_time: Option<i64>,
    pub valid_time_end: Option<i64>,
    pub value: Option<f64>,
    pub known_time: Option<i64>,
    pub has_lead_time: bool,
}

/// The rows that a statement has brought so far.
#[derive(Default)]
pub struct InsertedRows {
    series: SeriesList,
    /// What rows say about their series, and its place in `series`.
    places: HashMap<Vec<u8>, u32>,
    /// What the last row said, and its place: rows of a series mostly follow each other.
    last: (Vec<u8>, u32),
    /// The same of the row at hand.
    said: Vec<u8>,
    series_index: Vec<u32>,
    valid_time: Vec<i64>,
    valid_time_end: Option<Vec<i64>>,
    value: Vec<f64>,
    nulls: Option<Vec<bool>>,
    known_time: Option<Vec<i64>>,
}

impl InsertedRows {
    /// Adds a row.
    ///
    /// # Errors
    /// 22004 for a row without series or valid_time, 22023 for one that names its series twice or has labels that are
    /// none, 54000 for a row or series too many.
    pub fn push(&mut self, row: &InsertedRow) -> Result<()> {
        let before = self.valid_time.len();
        let number = before + 1;
        check_points(number)?;
        let place = self.place(row, number)?;
        let Some(valid_time) = row.valid_time else {
            return Err(missing(format!("row {number} has no valid_time")));
        };
        if row.has_lead_time {
            return Err(Error::invalid(format!("row {number} has a lead_time"))
                .hint("It follows from valid_time and known_time: leave it out."));
        }
        // Many programs have no other way to say that a value is missing.
        let value = row.value.filter(|value| !value.is_nan());
        self.series_index.push(place);
        self.valid_time.push(valid_time);
        self.value.push(value.unwrap_or_default());
        push(&mut self.nulls, before, value.is_none(), false);
        push(
            &mut self.valid_time_end,
            before,
            row.valid_time_end.unwrap_or(NO_END),
            NO_END,
        );
        push(
            &mut self.known_time,
            before,
            row.known_time.unwrap_or(NO_KNOWN_TIME),
            NO_KNOWN_TIME,
        );
        Ok(())
    }

    /// Whether none has come.
    pub fn is_empty(&self) -> bool {
        self.valid_time.is_empty()
    }

    /// All of them.
    pub fn into_columns(self) -> UploadColumns {
        UploadColumns {
            series: self.series.into_vec(),
            series_index: self.series_index,
            valid_time: self.valid_time,
            valid_time_end: self.valid_time_end,
            value: self.value,
            nulls: self.nulls,
            known_time: self.known_time,
        }
    }

    /// The place of a row's series, which is added if no row has named it so.
    fn place(&mut self, row: &InsertedRow, number: usize) -> Result<u32> {
        self.said.clear();
        for part in [
            row.series_id.as_ref().map(|id| &id.as_bytes()[..]),
            row.name.map(str::as_bytes),
            row.unit.map(str::as_bytes),
            row.labels.map(|(_, bytes)| bytes),
        ] {
            // With their lengths, so that the parts cannot run into each other.
            let length = part.map_or(u64::MAX, |part| part.len() as u64);
            self.said.extend_from_slice(&length.to_le_bytes());
            self.said.extend_from_slice(part.unwrap_or_default());
        }
        if self.said == self.last.0 {
            return Ok(self.last.1);
        }
        let place = match self.places.get(&self.said) {
            Some(place) => *place,
            None => {
                let place = self.series.push(series_of(row, number)?)?;
                self.places.insert(self.said.clone(), place);
                place
            }
        };
        std::mem::swap(&mut self.last.0, &mut self.said);
        self.last.1 = place;
        Ok(place)
    }
}

/// The series that a row is of.
fn series_of(row: &InsertedRow, number: usize) -> Result<SeriesRef> {
    let unit = row.unit.map(str::to_owned);
    match (&row.series_id, row.name) {
        (Some(id), None) if row.labels.is_some() => Err(Error::invalid(format!(
            "row {number} has labels beside series_id {}",
            uuid_text(id.as_bytes())
        ))
        .hint("Labels go with name: leave them out, or give name instead of series_id.")),
        (Some(id), None) => Ok(SeriesRef::Id {
            id: *id.as_bytes(),
            unit,
        }),
        (None, Some(name)) => {
            let labels = row.labels.map(|(labels, _)| labels_of(labels)).transpose();
            Ok(SeriesRef::Named(NamedSeries {
                name: name.to_owned(),
                labels: labels
                    .map_err(|error| error.at(format!("row {number}")))?
                    .unwrap_or_default(),
                unit,
                description: None,
            }))
        }
        (Some(_), Some(_)) => Err(Error::invalid(format!(
            "row {number} has both name and series_id"
        ))
        .hint("Give one of them: name, with labels if it has any, or series_id.")),
        (None, None) => Err(
            missing(format!("row {number} has neither name nor series_id"))
                .hint("Give name, with labels if it has any, or series_id."),
        ),
    }
}

/// Adds to a column that exists only from the first row on that differs from the others.
fn push<T: Copy + PartialEq>(column: &mut Option<Vec<T>>, before: usize, value: T, usual: T) {
    if value != usual && column.is_none() {
        *column = Some(vec![usual; before]);
    }
    if let Some(column) = column {
        column.push(value);
    }
}

fn missing(message: String) -> Error {
    Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, message)
}
