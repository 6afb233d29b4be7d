//! About how many points there are, for whoever has to decide how to read them: a few series stand for all of them, and
//! what the log holds is not counted.

use super::segments::{span_classes, text};
use crate::pg::error::Result;
use crate::pg::spi::{Arg, statements};
use crate::pg::time::{PG_INFINITY, PG_MINUS_INFINITY};

/// Series that are looked at, and segments of each span class of each, at most.
const SERIES: usize = 4;
const SEGMENTS: i64 = 256;

statements! {
    WITHIN(UUIDS, TIMESTAMP, TIMESTAMP, INT8) -> (INT4, TIMESTAMP, TIMESTAMP) = text(concat!(
        "SELECT g.count, g.min_valid, g.max_valid \
         FROM pg_catalog.unnest($1) AS s(series_id) \
         CROSS JOIN LATERAL ( ",
        span_classes!("$2"),
        "    WHERE c.span_class IS NOT NULL OFFSET 0 \
         ) AS c \
         CROSS JOIN LATERAL ( \
             SELECT h.count, h.min_valid, h.max_valid FROM timedb_internal.segments AS h \
             WHERE h.series_id OPERATOR(pg_catalog.=) s.series_id \
               AND h.span_class OPERATOR(pg_catalog.=) c.span_class \
               AND h.min_valid OPERATOR(pg_catalog.>=) c.lowest AND h.min_valid OPERATOR(pg_catalog.<) $3 \
               AND h.max_valid OPERATOR(pg_catalog.>=) c.start_valid LIMIT $4 \
         ) AS g\0"
    ));
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
