//! Finding the segments that may hold versions of stretches.

use super::stretches::Stretch;
use crate::pg::error::Result;
use crate::pg::spi::{Arg, Home, Query, Statement};
use crate::pg::time;
use crate::read::query::SEGMENT_COLUMNS;
use pgrx::pg_sys;

thread_local! {
    // As a read in a range (read/query.rs), with a range for each series. A segment of class c starts at
    // most 2^c microseconds before what overlaps it; twice that makes up for the rounding of seconds, and
    // the widest classes reach beyond the first instant that PostgreSQL has.
    static SEGMENTS: Statement = const { Statement::new(
        c"SELECT s.ord, g.min_valid, g.max_valid, g.min_known, g.max_known, g.min_change, \
                 g.max_change, g.count, g.blob, g.segment_id \
          FROM unnest($1, $2, $3, $4, $5) WITH ORDINALITY \
               AS s(series_id, first_valid, last_valid, min_change, max_change, ord) \
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
                  SELECT c.span_class, \
                         CASE WHEN c.span_class > 55 THEN timestamptz '-infinity' \
                              ELSE s.first_valid \
                                   - make_interval(secs => power(2::float8, c.span_class + 1) / 1000000) \
                         END AS lowest \
                  FROM class AS c WHERE c.span_class IS NOT NULL OFFSET 0 \
              ) AS c \
              CROSS JOIN LATERAL ( \
                  SELECT h.* FROM timedb.segments AS h \
                  WHERE h.series_id = s.series_id AND h.span_class = c.span_class \
                    AND h.min_valid >= c.lowest AND h.min_valid <= s.last_valid \
                    AND h.max_valid >= s.first_valid \
                    AND h.max_change >= s.min_change AND h.min_change <= s.max_change \
                  OFFSET 0 \
              ) AS g \
              ORDER BY g.min_valid \
          ) AS g",
        &[
            pg_sys::UUIDARRAYOID, pg_sys::TIMESTAMPTZARRAYOID, pg_sys::TIMESTAMPTZARRAYOID,
            pg_sys::TIMESTAMPTZARRAYOID, pg_sys::TIMESTAMPTZARRAYOID,
        ],
        SEGMENT_COLUMNS,
    ) };
}

/// Starts a query of the segments of these stretches, stretch by stretch in the order given, ascending by
/// least valid_time: (place of the stretch from 1, then as in a read).
///
/// # Errors
/// XX000; the statement's own errors are raised.
pub fn open(stretches: &[Stretch]) -> Result<Query> {
    let instants = |of: fn(&Stretch) -> i64| {
        Arg::timestamps(
            stretches
                .iter()
                .map(move |stretch| time::to_pg(of(stretch))),
        )
    };
    let args = [
        Arg::uuids(stretches.iter().map(|stretch| &stretch.series)),
        instants(|stretch| stretch.first),
        instants(|stretch| stretch.last),
        instants(|stretch| stretch.min_change),
        instants(|stretch| stretch.max_change),
    ];
    SEGMENTS.with(|s| s.open(&args, Home::here()))
}
