//! How much is stored, of one series or of the whole tenant, and for which times. It is told by the columns of segments
//! and by the rows of the log, which are few: no segment is read.

use crate::pg::error::{Error, Result};
use crate::pg::spi::{Arg, Row, statements};
use crate::pg::time;
use crate::store::log::{self, LogSize};
use std::collections::HashMap;
use timedb_segment::Bounds;

/// What a point takes in a plain table with the columns tenant, series, three times, batch and value, of which the
/// first five are its key: a row of 104 bytes and its place in the page (108), and an entry of 68 bytes in an index
/// whose pages are filled to nine tenths (76), with the pages' own bytes. That is the least, for points that come in
/// the order of the key; docs/benchmarks.md has measured 187 to 245.
const PLAIN_BYTES: f64 = 187.0;

/// What a row of the log takes besides its blob: header, columns and place in the page, and its entry in the index.
const LOG_ROW_BYTES: usize = 112;

// What a row of segments takes besides its blob (header, columns, place in the page; its entry in the index, whose pages
// are filled to nine tenths); and, where the blob is too large to stand in the row, for each piece of 1996 bytes of it.
// The length of a blob is stored next to it: no blob is read.
macro_rules! sums {
    () => {
        "count(*), COALESCE(sum(h.count), 0)::bigint, \
         COALESCE(sum(octet_length(h.blob) + 200 \
             + CASE WHEN octet_length(h.blob) > 1900 THEN (octet_length(h.blob) + 1995) / 1996 * 74 ELSE 0 END), 0)::bigint, \
         count(*) FILTER (WHERE h.span_class < 128), \
         min(h.min_valid), max(h.max_valid), min(h.min_known), max(h.max_known), max(h.max_change) "
    };
}

macro_rules! statement {
    ($($part:expr),*) => {
        match std::ffi::CStr::from_bytes_with_nul(concat!($($part),*, "\0").as_bytes()) {
            Ok(text) => text,
            Err(_) => panic!("the text of a statement has no NUL"),
        }
    };
}

statements! {
    OF_TENANT() -> (INT8, INT8, INT8, INT8, TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP) =
        statement!("SELECT ", sums!(), "FROM timedb_internal.segments AS h");
    OF_SERIES(UUIDS) -> (INT8, INT8, INT8, INT8, TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP) =
        statement!(
            "SELECT g.* FROM unnest($1) WITH ORDINALITY AS p(series_id, ord) \
             CROSS JOIN LATERAL (SELECT ", sums!(), "FROM timedb_internal.segments AS h WHERE h.series_id = p.series_id) AS g \
             ORDER BY p.ord");
    // Series with their names and labels, requests that can be sent again, and what batches say about themselves, with
    // about what a row of each takes besides, indexes included.
    BESIDES() -> (INT8, INT8) =
        c"SELECT s.series, s.bytes + l.bytes + r.bytes + t.bytes + c.bytes \
          FROM (SELECT count(*) AS series, COALESCE(sum(300 + 2 * pg_column_size(name) + pg_column_size(unit) \
                       + COALESCE(pg_column_size(description), 0) + pg_column_size(labels)), 0)::bigint AS bytes \
                FROM timedb.series) AS s, \
               (SELECT COALESCE(sum(220 + 2 * pg_column_size(label) + pg_column_size(value) + 2 * pg_column_size(value_head)), 0)::bigint \
                       AS bytes FROM timedb.series_labels) AS l, \
               (SELECT COALESCE(sum(140 + 2 * COALESCE(pg_column_size(idempotency_key) + 20, 0) \
                       + COALESCE(pg_column_size(request_hash), 0) + pg_column_size(series_ids) \
                       + COALESCE(pg_column_size(answer), 0)), 0)::bigint AS bytes FROM timedb.requests) AS r, \
               (SELECT COALESCE(sum(110 + pg_column_size(series_ids)), 0)::bigint AS bytes FROM timedb_internal.series_lists) AS t, \
               (SELECT COALESCE(sum(140 + octet_length(blob) + octet_length(blob) / 27), 0)::bigint AS bytes \
                FROM timedb_internal.batch_chunks) AS c";
}

/// How much is stored of something, in segments and in the log; instants as PostgreSQL has them, `None` without points.
#[derive(Debug, Default, Clone)]
pub struct Stored {
    pub points: i64,
    pub segments: i64,
    /// Of these, the ones that compaction may merge.
    pub small_segments: i64,
    /// Rows of the log that have points of it, and those points.
    pub log_rows: i64,
    pub log_points: i64,
    /// Of segments and of its part of the log, with rows and indexes.
    pub segment_bytes: i64,
    pub log_bytes: i64,
    pub first_valid_time: Option<i64>,
    pub last_valid_time: Option<i64>,
    pub first_known_time: Option<i64>,
    pub last_known_time: Option<i64>,
    pub last_change_time: Option<i64>,
}

