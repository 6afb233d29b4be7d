//! Writing points: grouping by series, encoding into segments, one batch per call. `checks` says what an upload must
//! be, `in_unit` converts its values, `unchanged` says which points need no writing.

mod checks;
mod in_unit;
mod unchanged;

use crate::identity::writer::writable_tenant;
use crate::pg::durability::commit_as_writer;
use crate::pg::error::Result;
use crate::pg::json::Jsonb;
use crate::pg::locks;
use crate::pg::time::extent;
use crate::read::value_id_of;
use crate::series::{Resolved, get_or_create};
use crate::write::batches::{BatchInfo, NewBatch, RequestClaim, Retry};
use crate::write::segments::SegmentWriter;
use checks::{check_info, check_points, duplicate_point};
use std::collections::HashMap;
use timedb_rules::upload::{AboutBatch, UploadColumns, fingerprint};
use timedb_segment::group::{Group, group_points};
use timedb_segment::{Column, Points, split};
use timedb_wire::NO_KNOWN_TIME;

/// What an upload answers.
pub struct Uploaded {
    pub batch_id: [u8; 16],
    pub points: usize,
    /// One for each series of the upload, in its order.
    pub series: Vec<[u8; 16]>,
    /// Points left out because they change nothing.
    pub skipped: usize,
    /// Whether the same request was answered before, and nothing was written now.
    pub replayed: bool,
}

/// Stores the points as one batch: all of them, or none. With `skip_unchanged` those are left out that
/// no flat read as of their known_time or later can tell from what is stored by now.
///
/// # Errors
/// As [`writable_tenant`], [`Retry::claim`], [`get_or_create`] and [`in_unit::convert`]; 22008 and 22003 for instants and
/// values that cannot be stored, 22023 for an interval that does not end after it starts, 21000 for a
/// point that occurs twice.
pub fn upload(
    mut columns: UploadColumns,
    info: BatchInfo,
    retry: &Retry,
    skip_unchanged: bool,
) -> Result<Uploaded> {
    let tenant = writable_tenant("timedb.upload()")?;
    clear_nulls(&mut columns);
    check_points(&columns)?;
    // A column that says nothing is the same as none.
    let says_nothing = |known: &mut Vec<i64>| known.iter().all(|&one| one == NO_KNOWN_TIME);
    columns.known_time.take_if(says_nothing);
    if let Some(known_time) = info.known_time {
        columns.complete_known_time(known_time);
    }
    pgrx::check_for_interrupts!();
    check_info(&info)?;
    let fingerprint = || {
        let batch_params = info.batch_params.map(Jsonb::text);
        let about = AboutBatch {
            instants: [
                info.known_time,
                info.batch_start_time,
                info.batch_finish_time,
            ],
            workflow_id: info.workflow_id.as_deref(),
            batch_params: batch_params.as_deref(),
        };
        fingerprint(&columns, about, retry.batch_id.as_ref(), skip_unchanged)
    };
    let request = match retry.claim(&tenant, fingerprint)? {
        RequestClaim::Answered(batch) => {
            commit_as_writer();
            return Ok(Uploaded {
                batch_id: batch.batch_id,
                points: batch.points,
                series: batch.series_ids,
                skipped: batch.skipped,
                replayed: true,
            });
        }
        RequestClaim::New(request) => request,
    };
    let resolved = get_or_create(&tenant, &columns.series)?;
    in_unit::convert(&mut columns, &resolved)?;
    pgrx::check_for_interrupts!();
    let (ordinals, series_ids) = ordinals(&resolved);

    let begun = locks::begin_write(&tenant);
    let change_time = begun.change_time;
    let known_time = info.known_time.unwrap_or(change_time);
    columns.complete_known_time(known_time);
    let mut groups = groups_of(&columns, &ordinals, series_ids.len())?;
    let given = columns.value.len();
    if skip_unchanged {
        let unchanged = unchanged::find(&columns, &groups, &series_ids, known_time)?;
        if unchanged.contains(&true) {
            columns.retain(|i| !unchanged[i]);
            groups = groups_of(&columns, &ordinals, series_ids.len())?;
        }
    }
    let batch_id = request.batch_id;
    let answered: Vec<[u8; 16]> = resolved.iter().map(|series| series.id).collect();
    let points = columns.value.len();
    NewBatch {
        tenant: &tenant,
        request: &request,
        kind: "upload",
        info: &info,
        known_time: Some(known_time),
        change_time,
        settled: begun.settled,
        points,
        skipped: given - points,
        valid: extent(&columns.valid_time),
        series_ids: &answered,
        answer: None,
    }
    .insert()?;
    let written = Written {
        known_time,
        change_time,
        value_id: value_id_of(&batch_id),
        batch_id,
    };
    let mut writer = SegmentWriter::new(tenant);
    for group in &groups {
        let series = series_ids[group.series as usize];
        write_group(&mut writer, series, &columns, group, &written)?;
    }
    writer.flush()?;
    Ok(Uploaded {
        batch_id,
        points,
        series: answered,
        skipped: given - points,
        replayed: false,
    })
}

