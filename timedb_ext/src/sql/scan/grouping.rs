//! The groups of a read while it runs: stretches of points of one series for which all times that are grouped by have the
//! same value, and what is computed of them.

use super::columns::{VALID_TIME, VALUE};
use super::current::Rows;
use super::monotone::Zones;
use super::states::State;
use super::sums::Sum;
use super::times::{GroupTime, Value};
use crate::pg::error::Result;
use crate::pg::spi::memory_context;
use pgrx::pg_sys::{self, Datum, ExprState};

/// What a scan computes of groups.
pub struct Grouping {
    /// Conditions of a series and of a row, or null.
    of_series: *mut ExprState,
    of_rows: *mut ExprState,
    times: Vec<GroupTime>,
    sums: Vec<Sum>,
    /// The zones of all times, if none of them goes back while clocks run on evenly, and until when they do.
    zones: Option<Zones>,
    even_until: i64,
    /// The zone of the session for which the above holds.
    session: *mut pg_sys::pg_tz,
    /// How long the last stretch was.
    length: usize,
    /// The rows of the chunk that meet the conditions, and the next of them.
    passing: Vec<usize>,
    at: usize,
    /// What times are in the stretch.
    first: Vec<Value>,
    memory: pg_sys::MemoryContext,
}

impl Grouping {
    /// What is computed, with prepared conditions; null for none.
    pub fn new(
        of_series: *mut ExprState,
        of_rows: *mut ExprState,
        times: Vec<GroupTime>,
        sums: Vec<Sum>,
        zones: Option<Zones>,
    ) -> Self {
        // SAFETY: the current context is the query's, and the session has a zone.
        let (memory, session) = unsafe {
            let parent = pg_sys::CurrentMemoryContext;
            (
                memory_context(parent, c"timedb read: group"),
                pg_sys::session_timezone,
            )
        };
        Self {
            of_series,
            of_rows,
            times,
            sums,
            zones,
            even_until: i64::MIN,
            session,
            length: 1,
            passing: Vec::new(),
            at: 0,
            first: Vec::new(),
            memory,
        }
    }

    /// How many columns it adds to those of rows: times, and states of aggregates.
    pub fn width(&self) -> usize {
        self.times.len() + self.sums.len()
    }

    /// Puts the next group of the chunk into the slot. False: none is left there.
    ///
    /// # Errors
    /// 22003 for sums that are too large.
    ///
    /// # Safety
    /// The state and its slot are those of the node of the read, whose rows these are.
    pub unsafe fn put_next(
        &mut self,
        state: *mut pg_sys::ScanState,
        slot: *mut pg_sys::TupleTableSlot,
        rows: &mut Rows,
    ) -> Result<bool> {
        // SAFETY: the caller's promise. What the slot points to lies in the chunk or in memory of its own, which is given
        // back only here.
        unsafe {
            let context = (*state).ps.ps_ExprContext;
            (*slot).tts_flags &= !(pg_sys::TTS_FLAG_EMPTY as u16);
            (*slot).tts_nvalid = (rows.width() + self.width()) as i16;
            (*context).ecxt_scantuple = slot;
            if rows.at == 0 {
                self.begin(context, slot, rows);
                // It is this that goes on in the chunk.
                rows.at = 1;
            }
            let start = self.at;
            if start < self.passing.len() {
                let end = self.end(context, slot, rows);
                self.length = end - start;
                self.at = end;
                let mut sum = State::new(&self.sums);
                for &i in &self.passing[start..end] {
                    let value = rows.column(i, VALUE);
                    let value = value.map(|bits| f64::from_bits(bits.value() as u64));
                    sum.add(instant(rows, i), value)?;
                }
                rows.fill(self.passing[start], slot);
                self.put(&sum, slot, rows.width());
            }
            if self.at >= self.passing.len() {
                rows.at = rows.len();
            }
            Ok(start < self.passing.len())
        }
    }

