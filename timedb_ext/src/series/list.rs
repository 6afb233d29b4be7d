//! The series of an upload while they are being taken in: no more of them, and no longer ones, than one
//! upload may have.

use super::SeriesRef;
use crate::pg::error::Result;
use timedb_rules::limits::{self, MAX_SERIES_BYTES, too_many};

/// Series in the order in which they were named.
#[derive(Default)]
pub struct SeriesList {
    series: Vec<SeriesRef>,
    bytes: usize,
}

impl SeriesList {
    /// A list for about so many series.
    ///
    /// # Errors
    /// 54000 for more than an upload may have.
    pub fn with_capacity(series: usize) -> Result<Self> {
        limits::check_series(series)?;
        Ok(Self {
            series: Vec::with_capacity(series),
            bytes: 0,
        })
    }

    /// Adds one and returns its place.
    ///
    /// # Errors
    /// 54000 for one too many.
    pub fn push(&mut self, series: SeriesRef) -> Result<u32> {
        pgrx::check_for_interrupts!();
        limits::check_series(self.series.len() + 1)?;
        self.bytes += series.bytes();
        if self.bytes > MAX_SERIES_BYTES {
            return Err(too_many(
                "the names, labels, units and descriptions of an upload",
                MAX_SERIES_BYTES,
                "bytes together",
                self.bytes,
                "Split it into several uploads.",
            ));
        }
        self.series.push(series);
        Ok(self.series.len() as u32 - 1)
    }

    /// The series.
    pub fn into_vec(self) -> Vec<SeriesRef> {
        self.series
    }
}
