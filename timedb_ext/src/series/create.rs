//! Getting or creating the series of a write, in an order in which writers do not deadlock.

use super::{BYTEA_ARRAY, DEFAULT_UNIT, TEXT_ARRAY, UUID_ARRAY, uuid7};
use crate::pg::error::{Error, Result, SqlState};
use crate::pg::locks;
use crate::pg::spi::{Arg, Row, Statement};
use pgrx::pg_sys;
use std::collections::HashMap;
use timedb_rules::labels::{
    check_description, check_name, check_new_name, check_new_unit, check_unit, identity,
    refuse_nul, value_hash,
};
use timedb_rules::upload::{NamedSeries, SeriesRef};

/// How often a series is looked for that others create and rename at the same time.
const ATTEMPTS: usize = 5;

thread_local! {
    static UNITS: Statement = const { Statement::new(
        c"SELECT series_id, unit FROM timedb.series WHERE series_id = ANY ($1)",
        &[UUID_ARRAY],
        &[pg_sys::UUIDOID, pg_sys::TEXTOID],
    ) };
    static BY_IDENTITY: Statement = const { Statement::new(
        c"SELECT identity, series_id, unit FROM timedb.series WHERE identity = ANY ($1)",
        &[BYTEA_ARRAY],
        &[pg_sys::BYTEAOID, pg_sys::UUIDOID, pg_sys::TEXTOID],
    ) };
    // For a transaction that keeps its snapshot: a unit that has changed since fails it (40001).
    static HOLD: Statement = const { Statement::new(
        c"SELECT 1 FROM timedb.series WHERE series_id = ANY ($1) ORDER BY series_id FOR SHARE",
        &[UUID_ARRAY],
        &[pg_sys::INT4OID],
    ) };
    // Sorted by identity: two uploads that create the same series in opposite order would deadlock.
    static CREATE: Statement = const { Statement::new(
        c"INSERT INTO timedb.series \
              (tenant_id, series_id, name, unit, description, labels, identity, created_at) \
          SELECT $1, n.series_id, n.name, n.unit, NULLIF(n.description, ''), n.labels::jsonb, n.identity, \
                 clock_timestamp() \
          FROM unnest($2, $3, $4, $5, $6, $7) \
               AS n(series_id, name, unit, description, labels, identity) \
          ORDER BY n.identity \
          ON CONFLICT (tenant_id, identity) DO NOTHING \
          RETURNING identity, series_id, unit",
        &[pg_sys::UUIDOID, UUID_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, BYTEA_ARRAY],
        &[pg_sys::BYTEAOID, pg_sys::UUIDOID, pg_sys::TEXTOID],
    ) };
    static CREATE_LABELS: Statement = const { Statement::new(
        c"INSERT INTO timedb.series_labels (tenant_id, series_id, label, value, value_hash) \
          SELECT $1, n.series_id, n.label, n.value, n.value_hash \
          FROM unnest($2, $3, $4, $5) AS n(series_id, label, value, value_hash) \
          ORDER BY n.label, n.value_hash, n.series_id",
        &[pg_sys::UUIDOID, UUID_ARRAY, TEXT_ARRAY, TEXT_ARRAY, BYTEA_ARRAY],
        &[],
    ) };
}

/// A series that a writer named, and whether this call created it.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub id: [u8; 16],
    /// As it is stored.
    pub unit: String,
    pub created: bool,
}

