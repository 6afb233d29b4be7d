//! What a walk searches for, and how its segments are found in the index, behind what the log holds. Owns the SQL;
//! `row` owns the contents of its rows.

use super::classes::span_classes;
use crate::pg::error::Result;
use crate::pg::spi::types::*;
use crate::pg::spi::{Arg, Home, Query, Statement};
use crate::pg::time::{self, MAX_TIME, MIN_TIME};
use crate::store::log::LogColumns;
use pgrx::pg_sys::Oid;
use std::ffi::CStr;
use timedb_segment::{Filter, Mode};

/// A half-open range of valid time of one series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub series: [u8; 16],
    pub start: i64,
    pub end: i64,
}

impl Stretch {
    /// From `start` on and before `end`, but no further out than points are.
    pub fn of(series: [u8; 16], start: Option<i64>, end: Option<i64>) -> Self {
        let within = |bound: i64| bound.clamp(MIN_TIME, MAX_TIME + 1);
        Self {
            series,
            start: start.map_or(MIN_TIME, within),
            end: end.map_or(MAX_TIME + 1, within),
        }
    }

    /// Whether it has all that can be.
    pub fn is_whole(&self) -> bool {
        (self.start, self.end) == (MIN_TIME, MAX_TIME + 1)
    }
}

/// Where in a stretch the walk starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Where the stretch does.
    Given,
    /// At an instant that has a point, by this many of the latest segments of each span class.
    Latest(i64),
    /// At the end of the last segment in the index, which alone is read; the one before it is shown to the visitor.
    /// Without a filter.
    Last,
}

/// What is walked for.
pub struct SegmentSearch {
    pub tenant: [u8; 16],
    pub stretches: Vec<Stretch>,
    pub start: Start,
    /// Which versions count, and which of those of a point are answered.
    pub filter: Filter,
    pub mode: Mode,
    /// The least change_time that a segment must reach.
    pub start_change: Option<i64>,
    /// Whether the known_time of each version is answered.
    pub with_known_time: bool,
}

/// Series and times, for all of the statements; then ranges; then a number of segments.
const PARAMETERS: &[Oid; 8] = &[
    UUIDS, TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMPS, TIMESTAMPS, INT8,
];

const COLUMNS: &[Oid] = &[
    INT8, TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP, INT4, BYTEA, INT8,
    TIMESTAMP, UUID, BYTEA,
];

/// Where a row of the log stands in a row of these queries.
pub const LOG: LogColumns = LogColumns {
    change_time: 6,
    points: 8,
    blob: 9,
    list_id: 12,
    list: 13,
};

macro_rules! select {
    ($start:literal) => {
        concat!(
            // The rows of the log come first, as place 0; those before its beginning have been folded, and may stand in
            // the index until they are vacuumed.
            "SELECT 0::bigint, NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, \
                    l.change_time, NULL::timestamptz, l.points, l.blob, 0::bigint, NULL::timestamptz, l.list_id, \
                    t.series_ids \
             FROM timedb_internal.write_log AS l LEFT JOIN timedb_internal.series_lists AS t ON t.list_id = l.list_id \
             WHERE l.change_time > COALESCE((SELECT f.max_change FROM timedb_internal.batch_chunks AS f \
                                             ORDER BY f.max_change DESC LIMIT 1), '-infinity') \
               AND l.change_time >= $4 AND l.change_time < $5 AND l.points > 0 \
             UNION ALL \
             (SELECT s.ord, g.min_valid, g.max_valid, g.min_known, g.max_known, g.min_change, \
                    g.max_change, g.count, g.blob, g.segment_id, ",
            $start,
            ", NULL::uuid, NULL::bytea "
        )
    };
}

macro_rules! may_count {
    () => {
        " h.max_known >= $2 AND h.min_known < $3 AND h.max_change >= $4 AND h.min_change < $5 "
    };
}

// One bounded range of the index for each span class that the series has: overlap cannot be bounded by
// min and max alone. OFFSET 0 keeps the lateral subqueries as they are, so that rows come out series by
// series. It also keeps the bound a column: its functions are not leakproof, so under row security it would not be a condition of the index.
macro_rules! overlapping {
    (from: $start:literal, of: $latest:expr) => {
        concat!(
            select!("g.start_valid"),
            "FROM unnest($1, $6, $7) WITH ORDINALITY AS s(series_id, start_valid, end_valid, ord) \
             CROSS JOIN LATERAL ( \
                 SELECT g.*, c.start_valid \
                 FROM ( ",
            span_classes!($start),
            $latest,
            " WHERE c.span_class IS NOT NULL OFFSET 0 \
                 ) AS c \
                 CROSS JOIN LATERAL ( \
                     SELECT h.* FROM timedb_internal.segments AS h \
                     WHERE h.series_id = s.series_id AND h.span_class = c.span_class \
                       AND h.min_valid >= c.lowest AND h.min_valid < s.end_valid \
                       AND h.max_valid >= c.start_valid AND ",
            may_count!(),
            "    OFFSET 0 \
                 ) AS g \
                 ORDER BY g.min_valid \
             ) AS g)\0"
        )
    };
}

