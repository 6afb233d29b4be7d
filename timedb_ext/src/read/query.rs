//! Finding the segments of a read: one query of all that may overlap its range.

use crate::pg::error::Result;
use crate::pg::spi::{Arg, Home, Query, Row, Statement};
use crate::pg::time;
use crate::series::SeriesInfo;
use pgrx::pg_sys::{self, Oid};
use timedb_segment::{Bounds, Filter, class_width};

/// The classes a span can have: 0 and the powers of two that fit into an i64.
const SPAN_CLASSES: i16 = 64;

/// The columns of a row that stands for a segment; the first is the place, counted from 1, of what it belongs to.
pub const SEGMENT_COLUMNS: &[Oid] = &[
    pg_sys::INT8OID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::INT4OID,
    pg_sys::BYTEAOID,
    pg_sys::INT8OID,
];

thread_local! {
    // One bounded range of the index for each span class that the series has: overlap cannot be
    // bounded by min and max alone. OFFSET 0 keeps the lateral subqueries as they stand, so that
    // rows come out series by series.
    static IN_RANGE: Statement = const { Statement::new(
        c"SELECT s.ord, g.min_valid, g.max_valid, g.min_known, g.max_known, g.min_change, \
                 g.max_change, g.count, g.blob, g.segment_id \
          FROM unnest($1) WITH ORDINALITY AS s(series_id, ord) \
          CROSS JOIN LATERAL ( \
              SELECT g.* \
              FROM ( \
                  WITH RECURSIVE class(span_class) AS ( \
                      (SELECT h.span_class FROM timedb.segments AS h \
                       WHERE h.series_id = s.series_id \
                       ORDER BY h.span_class LIMIT 1) \
                      UNION ALL \
                      SELECT (SELECT h.span_class FROM timedb.segments AS h \
                              WHERE h.series_id = s.series_id AND h.span_class > c.span_class \
                              ORDER BY h.span_class LIMIT 1) \
                      FROM class AS c WHERE c.span_class IS NOT NULL \
                  ) \
                  SELECT c.span_class, $6[c.span_class + 1] AS lowest \
                  FROM class AS c WHERE c.span_class IS NOT NULL OFFSET 0 \
              ) AS c \
              CROSS JOIN LATERAL ( \
                  SELECT h.* FROM timedb.segments AS h \
                  WHERE h.series_id = s.series_id AND h.span_class = c.span_class \
                    AND h.min_valid >= c.lowest AND h.min_valid < $3 AND h.max_valid >= $2 \
                    AND h.max_known >= $4 AND h.min_known < $5 AND h.min_change < $7 \
                  OFFSET 0 \
              ) AS g \
              ORDER BY g.min_valid \
          ) AS g",
        &[
            pg_sys::UUIDARRAYOID, pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPTZOID,
            pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPTZARRAYOID,
            pg_sys::TIMESTAMPTZOID,
        ],
        SEGMENT_COLUMNS,
    ) };
    static WHOLE: Statement = const { Statement::new(
        c"SELECT s.ord, g.min_valid, g.max_valid, g.min_known, g.max_known, g.min_change, \
                 g.max_change, g.count, g.blob, g.segment_id \
          FROM unnest($1) WITH ORDINALITY AS s(series_id, ord) \
          CROSS JOIN LATERAL ( \
              SELECT h.* FROM timedb.segments AS h \
              WHERE h.series_id = s.series_id AND h.max_known >= $2 AND h.min_known < $3 \
                AND h.min_change < $4 \
              ORDER BY h.min_valid OFFSET 0 \
          ) AS g",
        &[
            pg_sys::UUIDARRAYOID, pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPTZOID,
            pg_sys::TIMESTAMPTZOID,
        ],
        SEGMENT_COLUMNS,
    ) };
}

/// The bounds of a segment, from the second to the eighth column of its row.
///
/// # Errors
/// XX000 for another row.
pub fn bounds(row: &Row) -> Result<Bounds> {
    Ok(Bounds {
        min_valid: row.instant(2)?,
        max_valid: row.instant(3)?,
        min_known: row.instant(4)?,
        max_known: row.instant(5)?,
        min_change: row.instant(6)?,
        max_change: row.instant(7)?,
        count: row.int4(8)?.cast_unsigned(),
    })
}

/// Starts a query of the segments of these series that may hold points of the range, series by series
/// in the order given, ascending by least valid_time: (place of the series from 1, min_valid, max_valid,
/// min_known, max_known, min_change, max_change, count, blob, segment_id).
///
/// # Errors
/// XX000; the statement's own errors are raised.
pub fn open(series: &[SeriesInfo], range: &Filter, home: Home) -> Result<Query> {
    let from = |t: Option<i64>| t.map_or(time::PG_MINUS_INFINITY, time::to_pg);
    let until = |t: Option<i64>| t.map_or(time::PG_INFINITY, time::to_pg);
    let ids = Arg::uuids(series.iter().map(|s| &s.id));
    let known = (
        Arg::int8(from(range.start_known)),
        Arg::int8(until(range.end_known)),
    );
    let change = Arg::int8(until(range.end_change));
    if range.start_valid.is_none() && range.end_valid.is_none() {
        return WHOLE.with(|s| s.open(&[ids, known.0, known.1, change], home));
    }
    let start = from(range.start_valid);
    let lowest = (0..SPAN_CLASSES).map(|class| start.saturating_sub(class_width(class)));
    let args = [
        ids,
        Arg::int8(start),
        Arg::int8(until(range.end_valid)),
        known.0,
        known.1,
        Arg::timestamps(lowest),
        change,
    ];
    IN_RANGE.with(|s| s.open(&args, home))
}