/// The series that a write names, in the order given; those that do not exist yet are created, so
/// nothing of them stays when the transaction fails. Where a unit is given, the stored one stays what it is
/// until the transaction ends.
///
/// # Errors
/// 42704 for an unknown id, 22023 for a malformed name or unit, 40001 for a series that another transaction
/// has just created or changed and this one cannot see.
pub fn get_or_create(tenant: &[u8; 16], wanted: &[SeriesRef]) -> Result<Vec<Resolved>> {
    let mut identities = Vec::with_capacity(wanted.len());
    let at = |place: usize| {
        move |e: Error| {
            if wanted.len() > 1 {
                e.of_series(place)
            } else {
                e
            }
        }
    };
    for (place, series) in wanted.iter().enumerate() {
        if let Some(unit) = series.unit() {
            check_unit(unit).map_err(at(place))?;
        }
        identities.push(match series {
            SeriesRef::Id { .. } => None,
            SeriesRef::Named(named) => {
                check_name(&named.name).map_err(at(place))?;
                if let Some(description) = &named.description {
                    refuse_nul(description, "the description of a series")?;
                }
                Some(identity(&named.name, &named.labels))
            }
        });
        pgrx::check_for_interrupts!();
    }
    let with_units = wanted.iter().any(|series| series.unit().is_some());
    if with_units {
        locks::hold_units(tenant);
    }
    let by_id = check_ids(wanted)?;
    let (existing, created) = by_identity(tenant, wanted, &identities)?;
    let resolve = |(series, identity): (&SeriesRef, &Option<[u8; 32]>)| {
        let (found, created) = match (series, identity) {
            (SeriesRef::Id { id, .. }, _) => (by_id.get(id).map(|unit| (*id, unit)), false),
            (SeriesRef::Named(_), None) => (None, false),
            (SeriesRef::Named(_), Some(identity)) => match created.get(identity) {
                Some((id, unit)) => (Some((*id, unit)), true),
                None => (existing.get(identity).map(|(id, unit)| (*id, unit)), false),
            },
        };
        let (id, unit) = found.ok_or_else(not_visible)?;
        let unit = unit.clone();
        Ok(Resolved { id, unit, created })
    };
    let resolved = wanted
        .iter()
        .zip(&identities)
        .map(resolve)
        .collect::<Result<Vec<_>>>()?;
    if with_units && locks::snapshot_is_kept() {
        let old = resolved.iter().filter(|series| !series.created);
        let args = [Arg::uuids(old.map(|series| &series.id))];
        HOLD.with(|s| s.run(false, &args, |_| Ok(())))?;
    }
    Ok(resolved)
}

fn not_visible() -> Error {
    Error::new(
        SqlState::T_R_SERIALIZATION_FAILURE,
        "could not see a series that another transaction has just created or renamed",
    )
    .hint("Run the transaction again.")
}

/// 23505: another unit would silently change the meaning of what is stored already.
pub fn other_unit(series: &SeriesRef, stored: &str, given: &str) -> Error {
    Error::new(
        SqlState::UNIQUE_VIOLATION,
        format!(
            "series {} already exists with unit \"{stored}\", not \"{given}\"",
            series
        ),
    )
    .hint("Omit the unit, give the stored one, or distinguish the series by a label.")
}

/// The units of the series that are named by id.
fn check_ids(wanted: &[SeriesRef]) -> Result<HashMap<[u8; 16], String>> {
    let ids: Vec<_> = wanted
        .iter()
        .filter_map(|series| match series {
            SeriesRef::Id { id, .. } => Some(*id),
            SeriesRef::Named(_) => None,
        })
        .collect();
    let mut known = HashMap::new();
    if !ids.is_empty() {
        UNITS.with(|s| {
            s.run(false, &[Arg::uuids(ids.iter())], |row| {
                known.insert(row.uuid(1)?, row.text(2)?.unwrap_or_default());
                Ok(())
            })
        })?;
    }
    match ids.iter().find(|id| !known.contains_key(*id)) {
        Some(unknown) => Err(Error::no_such_series(unknown)),
        None => Ok(known),
    }
}

type ByIdentity = HashMap<[u8; 32], ([u8; 16], String)>;

/// The named series that were there, and those that this call has created.
fn by_identity(
    tenant: &[u8; 16],
    wanted: &[SeriesRef],
    identities: &[Option<[u8; 32]>],
) -> Result<(ByIdentity, ByIdentity)> {
    let (mut existing, mut created) = (HashMap::new(), HashMap::new());
    look_up(identities.iter().flatten(), &mut existing)?;
    let mut missing = missing(wanted, identities, &existing);
    for (identity, named) in &missing {
        check(named).map_err(|e| match wanted {
            [_] => e,
            _ => match identities.iter().position(|i| i.as_ref() == Some(identity)) {
                Some(place) => e.of_series(place),
                None => e,
            },
        })?;
        pgrx::check_for_interrupts!();
    }
    for _ in 0..ATTEMPTS {
        if missing.is_empty() {
            break;
        }
        create(tenant, &missing, &mut created)?;
        missing.retain(|(identity, _)| !created.contains_key(identity));
        // Another transaction created these in the meantime, or renamed one to them, and has committed. One
        // more could rename it again before it is looked up.
        look_up(missing.iter().map(|(identity, _)| identity), &mut existing)?;
        missing.retain(|(identity, _)| !existing.contains_key(identity));
        if locks::snapshot_is_kept() {
            break;
        }
    }
    Ok((existing, created))
}

