//! Deletion, as SQL calls it.

use crate::identity::settings::acting_as;
use crate::identity::writer::writable_tenant;
use crate::pg::error::{Error, Result, SqlState, entry};
use crate::pg::spi::{Arg, connected, statements};
use crate::store::presence;
use crate::write::delete;
use pgrx::Uuid;
use pgrx::prelude::*;

statements! {
    SERIES(UUID) -> (UUID) = c"SELECT series_id FROM timedb.series WHERE series_id = $1";
}

/// `timedb.delete_batch(batch_id)`: points, segments and bytes.
#[pg_extern(sql = false)]
fn delete_batch(batch_id: Option<Uuid>) -> TableIterator<'static, (i64, i64, i64)> {
    let removed = entry(|| {
        let id = given(batch_id, "batch_id")?;
        connected(|| delete::batch(&id))
    });
    TableIterator::once((removed.points as i64, removed.segments, removed.bytes))
}

/// `timedb.delete_series(series_id)`: points, segments and bytes.
#[pg_extern(sql = false)]
fn delete_series(series_id: Option<Uuid>) -> TableIterator<'static, (i64, i64, i64)> {
    let removed = entry(|| {
        let id = given(series_id, "series_id")?;
        connected(|| delete::series(&id))
    });
    TableIterator::once((removed.points as i64, removed.segments, removed.bytes))
}

/// `timedb_internal._erase_store(tenant_id)`: all that the tenant has stored goes, for administrators: series, points and bytes.
#[pg_extern(sql = false)]
fn _erase_store(tenant_id: Uuid) -> TableIterator<'static, (i64, i64, i64)> {
    let tenant = *tenant_id.as_bytes();
    let (removed, series) = entry(|| acting_as(tenant, || connected(delete::everything)));
    TableIterator::once((series as i64, removed.points as i64, removed.bytes))
}

/// `timedb_internal._enter_store(what, series_id)`: the tenant, as which something is said about what is kept, and nothing is deleted
/// meanwhile. A series that is named exists.
#[pg_extern(sql = false)]
fn _enter_store(what: Option<&str>, series_id: Option<Uuid>) -> Uuid {
    Uuid::from_bytes(entry(|| {
        let tenant = writable_tenant(what.unwrap_or_default())?;
        connected(|| enter(tenant, series_id))?;
        Ok(tenant)
    }))
}

/// `timedb_internal._enter_store_of(tenant_id, series_id)`: the same as this tenant, for administrators.
#[pg_extern(sql = false)]
fn _enter_store_of(tenant_id: Option<Uuid>, series_id: Option<Uuid>) {
    entry(|| {
        let tenant = given(tenant_id, "tenant_id")?;
        acting_as(tenant, || {
            writable_tenant("a change of what a tenant keeps")?;
            connected(|| enter(tenant, series_id))
        })
    });
}

fn enter(tenant: [u8; 16], series_id: Option<Uuid>) -> Result<()> {
    presence::enter_rules(&tenant)?;
    let Some(series) = series_id.map(|id| *id.as_bytes()) else {
        return Ok(());
    };
    let found = SERIES.row(false, &[Arg::uuid(&series)], |row| row.uuid(1))?;
    found
        .map(|_| ())
        .ok_or_else(|| Error::no_such_series(&series))
}

/// An id that must be given.
///
/// # Errors
/// 22004.
pub(super) fn given(id: Option<Uuid>, what: &str) -> Result<[u8; 16]> {
    let null = SqlState::NULL_VALUE_NOT_ALLOWED;
    id.map(|id| *id.as_bytes())
        .ok_or_else(|| Error::new(null, format!("{what} must not be null")))
}
