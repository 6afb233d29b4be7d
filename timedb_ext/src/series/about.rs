//! The description of one series: what it is, how much of it is stored, and for which times, in segments and in the
//! log.

use crate::identity::settings;
use crate::pg::error::{Error, Result};
use crate::pg::spi::{Arg, statements};
use crate::pg::time;
use crate::store::log;
use timedb_segment::{Bounds, Points};

statements! {
    // The length of a blob is stored next to it: no blob is read.
    ABOUT(UUID) -> (TEXT, TEXT, TEXT, TEXT, TIMESTAMP, INT8, INT8, INT8,
                    TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP) =
        c"SELECT s.name, s.unit, s.description, s.labels::text, s.created_at, \
                 g.versions, g.segments, g.bytes, g.first_valid, g.last_valid, g.first_known, g.last_known, \
                 g.last_change \
          FROM timedb.series AS s \
          CROSS JOIN LATERAL ( \
              SELECT COALESCE(sum(h.count), 0)::bigint AS versions, count(*) AS segments, \
                     COALESCE(sum(octet_length(h.blob)), 0)::bigint AS bytes, \
                     min(h.min_valid) AS first_valid, max(h.max_valid) AS last_valid, \
                     min(h.min_known) AS first_known, max(h.max_known) AS last_known, \
                     max(h.max_change) AS last_change \
              FROM timedb.segments AS h WHERE h.series_id = s.series_id \
          ) AS g \
          WHERE s.series_id = $1";
}

/// The description of a series; instants as PostgreSQL has them, `None` for a series without points.
pub struct About {
    pub name: String,
    pub unit: String,
    pub description: Option<String>,
    /// JSON.
    pub labels: String,
    pub created_at: i64,
    /// Stored versions of points.
    pub versions: i64,
    pub segments: i64,
    /// Of the segments' blobs, and of its points in the log.
    pub bytes: i64,
    pub first_valid_time: Option<i64>,
    pub last_valid_time: Option<i64>,
    pub first_known_time: Option<i64>,
    pub last_known_time: Option<i64>,
    pub last_change_time: Option<i64>,
}

/// Looks at one series and its segments.
///
/// # Errors
/// 42704 for an unknown id.
pub fn describe_series(id: &[u8; 16]) -> Result<About> {
    let found = ABOUT.row(true, &[Arg::uuid(id)], |row| {
        let text = |column| Ok::<_, Error>(row.text(column)?.unwrap_or_default());
        Ok(About {
            name: text(1)?,
            unit: text(2)?,
            description: row.text(3)?,
            labels: text(4)?,
            created_at: row.int8(5)?,
            versions: row.int8(6)?,
            segments: row.int8(7)?,
            bytes: row.int8(8)?,
            first_valid_time: row.optional_int8(9)?,
            last_valid_time: row.optional_int8(10)?,
            first_known_time: row.optional_int8(11)?,
            last_known_time: row.optional_int8(12)?,
            last_change_time: row.optional_int8(13)?,
        })
    })?;
    let mut about = found.ok_or_else(|| Error::no_such_series(id))?;
    let tenant = settings::tenant().unwrap_or_default();
    for (points, bytes) in log::points_of(&tenant, id, true)? {
        about.add(&points, bytes);
    }
    Ok(about)
}

impl About {
    /// Adds points of the log, which take so many bytes there.
    fn add(&mut self, points: &Points, bytes: usize) {
        let Ok(bounds) = Bounds::of(points) else {
            return;
        };
        let least = |a: Option<i64>, b: i64| {
            let b = time::to_pg(b);
            Some(a.map_or(b, |a| a.min(b)))
        };
        let greatest = |a: Option<i64>, b: i64| a.max(Some(time::to_pg(b)));
        self.versions += i64::from(bounds.count);
        self.bytes += bytes as i64;
        self.first_valid_time = least(self.first_valid_time, bounds.min_valid);
        self.last_valid_time = greatest(self.last_valid_time, bounds.max_valid);
        self.first_known_time = least(self.first_known_time, bounds.min_known);
        self.last_known_time = greatest(self.last_known_time, bounds.max_known);
        self.last_change_time = greatest(self.last_change_time, bounds.max_change);
    }
}
