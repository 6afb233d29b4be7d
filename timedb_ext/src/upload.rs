//! Writing points: grouping by series, encoding into segments, one batch a call. `checks` says what an
//! upload must be, `in_unit` converts its values, `unchanged` says what of it needs no writing.

mod checks;
mod in_unit;
mod unchanged;

use crate::batches::{BatchInfo, Claim, NewBatch, Retry, version_of};
use crate::error::{Error, Result};
use crate::locks;
use crate::pack::UploadColumns;
use crate::segments::SegmentWriter;
use crate::series::{Resolved, SeriesRef, get_or_create};
use crate::writer::writable_tenant;
use checks::{check_info, check_points, duplicate_point};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use timedb_segment::group::{Group, group_points};
use timedb_segment::{Column, NO_END, Points, SegmentKey, encode, split};

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
/// no flat read as of the upload's known_time could tell from what is stored.
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
    check_info(&info)?;
    let request = match retry.claim(&tenant, || fingerprint(&columns, &info, skip_unchanged))? {
        Claim::Answered(batch) => {
            return Ok(Uploaded {
                batch_id: batch.batch_id,
                points: batch.points,
                series: batch.series_ids,
                skipped: batch.skipped,
                replayed: true,
            });
        }
        Claim::New(request) => request,
    };
    let resolved = get_or_create(&tenant, &columns.series)?;
    in_unit::convert(&mut columns, &resolved)?;
    let (ordinals, series_ids) = ordinals(&resolved);
    let mut groups = groups_of(&columns, &ordinals, series_ids.len())?;

    let change_time = locks::begin_write(&tenant);
    let known_time = info.known_time.unwrap_or(change_time);
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
        points,
        skipped: given - points,
        valid: extent(&columns.valid_time),
        series_ids: &answered,
        answer: None,
    }
    .insert()?;
    let mut writer = SegmentWriter::new(tenant);
    for group in &groups {
        let key = SegmentKey {
            tenant,
            series: series_ids[group.series as usize],
        };
        write_group(&mut writer, &key, &columns, group, &|range| Points {
            known_time: Column::Constant(known_time),
            change_time: Column::Constant(change_time),
            version: Column::Constant(version_of(&batch_id)),
            batch: Column::Constant(batch_id),
            ..range
        })?;
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

/// What stands where nothing is known must not matter.
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
    group_points(&index, series, &columns.valid_time, ends)
        .map_err(|duplicate| duplicate_point(columns, &duplicate))
}

/// The least and the greatest of the times.
fn extent(times: &[i64]) -> Option<(i64, i64)> {
    Some((*times.iter().min()?, *times.iter().max()?))
}

/// SHA-256 of everything that a request says, so that the same one can be told from another.
fn fingerprint(columns: &UploadColumns, info: &BatchInfo, skip_unchanged: bool) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(b"upload");
    for series in &columns.series {
        match series {
            SeriesRef::Id { id, unit } => {
                part(b"id");
                part(id);
                part(unit.as_deref().unwrap_or_default().as_bytes());
            }
            SeriesRef::Named(named) => {
                part(b"name");
                part(named.name.as_bytes());
                part(named.labels.json().as_bytes());
                part(named.unit.as_deref().unwrap_or_default().as_bytes());
                part(named.description.as_deref().unwrap_or_default().as_bytes());
            }
        }
    }
    let of_i64 =
        |column: &[i64]| -> Vec<u8> { column.iter().flat_map(|v| v.to_le_bytes()).collect() };
    part(
        &columns
            .series_index
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect::<Vec<u8>>(),
    );
    part(&of_i64(&columns.valid_time));
    part(&of_i64(
        columns.valid_time_end.as_deref().unwrap_or_default(),
    ));
    part(
        &columns
            .value
            .iter()
            .flat_map(|v| v.to_bits().to_le_bytes())
            .collect::<Vec<u8>>(),
    );
    let nulls = columns.nulls.as_deref().unwrap_or_default();
    part(
        &nulls
            .iter()
            .map(|null| u8::from(*null))
            .collect::<Vec<u8>>(),
    );
    info.add_to(&mut part);
    part(&[u8::from(skip_unchanged)]);
    hash.finalize().into()
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

/// Encodes the points of one series, split into segments.
fn write_group(
    writer: &mut SegmentWriter,
    key: &SegmentKey,
    columns: &UploadColumns,
    group: &Group,
    complete: &dyn Fn(Points) -> Points,
) -> Result<()> {
    let positions = &group.positions;
    let valid_time = positions.pick(&columns.valid_time);
    let value = positions.pick(&columns.value);
    let ends = columns
        .valid_time_end
        .as_ref()
        .map(|ends| positions.pick(ends));
    let nulls = columns.nulls.as_ref().map(|nulls| positions.pick(nulls));
    for range in split(&valid_time) {
        let ends = ends.as_ref().map(|ends| ends[range.clone()].to_vec());
        let nulls = nulls.as_ref().map(|nulls| nulls[range.clone()].to_vec());
        let points = complete(Points {
            valid_time: valid_time[range.clone()].to_vec(),
            valid_time_end: ends.filter(|ends| ends.iter().any(|&end| end != NO_END)),
            value: value[range].to_vec(),
            nulls: nulls.filter(|nulls| nulls.contains(&true)),
            known_time: Column::Constant(0),
            change_time: Column::Constant(0),
            version: Column::Constant(0),
            batch: Column::Constant([0; 16]),
            notes: None,
        });
        let segment = encode(key, &points)
            .map_err(|e| Error::internal(format!("could not encode a segment: {e}")))?;
        writer.push(key.series, segment)?;
    }
    Ok(())
}
