//! How much has been given of each series, where a query needs only its first or its last rows: when there is enough of
//! one, the read is told to go on with the others.

use super::needed::Needed;
use crate::read::enough::Enough;
use crate::sql::request::BACKWARD;
use pgrx::pg_sys::Datum;
use std::collections::HashMap;

/// What has been given so far.
pub struct Ends {
    needed: Needed,
    /// Of the last point of each series it is known that no condition leaves it out.
    keeps_last: bool,
    /// Whether the read is at the ends of the series, not at their beginnings.
    backward: bool,
    /// Rows of each series, and the valid_time of the last of them.
    given: HashMap<[u8; 16], (i32, Option<i64>)>,
    series: [u8; 16],
    enough: Enough,
}

impl Ends {
    /// Before anything is given.
    pub fn new(needed: Needed, keeps_last: bool) -> Self {
        Self {
            needed,
            keeps_last,
            backward: needed.first == 0,
            given: HashMap::new(),
            series: [0; 16],
            enough: Enough::new(),
        }
    }

    /// The mode of the read that gives them.
    pub fn mode(&self, mode: String) -> String {
        let Needed {
            last, any_of_time, ..
        } = self.needed;
        match self.backward {
            false => mode,
            true if last == 1 && any_of_time && self.keeps_last => "last".to_owned(),
            true => mode + BACKWARD,
        }
    }

    /// Begins anew.
    pub fn begin(&mut self) {
        self.backward = self.needed.first == 0;
        self.given.clear();
        self.enough.clear();
    }

    /// Turns to the other ends of the series. False: none of them is needed.
    pub fn turn(&mut self) -> bool {
        let turns = !self.backward && self.needed.last > 0;
        self.backward |= turns;
        self.given.clear();
        self.enough.clear();
        turns
    }

    /// The rows that come are of this series.
    pub fn enter(&mut self, series: [u8; 16]) {
        self.series = series;
    }

    /// Whether there is enough of the series before a row of this valid_time.
    pub fn is_over(&mut self, valid_time: Option<Datum>) -> bool {
        let Some(&(rows, last)) = self.given.get(&self.series) else {
            return false;
        };
        let is_over = rows >= self.wanted()
            && (self.needed.any_of_time || last != valid_time.map(|time| time.value() as i64));
        if is_over {
            self.enough.insert(self.series);
        }
        is_over
    }

    /// Counts a row that met all conditions.
    pub fn note_given(&mut self, valid_time: Option<Datum>) {
        if self.needed == Needed::BACKWARD {
            return;
        }
        let wanted = self.wanted();
        let (rows, last) = self.given.entry(self.series).or_default();
        *rows = rows.saturating_add(1);
        *last = valid_time.map(|time| time.value() as i64);
        if *rows >= wanted && self.needed.any_of_time {
            self.enough.insert(self.series);
        }
    }

    fn wanted(&self) -> i32 {
        match self.backward {
            true => self.needed.last,
            false => self.needed.first,
        }
    }

    /// The series of which there is enough.
    pub fn enough(&mut self) -> &mut Enough {
        &mut self.enough
    }
}
