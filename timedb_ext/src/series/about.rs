//! The description of one series: what it is, how much of it is stored, and for which times.

use crate::pg::error::{Error, Result};
use crate::pg::spi::{Arg, statements};

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
    /// Of the segments' blobs.
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
    found.ok_or_else(|| Error::no_such_series(id))
}
