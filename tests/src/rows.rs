//! What the read functions return, in one shape that can be compared to the bit, and what a read can be
//! restricted to.

pub mod model;
pub mod packed;

use tokio_postgres::Client;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::times::{Length, Micros, TimeOfDay};

/// A point of a result. A column that the read does not have is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point {
    /// The series.
    pub series_id: Uuid,
    /// `valid_time`.
    pub valid: i64,
    /// `valid_time_end`.
    pub end: Option<i64>,
    /// `known_time`, 0 in a flat read.
    pub known: i64,
    /// `change_time`, only in a read of versions.
    pub change: i64,
    /// The bits of the value.
    pub value: Option<u64>,
    /// What only a read of versions tells.
    pub written: Written,
}

/// Which write a version is of.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Written {
    /// `batch_id`.
    pub batch_id: Uuid,
    /// `value_id`.
    pub value_id: i64,
    /// `changed_by`.
    pub changed_by: Option<Uuid>,
}

/// Which read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `read_flat`.
    Flat,
    /// `read_overlapping`.
    Overlapping,
    /// `read_versions`.
    Versions,
    /// `read_relative`: the filter has a cut-off.
    Relative,
}

/// All that need no cut-off, for tests of what they share.
pub const MODES: [Mode; 3] = [Mode::Flat, Mode::Overlapping, Mode::Versions];

impl Mode {
    /// The name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Overlapping => "overlapping",
            Self::Versions => "versions",
            Self::Relative => "relative",
        }
    }
}

/// Up to when a version of a relative read may be known; all in microseconds.
#[derive(Clone, Copy, Debug)]
pub enum Cutoff {
    /// Windows of `length`, with the cut-off `offset` after their start.
    Window {
        /// `window_length`.
        length: i64,
        /// `issue_offset`.
        offset: i64,
        /// `start_window`; `start_valid` without it.
        start: Option<i64>,
    },
    /// Local days, with the cut-off days before.
    Day {
        /// `days_ahead`.
        ahead: i32,
        /// `time_of_day`.
        time_of_day: i64,
        /// `tz`; UTC without it.
        tz: Option<&'static str>,
    },
}

/// What a read is restricted to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Ids of series.
    pub series_id: Option<Vec<Uuid>>,
    /// Name of series.
    pub name: Option<String>,
    /// start_valid, end_valid, start_known, end_known.
    pub range: [Option<i64>; 4],
    /// `as_of`.
    pub as_of: Option<i64>,
    /// `as_of_change`.
    pub as_of_change: Option<i64>,
    /// min_lead, max_lead.
    pub lead: [Option<i64>; 2],
    /// Only for a relative read.
    pub cutoff: Option<Cutoff>,
}

impl Filter {
    /// The same as far as `timedb.read_relative` can be told: it has no ranges of `known_time` or lead times.
    pub fn of_read_relative(&self) -> Self {
        let [start_valid, end_valid, ..] = self.range;
        Self {
            range: [start_valid, end_valid, None, None],
            lead: [None; 2],
            ..self.clone()
        }
    }
}

/// Reads as the connection's tenant, in the order of the result.
pub async fn read(client: &Client, mode: Mode, filter: &Filter) -> Vec<Point> {
    let arguments = Arguments::of(filter);
    let arguments = arguments.named();
    let given: Vec<_> = arguments
        .into_iter()
        .filter(|(name, _)| match mode {
            Mode::Relative => !["start_known", "end_known", "min_lead", "max_lead"].contains(name),
            _ => !CUTOFF.contains(name),
        })
        .collect();
    let list: Vec<String> = (1..)
        .zip(&given)
        .map(|(number, (name, _))| format!("{name} => ${number}"))
        .collect();
    let query = format!(
        "SELECT * FROM timedb.read_{}({})",
        mode.name(),
        list.join(", ")
    );
    let values: Vec<_> = given.iter().map(|(_, value)| *value).collect();
    let rows = client
        .query(&query, &values)
        .await
        .unwrap_or_else(|error| panic!("{query} {filter:?}: {error:?}"));
    rows.iter().map(|row| point(row, mode)).collect()
}

