//! Correcting points: each update becomes a new version of the one it names. `timedb_rules` knows what an update says
//! and which version it means; `lookup` reads, `store` writes.

mod lookup;
mod store;

use crate::identity::writer::writable_tenant;
use crate::pg::durability::commit_as_writer;
use crate::pg::error::{Error, Result, uuid_text};
use crate::pg::locks;
use crate::pg::time;
use crate::store::presence;
use crate::write::batches::{Answer, BatchInfo, RequestClaim, Retry};
use crate::write::log::{Write, WriteInfo};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fmt::Write as _;
use store::new_versions;
use timedb_rules::corrections::{CurrentVersion, PointUpdate, parse, refuse_twice};
use timedb_segment::{BatchKind, NO_END};

/// Bytes of a request that are hashed before it is looked whether to go on.
const HASHED_AT_ONCE: usize = 1 << 20;

/// Carries out a request, a jsonb's text, as one write: all of it, or nothing. Returns the answer as JSON.
///
/// The series are locked before their versions are read under the latest snapshot, so that of two
/// corrections of one point the later one is built on the earlier one. A transaction that keeps one
/// snapshot does not go beyond it: what it cannot see it does not correct (40001).
///
/// # Errors
/// As [`writable_tenant`], [`Retry::claim`], [`request::parse`] and [`lookup::current`]; 21000 for two
/// updates of one version.
pub fn update_values(json: &str, idempotency_key: Option<String>) -> Result<String> {
    let tenant = writable_tenant("timedb.update_values()")?;
    let updates = parse(json, &tenant, time::parse)?;
    if updates.is_empty() {
        return Ok(answer(&tenant, &[], &[], &[], 0));
    }
    let retry = Retry {
        batch_id: None,
        idempotency_key,
    };
    presence::enter(&tenant)?;
    let request = match retry.claim(&tenant, || fingerprint(json))? {
        RequestClaim::Answered(batch) => {
            commit_as_writer();
            return batch
                .answer
                .ok_or_else(|| Error::internal("a correction without its answer"));
        }
        RequestClaim::New(request) => request,
    };
    locks::begin_corrections(&tenant, updates.iter().map(|update| &update.target.series));
    let found = lookup::current(&updates)?;
    refuse_twice(&updates, &found)?;

    let altered: Vec<bool> = updates
        .iter()
        .zip(&found)
        .map(|(update, found)| update.edit.alters(found))
        .collect();
    let versions = updates.iter().zip(&found).zip(&altered);
    let written: Vec<_> = versions
        .filter_map(|(both, altered)| altered.then_some(both))
        .collect();
    let points = written.len();
    if points == 0 && retry.idempotency_key.is_none() {
        commit_as_writer();
        return Ok(answer(&tenant, &updates, &found, &altered, 0));
    }
    let mut seen = HashSet::new();
    let series_ids: Vec<[u8; 16]> = written
        .iter()
        .map(|(update, _)| update.target.series)
        .filter(|series| seen.insert(*series))
        .collect();
    let write = Write::begin(tenant, series_ids.clone())?;
    let change_time = write.change_time();
    let answer = answer(&tenant, &updates, &found, &altered, change_time);
    let skipped = updates.len() - points;
    let kept = Answer {
        points,
        skipped,
        series_ids: &series_ids,
        json: Some(&answer),
    };
    request.keep(&tenant, change_time, &kept)?;
    let about = WriteInfo {
        request: &request,
        kind: BatchKind::Correction,
        info: &BatchInfo::default(),
        known_time: None,
        skipped,
    };
    let versions = new_versions(written, &series_ids, change_time);
    write.store(versions.into_iter(), &about)?;
    Ok(answer)
}

/// SHA-256 of the request: a jsonb's text is one for all spellings of the same JSON.
fn fingerprint(json: &str) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(b"correction\0");
    for piece in json.as_bytes().chunks(HASHED_AT_ONCE) {
        hash.update(piece);
        pgrx::check_for_interrupts!();
    }
    hash.finalize().into()
}

/// The answer as JSON: the versions written, and the updates that change nothing.
fn answer(
    tenant: &[u8; 16],
    updates: &[PointUpdate],
    found: &[CurrentVersion],
    altered: &[bool],
    value_id: i64,
) -> String {
    let tenant = uuid_text(tenant);
    let (mut updated, mut skipped) = (String::new(), String::new());
    let times = |(update, found): (&PointUpdate, &CurrentVersion)| {
        let end = if found.end == NO_END { 0 } else { found.end };
        [update.target.valid_time, end, found.stamp.known_time]
    };
    let mut times = updates.iter().zip(found).flat_map(times);
    let with_fraction = times.any(time::has_fraction);
    let iso = |time| time::iso(time, with_fraction);
    for ((update, found), &altered) in updates.iter().zip(found).zip(altered) {
        let list = if altered { &mut updated } else { &mut skipped };
        let target = &update.target;
        let comma = if list.is_empty() { "" } else { "," };
        let end = match found.end {
            NO_END => String::new(),
            end => format!(",\"valid_time_end\":\"{}\"", iso(end)),
        };
        let id = match altered {
            true => format!(",\"value_id\":{value_id}"),
            false => String::new(),
        };
        // Writing to a String cannot fail.
        let _ = write!(
            list,
            "{comma}{{\"batch_id\":\"{}\",\"tenant_id\":\"{tenant}\",\"valid_time\":\"{}\"{end},\"series_id\":\"{}\",\
             \"known_time\":\"{}\"{id}}}",
            uuid_text(&found.batch),
            iso(target.valid_time),
            uuid_text(&target.series),
            iso(found.stamp.known_time),
        );
    }
    format!("{{\"updated\":[{updated}],\"skipped_no_ops\":[{skipped}]}}")
}
