//! Getting or creating the series of a write, in an order in which writers do not deadlock.

use super::look_up::{ByIdentity, Resolved, collect, of_identities, of_ids};
use super::{DEFAULT_UNIT, uuid7};
use crate::pg::error::{Error, Result, SqlState};
use crate::pg::locks;
use crate::pg::spi::{Arg, statements};
use std::collections::{BTreeMap, HashMap};
use timedb_rules::labels::{
    check_description, check_name, check_new_name, check_new_unit, check_unit, identity, value_hash,
};
use timedb_rules::upload::{NamedSeries, SeriesRef};

/// How often a series is looked for that others create and rename at the same time.
const ATTEMPTS: usize = 5;

statements! {
    // For a transaction that keeps its snapshot: a unit that has changed since fails it (40001), and so does a series that
    // has been deleted.
    HOLD_UNITS(UUIDS) -> (INT4) =
        c"SELECT 1 FROM timedb.series WHERE series_id = ANY ($1) ORDER BY series_id FOR SHARE";
    HOLD(UUIDS) -> (INT4) =
        c"SELECT 1 FROM timedb.series WHERE series_id = ANY ($1) ORDER BY series_id FOR KEY SHARE";
    // Sorted by identity: two uploads that create the same series in opposite order would deadlock.
    CREATE(UUID, UUIDS, TEXTS, TEXTS, TEXTS, TEXTS, BYTEAS) -> (BYTEA, UUID, TEXT) =
        c"INSERT INTO timedb.series \
              (tenant_id, series_id, name, unit, description, labels, identity, created_at) \
          SELECT $1, n.series_id, n.name, n.unit, NULLIF(n.description, ''), n.labels::jsonb, n.identity, \
                 clock_timestamp() \
          FROM unnest($2, $3, $4, $5, $6, $7) \
               AS n(series_id, name, unit, description, labels, identity) \
          ORDER BY n.identity \
          ON CONFLICT (tenant_id, identity) DO NOTHING \
          RETURNING identity, series_id, unit";
    CREATE_LABELS(UUID, UUIDS, TEXTS, TEXTS, BYTEAS) =
        c"INSERT INTO timedb.series_labels (tenant_id, series_id, label, value, value_hash) \
          SELECT $1, n.series_id, n.label, n.value, n.value_hash \
          FROM unnest($2, $3, $4, $5) AS n(series_id, label, value, value_hash) \
          ORDER BY n.label, n.value_hash, n.series_id";
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
    let at = |place| move |e| of_series(e, place, wanted);
    for (place, series) in wanted.iter().enumerate() {
        if let Some(unit) = series.unit() {
            check_unit(unit).map_err(at(place))?;
        }
        identities.push(match series {
            SeriesRef::Id { .. } => None,
            SeriesRef::Named(named) => {
                check_name(&named.name).map_err(at(place))?;
                // Also where the series exists and keeps its own: whoever sends a wrong one is told each time.
                if let Some(description) = &named.description {
                    check_description(description).map_err(at(place))?;
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
    let by_id = check_ids(tenant, wanted)?;
    let by_identity = by_identity(tenant, wanted, &identities)?;
    let resolve = |(series, identity): (&SeriesRef, &Option<[u8; 32]>)| {
        let found = match (series, identity) {
            (SeriesRef::Id { id, .. }, _) => by_id.get(id),
            (SeriesRef::Named(_), Some(identity)) => by_identity.get(identity),
            (SeriesRef::Named(_), None) => None,
        };
        found.cloned().ok_or_else(not_visible)
    };
    let resolved = wanted
        .iter()
        .zip(&identities)
        .map(resolve)
        .collect::<Result<Vec<_>>>()?;
    if locks::snapshot_is_kept() {
        let old = resolved.iter().filter(|series| !series.created);
        let args = [Arg::uuids(old.map(|series| &series.id))];
        if with_units { &HOLD_UNITS } else { &HOLD }.execute(&args)?;
    }
    Ok(resolved)
}

/// Says which series an error is about, where there are several.
fn of_series(error: Error, place: usize, wanted: &[SeriesRef]) -> Error {
    match wanted {
        [_] => error,
        _ => error.of_series(place),
    }
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
        format!("series {series} already exists with unit \"{stored}\", not \"{given}\""),
    )
    .hint("Omit the unit, give the stored one, or distinguish the series by a label.")
}

/// The series that are named by id.
fn check_ids(tenant: &[u8; 16], wanted: &[SeriesRef]) -> Result<HashMap<[u8; 16], Resolved>> {
    let ids: Vec<_> = wanted
        .iter()
        .filter_map(|series| match series {
            SeriesRef::Id { id, .. } => Some(*id),
            SeriesRef::Named(_) => None,
        })
        .collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let known = of_ids(tenant, &ids)?;
    match ids.iter().find(|id| !known.contains_key(*id)) {
        Some(unknown) => Err(Error::no_such_series(unknown)),
        None => Ok(known),
    }
}

/// The named series, of which those that do not exist are created.
fn by_identity(
    tenant: &[u8; 16],
    wanted: &[SeriesRef],
    identities: &[Option<[u8; 32]>],
) -> Result<ByIdentity> {
    let mut found = HashMap::new();
    of_identities(tenant, identities.iter().flatten(), &mut found)?;
    let mut missing = missing(wanted, identities, &found);
    for (identity, named) in &missing {
        check(named).map_err(|e| {
            let place = identities.iter().position(|i| i.as_ref() == Some(identity));
            of_series(e, place.unwrap_or_default(), wanted)
        })?;
        pgrx::check_for_interrupts!();
    }
    for _ in 0..ATTEMPTS {
        if missing.is_empty() {
            break;
        }
        create(tenant, &missing, &mut found)?;
        missing.retain(|identity, _| !found.contains_key(identity));
        // Another transaction created these in the meantime, or renamed one to them, and has committed. One
        // more could rename it again before it is looked up.
        of_identities(tenant, missing.keys(), &mut found)?;
        missing.retain(|identity, _| !found.contains_key(identity));
        if locks::snapshot_is_kept() {
            break;
        }
    }
    Ok(found)
}

/// Named series that do not exist yet, by identity.
type Missing = BTreeMap<[u8; 32], NamedSeries>;

/// Of several mentions of one the first that
/// says something gives unit and description.
fn missing(
    wanted: &[SeriesRef],
    identities: &[Option<[u8; 32]>],
    existing: &ByIdentity,
) -> Missing {
    let mut missing = Missing::new();
    for (series, identity) in wanted.iter().zip(identities) {
        let (SeriesRef::Named(named), Some(identity)) = (series, identity) else {
            continue;
        };
        if existing.contains_key(identity) {
            continue;
        }
        let first = missing.entry(*identity).or_insert_with(|| named.clone());
        first.unit = first.unit.take().or_else(|| named.unit.clone());
        first.description = first
            .description
            .take()
            .or_else(|| named.description.clone());
    }
    missing
}

/// Checks what a new series is to be. A series that exists keeps what it has, and takes points under its name.
fn check(named: &NamedSeries) -> Result<()> {
    check_new_name(&named.name)?;
    named.labels.check()?;
    if let Some(unit) = &named.unit {
        check_new_unit(unit)?;
    }
    Ok(())
}

fn create(tenant: &[u8; 16], missing: &Missing, found: &mut ByIdentity) -> Result<()> {
    let ids: Vec<[u8; 16]> = missing.keys().map(|_| uuid7()).collect();
    let series = || missing.values();
    let labels: Vec<String> = series().map(|named| named.labels.json()).collect();
    let args = [
        Arg::uuid(tenant),
        Arg::uuids(ids.iter()),
        Arg::texts(series().map(|named| named.name.as_str())),
        Arg::texts(series().map(|named| named.unit.as_deref().unwrap_or(DEFAULT_UNIT))),
        Arg::texts(series().map(|named| named.description.as_deref().unwrap_or_default())),
        Arg::texts(labels.iter().map(String::as_str)),
        Arg::byteas(missing.keys().map(|identity| identity.as_slice())),
    ];
    CREATE.run(false, &args, |row| collect(row, true, found))?;
    let labels = missing.iter().flat_map(|(identity, named)| {
        let created = found.get(identity).into_iter();
        created.flat_map(|series| named.labels.pairs().map(|pair| (series.id, pair)))
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
    CREATE_LABELS.execute(&args)?;
    Ok(())
}
