//! Reading: finds the segments of the series asked for, decodes and merges them, and hands out
//! packed chunks one at a time.
//!
//! Memory is bounded by what overlaps in time and by the size of a chunk, not by the result.

use crate::error::{Error, Result, uuid_text};
use crate::labels::Labels;
use crate::pack::{Run, pack_chunk};
use crate::series::{SeriesFilter, SeriesInfo, find};
use crate::spi::{Arg, Row, Statement, connected, fetch};
use crate::{settings, time};
use pgrx::{PgSqlErrorCode, pg_sys};
use std::ffi::CString;
use timedb_segment::{
    Bounds, Filter, Merged, Merger, Mode, Points, SegmentKey, class_width, decode_range,
};

/// Segments fetched at a time: the first fetch small, so that small reads stay small.
const FIRST_FETCH: usize = 16;
const FETCH: usize = 128;

/// The classes a span can have: 0 and the powers of two that fit into an i64.
const SPAN_CLASSES: i16 = 64;

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
                    AND h.max_known >= $4 AND h.min_known < $5 \
                  OFFSET 0 \
              ) AS g \
              ORDER BY g.min_valid \
          ) AS g",
        &[
            pg_sys::UUIDARRAYOID, pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPTZOID,
            pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPTZARRAYOID,
        ],
    ) };
    static WHOLE: Statement = const { Statement::new(
        c"SELECT s.ord, g.min_valid, g.max_valid, g.min_known, g.max_known, g.min_change, \
                 g.max_change, g.count, g.blob, g.segment_id \
          FROM unnest($1) WITH ORDINALITY AS s(series_id, ord) \
          CROSS JOIN LATERAL ( \
              SELECT h.* FROM timedb.segments AS h \
              WHERE h.series_id = s.series_id AND h.max_known >= $2 AND h.min_known < $3 \
              ORDER BY h.min_valid OFFSET 0 \
          ) AS g",
        &[pg_sys::UUIDARRAYOID, pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPTZOID],
    ) };
}

/// What a read asks for.
pub struct Request {
    pub mode: Mode,
    pub series: SeriesFilter,
    pub range: Filter,
    /// Points after which a chunk is handed out.
    pub chunk_points: usize,
    /// Whether a chunk may hold several series.
    pub mix_series: bool,
}

/// A chunk on its way out.
pub struct OutChunk {
    /// The series of the (first) run.
    pub series: SeriesInfo,
    pub points: usize,
    pub packed: Vec<u8>,
}

/// A read in progress.
pub struct ReadCursor {
    request: Request,
    tenant: [u8; 16],
    series: Vec<SeriesInfo>,
    cursor: Option<CString>,
    fetched_before: bool,
    /// Series being merged, by its place in `series`.
    current: Option<(usize, Merger)>,
    /// Finished runs, waiting to be packed.
    ready: std::collections::VecDeque<(usize, Merged)>,
    ready_points: usize,
}

impl ReadCursor {
    /// Starts a read; without a tenant it finds nothing.
    ///
    /// # Errors
    /// 22023 for a malformed filter.
    pub fn open(request: Request) -> Result<Self> {
        let tenant = settings::tenant();
        let mut read = Self {
            request,
            tenant: tenant.unwrap_or_default(),
            series: Vec::new(),
            cursor: None,
            fetched_before: false,
            current: None,
            ready: std::collections::VecDeque::new(),
            ready_points: 0,
        };
        if tenant.is_none() || empty(&read.request.range) {
            return Ok(read);
        }
        connected(|| {
            read.series = find(&read.request.series)?;
            if !read.series.is_empty() {
                read.cursor = Some(read.open_cursor()?);
            }
            Ok(())
        })?;
        Ok(read)
    }

    fn open_cursor(&self) -> Result<CString> {
        let range = &self.request.range;
        let from = |t: Option<i64>| t.map_or(time::PG_MINUS_INFINITY, time::to_pg);
        let until = |t: Option<i64>| t.map_or(time::PG_INFINITY, time::to_pg);
        let ids = Arg::uuids(self.series.iter().map(|s| &s.id));
        let known = (
            Arg::int8(from(range.start_known)),
            Arg::int8(until(range.end_known)),
        );
        if range.start_valid.is_none() && range.end_valid.is_none() {
            return WHOLE.with(|s| s.open(&[ids, known.0, known.1]));
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
        ];
        IN_RANGE.with(|s| s.open(&args))
    }

    /// The next chunk, or `None` at the end.
    ///
    /// # Errors
    /// XX001 for a damaged segment; 55000 when the tenant has changed.
    pub fn next_chunk(&mut self) -> Result<Option<OutChunk>> {
        let has_more = self.cursor.is_some() || !self.ready.is_empty();
        if has_more && settings::tenant() != Some(self.tenant) {
            return Err(settings::refuse_changed_tenant());
        }
        if self.cursor.is_some() && !self.chunk_is_full() {
            connected(|| {
                while self.cursor.is_some() && !self.chunk_is_full() {
                    self.fetch()?;
                }
                Ok(())
            })?;
        }
        Ok(self.pack())
    }

