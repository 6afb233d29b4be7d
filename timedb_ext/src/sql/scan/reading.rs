//! A read while it runs: series are chosen, then there is one chunk in memory at a time, and its points become rows.

use super::columns::{OF_SERIES, SERIES_COLUMNS};
use super::functions::CHUNK_COLUMNS;
use super::narrowed::Asked;
use super::source::RowSource;
use crate::identity::caller;
use crate::pg::error::Result;
use crate::pg::spi::{Arg, memory_context};
use crate::read::segments_read;
use crate::sql::arguments::READ;
use crate::sql::packed::malformed;
use crate::sql::rows::PointRows;
use pgrx::pg_sys::{self, Datum};
use timedb_rules::limits::MAX_SERIES;
use timedb_wire::Chunk;
use timedb_wire::reads::Argument;

/// A read, before and while it runs.
pub struct Read {
    asked: Asked,
    /// Gives chunks.
    chunks: RowSource,
    /// Lists series, and the conditions on which of them to read, if there are any.
    series: Option<(RowSource, *mut pg_sys::ExprState)>,
    /// Holds the arguments of the calls.
    values: pg_sys::MemoryContext,
    /// Holds the current chunk, and with it what the slot points to.
    chunk: pg_sys::MemoryContext,
    rows: Rows,
    segments: u64,
}

/// The current chunk, and the position in it.
struct Rows {
    /// For each column of the slot, its place among the columns of `_read_rows`.
    columns: Vec<usize>,
    /// series_id, name, unit, labels of the chunk.
    series: [Datum; OF_SERIES],
    /// Its columns stand in the bytes of the chunk, whose memory is given back only when this is None.
    points: Option<PointRows<Chunk<'static>>>,
    at: usize,
    stage: Stage,
    /// The tenant when the chunk came, and what [`settings::tenant_changes`] said then.
    tenant: Option<[u8; 16]>,
    tenant_changes: u64,
}

/// How far a read is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Running,
    Over,
}

impl Read {
    /// A read of these arguments and conditions, of which the scan's columns are those of `_read_rows` at these places.
    pub fn new(
        asked: Asked,
        chunks: RowSource,
        series: Option<(RowSource, *mut pg_sys::ExprState)>,
        columns: Vec<usize>,
    ) -> Self {
        // SAFETY: the current context is the query's.
        let memory = |name| unsafe { memory_context(pg_sys::CurrentMemoryContext, name) };
        Self {
            asked,
            chunks,
            series,
            values: memory(c"timedb read: values"),
            chunk: memory(c"timedb read: chunk"),
            rows: Rows {
                columns,
                series: [Datum::null(); OF_SERIES],
                points: None,
                at: 0,
                stage: Stage::New,
                tenant: caller::tenant(),
                tenant_changes: caller::tenant_changes(),
            },
            segments: 0,
        }
    }

    /// How many columns its rows have.
    pub fn width(&self) -> usize {
        self.rows.columns.len()
    }

    /// How many segments have been read.
    pub fn segments(&self) -> u64 {
        self.segments
    }

    /// Lets go of what it holds.
    pub fn stop(&mut self) {
        self.rows.points = None;
        self.rows.stage = Stage::Over;
    }

    /// Makes it begin anew with the next row.
    pub fn rewind(&mut self) {
        self.rows.points = None;
        self.rows.at = 0;
        self.rows.stage = Stage::New;
        self.chunks.end();
        if let Some((series, _)) = &mut self.series {
            series.end();
        }
        // SAFETY: contexts of its own, to whose contents nothing points any more.
        unsafe {
            pg_sys::MemoryContextReset(self.values);
            pg_sys::MemoryContextReset(self.chunk);
        }
    }

    /// Puts the values of the next row into a slot. False: there is none.
    ///
    /// # Errors
    /// 55000 when the tenant has changed, XX000 for a chunk that is none; what the read raises.
    ///
    /// # Safety
    /// The state is that of the node of this read; the slot is its virtual one.
    pub unsafe fn put_next_row(
        &mut self,
        state: *mut pg_sys::ScanState,
        slot: *mut pg_sys::TupleTableSlot,
    ) -> Result<bool> {
        let has_row =
            |rows: &Rows| (rows.points.as_ref()).is_some_and(|points| rows.at < points.len());
        while !has_row(&self.rows) {
            if self.rows.stage == Stage::New {
                // SAFETY: the caller's promise.
                unsafe { self.start(state)? };
            }
            if !self.next_chunk()? {
                return Ok(false);
            }
        }
        let rows = &mut self.rows;
        if rows.tenant_changes != caller::tenant_changes() && rows.tenant != caller::tenant() {
            return Err(caller::refuse_changed_tenant());
        }
        if let Some(points) = &rows.points {
            for (place, &column) in rows.columns.iter().enumerate() {
                let value = match column {
                    0..OF_SERIES => Some(rows.series[column]),
                    _ => points.column(rows.at, column),
                };
                // SAFETY: the slot has as many columns.
                unsafe {
                    *(*slot).tts_values.add(place) = value.unwrap_or(Datum::null());
                    *(*slot).tts_isnull.add(place) = value.is_none();
                }
            }
        }
        rows.at += 1;
        Ok(true)
    }

