//! A read while it runs: series are chosen, then there is one chunk in memory at a time, and its points become rows.

use super::call::Mode;
use super::choice::{self, SeriesChoice};
use super::columns::{KNOWN_TIME, OF_SERIES, VALID_TIME};
use super::current::{Rows, Stage};
use super::ends::Ends;
use super::functions::CHUNK_COLUMNS;
use super::grouping::Grouping;
use super::narrowed::Asked;
use super::needed::Needed;
use super::shared::{Part, Shared, ToShare};
use super::source::RowSource;
use super::values::text;
use crate::identity::caller;
use crate::pg::error::Result;
use crate::pg::spi::{Arg, connected, memory_context};
use crate::read::{enough, points_about, segments_read};
use crate::sql::arguments::READ;
use crate::sql::packed::malformed;
use crate::sql::rows::PointRows;
use pgrx::pg_sys::{self, Datum};
use timedb_wire::Chunk;
use timedb_wire::reads::Argument;

/// A read, before and while it runs.
pub struct Read {
    asked: Asked,
    /// Gives chunks.
    chunks: RowSource,
    /// Lists series, and the conditions on which of them to read, if there are any.
    series: Option<SeriesChoice>,
    /// Holds the arguments of the calls.
    values: pg_sys::MemoryContext,
    /// Holds the current chunk, and with it what the slot points to.
    chunk: pg_sys::MemoryContext,
    rows: Rows,
    /// What is given of each series, if that is not all.
    ends: Option<Ends>,
    /// What is computed of groups, if rows are not given.
    grouping: Option<Grouping>,
    segments: u64,
    /// What others read who share it.
    shared: Option<Shared>,
    /// What the leader has found, until it shares it; and how much memory there is for that.
    pub found: Option<ToShare>,
    pub room: usize,
}

