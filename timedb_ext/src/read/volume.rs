//! About how many points there are, for whoever has to decide how to read them: a few series stand for all of them, and
//! what the log holds is not counted.

use crate::pg::error::Result;
use crate::pg::spi::{Arg, statements};
use crate::pg::time::{PG_INFINITY, PG_MINUS_INFINITY};

/// Series that are looked at, and segments of each span class of each, at most.
const SERIES: usize = 4;
const SEGMENTS: i64 = 256;

statements! {
    // It also runs outside of functions that set a search_path. Each span class that a series has is a range of the
    // index of its own, as in `segments::query`: what lies before the range is not looked at.
    WITHIN(UUIDS, TIMESTAMP, TIMESTAMP, INT8) -> (INT4, TIMESTAMP, TIMESTAMP) =
        c"SELECT g.count, g.min_valid, g.max_valid \
          FROM pg_catalog.unnest($1) AS s(series_id) \
          CROSS JOIN LATERAL ( \
              WITH RECURSIVE class(span_class) AS ( \
                  (SELECT h.span_class FROM timedb_internal.segments AS h \
                   WHERE h.series_id OPERATOR(pg_catalog.=) s.series_id ORDER BY h.span_class LIMIT 1) \
                  UNION ALL \
                  SELECT (SELECT h.span_class FROM timedb_internal.segments AS h \
                          WHERE h.series_id OPERATOR(pg_catalog.=) s.series_id \
                            AND h.span_class OPERATOR(pg_catalog.>) c.span_class \
                          ORDER BY h.span_class LIMIT 1) \
                  FROM class AS c WHERE c.span_class IS NOT NULL \
              ) \
              SELECT c.span_class, \
                     CASE WHEN (c.span_class OPERATOR(pg_catalog.&) 63) OPERATOR(pg_catalog.>) 57 THEN '-infinity'::pg_catalog.timestamptz \
                     ELSE $2 OPERATOR(pg_catalog.-) ('1 microsecond'::pg_catalog.interval OPERATOR(pg_catalog.*) \
                          (1::pg_catalog.int8 OPERATOR(pg_catalog.<<) (c.span_class OPERATOR(pg_catalog.&) 63))::pg_catalog.float8) END AS lowest \
              FROM class AS c WHERE c.span_class IS NOT NULL OFFSET 0 \
          ) AS c \
          CROSS JOIN LATERAL ( \
              SELECT h.count, h.min_valid, h.max_valid FROM timedb_internal.segments AS h \
              WHERE h.series_id OPERATOR(pg_catalog.=) s.series_id \
                AND h.span_class OPERATOR(pg_catalog.=) c.span_class \
                AND h.min_valid OPERATOR(pg_catalog.>=) c.lowest AND h.min_valid OPERATOR(pg_catalog.<) $3 \
                AND h.max_valid OPERATOR(pg_catalog.>=) $2 LIMIT $4 \
          ) AS g";
}

/// About how many points, all versions counted, these series have from an instant on and before another, in PostgreSQL's
/// microseconds. Call with SPI connected.
///
/// # Errors
/// XX000 when the statement fails.
pub fn points_about(series: &[[u8; 16]], start: Option<i64>, end: Option<i64>) -> Result<u64> {
    let (start, end) = (
        start.unwrap_or(PG_MINUS_INFINITY),
        end.unwrap_or(PG_INFINITY),
    );
    let step = series.len().div_ceil(SERIES).max(1);
    let some: Vec<&[u8; 16]> = series.iter().step_by(step).collect();
    if some.is_empty() {
        return Ok(0);
    }
    let arguments = [
        Arg::uuids(some.iter().copied()),
        Arg::int8(start),
        Arg::int8(end),
        Arg::int8(SEGMENTS),
    ];
    let mut points = 0.0;
    WITHIN.run(true, &arguments, |row| {
        let (count, first, last) = (row.int4(1)?, row.int8(2)?, row.int8(3)?);
        let length = |from: i64, until: i64| until.saturating_sub(from).max(1) as f64;
        let part = length(first.max(start), last.min(end)) / length(first, last);
        points += f64::from(count) * part.min(1.0);
        Ok(())
    })?;
    Ok((points * series.len() as f64 / some.len() as f64) as u64)
}
