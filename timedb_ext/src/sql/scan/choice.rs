//! Which series a read is of: conditions on series are evaluated once for each, before anything of them is read.

use super::columns::{OF_SERIES, SERIES_COLUMNS};
use super::source::RowSource;
use crate::pg::error::Result;
use crate::pg::spi::Arg;
use crate::sql::arguments::{READ, SERIES};
use pgrx::pg_sys::{self, Datum};
use timedb_rules::limits::MAX_SERIES;
use timedb_wire::reads::Argument;

/// Lists series, and has the conditions on which of them to read.
pub struct SeriesChoice {
    source: RowSource,
    conditions: *mut pg_sys::ExprState,
}

impl SeriesChoice {
    /// The series of a source, and prepared conditions on them.
    pub fn new(source: RowSource, conditions: *mut pg_sys::ExprState) -> Self {
        Self { source, conditions }
    }

    /// Ends a list that has series left.
    pub fn end(&mut self) {
        self.source.end();
    }

    /// Whether it leaves out any.
    pub fn has_conditions(&self) -> bool {
        !self.conditions.is_null()
    }

    /// Narrows the arguments to the series that meet the conditions. False: there are none.
    ///
    /// # Errors
    /// As [`Self::chosen`].
    ///
    /// # Safety
    /// As [`Self::chosen`].
    pub unsafe fn choose(
        &mut self,
        state: *mut pg_sys::ScanState,
        columns: &[usize],
        scratch: pg_sys::MemoryContext,
        arguments: &mut [Option<Datum>],
    ) -> Result<bool> {
        // SAFETY: the caller's promise.
        let chosen = unsafe { self.chosen(state, columns, scratch, arguments)? };
        // A read takes no more; of all of them, then.
        if chosen.len() <= MAX_SERIES {
            narrow(arguments, &chosen);
        }
        Ok(!chosen.is_empty())
    }

    /// The series of these arguments that meet the conditions.
    ///
    /// # Errors
    /// As [`RowSource::next`].
    ///
    /// # Safety
    /// The state is that of the node of the conditions; its slot has these columns and holds no row. Nothing is in the
    /// scratch memory.
    pub unsafe fn chosen(
        &mut self,
        state: *mut pg_sys::ScanState,
        columns: &[usize],
        scratch: pg_sys::MemoryContext,
        arguments: &[Option<Datum>],
    ) -> Result<Vec<[u8; 16]>> {
        let value = |argument| READ.place(argument).and_then(|place| arguments[place]);
        let asked: Vec<_> = SERIES
            .list()
            .iter()
            .map(|argument| value(*argument))
            .collect();
        let mut chosen: Vec<[u8; 16]> = Vec::new();
        // SAFETY: the caller's promise. A series_id is 16 bytes.
        unsafe {
            let context = (*state).ps.ps_ExprContext;
            let slot = (*state).ss_ScanTupleSlot;
            let values = pg_sys::CurrentMemoryContext;
            self.source.begin(&asked);
            loop {
                pgrx::check_for_interrupts!();
                pg_sys::MemoryContextReset(scratch);
                pg_sys::MemoryContextSwitchTo(scratch);
                let Some(series) = self.source.next::<OF_SERIES>(&SERIES_COLUMNS)? else {
                    break;
                };
                pg_sys::ExecClearTuple(slot);
                for (place, &column) in columns.iter().enumerate() {
                    let of_series = series.get(column);
                    *(*slot).tts_values.add(place) = of_series.copied().unwrap_or(Datum::null());
                    *(*slot).tts_isnull.add(place) = of_series.is_none();
                }
                (*context).ecxt_scantuple = pg_sys::ExecStoreVirtualTuple(slot);
                if pg_sys::ExecQual(self.conditions, context) {
                    chosen.push(*series[0].cast_mut_ptr::<[u8; 16]>());
                }
                pg_sys::MemoryContextReset((*context).ecxt_per_tuple_memory);
            }
            pg_sys::ExecClearTuple(slot);
            pg_sys::MemoryContextSwitchTo(values);
        }
        Ok(chosen)
    }
}

/// Makes the arguments those of a read of these series, in the current memory context.
pub fn narrow(arguments: &mut [Option<Datum>], series: &[[u8; 16]]) {
    if let Some(place) = READ.place(Argument::SeriesId) {
        arguments[place] = Arg::uuids(series.iter()).datum();
    }
}
