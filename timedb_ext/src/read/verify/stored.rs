//! Verification of what is stored of points and batches: segments, chunks, the log, its lists, and requests. Each row
//! is read as a whole, beyond what its checksum covers.

use super::found::{Damage, Examined, Findings};
use crate::pg::error::{Error, Result};
use crate::pg::spi::{Arg, Home, Query, Row, statements};
use crate::pg::time;
use crate::read::segments::{bounds_of, damaged};
use crate::store::batches::chunk;
use crate::store::log::{self, Lists, list_problem};
use std::ops::RangeInclusive;
use timedb_rules::{DamagedRow, uuid_text};
use timedb_segment::{Batch, Bounds, SegmentKey, decode, index_class};

/// Rows fetched at a time.
const FETCH: usize = 64;

/// All ids.
pub const EVERY_ID: RangeInclusive<[u8; 16]> = [0; 16]..=[0xff; 16];
/// All instants of PostgreSQL, as its microseconds.
pub const EVERY_INSTANT: RangeInclusive<i64> = i64::MIN..=i64::MAX;

statements! {
    // In the order of the primary keys, so that nothing is sorted.
    SEGMENTS(UUID, UUID) -> (UUID, TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP, INT4, BYTEA, INT8, INT4, BOOL) =
        c"SELECT s.series_id, s.min_valid, s.max_valid, s.min_known, s.max_known, s.min_change, s.max_change, s.count, \
                 s.blob, s.segment_id, s.span_class::integer, \
                 EXISTS (SELECT FROM timedb.series AS o WHERE o.series_id = s.series_id) \
          FROM timedb_internal.segments AS s \
          WHERE s.series_id >= $1 AND s.series_id <= $2 \
          ORDER BY s.series_id, s.span_class, s.min_valid, s.segment_id";
    LOG(TIMESTAMP, TIMESTAMP) -> (TIMESTAMP, TIMESTAMP, INT4, BYTEA, UUID, BYTEA) =
        c"SELECT NULL::timestamptz, l.change_time, l.points, l.blob, l.list_id, t.series_ids \
          FROM timedb_internal.write_log AS l LEFT JOIN timedb_internal.series_lists AS t ON t.list_id = l.list_id \
          WHERE l.change_time >= $1 AND l.change_time <= $2 \
          ORDER BY l.change_time";
    CHUNKS() -> (TIMESTAMP, TIMESTAMP, INT4, BYTEA) =
        c"SELECT min_change, max_change, count, blob FROM timedb_internal.batch_chunks ORDER BY max_change";
    LISTS(UUID, UUID) -> (UUID, BYTEA) =
        c"SELECT list_id, series_ids FROM timedb_internal.series_lists WHERE list_id >= $1 AND list_id <= $2 ORDER BY list_id";
    REQUESTS(UUID, UUID) -> (UUID, TIMESTAMP, BOOL) =
        c"SELECT batch_id, change_time, \
                 points >= 0 AND skipped >= 0 AND octet_length(request_hash) = 32 \
                     AND array_position(series_ids, NULL) IS NULL \
          FROM timedb.requests WHERE batch_id >= $1 AND batch_id <= $2 ORDER BY batch_id";
}

/// Hands over what is found, fetch by fetch.
fn walk(
    mut query: Query,
    findings: &mut Findings,
    each: &mut dyn FnMut(Examined) -> Result<()>,
    mut look: impl FnMut(&Row, &mut Findings) -> Result<()>,
) -> Result<()> {
    loop {
        let more = query.fetch(FETCH, |row| look(row, findings))?;
        findings.hand_over(each)?;
        if !more {
            return Ok(());
        }
    }
}

fn ids(range: &RangeInclusive<[u8; 16]>) -> [Arg; 2] {
    [range.start(), range.end()].map(Arg::uuid)
}

