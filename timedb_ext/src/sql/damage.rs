//! Verification, and what administrators do about what it finds, as SQL calls them.

use super::deletion::given;
use crate::identity::caller;
use crate::identity::nobody;
use crate::identity::settings::acting_as;
use crate::pg::error::{Error, Result, SqlState, entry};
use crate::pg::spi::{Arg, connected, types::*};
use crate::pg::tuplestore::Tuplestore;
use crate::read::verify::{Damage, verify};
use crate::write::damage;
use pgrx::datum::{Array, Uuid};
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::prelude::*;
use std::collections::BTreeSet;
use timedb_rules::DamagedRow;
use timedb_rules::limits::{MAX_SERIES, too_many};

const COLUMNS: [Oid; 12] = [
    TEXT, TEXT, UUID, INT8, UUID, TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP, INT8, INT8, TEXT,
];

finfo!(pg_finfo_timedb_verify, timedb_verify);
finfo!(pg_finfo_timedb_verify_tenant, timedb_verify_tenant);
finfo!(pg_finfo_timedb_set_aside, timedb_set_aside);

/// SQL `timedb.verify(series_id)`.
///
/// # Safety
/// Called by PostgreSQL as declared in `sql/functions/damage.sql`.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn timedb_verify(fcinfo: pg_sys::FunctionCallInfo) -> Datum {
    entry(|| {
        // SAFETY: the declaration promises a uuid[]; the types of the rows are checked.
        let (store, ids) = unsafe {
            (
                Tuplestore::open(fcinfo, &COLUMNS)?,
                pgrx::pg_getarg::<Array<Uuid>>(fcinfo, 0),
            )
        };
        let series = ids.map(|ids| series(&ids)).transpose()?;
        nobody::warn();
        if let Some(tenant) = caller::tenant() {
            put_all(tenant, series.as_ref(), store)?;
        }
        Ok(Datum::null())
    })
}

/// SQL `timedb_internal._verify_tenant(tenant_id)`: the same as this tenant, for administrators.
///
/// # Safety
/// Called by PostgreSQL as declared in `sql/functions/damage.sql`.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn timedb_verify_tenant(fcinfo: pg_sys::FunctionCallInfo) -> Datum {
    entry(|| {
        // SAFETY: the declaration promises a uuid; the types of the rows are checked.
        let (store, tenant) = unsafe {
            (
                Tuplestore::open(fcinfo, &COLUMNS)?,
                pgrx::pg_getarg::<Uuid>(fcinfo, 0),
            )
        };
        if let Some(tenant) = tenant.map(|tenant| *tenant.as_bytes()) {
            acting_as(tenant, || put_all(tenant, None, store))?;
        }
        Ok(Datum::null())
    })
}

/// SQL `timedb_internal._set_aside(tenant_id, damage_id)`: the row as verification tells it, with what it is called from now on.
///
/// # Safety
/// Called by PostgreSQL as declared in `sql/functions/damage.sql`.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn timedb_set_aside(fcinfo: pg_sys::FunctionCallInfo) -> Datum {
    entry(|| {
        // SAFETY: the declaration promises a uuid and a text; the types of the rows are checked.
        let (mut store, tenant, damage_id) = unsafe {
            (
                Tuplestore::open(fcinfo, &COLUMNS)?,
                pgrx::pg_getarg::<Uuid>(fcinfo, 0),
                pgrx::pg_getarg::<&str>(fcinfo, 1),
            )
        };
        if let Some(tenant) = tenant.map(|tenant| *tenant.as_bytes()) {
            let damage_id = named(damage_id)?;
            let (name, damage) = acting_as(tenant, || connected(|| damage::set_aside(damage_id)))?;
            put(&mut store, &name, &damage);
        }
        Ok(Datum::null())
    })
}

/// SQL `timedb_internal._put_back(tenant_id, damage_id, mended)`: a row of kind and points.
#[pg_extern(sql = false)]
fn _put_back(
    tenant_id: Option<Uuid>,
    damage_id: Option<&str>,
    mended: Option<&str>,
) -> TableIterator<'static, (String, i64)> {
    let kept = entry(|| {
        let tenant = given(tenant_id, "tenant_id")?;
        let damage_id = named(damage_id)?;
        acting_as(tenant, || {
            connected(|| damage::put_back(damage_id, mended.unwrap_or("{}")))
        })
    });
    TableIterator::once((kept.kind, kept.points))
}

fn named(damage_id: Option<&str>) -> Result<&str> {
    damage_id.ok_or_else(|| {
        Error::new(
            SqlState::NULL_VALUE_NOT_ALLOWED,
            "damage_id must not be null",
        )
    })
}

fn series(ids: &Array<Uuid>) -> Result<BTreeSet<[u8; 16]>> {
    if ids.len() > MAX_SERIES {
        return Err(too_many(
            "timedb.verify()",
            MAX_SERIES,
            "ids in series_id",
            ids.len(),
            "Split it into several calls, or leave series_id out.",
        ));
    }
    Ok(ids.iter().flatten().map(|id| *id.as_bytes()).collect())
}

fn put_all(
    tenant: [u8; 16],
    series: Option<&BTreeSet<[u8; 16]>>,
    mut store: Tuplestore<12>,
) -> Result<()> {
    connected(|| {
        verify(tenant, series, |damage| {
            put(&mut store, &damage.row.to_string(), &damage);
            Ok(())
        })
    })
}

fn put(store: &mut Tuplestore<12>, name: &str, damage: &Damage) {
    store.with_scratch(|store| {
        // SAFETY: each column is of the type that COLUMNS says.
        unsafe { store.put(row(name, damage)) };
    });
}

fn row(name: &str, damage: &Damage) -> [Option<Datum>; 12] {
    let (series, segment, list) = ids(&damage.row);
    let instant = |t: Option<i64>| t.and_then(|t| Arg::int8(t).datum());
    let uuid = |id: Option<[u8; 16]>| id.and_then(|id| Arg::uuid(&id).datum());
    [
        Arg::text(name).datum(),
        Arg::text(damage.row.kind()).datum(),
        uuid(series),
        segment.and_then(|id| Arg::int8(id).datum()),
        uuid(list),
        instant(damage.valid.map(|(least, _)| least)),
        instant(damage.valid.map(|(_, greatest)| greatest)),
        instant(damage.change.map(|(least, _)| least)),
        instant(damage.change.map(|(_, greatest)| greatest)),
        Arg::int8(damage.points).datum(),
        Arg::int8(damage.batches).datum(),
        Arg::text(&damage.problem).datum(),
    ]
}

/// The ids of series, segment and list by which a row is known.
fn ids(row: &DamagedRow) -> (Option<[u8; 16]>, Option<i64>, Option<[u8; 16]>) {
    match *row {
        DamagedRow::Segment {
            series, segment_id, ..
        } => (Some(series), Some(segment_id), None),
        DamagedRow::Series { id } => (Some(id), None, None),
        DamagedRow::List { id } => (None, None, Some(id)),
        _ => (None, None, None),
    }
}
