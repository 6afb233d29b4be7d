//! The rows of a read that are in memory: those of its current chunk.

use super::columns::OF_SERIES;
use crate::sql::rows::PointRows;
use pgrx::pg_sys::{self, Datum};
use timedb_wire::Chunk;

/// The current chunk, and the position in it.
pub struct Rows {
    /// For each column of the slot, its place among the columns of `_read_rows`.
    pub columns: Vec<usize>,
    /// series_id, name, unit, labels of the chunk.
    pub series: [Datum; OF_SERIES],
    /// Its columns stand in the bytes of the chunk, whose memory is given back only when this is None.
    pub points: Option<PointRows<Chunk<'static>>>,
    pub at: usize,
    pub stage: Stage,
    /// The tenant when the chunk came, and what [`settings::tenant_changes`] said then.
    pub tenant: Option<[u8; 16]>,
    pub tenant_changes: u64,
}

impl Rows {
    /// How many there are in the chunk.
    pub fn len(&self) -> usize {
        self.points.as_ref().map_or(0, PointRows::len)
    }

    /// How many columns each has in the slot.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// A column of a row of the chunk, if it is one of points.
    #[inline]
    pub fn column(&self, at: usize, column: usize) -> Option<Datum> {
        self.points.as_ref()?.column(at, column)
    }

    /// Puts the columns of a row into a slot.
    ///
    /// # Safety
    /// The slot has as many columns.
    #[inline]
    pub unsafe fn fill(&self, at: usize, slot: *mut pg_sys::TupleTableSlot) {
        let Some(points) = &self.points else {
            return;
        };
        for (place, &column) in self.columns.iter().enumerate() {
            let value = match column {
                0..OF_SERIES => Some(self.series[column]),
                _ => points.column(at, column),
            };
            // SAFETY: the caller's promise.
            unsafe {
                *(*slot).tts_values.add(place) = value.unwrap_or(Datum::null());
                *(*slot).tts_isnull.add(place) = value.is_none();
            }
        }
    }
}

/// How far a read is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    New,
    Running,
    Over,
}