/// The segments of the series of a range.
///
/// # Errors
/// Whatever `each` returns; the statement's own errors are raised.
pub fn segments(
    findings: &mut Findings,
    series: &RangeInclusive<[u8; 16]>,
    each: &mut dyn FnMut(Examined) -> Result<()>,
) -> Result<()> {
    let query = SEGMENTS.open(&ids(series), Home::here())?;
    walk(query, findings, each, |row, findings| {
        let damage = segment(row, &findings.tenant)?;
        findings.add(key_of_segment(row)?, i64::from(row.int4(8)?), damage);
        Ok(())
    })
}

fn key_of_segment(row: &Row) -> Result<DamagedRow> {
    Ok(DamagedRow::Segment {
        series: row.uuid(1)?,
        span_class: row.int4(11)?,
        min_valid: row.int8(2)?,
        segment_id: row.int8(10)?,
    })
}

/// What is damaged in a segment.
fn segment(row: &Row, tenant: &[u8; 16]) -> Result<Option<Damage>> {
    let key = SegmentKey {
        tenant: *tenant,
        series: row.uuid(1)?,
    };
    let id = row.int8(10)?;
    let problem = segment_problem(row, &key, id)?;
    let damage = |problem| -> Result<Damage> {
        Ok(Damage {
            valid: Some((row.int8(2)?, row.int8(3)?)),
            change: Some((row.int8(6)?, row.int8(7)?)),
            points: i64::from(row.int4(8)?),
            ..Damage::of(key_of_segment(row)?, problem)
        })
    };
    problem.map(damage).transpose()
}

fn segment_problem(row: &Row, key: &SegmentKey, id: i64) -> Result<Option<String>> {
    let bounds = bounds_of(row, 2)?;
    let points = match row.bytea(9, |blob| Ok(decode(key, &bounds, blob)))? {
        Ok(points) => points,
        Err(why) => return Ok(Some(damaged(id, key, &why).message().to_owned())),
    };
    let name = format!("segment {id} of series {}", uuid_text(&key.series));
    if Bounds::of(&points).as_ref() != Ok(&bounds) || !points.is_sorted() {
        return Ok(Some(format!(
            "{name} has points in another order or range than it says"
        )));
    }
    // The checksum does not cover its place in the index.
    let span = bounds.max_valid.saturating_sub(bounds.min_valid);
    let class = index_class(span, points.len());
    if row.int4(11)? != i32::from(class) {
        return Ok(Some(format!(
            "reads do not find {name}: its span_class is {}, not {class}",
            row.int4(11)?
        )));
    }
    Ok((!row.bool(12)?).then(|| format!("{name}: there is no such series")))
}

/// All chunks; returns the change_time up to which those reach that are whole.
///
/// # Errors
/// As [`segments`].
pub fn chunks(
    findings: &mut Findings,
    each: &mut dyn FnMut(Examined) -> Result<()>,
) -> Result<Option<i64>> {
    let mut reached = None;
    let query = CHUNKS.open(&[], Home::here())?;
    walk(query, findings, each, |row, findings| {
        let mut problem = chunk_problem(row, &findings.tenant)?;
        let (first, last) = (row.int8(1)?, row.int8(2)?);
        if problem.is_none() {
            if reached.is_some_and(|reached| reached >= first) {
                problem = Some(format!(
                    "the batches up to {} begin before the chunk before them ends",
                    time::text(time::from_pg(last))
                ));
            }
            reached = reached.max(Some(last));
        }
        let key = DamagedRow::Chunk { max_change: last };
        let batches = i64::from(row.int4(3)?);
        let damage = problem.map(|problem| Damage {
            change: Some((first, last)),
            batches,
            ..Damage::of(key, problem)
        });
        findings.add(key, 0, damage);
        Ok(())
    })?;
    Ok(reached)
}