impl Read {
    /// A read of these arguments and conditions, of which the scan's columns are those of `_read_rows` at these places.
    pub fn new(
        asked: Asked,
        chunks: RowSource,
        series: Option<SeriesChoice>,
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
            ends: None,
            grouping: None,
            segments: 0,
            shared: None,
            found: None,
            room: 0,
        }
    }

    /// Makes it give no more of each series than is needed. `keeps_last`: the last point of a series meets the
    /// conditions, if any does.
    pub fn need(&mut self, needed: Needed, keeps_last: bool) {
        let keeps_last = keeps_last && !self.rows.columns.contains(&KNOWN_TIME);
        self.ends = needed
            .is_some()
            .then(|| Ends::new(needed, keeps_last && self.asked.mode == Mode::Flat));
    }

    /// Makes it give groups.
    pub fn group(&mut self, grouping: Grouping) {
        self.grouping = Some(grouping);
    }

    /// Notes that the last row met all conditions.
    pub fn note_given(&mut self) {
        if let Some(ends) = &mut self.ends
            && let Some(points) = &self.rows.points
            && let Some(at) = self.rows.at.checked_sub(1)
        {
            ends.note_given(points.column(at, VALID_TIME));
        }
    }

    /// How many columns its rows have.
    pub fn width(&self) -> usize {
        self.rows.columns.len() + self.grouping.as_ref().map_or(0, Grouping::width)
    }

    /// How many segments have been read, by all who share the read.
    pub fn segments(&self) -> u64 {
        match &self.shared {
            Some(shared) => shared.segments(),
            None => self.segments,
        }
    }

    /// Makes it give what it takes of a read that others share, from the beginning on.
    pub fn share(&mut self, shared: Shared) {
        self.shared = Some(shared);
    }

    /// Ends its part of a read that others share.
    pub fn leave(&mut self) {
        if self.shared.is_some() {
            self.segments = self.segments();
            self.shared = None;
            self.stop();
        }
    }

    /// What there is to share of the read. Nothing of it is under way.
    ///
    /// # Errors
    /// As [`SeriesChoice::chosen`].
    ///
    /// # Safety
    /// The state is that of the node of this read.
    pub unsafe fn what_to_share(&mut self, state: *mut pg_sys::ScanState) -> Result<ToShare> {
        // SAFETY: the caller's promise.
        unsafe {
            let before = pg_sys::MemoryContextSwitchTo(self.values);
            let arguments = self.asked.arguments((*state).ps.ps_ExprContext);
            let (all, points) = match (arguments, &mut self.series) {
                (None, _) => (Part::Series(Vec::new()), 0),
                (Some(_), None) => (Part::Whole, 0),
                (Some(arguments), Some(choice)) => {
                    let columns = &self.rows.columns;
                    let mut series = choice.chosen(state, columns, self.chunk, &arguments)?;
                    series.sort_unstable();
                    let points = self.chunks.as_owner(|| volume(&series, &arguments))?;
                    // Where there is nothing, it is for the read to say whether that is an error.
                    match series.is_empty() && !choice.has_conditions() {
                        true => (Part::Whole, 0),
                        false => (Part::Series(series), points),
                    }
                }
            };
            pg_sys::MemoryContextSwitchTo(before);
            Ok(ToShare { all, points })
        }
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
        if let Some(ends) = &mut self.ends {
            ends.begin();
        }
        if let Some(series) = &mut self.series {
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
        loop {
            // SAFETY: the caller's promise.
            if !unsafe { self.advance(state)? } {
                return Ok(false);
            }
            let rows = &mut self.rows;
            if let Some(grouping) = &mut self.grouping {
                // SAFETY: the caller's promise.
                match unsafe { grouping.put_next(state, slot, rows)? } {
                    true => return Ok(true),
                    false => continue,
                }
            }
            // SAFETY: the caller's promise.
            unsafe { rows.fill(rows.at, slot) };
            rows.at += 1;
            return Ok(true);
        }
    }

    /// Goes to the next row that is needed. False: there is none.
    unsafe fn advance(&mut self, state: *mut pg_sys::ScanState) -> Result<bool> {
        loop {
            while self.rows.at >= self.rows.len() {
                if self.rows.stage == Stage::New {
                    // SAFETY: as in `put_next_row`.
                    unsafe { self.start(state)? };
                }
                if !self.next_chunk()? {
                    return Ok(false);
                }
            }
            let (Some(ends), Some(points)) = (&mut self.ends, &self.rows.points) else {
                break;
            };
            if !ends.is_over(points.column(self.rows.at, VALID_TIME)) {
                break;
            }
            self.rows.points = None;
        }
        let rows = &self.rows;
        if rows.tenant_changes != caller::tenant_changes() && rows.tenant != caller::tenant() {
            return Err(caller::refuse_changed_tenant());
        }
        Ok(true)
    }

    /// Computes the arguments and begins the call.
    unsafe fn start(&mut self, state: *mut pg_sys::ScanState) -> Result<()> {
        // SAFETY: the state is that of this read.
        unsafe {
            let part = match &self.shared {
                None => Part::Whole,
                Some(shared) => match shared.take() {
                    Some(part) => part,
                    None => {
                        self.rows.stage = Stage::Over;
                        return Ok(());
                    }
                },
            };
            if self.shared.is_some() {
                // The part before has ended.
                pg_sys::MemoryContextReset(self.values);
            }
            let before = pg_sys::MemoryContextSwitchTo(self.values);
            let context = (*state).ps.ps_ExprContext;
            let mut arguments = self.asked.arguments(context);
            if let Some(given) = &mut arguments {
                match (part, &mut self.series) {
                    (Part::Series(series), _) => choice::narrow(given, &series),
                    (Part::Whole, Some(series)) if series.has_conditions() => {
                        if !series.choose(state, &self.rows.columns, self.chunk, given)? {
                            arguments = None;
                        }
                    }
                    (Part::Whole, _) => {}
                }
            }
            if let (Some(arguments), Some(ends)) = (&mut arguments, &self.ends)
                && let Some(place) = READ.place(Argument::Mode)
            {
                let mode = arguments[place].and_then(text);
                arguments[place] = Arg::text(&ends.mode(mode.unwrap_or_default())).datum();
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
            let chunks = &mut self.chunks;
            let mut next = || chunks.next::<{ CHUNK_COLUMNS.len() }>(&CHUNK_COLUMNS);
            let chunk = match &mut self.ends {
                Some(ends) => enough::knowing(ends.enough(), next)?,
                None => next()?,
            };
            let segments = segments_read().wrapping_sub(segments);
            match &self.shared {
                Some(shared) => shared.count(segments),
                None => self.segments += segments,
            }
            match chunk {
                None => {
                    let goes_on =
                        self.ends.as_mut().is_some_and(Ends::turn) || self.shared.is_some();
                    rows.stage = match goes_on {
                        true => Stage::New,
                        false => Stage::Over,
                    };
                }
                Some([series_id, name, unit, labels, _, packed]) => {
                    rows.series = [series_id, name, unit, labels];
                    if let Some(ends) = &mut self.ends {
                        ends.enter(*series_id.cast_mut_ptr::<[u8; 16]>());
                    }
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
        Ok(rows.stage != Stage::Over)
    }
}

/// How many points these series have in the range of the arguments, about.
fn volume(series: &[[u8; 16]], arguments: &[Option<Datum>]) -> Result<u64> {
    let instant = |argument| {
        let value = READ.place(argument).and_then(|place| arguments[place]);
        value.map(|instant| instant.value() as i64)
    };
    let (start, end) = (instant(Argument::StartValid), instant(Argument::EndValid));
    connected(|| points_about(series, start, end))
}
