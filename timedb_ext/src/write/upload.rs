//! Writing points: grouping by series, one batch per call. `checks` says what an upload must
//! be, `in_unit` converts its values, `unchanged` says which points need no writing.

mod checks;
mod in_unit;
mod unchanged;

use crate::identity::writer::writable_tenant;
use crate::pg::durability::commit_as_writer;
use crate::pg::error::Result;
use crate::pg::json::Jsonb;
use crate::series::{Resolved, get_or_create};
use crate::store::presence;
use crate::write::batches::{Answer, BatchInfo, RequestClaim, Retry};
use crate::write::log::{Write, WriteInfo};
use checks::{check_info, check_points, duplicate_point};
use std::collections::HashMap;
use timedb_rules::upload::{AboutBatch, UploadColumns, fingerprint};
use timedb_segment::group::{Group, group_points};
use timedb_segment::{BatchKind, Column, Points};
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
    presence::enter(&tenant)?;
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

    let write = Write::begin(tenant, series_ids.clone())?;
    let change_time = write.change_time();
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
    let batch_id = request.batch_id(&tenant, change_time);
    let answered: Vec<[u8; 16]> = resolved.iter().map(|series| series.id).collect();
    let points = columns.value.len();
    let skipped = given - points;
    let answer = Answer {
        points,
        skipped,
        series_ids: &answered,
        json: None,
    };
    request.keep(&tenant, change_time, &answer)?;
    let written = Written {
        known_time,
        change_time,
        chosen_id: request.chosen_id,
    };
    let of_group = |group: &Group| (group.series as usize, points_of(&columns, group, &written));
    let about = WriteInfo {
        request: &request,
        kind: BatchKind::Upload,
        info: &info,
        known_time: Some(known_time),
        skipped,
    };
    write.store(groups.iter().map(of_group), &about)?;
    Ok(Uploaded {
        batch_id,
        points,
        series: answered,
        skipped,
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
    chosen_id: Option<[u8; 16]>,
}

/// The points of one series, in order.
fn points_of(columns: &UploadColumns, group: &Group, written: &Written) -> Points {
    let positions = &group.positions;
    let known = columns.known_time.as_ref();
    Points {
        valid_time: positions.pick(&columns.valid_time).into_owned(),
        valid_time_end: (columns.valid_time_end.as_ref()).map(|c| positions.pick(c).into_owned()),
        value: positions.pick(&columns.value).into_owned(),
        nulls: (columns.nulls.as_ref()).map(|c| positions.pick(c).into_owned()),
        known_time: known.map_or(Column::Constant(written.known_time), |c| {
            Column::of(positions.pick(c).into_owned())
        }),
        change_time: Column::Constant(written.change_time),
        batch: written.chosen_id.map(Column::Constant),
        notes: None,
    }
}