fn look_up<'a>(
    identities: impl Iterator<Item = &'a [u8; 32]>,
    found: &mut ByIdentity,
) -> Result<()> {
    let identities: Vec<&[u8]> = identities.map(|i| i.as_slice()).collect();
    if identities.is_empty() {
        return Ok(());
    }
    let args = [Arg::byteas(identities.into_iter())];
    BY_IDENTITY.with(|s| s.run(false, &args, |row| collect(row, found)))?;
    Ok(())
}

fn collect(row: &Row, found: &mut ByIdentity) -> Result<()> {
    let identity = row.bytea(1, |bytes| {
        <[u8; 32]>::try_from(bytes).map_err(|_| Error::internal("a series with a short identity"))
    })?;
    found.insert(identity, (row.uuid(2)?, row.text(3)?.unwrap_or_default()));
    Ok(())
}

type Missing = Vec<([u8; 32], NamedSeries)>;

/// The named series that do not exist yet, by identity. Of several mentions of one the first that
/// says something gives unit and description.
fn missing(
    wanted: &[SeriesRef],
    identities: &[Option<[u8; 32]>],
    existing: &ByIdentity,
) -> Missing {
    let mut missing: Missing = wanted
        .iter()
        .zip(identities)
        .filter_map(|(series, identity)| match (series, identity) {
            (SeriesRef::Named(named), Some(i)) if !existing.contains_key(i) => {
                Some((*i, named.clone()))
            }
            _ => None,
        })
        .collect();
    missing.sort_by_key(|(identity, _)| *identity);
    missing.dedup_by(|(identity, later), (first_identity, first)| {
        let same = identity == first_identity;
        if same {
            first.unit = first.unit.take().or(later.unit.take());
            first.description = first.description.take().or(later.description.take());
        }
        same
    });
    missing
}

/// Checks what a new series is to be. A series that exists keeps what it has, and takes points under its name.
fn check(named: &NamedSeries) -> Result<()> {
    check_new_name(&named.name)?;
    named.labels.check()?;
    if let Some(unit) = &named.unit {
        check_new_unit(unit)?;
    }
    if let Some(description) = &named.description {
        check_description(description)?;
    }
    Ok(())
}

fn create(tenant: &[u8; 16], missing: &Missing, created: &mut ByIdentity) -> Result<()> {
    let ids: Vec<[u8; 16]> = missing.iter().map(|_| uuid7()).collect();
    let series = || missing.iter().map(|(_, named)| named);
    let labels: Vec<String> = series().map(|named| named.labels.json()).collect();
    let unit = |named: &'_ NamedSeries| named.unit.clone().unwrap_or(DEFAULT_UNIT.to_owned());
    let units: Vec<String> = series().map(unit).collect();
    let args = [
        Arg::uuid(tenant),
        Arg::uuids(ids.iter()),
        Arg::texts(series().map(|named| named.name.as_str())),
        Arg::texts(units.iter().map(String::as_str)),
        Arg::texts(series().map(|named| named.description.as_deref().unwrap_or_default())),
        Arg::texts(labels.iter().map(String::as_str)),
        Arg::byteas(missing.iter().map(|(identity, _)| identity.as_slice())),
    ];
    CREATE.with(|s| s.run(false, &args, |row| collect(row, created)))?;
    let labels = missing.iter().flat_map(|(identity, named)| {
        let id = created.get(identity).map(|(id, _)| *id);
        id.into_iter()
            .flat_map(|id| named.labels.pairs().map(move |pair| (id, pair)))
    });
    create_labels(tenant, labels)
}

/// Notes labels of series that have none of these.
///
/// # Errors
/// XX000; the INSERT's own errors are raised.
pub(super) fn create_labels<'a>(
    tenant: &[u8; 16],
    labels: impl Iterator<Item = ([u8; 16], (&'a str, &'a str))>,
) -> Result<()> {
    let (mut owners, mut names, mut values, mut hashes) = (vec![], vec![], vec![], vec![]);
    for (id, (label, value)) in labels {
        owners.push(id);
        names.push(label);
        hashes.push(value_hash(value));
        values.push(value);
    }
    if owners.is_empty() {
        return Ok(());
    }
    let args = [
        Arg::uuid(tenant),
        Arg::uuids(owners.iter()),
        Arg::texts(names.into_iter()),
        Arg::texts(values.into_iter()),
        Arg::byteas(hashes.iter().map(|hash| hash.as_slice())),
    ];
    CREATE_LABELS.with(|s| s.run(false, &args, |_| Ok(())))?;
    Ok(())
}
