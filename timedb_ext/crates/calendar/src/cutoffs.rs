//! The cut-off for an instant: the time by which values for it must be known. Owns the windows whose instants share a
//! cut-off, and caches the last window asked for.

use crate::clock::Clock;
use crate::{CalendarError, DAY, FIRST, LAST, MAX_DAYS, Zone, to_the_ends};

/// Finds the cut-off of an instant. Cut-offs never fall as instants rise.
#[derive(Debug, Clone)]
pub struct Cutoffs {
    windows: Windows,
    start: i64,
    end: i64,
    cutoff: i64,
}

#[derive(Debug, Clone)]
enum Windows {
    Even {
        origin: i64,
        length: i64,
        offset: i64,
    },
    Days {
        ahead: i64,
        time_of_day: i64,
        clock: Clock,
    },
}

impl Cutoffs {
    /// Windows of `length` counted from `origin`, with the cut-off `offset` after the window's
    /// start, or before it if negative. All in microseconds.
    ///
    /// # Errors
    ///
    /// [`CalendarError::EmptyWindow`] if `length` is not positive.
    pub fn windows(origin: i64, length: i64, offset: i64) -> Result<Cutoffs, CalendarError> {
        if length <= 0 {
            return Err(CalendarError::EmptyWindow);
        }
        Ok(Cutoffs::new(Windows::Even {
            origin,
            length,
            offset,
        }))
    }

    /// Windows that are the zone's days, with the cut-off `days_ahead` days before, when the local
    /// time is `time_of_day_micros` after midnight. A time that the clock shows twice means the
    /// first, one that it skips when it is changed.
    ///
    /// # Errors
    ///
    /// [`CalendarError::DaysAhead`] if `days_ahead` is negative or above 3,652,425,
    /// [`CalendarError::TimeOfDay`] if the time is not between 0 and 24 hours.
    pub fn days(
        days_ahead: i32,
        time_of_day_micros: i64,
        zone: Zone,
    ) -> Result<Cutoffs, CalendarError> {
        let ahead = i64::from(days_ahead);
        if !(0..=MAX_DAYS).contains(&ahead) {
            return Err(CalendarError::DaysAhead(days_ahead));
        }
        if !(0..=DAY).contains(&time_of_day_micros) {
            return Err(CalendarError::TimeOfDay);
        }
        Ok(Cutoffs::new(Windows::Days {
            ahead,
            time_of_day: time_of_day_micros,
            clock: Clock::new(zone),
        }))
    }

    fn new(windows: Windows) -> Cutoffs {
        Cutoffs {
            windows,
            start: 0,
            end: 0,
            cutoff: 0,
        }
    }

    /// The cut-off of `t`, in microseconds since 1970.
    #[inline]
    pub fn cutoff(&mut self, t: i64) -> i64 {
        self.window(t).2
    }

    /// The window `[start, end)` that holds `t`, and its cut-off, all in microseconds since 1970
    /// and cut to what `i64` holds. The window of `i64::MAX` ends there.
    #[inline]
    pub fn window(&mut self, t: i64) -> (i64, i64, i64) {
        if t < self.start || self.end <= t {
            self.find(t);
        }
        (self.start, self.end, self.cutoff)
    }

    fn find(&mut self, t: i64) {
        match &mut self.windows {
            Windows::Even {
                origin,
                length,
                offset,
            } => {
                let [t, origin, length, offset] = [t, *origin, *length, *offset].map(i128::from);
                let start = origin + (t - origin).div_euclid(length) * length;
                self.start = cut(start);
                self.end = cut(start + length);
                self.cutoff = cut(start + offset);
            }
            Windows::Days {
                ahead,
                time_of_day,
                clock,
            } => {
                let day = clock.latest(t.clamp(FIRST, LAST)).div_euclid(DAY);
                let (start, end) = (clock.first(day * DAY), clock.first((day + 1) * DAY));
                (self.start, self.end) = to_the_ends(start, end);
                self.cutoff = clock.first((day - *ahead) * DAY + *time_of_day);
            }
        }
    }
}

fn cut(t: i128) -> i64 {
    t.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}
