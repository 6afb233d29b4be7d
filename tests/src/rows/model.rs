//! The naive model: a list of all points ever written, and what each read makes of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use uuid::Uuid;

use crate::rows::{Cutoff, Filter, Mode, Point, Written};

/// All that one tenant has written, in the order of writing.
#[derive(Default)]
pub struct Model {
    /// Names of the series by id.
    pub names: BTreeMap<Uuid, String>,
    /// Every version of every point.
    pub written: Vec<Point>,
}

impl Model {
    /// What a read must return, in its order.
    pub fn read(&self, mode: Mode, filter: &Filter) -> Vec<Point> {
        let cutoff = filter.cutoff.filter(|_| mode == Mode::Relative);
        let mut newest: BTreeMap<_, &Point> = BTreeMap::new();
        let wanted = |point: &&Point| {
            self.is_wanted(point, filter)
                && cutoff.is_none_or(|cutoff| {
                    point.known <= instant_of(cutoff, filter.range[0], point.valid)
                })
        };
        for (place, point) in self.written.iter().filter(wanted).enumerate() {
            // What makes two versions versions of the same thing.
            let (known, place) = match mode {
                Mode::Flat | Mode::Relative => (0, 0),
                Mode::Overlapping => (point.known, 0),
                Mode::Versions => (point.known, place),
            };
            let key = (point.series_id, point.valid, point.end, known, place);
            let kept = newest.entry(key).or_insert(point);
            if (point.known, point.change) > (kept.known, kept.change) {
                *kept = point;
            }
        }
        let mut rows: Vec<Point> = newest.into_values().cloned().collect();
        for row in &mut rows {
            if mode != Mode::Versions {
                row.change = 0;
                row.written = Written::default();
            }
            if mode == Mode::Flat {
                row.known = 0;
            }
        }
        rows.sort();
        rows
    }

    fn is_wanted(&self, point: &Point, filter: &Filter) -> bool {
        let [start_valid, end_valid, start_known, end_known] = filter.range;
        let within = |time: i64, start: Option<i64>, end: Option<i64>| {
            start.is_none_or(|start| start <= time) && end.is_none_or(|end| time < end)
        };
        let [min_lead, max_lead] = filter.lead;
        let lead = point.valid - point.known;
        let ids = filter.series_id.as_ref();
        let name = filter.name.as_ref();
        ids.is_none_or(|ids| ids.contains(&point.series_id))
            && name.is_none_or(|wanted| *wanted == self.names[&point.series_id])
            && within(point.valid, start_valid, end_valid)
            && within(point.known, start_known, end_known)
            && filter.as_of.is_none_or(|as_of| point.known <= as_of)
            && filter.as_of_change.is_none_or(|t| point.change <= t)
            && min_lead.is_none_or(|least| lead >= least)
            && max_lead.is_none_or(|greatest| lead <= greatest)
    }
}

/// Up to when a version of a point at `valid` may be known.
fn instant_of(cutoff: Cutoff, start_valid: Option<i64>, valid: i64) -> i64 {
    match cutoff {
        Cutoff::Window {
            length,
            offset,
            start,
        } => {
            let start = start.or(start_valid).expect("a window starts somewhere");
            valid - (valid - start).rem_euclid(length) + offset
        }
        Cutoff::Day {
            ahead,
            time_of_day,
            tz,
        } => {
            let zone = TimeZone::get(tz.unwrap_or("UTC")).expect("a known zone");
            let day = local_day(&zone, valid);
            let cutoff_day = (0..ahead).fold(day, |day, _| day.yesterday().expect("a day before"));
            let time = jiff::Span::new().microseconds(time_of_day);
            let local = cutoff_day.to_datetime(jiff::civil::Time::midnight());
            first(&zone, local.checked_add(time).expect("within its day"))
        }
    }
}

/// The day whose midnight is the last one that has come: while a clock that was set back over midnight
/// shows yesterday again, it stays today.
fn local_day(zone: &TimeZone, valid: i64) -> Date {
    let shown = zone.to_datetime(timestamp(valid)).date();
    let tomorrow = shown.tomorrow().expect("a day after");
    let midnight = tomorrow.to_datetime(jiff::civil::Time::midnight());
    if first(zone, midnight) <= valid {
        tomorrow
    } else {
        shown
    }
}

/// When a clock shows a local time for the first time; the instant at which it is put forward past it, if it
/// never does.
fn first(zone: &TimeZone, local: DateTime) -> i64 {
    let moment = zone.to_ambiguous_timestamp(local);
    match moment.offset() {
        AmbiguousOffset::Gap { before, .. } => {
            // Reckoned with the old offset, the local time is the change or later.
            let after = before.to_timestamp(local).expect("within the years");
            let after = after + jiff::SignedDuration::from_micros(1);
            let change = zone.preceding(after).next().expect("a change of the clock");
            change.timestamp().as_microsecond()
        }
        _ => moment.earlier().expect("within the years").as_microsecond(),
    }
}

fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).expect("within the years")
}

/// The model's own arithmetic, checked against dates that can be looked up.
#[test]
fn the_model_knows_the_days_on_which_clocks_change() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap().as_microsecond();
    let ten_the_day_before = |tz| Cutoff::Day {
        ahead: 1,
        time_of_day: 10 * crate::times::HOUR,
        tz: Some(tz),
    };
    for (tz, valid, cutoff) in [
        (
            "Europe/Stockholm",
            "2025-03-29T22:59:59Z",
            "2025-03-28T09:00:00Z",
        ),
        (
            "Europe/Stockholm",
            "2025-03-29T23:00:00Z",
            "2025-03-29T09:00:00Z",
        ),
        (
            "Europe/Stockholm",
            "2025-03-30T21:59:59Z",
            "2025-03-29T09:00:00Z",
        ),
        (
            "Europe/Stockholm",
            "2025-03-30T22:00:00Z",
            "2025-03-30T08:00:00Z",
        ),
        (
            "Europe/Stockholm",
            "2025-10-26T22:59:59Z",
            "2025-10-25T08:00:00Z",
        ),
        (
            "Europe/Stockholm",
            "2025-10-26T23:00:00Z",
            "2025-10-26T09:00:00Z",
        ),
        // The clock of Cairo goes from midnight back to 23:00: that hour belongs to the old day.
        (
            "Africa/Cairo",
            "2025-10-30T21:59:59Z",
            "2025-10-29T07:00:00Z",
        ),
        (
            "Africa/Cairo",
            "2025-10-30T22:00:00Z",
            "2025-10-30T07:00:00Z",
        ),
    ] {
        let found = instant_of(ten_the_day_before(tz), None, at(valid));
        assert_eq!(timestamp(found), timestamp(at(cutoff)), "{tz} {valid}");
    }
    let skipped = Cutoff::Day {
        ahead: 0,
        time_of_day: 2 * crate::times::HOUR + 1,
        tz: Some("Europe/Stockholm"),
    };
    let found = instant_of(skipped, None, at("2025-03-30T12:00:00Z"));
    assert_eq!(found, at("2025-03-30T01:00:00Z"));
}
