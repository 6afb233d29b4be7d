//! The last point of each series: the index says from where on there is one, so that a long series costs
//! as much as a short one. Where the filters leave nothing there, the search goes back in growing steps.

use super::{decode_segment, place, query};
use crate::pg::error::Result;
use crate::pg::spi::{Arg, Home, Query, Row, Statement};
use crate::pg::time;
use crate::series::SeriesInfo;
use pgrx::pg_sys;
use timedb_segment::{Filter, Merged, Merger, Mode, SegmentKey};

/// Segments fetched at a time.
const FETCH: usize = 128;
/// How many times further each step goes back than the one before it.
const GROWTH: i64 = 8;

thread_local! {
    // For each span class the $6 latest segments that may hold a version that counts give an instant at
    // which there is a point: the end of a segment, or its start where its end is too late. What starts at
    // the greatest of these instants over all classes is read as in `query`; there, a class is bounded by
    // its width. Of the widest ones no bound could be told apart from the past of a timestamp.
    static LATEST: Statement = const { Statement::new(
        c"SELECT s.ord, g.min_valid, g.max_valid, g.min_known, g.max_known, g.min_change, \
                 g.max_change, g.count, g.blob, g.segment_id, g.bound \
          FROM unnest($1, $2) WITH ORDINALITY AS s(series_id, end_valid, ord) \
          CROSS JOIN LATERAL ( \
              SELECT g.*, c.bound \
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
                  SELECT c.span_class, max(t.instant) OVER () AS bound \
                  FROM class AS c \
                  CROSS JOIN LATERAL ( \
                      SELECT min(p.instant) AS instant \
                      FROM ( \
                          SELECT CASE WHEN h.max_valid < s.end_valid THEN h.max_valid \
                                      ELSE h.min_valid END AS instant \
                          FROM timedb.segments AS h \
                          WHERE h.series_id = s.series_id AND h.span_class = c.span_class \
                            AND h.min_valid < s.end_valid AND h.max_known >= $3 \
                            AND h.min_known < $4 AND h.min_change < $5 \
                          ORDER BY h.min_valid DESC LIMIT $6 \
                      ) AS p \
                  ) AS t \
                  WHERE c.span_class IS NOT NULL OFFSET 0 \
              ) AS c \
              CROSS JOIN LATERAL ( \
                  SELECT h.* FROM timedb.segments AS h \
                  WHERE h.series_id = s.series_id AND h.span_class = c.span_class \
                    AND h.min_valid >= CASE WHEN c.span_class > 56 THEN '-infinity' ELSE \
                            c.bound - interval '1 microsecond' * (2::float8 ^ c.span_class) END \
                    AND h.min_valid < s.end_valid AND h.max_valid >= c.bound \
                    AND h.max_known >= $3 AND h.min_known < $4 AND h.min_change < $5 \
                  OFFSET 0 \
              ) AS g \
              ORDER BY g.min_valid \
          ) AS g",
        &[
            pg_sys::UUIDARRAYOID, pg_sys::TIMESTAMPTZARRAYOID, pg_sys::TIMESTAMPTZOID,
            pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPTZOID, pg_sys::INT8OID,
        ],
        &[pg_sys::INT8OID, pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPTZOID, pg_sys::INT4OID, pg_sys::BYTEAOID, pg_sys::INT8OID, pg_sys::TIMESTAMPTZOID],
    ) };
}

/// The last point of each of the series that has one in the range, with its place in `series`: the one
/// with the greatest (valid_time, valid_time_end), in its newest version. Call with SPI connected.
///
/// # Errors
/// XX001 for a damaged segment.
pub fn points(
    tenant: &[u8; 16],
    series: &[SeriesInfo],
    range: &Filter,
) -> Result<Vec<(usize, Merged)>> {
    let end = range.end_valid.map_or(time::PG_INFINITY, time::to_pg);
    let mut search: Vec<(usize, i64)> = (0..series.len()).map(|place| (place, end)).collect();
    let mut found = Vec::new();
    let mut back = 1;
    while !search.is_empty() {
        let mut step = Step {
            tenant,
            series,
            range,
            search: &search,
            current: None,
            found: &mut found,
            left: Vec::new(),
        };
        step.run(back)?;
        search = step.left;
        back = back.saturating_mul(GROWTH);
    }
    found.sort_unstable_by_key(|(place, _)| *place);
    Ok(found)
}