    fn chunk_is_full(&self) -> bool {
        self.ready_points >= self.request.chunk_points
            || (!self.request.mix_series && self.ready.len() > 1)
    }

    fn fetch(&mut self) -> Result<()> {
        let Some(cursor) = self.cursor.take() else {
            return Ok(());
        };
        let limit = if self.fetched_before {
            FETCH
        } else {
            FIRST_FETCH
        };
        self.fetched_before = true;
        if fetch(&cursor, limit, |row| self.take_segment(row))? {
            self.cursor = Some(cursor);
        } else {
            self.finish_series();
        }
        Ok(())
    }

    fn take_segment(&mut self, row: &Row) -> Result<()> {
        // WITH ORDINALITY counts from 1.
        let place = row.int8(1)? as usize - 1;
        let instant = |column| Ok::<_, Error>(time::from_pg(row.int8(column)?));
        let bounds = Bounds {
            min_valid: instant(2)?,
            max_valid: instant(3)?,
            min_known: instant(4)?,
            max_known: instant(5)?,
            min_change: instant(6)?,
            max_change: instant(7)?,
            count: row.int4(8)?.cast_unsigned(),
        };
        let key = SegmentKey {
            tenant: self.tenant,
            series: self.series[place].id,
        };
        let range = &self.request.range;
        let points = row.bytea(9, |blob| {
            decode_range(&key, &bounds, blob, range.start_valid, range.end_valid)
                .map_err(|e| damaged(row, &key, &e.to_string()))
        })?;
        if points.is_empty() {
            return Ok(());
        }
        self.merge(place, bounds.min_valid, points)
    }

    fn merge(&mut self, place: usize, min_valid: i64, points: Points) -> Result<()> {
        match &self.current {
            Some((current, _)) if *current > place => {
                return Err(Error::internal(
                    "segments came out of the order of their series",
                ));
            }
            Some((current, _)) if *current < place => self.finish_series(),
            _ => {}
        }
        let (mode, range) = (self.request.mode, self.request.range);
        let (_, merger) = self
            .current
            .get_or_insert_with(|| (place, Merger::new(mode, range)));
        let done = merger.take_before(min_valid);
        merger.push(points);
        if let Some(done) = done {
            self.add_ready(place, done);
        }
        Ok(())
    }

    fn finish_series(&mut self) {
        if let Some((place, merger)) = self.current.take() {
            self.add_ready(place, merger.finish());
        }
    }

    fn add_ready(&mut self, place: usize, run: Merged) {
        if run.valid_time.is_empty() {
            return;
        }
        self.ready_points += run.valid_time.len();
        self.ready.push_back((place, run));
    }

    fn pack(&mut self) -> Option<OutChunk> {
        let (first, _) = self.ready.front()?;
        let series = self.series[*first].clone();
        let mut taken = Vec::new();
        let mut points = 0;
        while let Some((place, run)) = self.ready.pop_front() {
            points += run.valid_time.len();
            taken.push(Run {
                series: &self.series[place],
                points: run,
            });
            let full = points >= self.request.chunk_points || !self.request.mix_series;
            if full {
                break;
            }
        }
        self.ready_points -= points;
        let with_change = self.request.mode == Mode::Versions;
        let with_known = with_change || self.request.mode == Mode::Overlapping;
        Some(OutChunk {
            series,
            points,
            packed: pack_chunk(&taken, with_known, with_change),
        })
    }
}

/// A range that no point can be in: reversed or of no length.
fn empty(range: &Filter) -> bool {
    let nothing =
        |start: Option<i64>, end: Option<i64>| matches!((start, end), (Some(s), Some(e)) if e <= s);
    nothing(range.start_valid, range.end_valid) || nothing(range.start_known, range.end_known)
}

fn damaged(row: &Row, key: &SegmentKey, why: &str) -> Error {
    let segment_id = row.int8(10).unwrap_or_default();
    Error::new(
        PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
        format!(
            "cannot read segment {segment_id} of series {}: {why}",
            uuid_text(&key.series)
        ),
    )
    .hint("Restore this row of timedb.segments from a backup.")
}

/// The mode by its name in SQL and HTTP.
///
/// # Errors
/// 22023 for any other name.
pub fn mode_named(name: &str) -> Result<Mode> {
    match name {
        "flat" => Ok(Mode::Flat),
        "overlapping" => Ok(Mode::Overlapping),
        "versions" => Ok(Mode::Versions),
        other => Err(Error::invalid(format!("unknown mode \"{other}\""))
            .hint("The modes are flat, overlapping and versions.")),
    }
}

/// A filter of series from the arguments of a read function.
///
/// # Errors
/// 22023 for labels that are no object of strings.
pub fn series_filter(
    ids: Option<Vec<[u8; 16]>>,
    name: Option<String>,
    labels: Option<&str>,
) -> Result<SeriesFilter> {
    Ok(SeriesFilter {
        ids,
        name,
        labels: labels.map(Labels::parse).transpose()?,
    })
}