    /// Computes the arguments and begins the call.
    unsafe fn start(&mut self, state: *mut pg_sys::ScanState) -> Result<()> {
        // SAFETY: the state is that of this read.
        unsafe {
            let before = pg_sys::MemoryContextSwitchTo(self.values);
            let context = (*state).ps.ps_ExprContext;
            let mut arguments = self.asked.arguments(context);
            if let Some(given) = &mut arguments
                && self.series.is_some()
                && !self.choose_series(state, given)?
            {
                arguments = None;
            }
            if let Some(arguments) = &arguments {
                self.chunks.begin(arguments);
            }
            self.rows.stage = match arguments {
                Some(_) => Stage::Running,
                None => Stage::Over,
            };
            pg_sys::MemoryContextSwitchTo(before);
        }
        Ok(())
    }

    /// Narrows the arguments to the series that meet the conditions on series. False: there are none.
    unsafe fn choose_series(
        &mut self,
        state: *mut pg_sys::ScanState,
        arguments: &mut [Option<Datum>],
    ) -> Result<bool> {
        let Some((source, conditions)) = &mut self.series else {
            return Ok(true);
        };
        let value = |argument| READ.place(argument).and_then(|place| arguments[place]);
        let asked = [Argument::SeriesId, Argument::Name, Argument::Labels].map(value);
        let mut chosen: Vec<[u8; 16]> = Vec::new();
        // SAFETY: as in `start`; the slot is the scan's own, which holds no row yet. A series_id is 16 bytes.
        unsafe {
            let context = (*state).ps.ps_ExprContext;
            let slot = (*state).ss_ScanTupleSlot;
            let values = pg_sys::CurrentMemoryContext;
            source.begin(&asked);
            loop {
                pgrx::check_for_interrupts!();
                pg_sys::MemoryContextReset(self.chunk);
                pg_sys::MemoryContextSwitchTo(self.chunk);
                let Some(series) = source.next::<OF_SERIES>(&SERIES_COLUMNS)? else {
                    break;
                };
                pg_sys::ExecClearTuple(slot);
                for (place, &column) in self.rows.columns.iter().enumerate() {
                    let of_series = series.get(column);
                    *(*slot).tts_values.add(place) = of_series.copied().unwrap_or(Datum::null());
                    *(*slot).tts_isnull.add(place) = of_series.is_none();
                }
                (*context).ecxt_scantuple = pg_sys::ExecStoreVirtualTuple(slot);
                if pg_sys::ExecQual(*conditions, context) {
                    chosen.push(*series[0].cast_mut_ptr::<[u8; 16]>());
                }
                pg_sys::MemoryContextReset((*context).ecxt_per_tuple_memory);
            }
            pg_sys::ExecClearTuple(slot);
            pg_sys::MemoryContextSwitchTo(values);
        }
        // A read takes no more; of all of them, then.
        if chosen.len() <= MAX_SERIES
            && let Some(place) = READ.place(Argument::SeriesId)
        {
            arguments[place] = Arg::uuids(chosen.iter()).datum();
        }
        Ok(!chosen.is_empty())
    }

    /// Calls the function for its next chunk. False: there is none.
    ///
    /// # Errors
    /// XX000 for a chunk that is none.
    fn next_chunk(&mut self) -> Result<bool> {
        let rows = &mut self.rows;
        rows.points = None;
        rows.at = 0;
        if rows.stage != Stage::Running {
            return Ok(false);
        }
        pgrx::check_for_interrupts!();
        // SAFETY: datums and bytes of the chunk live in a context that is reset only here and when the scan begins
        // anew, where `points` is None.
        unsafe {
            pg_sys::MemoryContextReset(self.chunk);
            let before = pg_sys::MemoryContextSwitchTo(self.chunk);
            let segments = segments_read();
            let chunk = self
                .chunks
                .next::<{ CHUNK_COLUMNS.len() }>(&CHUNK_COLUMNS)?;
            self.segments += segments_read().wrapping_sub(segments);
            match chunk {
                None => rows.stage = Stage::Over,
                Some([series_id, name, unit, labels, _, packed]) => {
                    rows.series = [series_id, name, unit, labels];
                    let packed = pg_sys::pg_detoast_datum_packed(packed.cast_mut_ptr());
                    let bytes = pgrx::varlena::varlena_to_byte_slice(packed);
                    let chunk = Chunk::decode(bytes).map_err(malformed)?;
                    rows.points = Some(PointRows::of(chunk));
                    rows.tenant = caller::tenant();
                    rows.tenant_changes = caller::tenant_changes();
                }
            }
            pg_sys::MemoryContextSwitchTo(before);
        }
        Ok(rows.stage == Stage::Running)
    }
}
