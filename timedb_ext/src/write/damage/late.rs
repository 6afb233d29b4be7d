//! Putting writes back: a row of the log goes into the log, or, where that has been folded beyond it, its points into
//! segments and what it says about itself among the batches of its time; a chunk goes among the others.

use super::rows::{in_its_place, insert, still_damaged};
use super::stand_in;
use crate::pg::error::{Error, Result, SqlState};
use crate::pg::snapshot;
use crate::pg::spi::{Arg, statements};
use crate::pg::time;
use crate::read::verify::chunk_problem;
use crate::store::batches::chunk;
use crate::store::log::{COLUMNS, Lists};
use crate::write::chunks;
use crate::write::segments::{SegmentWriter, push_split};
use std::collections::BTreeMap;
use timedb_rules::DamagedRow;
use timedb_segment::{Batch, Points};

statements! {
    CHANGE_TIME(TEXT, TEXT) -> (TIMESTAMP) =
        c"SELECT r.change_time \
          FROM timedb_internal.damaged_rows AS d, \
               jsonb_populate_record(NULL::timedb_internal.write_log, d.original || jsonb_strip_nulls($2::jsonb)) AS r \
          WHERE d.damage_id = $1";
    LOG_ROWS(TIMESTAMP, TIMESTAMP) -> (TIMESTAMP, TIMESTAMP, INT4, BYTEA, UUID, BYTEA) =
        c"SELECT NULL::timestamptz, l.change_time, l.points, l.blob, l.list_id, t.series_ids \
          FROM timedb_internal.write_log AS l LEFT JOIN timedb_internal.series_lists AS t ON t.list_id = l.list_id \
          WHERE l.change_time >= $1 AND l.change_time <= $2 ORDER BY l.change_time";
    DELETE_LOG(TIMESTAMP) = c"DELETE FROM timedb_internal.write_log WHERE change_time = $1";
    REACHED(TIMESTAMP) -> (TIMESTAMP) =
        c"SELECT max_change FROM timedb_internal.batch_chunks WHERE max_change <> $1 ORDER BY max_change DESC LIMIT 1";
    CHUNK(TIMESTAMP) -> (TIMESTAMP, TIMESTAMP, INT4, BYTEA) =
        c"SELECT min_change, max_change, count, blob FROM timedb_internal.batch_chunks WHERE max_change = $1";
    CHUNKS(TIMESTAMP, TIMESTAMP) -> (TIMESTAMP, TIMESTAMP, INT4, BYTEA) =
        c"SELECT min_change, max_change, count, blob FROM timedb_internal.batch_chunks \
          WHERE max_change >= $1 AND min_change <= $2 ORDER BY max_change";
    DELETE_CHUNKS(TIMESTAMP, TIMESTAMP) =
        c"DELETE FROM timedb_internal.batch_chunks WHERE max_change >= $1 AND min_change <= $2";
}

fn instant(t: i64) -> Arg {
    Arg::int8(time::to_pg(t))
}

/// Puts a row of the log back; returns its key if it is in the log now, unchecked.
///
/// # Errors
/// 55000 where it is still damaged, or something else has its change_time; the statements' own errors are raised.
pub fn put_log_back(
    tenant: &[u8; 16],
    damage_id: &str,
    mended: &str,
) -> Result<Option<DamagedRow>> {
    let args = [Arg::text(damage_id), Arg::text(mended)];
    let change_time = CHANGE_TIME.row(false, &args, |row| row.instant(1))?;
    let Some(change_time) = change_time else {
        return Err(Error::internal("a row that was set aside has gone"));
    };
    take_stand_ins(tenant, damage_id, change_time..=change_time, |_| true)?;
    let row = insert("log", damage_id, mended)?;
    if reached(None)?.is_none_or(|reached| reached < change_time) {
        return Ok(Some(row));
    }
    let mut lists = Lists::default();
    let args = [instant(change_time), instant(change_time)];
    let read = snapshot::under_latest(|| {
        LOG_ROWS.row(true, &args, |row| {
            COLUMNS.open(row, tenant, &mut lists, |log| {
                let points = |(place, series): (usize, &[u8; 16])| {
                    let positions = log.positions(place);
                    match positions.is_empty() {
                        true => Ok(None),
                        false => log.points(positions).map(|points| Some((*series, points))),
                    }
                };
                let places = log.series().iter().enumerate();
                let points: std::result::Result<Vec<_>, _> = places
                    .map(points)
                    .filter_map(|read| read.transpose())
                    .collect();
                Ok((log.batch()?, points?))
            })
        })
    });
    let (batch, points): (Batch, Vec<([u8; 16], Points)>) = match read {
        Ok(Some(read)) => read,
        Ok(None) => return Err(in_its_place(damage_id)),
        Err(error) if error.is_damage() => return Err(still_damaged(damage_id, error.message())),
        Err(error) => return Err(error),
    };
    let mut writer = SegmentWriter::new(*tenant);
    for (series, points) in points {
        push_split(&mut writer, series, &points)?;
    }
    writer.flush()?;
    put_among(tenant, damage_id, vec![batch])?;
    DELETE_LOG.execute(&[instant(change_time)])?;
    Ok(None)
}