/// What keeps a chunk from being read: a row as CHUNKS has them.
///
/// # Errors
/// XX000 for columns of other types.
pub fn chunk_problem(row: &Row, tenant: &[u8; 16]) -> Result<Option<String>> {
    let batches = match whole_or_damaged(chunk(row, tenant))? {
        Ok(batches) => batches,
        Err(problem) => return Ok(Some(problem)),
    };
    let bounds = [row.instant(1)?, row.instant(2)?].map(Some);
    let ends = [batches.first(), batches.last()].map(|batch| batch.map(|b| b.change_time));
    let ascend = |a: &Batch, b: &Batch| a.change_time < b.change_time;
    let fits = ends == bounds && batches.is_sorted_by(ascend);
    Ok((!fits).then(|| {
        format!(
            "the batches up to {} are in another order or range than their chunk says",
            time::text(row.instant(2).unwrap_or_default())
        )
    }))
}

fn whole_or_damaged<T>(read: Result<T>) -> Result<std::result::Result<T, String>> {
    match read {
        Ok(whole) => Ok(Ok(whole)),
        Err(error) if error.is_damage() => Ok(Err(error.message().to_owned())),
        Err(error) => Err(error),
    }
}

/// Rows of the log of a range of change times; `reached` is that up to which whole chunks reach.
///
/// # Errors
/// As [`segments`].
pub fn log(
    findings: &mut Findings,
    range: &RangeInclusive<i64>,
    reached: Option<i64>,
    each: &mut dyn FnMut(Examined) -> Result<()>,
) -> Result<()> {
    let mut lists = Lists::default();
    let args = [range.start(), range.end()].map(|t| Arg::int8(*t));
    walk(
        LOG.open(&args, Home::here())?,
        findings,
        each,
        |row, findings| {
            let change_time = row.int8(2)?;
            let points = i64::from(row.int4(3)?);
            let key = DamagedRow::Log { change_time };
            let problem = log::COLUMNS.problem(row, &findings.tenant, &mut lists)?;
            let problem = problem.map(|error| error.message().to_owned());
            let is_hidden = reached.is_some_and(|reached| change_time <= reached);
            let hidden = || {
                format!(
                    "reads do not find the write of {} in the log: chunks reach up to {}",
                    time::text(time::from_pg(change_time)),
                    time::text(time::from_pg(reached.unwrap_or_default()))
                )
            };
            let damage = problem
                .or_else(|| is_hidden.then(hidden))
                .map(|problem| Damage {
                    change: Some((change_time, change_time)),
                    points,
                    batches: 1,
                    ..Damage::of(key, problem)
                });
            findings.add(key, points, damage);
            Ok(())
        },
    )
}

/// The lists of series of a range of ids.
///
/// # Errors
/// As [`segments`].
pub fn lists(
    findings: &mut Findings,
    range: &RangeInclusive<[u8; 16]>,
    each: &mut dyn FnMut(Examined) -> Result<()>,
) -> Result<()> {
    let query = LISTS.open(&ids(range), Home::here())?;
    walk(query, findings, each, |row, findings| {
        let id = row.uuid(1)?;
        let key = DamagedRow::List { id };
        let tenant = findings.tenant;
        let problem: Option<Error> =
            row.bytea(2, |series| Ok(list_problem(&id, series, &tenant)))?;
        let damage = problem.map(|error| Damage::of(key, error.message()));
        findings.add(key, 0, damage);
        Ok(())
    })
}

/// The requests of a range of batches.
///
/// # Errors
/// As [`segments`].
pub fn requests(
    findings: &mut Findings,
    range: &RangeInclusive<[u8; 16]>,
    each: &mut dyn FnMut(Examined) -> Result<()>,
) -> Result<()> {
    let query = REQUESTS.open(&ids(range), Home::here())?;
    walk(query, findings, each, |row, findings| {
        let batch = row.uuid(1)?;
        let key = DamagedRow::Request { batch };
        let change_time = row.int8(2)?;
        let damage = (!row.bool(3)?).then(|| Damage {
            change: Some((change_time, change_time)),
            ..Damage::of(
                key,
                format!(
                    "the request of batch {} is not as one is stored",
                    uuid_text(&batch)
                ),
            )
        });
        findings.add(key, 0, damage);
        Ok(())
    })
}
