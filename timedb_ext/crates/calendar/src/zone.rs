//! Time zones by name, and the stretches of time during which a zone's offset from UTC stays the same. The only place
//! that consults the time zone database.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase, TimeZoneTransition};

use crate::{CalendarError, SECOND};

/// A time zone; a clone shares the zone's table.
#[derive(Debug, Clone)]
pub struct Zone {
    zone: TimeZone,
}

/// The instants `start..end` have the same offset from UTC. Without an earlier or a later change
/// the stretch goes on to the end of `i64`. All in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    pub start: i64,
    pub end: i64,
    pub offset: i64,
}

impl Zone {
    /// The zone with this IANA name, in any case: from the system's database, or else from the
    /// bundled one.
    ///
    /// # Errors
    ///
    /// [`CalendarError::UnknownZone`] if neither has it.
    pub fn named(name: &str) -> Result<Zone, CalendarError> {
        // Files next to the zones, not IANA names: they mean a different zone on a different machine.
        let files = ["localtime", "posixrules"];
        let of_the_machine = files.iter().any(|file| name.eq_ignore_ascii_case(file));
        match TimeZone::get(name).or_else(|_| TimeZoneDatabase::bundled().get(name)) {
            Ok(zone) if !of_the_machine && !zone.is_unknown() => Ok(Zone { zone }),
            _ => Err(CalendarError::UnknownZone(name.to_owned())),
        }
    }

    /// The zone UTC.
    pub fn utc() -> Zone {
        Zone {
            zone: TimeZone::UTC,
        }
    }

    /// The stretch that holds `t`. Outside of the years that the database can count, the offset is
    /// that of the first or the last of them.
    pub(crate) fn stretch(&self, t: i64) -> Stretch {
        let second = t.div_euclid(SECOND);
        let here = timestamp(second);
        // Offsets change at whole seconds, so a change before the next second is one up to `t`.
        let mut before = self.zone.preceding(timestamp(second + 1));
        let mut start = before.next().map(instant).filter(|&start| start <= t);
        // In the year in which a zone's table ends and its yearly rule begins, the change found
        // may be the rule's, with the table's last still to come (Ciudad Juarez in 2022).
        while let Some(earlier) = start
            && let Some(later) = self.next_change(timestamp(earlier.div_euclid(SECOND)))
            && earlier < later
            && later <= t
        {
            start = Some(later);
        }
        Stretch {
            start: start.unwrap_or(i64::MIN),
            end: self
                .next_change(here)
                .filter(|&end| end > t)
                .unwrap_or(i64::MAX),
            offset: i64::from(self.zone.to_offset(here).seconds()) * SECOND,
        }
    }

    fn next_change(&self, after: Timestamp) -> Option<i64> {
        self.zone.following(after).next().map(instant)
    }
}

fn instant(change: TimeZoneTransition<'_>) -> i64 {
    change.timestamp().as_microsecond()
}

/// The second as the database counts it, or the nearest that it can.
fn timestamp(second: i64) -> Timestamp {
    let (min, max) = (Timestamp::MIN, Timestamp::MAX);
    let second = second.clamp(min.as_second(), max.as_second());
    Timestamp::from_second(second).unwrap_or(max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DAY;

    #[test]
    fn names_are_found_in_any_case() {
        for name in [
            "Europe/Stockholm",
            "europe/stockholm",
            "UTC",
            "utc",
            "Australia/Lord_Howe",
        ] {
            assert!(Zone::named(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_an_example() {
        for name in [
            "",
            "Europe/Stokholm",
            "+02:00",
            "localtime",
            "Etc/Unknown",
            "../passwd",
        ] {
            let text = Zone::named(name).expect_err(name).to_string();
            assert!(text.contains(&format!("{name:?}")), "{text}");
            assert!(text.contains("Europe/Stockholm"), "{text}");
        }
    }

    #[test]
    fn every_bundled_name_is_known() {
        let bundled = TimeZoneDatabase::bundled();
        assert!(bundled.available().count() > 400);
        for name in bundled.available() {
            assert!(Zone::named(name.as_str()).is_ok(), "{name}");
        }
    }

    const UNTIL: i64 = 2_900_000_000 * SECOND;

    /// The changes of a zone up to `UNTIL` with the offsets from there on, in ascending order.
    fn forward(zone: &Zone) -> Vec<(i64, i64)> {
        let mut here = zone.stretch(Timestamp::MIN.as_microsecond());
        let mut changes = vec![(i64::MIN, here.offset)];
        while here.end < UNTIL {
            let at = here.end;
            here = zone.stretch(at);
            changes.push((at, here.offset));
        }
        // The database has a few changes to the same offset.
        changes.dedup_by_key(|change| change.1);
        changes
    }

    /// The same, found from the other side.
    fn backward(zone: &Zone) -> Vec<(i64, i64)> {
        let mut here = zone.stretch(UNTIL - 1);
        let mut changes = vec![(here.start, here.offset)];
        while here.start > i64::MIN {
            here = zone.stretch(here.start - 1);
            if changes.last().is_some_and(|after| after.1 == here.offset) {
                changes.pop();
            }
            changes.push((here.start, here.offset));
        }
        changes.reverse();
        changes
    }

    fn check(name: &str, zone: &Zone) {
        const EARLIEST: i64 = -5_400_000_000 * SECOND;
        let changes = forward(zone);
        assert_eq!(changes, backward(zone), "{name}");
        let ends = changes.iter().skip(1).map(|change| change.0);
        for (&(start, offset), end) in changes.iter().zip(ends.chain([UNTIL])) {
            let start = start.max(EARLIEST);
            let inside = (start..end).step_by(61 * DAY as usize);
            for t in inside.chain([end - 1]) {
                let here = zone.stretch(t);
                assert!(here.start <= t && t < here.end, "{name} {t}");
                assert_eq!(here.offset, offset, "{name} {t}");
            }
        }
    }

    #[test]
    fn stretches_are_the_same_from_both_sides_and_hold_inside() {
        let bundled = TimeZoneDatabase::bundled();
        for name in bundled.available() {
            let zone = bundled.get(name.as_str()).expect("known");
            check(name.as_str(), &Zone { zone });
            check(name.as_str(), &Zone::named(name.as_str()).expect("known"));
        }
    }
}