/// How much a tenant has stored.
pub struct TenantStats {
    pub series: i64,
    pub stored: Stored,
    /// Of everything besides segments and log: series and their labels, batches, requests.
    pub other_bytes: i64,
}

/// Sums up what the tenant has stored; its known times are those of segments only. Call with SPI connected.
///
/// # Errors
/// XX001 for a damaged row of the log; XX000; the statements' own errors are raised.
pub fn of_tenant(tenant: &[u8; 16]) -> Result<TenantStats> {
    let mut stored = OF_TENANT
        .row(true, &[], Stored::of_segments)?
        .unwrap_or_default();
    log::each_row(tenant, |log, size| {
        stored.log_rows += 1;
        stored.log_points += size.points as i64;
        stored.points += size.points as i64;
        stored.log_bytes += row_bytes(size) as i64;
        if let Some((first, last)) = log.valid()? {
            stored.extend_valid(first, last);
            stored.extend_change(log.change_time());
        }
        Ok(())
    })?;
    let (series, other_bytes) = BESIDES
        .row(true, &[], |row| Ok((row.int8(1)?, row.int8(2)?)))?
        .unwrap_or_default();
    Ok(TenantStats {
        series,
        stored,
        other_bytes,
    })
}

/// Sums up what is stored of each of these series. Call with SPI connected.
///
/// # Errors
/// As [`of_tenant`].
pub fn of_series(tenant: &[u8; 16], series: &[[u8; 16]]) -> Result<Vec<Stored>> {
    let args = [Arg::uuids(series.iter())];
    let mut stored = OF_SERIES.rows(true, &args, Stored::of_segments)?;
    if stored.len() != series.len() {
        return Err(Error::internal("not each series has been summed up"));
    }
    let places = series.iter().enumerate().map(|(place, id)| (*id, place));
    let places: HashMap<[u8; 16], usize> = places.collect();
    log::each_row(tenant, |log, size| {
        for (at, id) in log.series().iter().enumerate() {
            let positions = log.positions(at);
            let Some(&place) = places.get(id).filter(|_| !positions.is_empty()) else {
                continue;
            };
            let share = row_bytes(size) * positions.len() / size.points.max(1);
            stored[place].add(&Bounds::of(&log.points(positions)?)?, share);
        }
        Ok(())
    })?;
    Ok(stored)
}

fn row_bytes(size: &LogSize) -> usize {
    size.blob + LOG_ROW_BYTES
}

impl Stored {
    fn of_segments(row: &Row) -> Result<Self> {
        Ok(Self {
            segments: row.int8(1)?,
            points: row.int8(2)?,
            segment_bytes: row.int8(3)?,
            small_segments: row.int8(4)?,
            first_valid_time: row.optional_int8(5)?,
            last_valid_time: row.optional_int8(6)?,
            first_known_time: row.optional_int8(7)?,
            last_known_time: row.optional_int8(8)?,
            last_change_time: row.optional_int8(9)?,
            ..Self::default()
        })
    }

    /// Adds points of a row of the log, which take so many bytes there.
    fn add(&mut self, bounds: &Bounds, bytes: usize) {
        self.points += i64::from(bounds.count);
        self.log_points += i64::from(bounds.count);
        self.log_rows += 1;
        self.log_bytes += bytes as i64;
        self.extend_valid(bounds.min_valid, bounds.max_valid);
        self.extend_change(bounds.max_change);
        extend(
            &mut self.first_known_time,
            &mut self.last_known_time,
            bounds.min_known,
            bounds.max_known,
        );
    }

    fn extend_valid(&mut self, first: i64, last: i64) {
        extend(
            &mut self.first_valid_time,
            &mut self.last_valid_time,
            first,
            last,
        );
    }

    fn extend_change(&mut self, change_time: i64) {
        self.last_change_time = self.last_change_time.max(Some(time::to_pg(change_time)));
    }

    /// Of segments and log.
    pub fn bytes(&self) -> i64 {
        self.segment_bytes + self.log_bytes
    }

    /// How many bytes a point takes, of all of these.
    pub fn bytes_per_point(&self, bytes: i64) -> Option<f64> {
        (self.points > 0).then(|| bytes as f64 / self.points as f64)
    }

    /// How many times as much the points would take in a plain table.
    pub fn ratio(&self, bytes: i64) -> Option<f64> {
        self.bytes_per_point(bytes).map(|bytes| PLAIN_BYTES / bytes)
    }
}

/// Extends a range of PostgreSQL's instants by one of ours.
fn extend(least: &mut Option<i64>, greatest: &mut Option<i64>, first: i64, last: i64) {
    let first = time::to_pg(first);
    *least = Some(least.map_or(first, |least| least.min(first)));
    *greatest = (*greatest).max(Some(time::to_pg(last)));
}
