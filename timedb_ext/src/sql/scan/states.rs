//! States of PostgreSQL's aggregates of double precision, as its own functions make them of one row after the other.

use super::sums::Sum;
use crate::pg::error::{Error, Result, SqlState};
use pgrx::pg_sys::{self, Datum};
use std::cmp::Ordering;

/// The state of all that is computed of a group.
#[derive(Default)]
pub struct State {
    with_total: bool,
    with_moments: bool,
    with_range: bool,
    rows: i64,
    values: i64,
    total: f64,
    /// How many, their sum, and the sum of squared distances from their mean.
    moments: [f64; 3],
    least: f64,
    greatest: f64,
    first: i64,
    last: i64,
}

impl State {
    /// Before the first row.
    pub fn new(sums: &[Sum]) -> Self {
        Self {
            with_total: sums.contains(&Sum::Total),
            with_moments: sums.contains(&Sum::Moments),
            with_range: sums.contains(&Sum::Least) || sums.contains(&Sum::Greatest),
            ..Self::default()
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// 22003 where PostgreSQL's function refuses a sum.
    #[inline]
    pub fn add(&mut self, valid_time: i64, value: Option<f64>) -> Result<()> {
        if self.rows == 0 {
            (self.first, self.last) = (valid_time, valid_time);
        }
        self.first = self.first.min(valid_time);
        self.last = self.last.max(valid_time);
        self.rows += 1;
        let Some(value) = value else {
            return Ok(());
        };
        let is_first = self.values == 0;
        self.values += 1;
        if self.with_total {
            let total = match is_first {
                true => value,
                false => self.total + value,
            };
            if total.is_infinite() && self.total.is_finite() && value.is_finite() {
                return Err(overflow());
            }
            self.total = total;
        }
        if self.with_range {
            if is_first || compare(value, self.least) == Ordering::Less {
                self.least = value;
            }
            if is_first || compare(value, self.greatest) == Ordering::Greater {
                self.greatest = value;
            }
        }
        match self.with_moments {
            true => self.add_moment(value),
            false => Ok(()),
        }
    }

    /// As `float8_accum`, by Youngs and Cramer.
    fn add_moment(&mut self, value: f64) -> Result<()> {
        let [before, sum, mut squares] = self.moments;
        let number = before + 1.0;
        let total = sum + value;
        if before > 0.0 {
            let distance = value * number - total;
            squares += distance * distance / (number * before);
            if total.is_infinite() || squares.is_infinite() {
                if !sum.is_infinite() && !value.is_infinite() {
                    return Err(overflow());
                }
                squares = f64::NAN;
            }
        } else if !value.is_finite() {
            squares = f64::NAN;
        }
        self.moments = [number, total, squares];
        Ok(())
    }

    /// The state of one aggregate, in the current memory context; `None` is NULL.
    pub fn of(&self, sum: Sum) -> Option<Datum> {
        let of_values = |number: f64| (self.values > 0).then(|| Datum::from(number.to_bits()));
        match sum {
            Sum::Rows => Some(Datum::from(self.rows)),
            Sum::Values => Some(Datum::from(self.values)),
            Sum::Total => of_values(self.total),
            Sum::Least => of_values(self.least),
            Sum::Greatest => of_values(self.greatest),
            Sum::FirstTime => (self.rows > 0).then(|| Datum::from(self.first)),
            Sum::LastTime => (self.rows > 0).then(|| Datum::from(self.last)),
            Sum::Moments => {
                let mut moments = self.moments.map(|number| Datum::from(number.to_bits()));
                // SAFETY: three float8, which are passed by value, are copied into a new array.
                let array = unsafe {
                    let elements = moments.as_mut_ptr();
                    pg_sys::construct_array(elements, 3, pg_sys::FLOAT8OID, 8, true, b'd' as _)
                };
                Some(Datum::from(array))
            }
        }
    }
}

/// The order of PostgreSQL, in which NaN is the greatest.
fn compare(a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (a, b) => a.cmp(&b),
    }
}

fn overflow() -> Error {
    Error::new(
        SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
        "value out of range: overflow",
    )
}
