//! What `read_flat`, `read_overlapping` and `read_versions` return, in one shape that can be compared
//! to the bit.

use tokio_postgres::Client;
use uuid::Uuid;

use crate::instants::Micros;

/// A point of a result. A column that the read does not have is 0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
}

/// All three, for tests of what they share.
pub const MODES: [Mode; 3] = [Mode::Flat, Mode::Overlapping, Mode::Versions];

impl Mode {
    /// The name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Overlapping => "overlapping",
            Self::Versions => "versions",
        }
    }
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
}

/// Reads as the connection's tenant, in the order of the result.
pub async fn read(client: &Client, mode: Mode, filter: &Filter) -> Vec<Point> {
    let query = format!(
        "SELECT * FROM timedb.read_{}(series_id => $1, name => $2, start_valid => $3, end_valid => $4,
                                      start_known => $5, end_known => $6)",
        mode.name()
    );
    let [a, b, c, d] = filter.range.map(|bound| bound.map(Micros));
    let rows = client
        .query(&query, &[&filter.series_id, &filter.name, &a, &b, &c, &d])
        .await
        .unwrap_or_else(|error| panic!("{query} {filter:?}: {error:?}"));
    rows.iter()
        .map(|row| {
            let instant = |name| row.get::<_, Micros>(name).0;
            Point {
                series_id: row.get("series_id"),
                valid: instant("valid_time"),
                end: row
                    .get::<_, Option<Micros>>("valid_time_end")
                    .map(|end| end.0),
                known: if mode == Mode::Flat {
                    0
                } else {
                    instant("known_time")
                },
                change: if mode == Mode::Versions {
                    instant("change_time")
                } else {
                    0
                },
                value: row.get::<_, Option<f64>>("value").map(f64::to_bits),
            }
        })
        .collect()
}
