//! A zone's wall clock: which local time it shows at an instant, and when it first shows a local time. Local times are
//! microseconds since 1970-01-01T00:00 on that clock, without a zone.

use crate::HOUR;
use crate::zone::{Stretch, Zone};

/// No zone is further from UTC than this, so a change of the clock is over after twice as long.
const WIDEST: i64 = 26 * HOUR;

/// A zone with the stretch last looked at. Instants and local times must lie between `FIRST` and
/// `LAST`, or at most a bucket outside.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    zone: Zone,
    stretch: Stretch,
}

impl Clock {
    pub fn new(zone: Zone) -> Clock {
        let stretch = zone.stretch(0);
        Clock { zone, stretch }
    }

    fn stretch(&mut self, t: i64) -> Stretch {
        if t < self.stretch.start || self.stretch.end <= t {
            self.stretch = self.zone.stretch(t);
        }
        self.stretch
    }

    /// The latest local time that the clock has shown up to `t`. It never falls: while a clock that
    /// was set back repeats an hour, that is the time before it was set.
    pub fn latest(&mut self, t: i64) -> i64 {
        let here = self.stretch(t);
        let mut latest = t + here.offset;
        let mut start = here.start;
        while start > t - 2 * WIDEST {
            let before = self.zone.stretch(start - 1);
            latest = latest.max(start - 1 + before.offset);
            start = before.start;
        }
        latest
    }

    /// The first instant at which the clock shows `local` or more: the first occurrence if there
    /// are two, and the change of the clock if it skips `local`. It never falls as `local` rises,
    /// and `first(l) <= t` is the same as `l <= latest(t)`.
    pub fn first(&mut self, local: i64) -> i64 {
        let here = self.stretch;
        let at = local - here.offset;
        if here.start <= at - 2 * WIDEST && at < here.end {
            return at;
        }
        let mut stretch = self.zone.stretch(local - WIDEST);
        loop {
            let at = (local - stretch.offset).max(stretch.start);
            if at < stretch.end {
                return at;
            }
            stretch = self.zone.stretch(stretch.end);
        }
    }

    /// The last instant up to `t` at which the clock shows a multiple of `length`, reckoned with
    /// the offset in force at that instant.
    pub fn last_multiple(&mut self, t: i64, length: i64) -> i64 {
        let mut stretch = self.stretch(t);
        let mut latest = t;
        loop {
            let at = latest - (latest + stretch.offset).rem_euclid(length);
            if at >= stretch.start {
                return at;
            }
            latest = stretch.start - 1;
            stretch = self.zone.stretch(latest);
        }
    }

    /// The first instant after `t` at which the clock shows a multiple of `length`, likewise.
    pub fn next_multiple(&mut self, t: i64, length: i64) -> i64 {
        let mut stretch = self.stretch(t);
        let mut earliest = t + 1;
        loop {
            let at = earliest + (-earliest - stretch.offset).rem_euclid(length);
            if at < stretch.end {
                return at;
            }
            earliest = stretch.end;
            stretch = self.zone.stretch(earliest);
        }
    }
}
