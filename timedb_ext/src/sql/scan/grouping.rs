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
            memory,
        }
    }

    /// How many columns it adds to those of rows.
    pub fn width(&self) -> usize {
        self.sums.len()
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
            (*slot).tts_nvalid = (rows.width() + self.sums.len()) as i16;
            (*context).ecxt_scantuple = slot;
            if rows.at == 0 && rows.len() > 0 {
                self.begin();
                rows.fill(0, slot);
                if !self.of_series.is_null() && !is_true(self.of_series, context) {
                    rows.at = rows.len();
                }
            }
            while rows.at < rows.len() {
                let start = rows.at;
                let end = self.end(context, slot, rows);
                self.length = end - start;
                rows.at = end;
                let mut sum = State::new(&self.sums);
                for i in start..end {
                    if !self.of_rows.is_null() {
                        rows.fill(i, slot);
                        if !is_true(self.of_rows, context) {
                            continue;
                        }
                    }
                    let value = rows.column(i, VALUE);
                    sum.add(
                        instant(rows, i),
                        value.map(|bits| f64::from_bits(bits.value() as u64)),
                    )?;
                }
                if sum.is_empty() {
                    continue;
                }
                rows.fill(start, slot);
                pg_sys::MemoryContextReset(self.memory);
                let before = pg_sys::MemoryContextSwitchTo(self.memory);
                for (i, of) in self.sums.iter().enumerate() {
                    let value = sum.of(*of);
                    let place = rows.width() + i;
                    *(*slot).tts_values.add(place) = value.unwrap_or(Datum::null());
                    *(*slot).tts_isnull.add(place) = value.is_none();
                }
                pg_sys::MemoryContextSwitchTo(before);
                return Ok(true);
            }
            Ok(false)
        }
    }

    /// Forgets what held for another zone of the session.
    fn begin(&mut self) {
        // SAFETY: the session always has a zone.
        let session = unsafe { pg_sys::session_timezone };
        // Of the next series the first instant is an earlier one.
        self.even_until = i64::MIN;
        if self.session != session {
            self.session = session;
            self.times.iter_mut().for_each(|time| time.forget());
        }
    }

    /// Where the stretch ends that begins with the next row.
    unsafe fn end(
        &mut self,
        context: *mut pg_sys::ExprContext,
        slot: *mut pg_sys::TupleTableSlot,
        rows: &Rows,
    ) -> usize {
        let (start, all) = (rows.at, rows.len());
        if self.times.is_empty() {
            return all;
        }
        let times = &mut self.times;
        let mut at = |i: usize| -> Vec<Value> {
            // SAFETY: as in `put_next`.
            unsafe {
                rows.fill(i, slot);
                let instant = instant(rows, i);
                times
                    .iter_mut()
                    .map(|time| time.value(context, instant))
                    .collect()
            }
        };
        let first = at(start);
        let Some(zones) = &self.zones else {
            return (start + 1..all).find(|&i| at(i) != first).unwrap_or(all);
        };
        let from = instant(rows, start);
        if from >= self.even_until {
            self.even_until = zones.even_until(from);
        }
        // As long as the last one, mostly; otherwise in steps that grow, and then between the last two of them.
        let (mut same, mut other) = (start, all);
        let mut step = self.length.max(1);
        let is_same = |i: usize, at: &mut dyn FnMut(usize) -> Vec<Value>| {
            instant(rows, i) < self.even_until && at(i) == first
        };
        let guess = start + step;
        if step > 1 && guess <= all && is_same(guess - 1, &mut at) {
            same = guess - 1;
            step = 1;
        } else if step > 1 {
            other = (guess - 1).min(all);
            step = 1;
        }
        while same + step < other {
            if is_same(same + step, &mut at) {
                same += step;
                step *= 2;
            } else {
                other = same + step;
                break;
            }
        }
        while same + 1 < other {
            let middle = same + (other - same) / 2;
            match is_same(middle, &mut at) {
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