    /// Puts times and states into the slot, behind the columns of rows.
    unsafe fn put(&self, sum: &State, slot: *mut pg_sys::TupleTableSlot, rows: usize) {
        // SAFETY: as in `put_next`. Times point to what is kept until the next group.
        unsafe {
            pg_sys::MemoryContextReset(self.memory);
            let before = pg_sys::MemoryContextSwitchTo(self.memory);
            let times = self.first.iter().map(Value::datum);
            let states = self.sums.iter().map(|of| sum.of(*of));
            for (i, value) in times.chain(states).enumerate() {
                *(*slot).tts_values.add(rows + i) = value.unwrap_or(Datum::null());
                *(*slot).tts_isnull.add(rows + i) = value.is_none();
            }
            pg_sys::MemoryContextSwitchTo(before);
        }
    }

    /// Begins with a chunk: finds the rows that meet the conditions, and forgets what held for another zone of the session.
    unsafe fn begin(
        &mut self,
        context: *mut pg_sys::ExprContext,
        slot: *mut pg_sys::TupleTableSlot,
        rows: &Rows,
    ) {
        // SAFETY: as in `put_next`; the session always has a zone.
        unsafe {
            // Of the next series the first instant is an earlier one.
            self.even_until = i64::MIN;
            let session = pg_sys::session_timezone;
            if self.session != session {
                self.session = session;
                self.times.iter_mut().for_each(GroupTime::forget);
            }
            self.at = 0;
            self.passing.clear();
            rows.fill(0, slot);
            if !self.of_series.is_null() && !is_true(self.of_series, context) {
                return;
            }
            for i in 0..rows.len() {
                if !self.of_rows.is_null() {
                    rows.fill(i, slot);
                    if !is_true(self.of_rows, context) {
                        continue;
                    }
                }
                self.passing.push(i);
            }
        }
    }

    /// Where the stretch ends that begins with the next row, by places among those that meet the conditions.
    unsafe fn end(
        &mut self,
        context: *mut pg_sys::ExprContext,
        slot: *mut pg_sys::TupleTableSlot,
        rows: &Rows,
    ) -> usize {
        let Self {
            times,
            first,
            passing,
            ..
        } = self;
        let (start, all) = (self.at, passing.len());
        if times.is_empty() {
            return all;
        }
        let at = |place: usize| instant(rows, passing[place]);
        // SAFETY: as in `put_next`.
        unsafe {
            rows.fill(passing[start], slot);
            first.clear();
            for time in times.iter_mut() {
                first.push(time.value(context, at(start)).clone());
            }
        }
        let mut is_same = |place: usize| {
            // SAFETY: as in `put_next`.
            unsafe {
                rows.fill(passing[place], slot);
                let both = times.iter_mut().zip(first.iter());
                let mut same = both.map(|(time, first)| time.value(context, at(place)) == first);
                same.all(|same| same)
            }
        };
        let Some(zones) = &self.zones else {
            return (start + 1..all).find(|&i| !is_same(i)).unwrap_or(all);
        };
        if at(start) >= self.even_until {
            self.even_until = zones.even_until(at(start));
        }
        let even_until = self.even_until;
        let mut is_same = |place: usize| at(place) < even_until && is_same(place);
        // As long as the last one, mostly; otherwise in steps that grow, and then between the last two of them.
        let (mut same, mut other, mut step) = (start, all, 1);
        let last = start + self.length.max(1) - 1;
        if last > start && last < all {
            match is_same(last) {
                true => same = last,
                false => other = last,
            }
        }
        while same + step < other {
            match is_same(same + step) {
                true => same += step,
                false => other = same + step,
            }
            step *= 2;
        }
        while same + 1 < other {
            let middle = same + (other - same) / 2;
            match is_same(middle) {
                true => same = middle,
                false => other = middle,
            }
        }
        same + 1
    }
}

unsafe fn is_true(condition: *mut ExprState, context: *mut pg_sys::ExprContext) -> bool {
    // SAFETY: as in `Grouping::put_next`.
    unsafe {
        let is_true = pg_sys::ExecQual(condition, context);
        pg_sys::MemoryContextReset((*context).ecxt_per_tuple_memory);
        is_true
    }
}

/// The valid_time of a row, in PostgreSQL's microseconds.
fn instant(rows: &Rows, i: usize) -> i64 {
    rows.column(i, VALID_TIME)
        .map_or(0, |time| time.value() as i64)
}