/// The contents of unknown entries must not matter.
fn clear_nulls(columns: &mut UploadColumns) {
    let Some(nulls) = &columns.nulls else { return };
    for (value, null) in columns.value.iter_mut().zip(nulls) {
        if *null {
            *value = 0.0;
        }
    }
}

fn groups_of(columns: &UploadColumns, ordinals: &[u32], series: usize) -> Result<Vec<Group>> {
    let index: Vec<u32> = columns
        .series_index
        .iter()
        .map(|&i| ordinals[i as usize])
        .collect();
    let ends = columns.valid_time_end.as_deref();
    let known = columns.known_time.as_deref();
    group_points(&index, series, &columns.valid_time, ends, known)
        .map_err(|duplicate| duplicate_point(columns, &duplicate))
}

/// Several names may mean one series: points of both must not collide.
fn ordinals(resolved: &[Resolved]) -> (Vec<u32>, Vec<[u8; 16]>) {
    let mut seen = HashMap::with_capacity(resolved.len());
    let mut ids = Vec::with_capacity(resolved.len());
    let ordinal = |series: &Resolved| {
        *seen.entry(series.id).or_insert_with(|| {
            ids.push(series.id);
            (ids.len() - 1) as u32
        })
    };
    let ordinals = resolved.iter().map(ordinal).collect();
    (ordinals, ids)
}

/// What the points of an upload have in common; the known_time unless they say their own.
struct Written {
    known_time: i64,
    change_time: i64,
    value_id: i64,
    batch_id: [u8; 16],
}

/// Encodes the points of one series, split into segments.
fn write_group(
    writer: &mut SegmentWriter,
    series: [u8; 16],
    columns: &UploadColumns,
    group: &Group,
    written: &Written,
) -> Result<()> {
    let positions = &group.positions;
    let valid_time = positions.pick(&columns.valid_time);
    let value = positions.pick(&columns.value);
    let ends = columns.valid_time_end.as_ref().map(|c| positions.pick(c));
    let nulls = columns.nulls.as_ref().map(|c| positions.pick(c));
    let known = columns.known_time.as_ref().map(|c| positions.pick(c));
    for range in split(&valid_time) {
        let ends = ends.as_ref().map(|c| c[range.clone()].to_vec());
        let nulls = nulls.as_ref().map(|c| c[range.clone()].to_vec());
        let known = known.as_ref().map(|c| c[range.clone()].to_vec());
        let points = Points {
            valid_time: valid_time[range.clone()].to_vec(),
            valid_time_end: ends,
            value: value[range].to_vec(),
            nulls,
            known_time: known.map_or(Column::Constant(written.known_time), Column::of),
            change_time: Column::Constant(written.change_time),
            value_id: Column::Constant(written.value_id),
            batch: Column::Constant(written.batch_id),
            notes: None,
        };
        writer.push(series, points)?;
        pgrx::check_for_interrupts!();
    }
    Ok(())
}