fn point(row: &tokio_postgres::Row, mode: Mode) -> Point {
    let instant = |name| row.get::<_, Micros>(name).0;
    let mut point = Point {
        series_id: row.get("series_id"),
        valid: instant("valid_time"),
        end: row
            .get::<_, Option<Micros>>("valid_time_end")
            .map(|end| end.0),
        value: row.get::<_, Option<f64>>("value").map(f64::to_bits),
        ..Point::default()
    };
    if mode != Mode::Flat {
        point.known = instant("known_time");
    }
    if mode == Mode::Overlapping {
        let lead: Length = row.get("lead_time");
        assert_eq!(lead.0, point.valid - point.known, "lead_time of {point:?}");
    }
    if mode == Mode::Versions {
        point.change = instant("change_time");
        point.written = Written {
            batch_id: row.get("batch_id"),
            value_id: row.get("value_id"),
            changed_by: row.get("changed_by"),
        };
    }
    point
}

/// The arguments that choose the cut-off.
pub const CUTOFF: [&str; 6] = [
    "window_length",
    "issue_offset",
    "start_window",
    "days_ahead",
    "time_of_day",
    "tz",
];

/// A filter as parameters of a statement.
pub struct Arguments {
    series_id: Option<Vec<Uuid>>,
    name: Option<String>,
    instants: [Option<Micros>; 7],
    lengths: [Option<Length>; 4],
    days_ahead: Option<i32>,
    time_of_day: Option<TimeOfDay>,
    tz: Option<&'static str>,
}

impl Arguments {
    /// The arguments that say what the filter says.
    pub fn of(filter: &Filter) -> Self {
        let [a, b, c, d] = filter.range;
        let [min_lead, max_lead] = filter.lead;
        let (mut window_length, mut issue_offset, mut start_window) = (None, None, None);
        let (mut days_ahead, mut of_day, mut zone) = (None, None, None);
        match filter.cutoff {
            Some(Cutoff::Window {
                length,
                offset,
                start,
            }) => {
                (window_length, issue_offset, start_window) = (Some(length), Some(offset), start);
            }
            Some(Cutoff::Day {
                ahead,
                time_of_day,
                tz,
            }) => (days_ahead, of_day, zone) = (Some(ahead), Some(TimeOfDay(time_of_day)), tz),
            None => {}
        }
        Self {
            series_id: filter.series_id.clone(),
            name: filter.name.clone(),
            instants: [a, b, c, d, filter.as_of, filter.as_of_change, start_window]
                .map(|instant| instant.map(Micros)),
            lengths: [min_lead, max_lead, window_length, issue_offset]
                .map(|length| length.map(Length)),
            days_ahead,
            time_of_day: of_day,
            tz: zone,
        }
    }

    /// All of them by name, whether given or not.
    pub fn named(&self) -> Vec<(&'static str, &(dyn ToSql + Sync))> {
        let [
            start_valid,
            end_valid,
            start_known,
            end_known,
            as_of,
            as_of_change,
            start_window,
        ] = &self.instants;
        let [min_lead, max_lead, window_length, issue_offset] = &self.lengths;
        vec![
            ("series_id", &self.series_id),
            ("name", &self.name),
            ("start_valid", start_valid),
            ("end_valid", end_valid),
            ("start_known", start_known),
            ("end_known", end_known),
            ("as_of", as_of),
            ("as_of_change", as_of_change),
            ("min_lead", min_lead),
            ("max_lead", max_lead),
            ("window_length", window_length),
            ("issue_offset", issue_offset),
            ("start_window", start_window),
            ("days_ahead", &self.days_ahead),
            ("time_of_day", &self.time_of_day),
            ("tz", &self.tz),
        ]
    }
}
