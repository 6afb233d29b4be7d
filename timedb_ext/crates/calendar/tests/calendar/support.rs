//! A clock that is only ever read, step by step, as the model that the calendar is held against;
//! and instants as text. It knows offsets from UTC, not when they change.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use timedb_calendar::{Bucket, Buckets, Zone};

pub const SECOND: i64 = 1_000_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// Zones with something special about them, and some without.
pub const ZONES: &[&str] = &[
    "UTC",
    "Europe/Stockholm",
    "Europe/London",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Havana",
    "America/Sao_Paulo",
    "America/Asuncion",
    "America/Nuuk",
    "America/Caracas",
    "America/Ciudad_Juarez",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Africa/Monrovia",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Manila",
    "Asia/Pyongyang",
    "Asia/Tehran",
    "Antarctica/Troll",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Kwajalein",
];

pub fn at(text: &str) -> i64 {
    let instant: Timestamp = text.parse().expect("an instant");
    instant.as_microsecond()
}

pub fn text(t: i64) -> String {
    match Timestamp::from_microsecond(t) {
        Ok(instant) => instant.to_string(),
        Err(_) => t.to_string(),
    }
}

pub fn zone(name: &str) -> Zone {
    Zone::named(name).expect("a zone")
}

/// The starts of the buckets from the one that holds `from` up to `until`.
pub fn starts(bucket: Bucket, name: &str, from: &str, until: &str) -> Vec<String> {
    let mut buckets = Buckets::new(bucket, zone(name));
    let mut starts = Vec::new();
    let mut t = at(from);
    while t < at(until) {
        let (start, end) = buckets.containing(t);
        assert!(start <= t && t < end, "{name} {}", text(t));
        starts.push(text(start));
        t = end;
    }
    starts
}

/// A wall clock of a zone.
pub struct Model(TimeZone);

impl Model {
    pub fn new(name: &str) -> Model {
        Model(TimeZone::get(name).expect("a zone"))
    }

    pub fn local(&self, t: i64) -> i64 {
        let instant = Timestamp::from_microsecond(t).expect("in range");
        t + i64::from(self.0.to_offset(instant).seconds()) * SECOND
    }

    /// Every instant at which the clock changes, from one instant on to another.
    pub fn changes(&self, from: i64, until: i64) -> Vec<i64> {
        let from = Timestamp::from_microsecond(from).expect("in range");
        let named = self.0.following(from);
        let named = named.map(|change| change.timestamp().as_microsecond());
        named
            .take_while(|&t| t < until)
            .filter(|&t| self.local(t) != self.local(t - 1) + 1)
            .collect()
    }

    /// The latest time on the clock in the two days up to `t`, read every `step`.
    fn latest(&self, t: i64, step: i64) -> i64 {
        let readings = (0..=54 * HOUR / step).map(|n| self.local(t - n * step));
        readings.max().expect("there are some")
    }

    /// The name of the bucket with the interval's fields that `t` belongs to, where each bucket of
    /// the clock counts once.
    pub fn name(&self, fields: (i32, i32, i64), t: i64, step: i64) -> i64 {
        let latest = self.latest(t, step);
        let shown = Timestamp::from_microsecond(latest).expect("in range");
        let date = Offset::UTC.to_datetime(shown).date();
        let monday = jiff::civil::date(2000, 1, 3);
        match fields {
            (months, 0, 0) => {
                let month = (i32::from(date.year()) - 2000) * 12 + i32::from(date.month()) - 1;
                month.div_euclid(months).into()
            }
            (0, days, 0) => (date - monday).get_days().div_euclid(days).into(),
            (_, _, length) => latest.div_euclid(length),
        }
    }

    /// Whether the clock shows a multiple of `length` at `t`.
    pub fn strikes(&self, t: i64, length: i64) -> bool {
        self.local(t).rem_euclid(length) == 0
    }
}

/// Holds the bucket of `t` against the model, read every `step`, which must divide the distances
/// between `t`, the buckets' starts and the clock's changes.
pub fn check(
    buckets: &mut Buckets,
    fields: (i32, i32, i64),
    name: &str,
    t: i64,
    step: i64,
) -> (i64, i64) {
    let model = Model::new(name);
    let (start, end) = buckets.containing(t);
    let case = format!(
        "{fields:?} {name} {}: {} to {}",
        text(t),
        text(start),
        text(end)
    );
    assert!(start <= t && t < end, "{case}");
    let (months, days, length) = fields;
    if months == 0 && days == 0 && HOUR % length == 0 {
        let mut striking = (0..).map(|n| start + n * step).take_while(|&t| t <= end);
        assert!(
            striking.next().is_some_and(|t| model.strikes(t, length)),
            "{case}"
        );
        assert_eq!(
            striking.find(|&t| model.strikes(t, length)),
            Some(end),
            "{case}"
        );
    } else {
        let label = |t| model.name(fields, t, step);
        assert_eq!(label(start), label(t), "{case}");
        assert_eq!(label(end - step), label(t), "{case}");
        assert!(label(start - step) < label(t), "{case}");
        assert!(label(end) > label(t), "{case}");
    }
    (start, end)
}
