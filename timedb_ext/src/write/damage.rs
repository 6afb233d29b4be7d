//! Setting damaged rows aside, and putting them back: a row goes into timedb_internal.damaged_rows as it is, whole in the one
//! way and mended in the other, so that what is not damaged can be read meanwhile. Both hold the right to compact, so
//! that nobody folds or merges what is being looked at.

mod late;
mod rows;
mod stand_in;

use crate::identity::writer::writable_tenant;
use crate::pg::error::{Error, Result, SqlState, uuid_text};
use crate::pg::snapshot;
use crate::pg::time;
use crate::read::verify::{Damage, examine};
use crate::store::presence;
use rows::{KeptRow, still_damaged};
use timedb_rules::DamagedRow;

/// The tenant, whose store nobody else compacts until the transaction ends.
fn begin(what: &str) -> Result<[u8; 16]> {
    let tenant = writable_tenant(what)?;
    presence::await_compaction(&tenant, what)?;
    Ok(tenant)
}

/// Sets a damaged row aside; returns what it is called there, and what is lost until it is put back. Call with SPI
/// connected.
///
/// # Errors
/// As [`writable_tenant`]; 22023 for what is no damage_id, 25008 in a transaction that keeps one snapshot, 42704 for a
/// row that does not exist, 55000 for one that is whole, and for series.
pub fn set_aside(damage_id: &str) -> Result<(String, Damage)> {
    let tenant = begin("timedb.set_aside()")?;
    let row = DamagedRow::parse(damage_id)?;
    let examined = snapshot::under_latest(|| examine(tenant, row))?.ok_or_else(|| {
        Error::new(
            SqlState::UNDEFINED_OBJECT,
            format!("tenant {} has no row \"{damage_id}\"", uuid_text(&tenant)),
        )
        .hint(
            "It may have been set aside already. timedb.verify_store() lists what is damaged now.",
        )
    })?;
    let Some(damage) = examined.damage else {
        return Err(Error::new(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("row \"{damage_id}\" is not damaged"),
        )
        .hint("Only what is damaged can be set aside. timedb.verify_store() lists it."));
    };
    if let DamagedRow::Series { .. } = row {
        return Err(Error::new(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("row \"{damage_id}\" cannot be set aside: the points of a series need it"),
        )
        .hint("Restore this row of timedb.series and its rows of timedb.series_labels from a backup, or rename the series to something else and back."));
    }
    let name = rows::keep(&tenant, &damage)?;
    if let DamagedRow::Log { change_time: time } | DamagedRow::Chunk { max_change: time } = row {
        stand_in::keep_newest(&tenant, time::from_pg(time))?;
    }
    Ok((name, damage))
}

/// Puts a row back that was set aside, with some of its columns mended (a JSON object). Call with SPI connected.
///
/// # Errors
/// As [`set_aside`]: 42704 for what was not set aside; 22023 for columns that the row does not have; 55000 where it is
/// still damaged, or something else stands in its place.
pub fn put_back(damage_id: &str, mended: &str) -> Result<KeptRow> {
    let tenant = begin("timedb.put_back()")?;
    let kept = rows::find(&tenant, damage_id, mended)?;
    let row = match kept.kind.as_str() {
        "log" => late::put_log_back(&tenant, damage_id, mended)?,
        "chunk" => late::put_chunk_back(&tenant, damage_id, mended)?,
        _ => Some(rows::insert(&kept.kind, damage_id, mended)?),
    };
    if let Some(row) = row {
        let examined = snapshot::under_latest(|| examine(tenant, row))?;
        if let Some(damage) = examined.and_then(|examined| examined.damage) {
            return Err(still_damaged(damage_id, &damage.problem));
        }
    }
    rows::forget(damage_id)?;
    Ok(kept)
}