/// Puts a chunk back among the others.
///
/// # Errors
/// 55000 where it is still damaged, or another write has a change_time that one of its batches has, or would not be
/// found any more; the statements' own errors are raised.
pub fn put_chunk_back(
    tenant: &[u8; 16],
    damage_id: &str,
    mended: &str,
) -> Result<Option<DamagedRow>> {
    let row = insert("chunk", damage_id, mended)?;
    let DamagedRow::Chunk { max_change } = row else {
        return Err(Error::internal("a chunk is of another kind"));
    };
    let read = snapshot::under_latest(|| {
        CHUNK.row(true, &[Arg::int8(max_change)], |row| {
            match chunk_problem(row, tenant)? {
                Some(problem) => Err(still_damaged(damage_id, &problem)),
                None => chunk(row, tenant),
            }
        })
    })?;
    let batches = read.unwrap_or_default();
    let (Some(first), Some(last)) = (batches.first(), batches.last()) else {
        return Err(in_its_place(damage_id));
    };
    let last = last.change_time;
    let is_of_it = |time| {
        let found = batches.binary_search_by_key(&time, |batch| batch.change_time);
        found.is_ok()
    };
    take_stand_ins(tenant, damage_id, first.change_time..=last, is_of_it)?;
    // The log begins after the last chunk.
    let reached = reached(Some(max_change))?;
    let least = reached.map_or(i64::MIN, |reached| reached.saturating_add(1));
    let hidden = [Arg::int8(time::to_pg(least)), instant(last)];
    if least <= last && LOG_ROWS.execute(&hidden)? > 0 {
        return Err(Error::new(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!(
                "row \"{damage_id}\" cannot be put back: the log has writes from before {}",
                time::text(last)
            ),
        )
        .hint("Call timedb.compact_store() for this tenant until more is false, and then again."));
    }
    put_among(tenant, damage_id, batches)?;
    Ok(None)
}

/// Up to which change_time chunks reach, one aside.
fn reached(but: Option<i64>) -> Result<Option<i64>> {
    let but = Arg::int8(but.unwrap_or(time::PG_MINUS_INFINITY));
    snapshot::under_latest(|| REACHED.row(true, &[but], |row| row.instant(1)))
}

/// Deletes the rows of the log that stand in for writes of these times.
fn take_stand_ins(
    tenant: &[u8; 16],
    damage_id: &str,
    range: std::ops::RangeInclusive<i64>,
    is_of_it: impl Fn(i64) -> bool,
) -> Result<()> {
    let mut lists = Lists::default();
    let args = [range.start(), range.end()].map(|t| instant(*t));
    let times = snapshot::under_latest(|| {
        LOG_ROWS.rows(true, &args, |row| {
            let time = row.instant(COLUMNS.change_time)?;
            if !is_of_it(time) {
                return Ok(None);
            }
            let batch = COLUMNS.open(row, tenant, &mut lists, |log| log.batch())?;
            match stand_in::is_one(&batch) {
                true => Ok(Some(time)),
                false => Err(in_its_place(damage_id)),
            }
        })
    })?;
    for time in times.into_iter().flatten() {
        DELETE_LOG.execute(&[instant(time)])?;
    }
    Ok(())
}

/// Puts batches into chunks, in the place of what stands in for them.
fn put_among(tenant: &[u8; 16], damage_id: &str, batches: Vec<Batch>) -> Result<()> {
    let (Some(first), Some(last)) = (batches.first(), batches.last()) else {
        return Ok(());
    };
    let args = [instant(first.change_time), instant(last.change_time)];
    let found = snapshot::under_latest(|| CHUNKS.rows(true, &args, |row| chunk(row, tenant)))?;
    let count = found.len() as u64;
    let mut all: BTreeMap<i64, Batch> = BTreeMap::new();
    for batch in found.into_iter().flatten().chain(batches) {
        let time = batch.change_time;
        if let Some(other) = all.get(&time)
            && !stand_in::is_one(other)
            && *other != batch
        {
            return Err(in_its_place(damage_id));
        }
        all.insert(time, batch);
    }
    if DELETE_CHUNKS.execute(&args)? != count {
        return Err(Error::internal(
            "chunks have changed while one was put back",
        ));
    }
    chunks::insert(tenant, &all.into_values().collect::<Vec<_>>())
}
