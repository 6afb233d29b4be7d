//! Merging: small segments of a series become larger ones, level by level, so that a point is rewritten a few times
//! in its life. Every version stays, so no answer changes.

use crate::pg::error::{Error, Result};
use crate::pg::snapshot;
use crate::pg::spi::{Arg, Row, statements};
use crate::read::segments::{bounds_of, damaged};
use crate::write::segments::{SegmentWriter, push_split};
use timedb_segment::{LEVELS, Points, SegmentKey, combine, decode, split};

/// So many segments of a level are merged.
const FULL: i64 = 8;

/// Segments of a series that are merged at a time, at most.
const AT_ONCE: i64 = 256;

/// Series looked at in one statement.
pub const SERIES: usize = 500;

/// The places that a level has in the index.
const PLACES: i64 = 64;

statements! {
    // The series that have at least $4 segments from one place in the index on and before another.
    FULL_SERIES(UUIDS, INT4, INT4, INT8) -> (UUID) =
        c"SELECT s.series_id FROM unnest($1) AS s(series_id) \
          CROSS JOIN LATERAL ( \
              SELECT count(*) AS segments FROM ( \
                  SELECT FROM timedb_internal.segments AS h \
                  WHERE h.series_id = s.series_id AND h.span_class >= $2 AND h.span_class < $3 LIMIT $4 \
              ) AS h \
          ) AS n \
          WHERE n.segments >= $4";
    SEGMENTS(UUID, INT4, INT4, INT8) -> (TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP, INT4, BYTEA, INT8) =
        c"SELECT min_valid, max_valid, min_known, max_known, min_change, max_change, count, blob, segment_id \
          FROM timedb_internal.segments \
          WHERE series_id = $1 AND span_class >= $2 AND span_class < $3 \
          ORDER BY min_valid LIMIT $4";
    DELETE_SEGMENTS(UUID, INT4, INT4, INT8S) =
        c"DELETE FROM timedb_internal.segments \
          WHERE series_id = $1 AND span_class >= $2 AND span_class < $3 AND segment_id = ANY ($4)";
}

/// What has been done, and how much more may be.
#[derive(Default)]
pub struct Work {
    /// Rows of the log that were folded.
    pub folded: usize,
    /// Segments that were merged, and written.
    pub merged: usize,
    pub written: usize,
    /// Points that were rewritten.
    pub points: usize,
    /// Whether it has not begun, because another transaction is at it.
    pub is_busy: bool,
    /// What is damaged and has stayed as it is: the first of it.
    pub damage: Option<String>,
    /// Points that may be rewritten.
    budget: usize,
}

impl Work {
    /// May rewrite so many points, about.
    pub fn of(budget: usize) -> Self {
        Self {
            budget,
            ..Self::default()
        }
    }

    /// Whether it may rewrite no more.
    pub fn is_done(&self) -> bool {
        self.points >= self.budget
    }
}

/// Merges the levels of these series that are full, as far as the work may go.
///
/// # Errors
/// XX001 for a damaged segment; XX000; the statements' own errors are raised.
pub fn merge_full_levels(tenant: &[u8; 16], series: &[[u8; 16]], work: &mut Work) -> Result<()> {
    for level in 0..LEVELS.len() {
        for series in series.chunks(SERIES) {
            for series in full(series, level, level + 1, FULL)? {
                if work.is_done() {
                    return Ok(());
                }
                merge_or_warn(tenant, &series, level, level + 1, work)?;
            }
        }
    }
    Ok(())
}

/// Those of the series that have at least so many segments in these levels.
pub fn full(series: &[[u8; 16]], from: usize, to: usize, least: i64) -> Result<Vec<[u8; 16]>> {
    let [from, to] = places(from, to);
    let args = [Arg::uuids(series.iter()), from, to, Arg::int8(least)];
    snapshot::under_latest(|| FULL_SERIES.rows(true, &args, |row| row.uuid(1)))
}

fn places(from: usize, to: usize) -> [Arg; 2] {
    [from, to].map(|level| Arg::int4((level as i64 * PLACES) as i32))
}

/// As [`merge`]; a series with a damaged segment stays as it is, and the caller is told.
pub fn merge_or_warn(
    tenant: &[u8; 16],
    series: &[u8; 16],
    from: usize,
    to: usize,
    work: &mut Work,
) -> Result<()> {
    // Segments are read before anything is changed.
    merge(tenant, series, from, to, work).or_else(|error| warn_of_damage(error, work))
}

/// Tells the caller of what is damaged, and notes it; any other error stays one.
///
/// # Errors
/// What is not damage.
pub fn warn_of_damage(error: Error, work: &mut Work) -> Result<()> {
    if !error.is_damage() {
        return Err(error);
    }
    let (_, message, _, hint) = error.into_parts();
    let hint = hint.map_or(String::new(), |hint| format!(". {hint}"));
    pgrx::warning!("{message}{hint}");
    work.damage.get_or_insert(message);
    Ok(())
}

/// Puts fewer segments in the place of those that the series has in these levels, if there are fewer.
fn merge(
    tenant: &[u8; 16],
    series: &[u8; 16],
    from: usize,
    to: usize,
    work: &mut Work,
) -> Result<()> {
    pgrx::check_for_interrupts!();
    let key = SegmentKey {
        tenant: *tenant,
        series: *series,
    };
    let [from, to] = places(from, to);
    let args = [Arg::uuid(series), from, to, Arg::int8(AT_ONCE)];
    let found = snapshot::under_latest(|| SEGMENTS.rows(true, &args, |row| read(row, &key)))?;
    if found.is_empty() {
        return Ok(());
    }
    let (ids, parts): (Vec<i64>, Vec<Points>) = found.into_iter().unzip();
    let points = combine(parts, *tenant);
    if split(&points.valid_time).len() >= ids.len() {
        return Ok(());
    }
    let args = [Arg::uuid(series), from, to, Arg::int8s(ids.iter().copied())];
    if DELETE_SEGMENTS.execute(&args)? != ids.len() as u64 {
        return Err(Error::internal(
            "segments have changed while they were merged",
        ));
    }
    let mut writer = SegmentWriter::new(*tenant);
    push_split(&mut writer, *series, &points)?;
    writer.flush()?;
    work.merged += ids.len();
    work.written += writer.written();
    work.points += points.len();
    Ok(())
}

/// The id of a segment, and its points.
fn read(row: &Row, key: &SegmentKey) -> Result<(i64, Points)> {
    let bounds = bounds_of(row, 1)?;
    let id = row.int8(9)?;
    let points = row.bytea(8, |blob| {
        decode(key, &bounds, blob).map_err(|why| damaged(id, key, &why))
    })?;
    Ok((id, points))
}
