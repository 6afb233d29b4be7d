//! Where the columns of a view are, found by name, and a row of it as values of Rust.

use super::rows::InsertedRow;
use crate::pg::error::{Error, Result};
use crate::pg::json::Jsonb;
use crate::pg::time;
use pgrx::datum::{FromDatum, Uuid};
use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::CStr;

/// The columns that rows are made of, with their types; a view need not have the last two.
const COLUMNS: [(&str, Oid); 9] = [
    ("series_id", pg_sys::UUIDOID),
    ("name", pg_sys::TEXTOID),
    ("unit", pg_sys::TEXTOID),
    ("labels", pg_sys::JSONBOID),
    ("valid_time", pg_sys::TIMESTAMPTZOID),
    ("valid_time_end", pg_sys::TIMESTAMPTZOID),
    ("value", pg_sys::FLOAT8OID),
    ("known_time", pg_sys::TIMESTAMPTZOID),
    ("lead_time", pg_sys::INTERVALOID),
];
const NEEDED: usize = 7;

/// The columns of a view, and room for the values of one of its rows.
pub struct Places {
    of: [Option<usize>; COLUMNS.len()],
    values: Vec<Datum>,
    nulls: Vec<bool>,
}

impl Places {
    /// Those of a view.
    ///
    /// # Errors
    /// XX000 where it lacks one, has it with another type, or has one that rows are not made of.
    ///
    /// # Safety
    /// The descriptor is that of an open relation.
    pub unsafe fn of(desc: pg_sys::TupleDesc) -> Result<Self> {
        let mut of = [None; COLUMNS.len()];
        // SAFETY: the caller's promise.
        let count = unsafe { usize::try_from((*desc).natts).unwrap_or(0) };
        for place in 0..count {
            // SAFETY: there is an attribute of this number; its name comes as a C string.
            let (name, of_type) = unsafe {
                let number = place as i32 + 1;
                let name = CStr::from_ptr(pg_sys::SPI_fname(desc, number));
                (name.to_bytes(), pg_sys::SPI_gettypeid(desc, number))
            };
            let mut columns = COLUMNS.iter();
            match columns.position(|column| (column.0.as_bytes(), column.1) == (name, of_type)) {
                Some(column) => of[column] = Some(place),
                None => return Err(Error::other_declaration()),
            }
        }
        if of[..NEEDED].contains(&None) {
            return Err(Error::other_declaration());
        }
        Ok(Self {
            of,
            values: vec![Datum::null(); count],
            nulls: vec![true; count],
        })
    }

    /// A row; what it points to lies in the row and in the current memory context.
    ///
    /// # Errors
    /// XX000 where the view has changed since the statement began.
    ///
    /// # Safety
    /// The row is one of the view, and lives as long as what is made of it.
    pub unsafe fn row<'a>(
        &mut self,
        row: pg_sys::HeapTuple,
        desc: pg_sys::TupleDesc,
    ) -> Result<InsertedRow<'a>> {
        // SAFETY: the caller's promise; there is room for as many values as the descriptor says, and each is of the type
        // that `of` has seen.
        unsafe {
            if usize::try_from((*desc).natts) != Ok(self.values.len()) {
                return Err(Error::other_declaration());
            }
            let (values, nulls) = (self.values.as_mut_ptr(), self.nulls.as_mut_ptr());
            pg_sys::heap_deform_tuple(row, desc, values, nulls);
            let [
                series_id,
                name,
                unit,
                labels,
                valid_time,
                end,
                value,
                known,
                lead,
            ] = self.of.map(|place| {
                let place = place.filter(|&place| !self.nulls[place])?;
                Some(self.values[place])
            });
            let text = |datum: Option<Datum>| <&str>::from_datum(datum?, false);
            let instant = |datum: Datum| time::from_pg(datum.value() as i64);
            Ok(InsertedRow {
                series_id: series_id.and_then(|id| Uuid::from_datum(id, false)),
                name: text(name),
                unit: text(unit),
                labels: labels.map(|labels| {
                    let labels = Jsonb::unpacked(labels);
                    (labels, labels.element_bytes())
                }),
                valid_time: valid_time.map(instant),
                valid_time_end: end.map(instant),
                value: value.and_then(|value| f64::from_datum(value, false)),
                known_time: known.map(instant),
                has_lead_time: lead.is_some(),
            })
        }
    }
}