/// One step back, for all series of which nothing has been found.
struct Step<'a> {
    tenant: &'a [u8; 16],
    series: &'a [SeriesInfo],
    range: &'a Filter,
    /// Places of series, and the instants of PostgreSQL before which their last points are.
    search: &'a [(usize, i64)],
    current: Option<Current>,
    found: &'a mut Vec<(usize, Merged)>,
    /// As `search`, for the next step.
    left: Vec<(usize, i64)>,
}

/// The series whose segments are coming.
struct Current {
    /// Its place in `search`.
    at: usize,
    /// From where on this step reads it, as PostgreSQL's instant.
    bound: i64,
    filter: Filter,
    merger: Merger,
}

impl Step<'_> {
    fn run(&mut self, back: i64) -> Result<()> {
        let mut query = self.open(back)?;
        while query.fetch(FETCH, |row| self.take_segment(row))? {
            pgrx::check_for_interrupts!();
        }
        self.finish_series();
        Ok(())
    }

    fn open(&self, back: i64) -> Result<Query> {
        let from = |t: Option<i64>| t.map_or(time::PG_MINUS_INFINITY, time::to_pg);
        let until = |t: Option<i64>| t.map_or(time::PG_INFINITY, time::to_pg);
        let ids = self.search.iter().map(|(place, _)| &self.series[*place].id);
        let args = [
            Arg::uuids(ids),
            Arg::timestamps(self.search.iter().map(|(_, end)| *end)),
            Arg::int8(from(self.range.start_known)),
            Arg::int8(until(self.range.end_known)),
            Arg::int8(until(self.range.end_change)),
            Arg::int8(back),
        ];
        LATEST.with(|s| s.open(&args, Home::here()))
    }

    fn take_segment(&mut self, row: &Row) -> Result<()> {
        let at = place(row)?;
        if self.current.as_ref().is_none_or(|current| current.at != at) {
            self.finish_series();
            let bound = row.int8(11)?;
            let end = self.search[at].1;
            let filter = Filter {
                start_valid: self.range.start_valid.max(Some(time::from_pg(bound))),
                end_valid: time::upper(Some(end)),
                ..*self.range
            };
            self.current = Some(Current {
                at,
                bound,
                filter,
                merger: Merger::new(Mode::Flat, filter).with_known_time(),
            });
        }
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        let key = SegmentKey {
            tenant: *self.tenant,
            series: self.series[self.search[at].0].id,
        };
        let (start, end) = (current.filter.start_valid, current.filter.end_valid);
        let points = decode_segment(row, &key, &query::bounds(row)?, start, end)?;
        current.merger.push(points);
        Ok(())
    }

    fn finish_series(&mut self) {
        let Some(current) = self.current.take() else {
            return;
        };
        let place = self.search[current.at].0;
        if let Some(last) = last_of(&current.merger.finish()) {
            self.found.push((place, last));
            return;
        }
        // Nothing from the bound on, so what is before it is left to look at: if it is in the range.
        let start = time::to_pg(self.range.start_valid.unwrap_or(i64::MIN));
        if current.bound > start {
            self.left.push((place, current.bound));
        }
    }
}

/// The last of some points, alone.
fn last_of(points: &Merged) -> Option<Merged> {
    fn last<T: Copy>(column: &[T]) -> Option<Vec<T>> {
        column.last().map(|&one| vec![one])
    }
    Some(Merged {
        valid_time: last(&points.valid_time)?,
        valid_time_end: points.valid_time_end.as_deref().and_then(last),
        value: last(&points.value)?,
        nulls: points.nulls.as_deref().and_then(last),
        known_time: last(&points.known_time)?,
        ..Merged::default()
    })
}