static WHOLE: Statement = Statement::new(
    text(concat!(
        select!("timestamptz '-infinity'"),
        "FROM unnest($1) WITH ORDINALITY AS s(series_id, ord) \
         CROSS JOIN LATERAL ( \
             SELECT h.* FROM timedb_internal.segments AS h \
             WHERE h.series_id = s.series_id AND ",
        may_count!(),
        "    ORDER BY h.min_valid OFFSET 0 \
         ) AS g)\0"
    )),
    PARAMETERS.split_at(5).0,
    COLUMNS,
);

static IN_RANGE: Statement = Statement::new(
    text(overlapping!(from: "s.start_valid", of: "")),
    PARAMETERS.split_at(7).0,
    COLUMNS,
);

// For each span class the $8 latest segments that may hold a version that counts give an instant at
// which there is a point: the end of a segment, or its start where its end is too late. The walk starts
// at the greatest of these instants over all classes.
static LATEST: Statement = Statement::new(
    text(overlapping!(
        from: "max(t.instant) OVER ()",
        of: concat!(
            "CROSS JOIN LATERAL ( \
                 SELECT min(p.instant) AS instant \
                 FROM ( \
                     SELECT CASE WHEN h.max_valid < s.end_valid THEN h.max_valid \
                                 ELSE h.min_valid END AS instant \
                     FROM timedb_internal.segments AS h \
                     WHERE h.series_id = s.series_id AND h.span_class = c.span_class \
                       AND h.min_valid < s.end_valid AND ",
            may_count!(),
            "        ORDER BY h.min_valid DESC LIMIT $8 \
                 ) AS p \
             ) AS t"
        )
    )),
    PARAMETERS,
    COLUMNS,
);

// The index is read from its end: mostly all segments of a series are of one class, or it has only one.
static LAST: Statement = Statement::new(
    text(concat!(
        select!("g.max_valid"),
        "FROM unnest($1) WITH ORDINALITY AS s(series_id, ord) \
         CROSS JOIN LATERAL ( \
             SELECT h.* FROM timedb_internal.segments AS h \
             WHERE h.series_id = s.series_id \
             ORDER BY h.span_class DESC, h.min_valid DESC LIMIT 2 \
         ) AS g)\0"
    )),
    PARAMETERS.split_at(5).0,
    COLUMNS,
);

/// The text of a statement, which ends with NUL.
pub(in crate::read) const fn text(sql: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(sql.as_bytes()) {
        Ok(sql) => sql,
        Err(_) => panic!("the text of a statement ends with its only NUL"),
    }
}

/// Starts the query of a walk: the rows of the log, and then its segments stretch by stretch, ascending by least
/// valid_time.
///
/// # Errors
/// XX000; the statement's own errors are raised.
pub fn open(search: &SegmentSearch, home: Home) -> Result<Query> {
    let from = |t: Option<i64>| Arg::int8(t.map_or(time::PG_MINUS_INFINITY, time::to_pg));
    let until = |t: Option<i64>| Arg::int8(t.map_or(time::PG_INFINITY, time::to_pg));
    let stretches = &search.stretches;
    let mut args = vec![
        Arg::uuids(stretches.iter().map(|stretch| &stretch.series)),
        from(search.filter.start_known),
        until(search.filter.end_known),
        from(search.start_change),
        until(search.filter.end_change),
    ];
    let is_last = search.start == Start::Last;
    let is_whole = search.start == Start::Given && stretches.iter().all(Stretch::is_whole);
    if !is_whole && !is_last {
        let starts = stretches.iter().map(|stretch| time::to_pg(stretch.start));
        let ends = stretches.iter().map(|stretch| time::to_pg(stretch.end));
        args.extend([Arg::timestamps(starts), Arg::timestamps(ends)]);
    }
    let statement = match search.start {
        Start::Given if is_whole => &WHOLE,
        Start::Given => &IN_RANGE,
        Start::Last => &LAST,
        Start::Latest(segments) => {
            args.push(Arg::int8(segments));
            &LATEST
        }
    };
    statement.open(&args, home)
}
