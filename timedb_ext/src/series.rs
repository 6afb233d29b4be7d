//! Series: finding them for a read, getting or creating them for a write.

use crate::error::{Error, Result, uuid_text};
use crate::labels::{Labels, check_name, identity, refuse_nul, value_hash};
use crate::spi::{Arg, Row, Statement};
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::{self, Oid};
use std::collections::HashMap;

/// The unit of a series that was given none.
pub const DEFAULT_UNIT: &str = "dimensionless";

/// What a reader is told about a series.
#[derive(Debug, Clone)]
pub struct SeriesInfo {
    pub id: [u8; 16],
    pub name: String,
    pub unit: String,
    /// Compact JSON object.
    pub labels: String,
}

impl SeriesInfo {
    /// How many bytes its texts take.
    pub fn bytes(&self) -> usize {
        self.name.len() + self.unit.len() + self.labels.len()
    }
}

/// A series as a writer names it.
#[derive(Debug, Clone)]
pub enum SeriesRef {
    /// By its id: it must exist.
    Id([u8; 16]),
    /// By name and labels: created when it does not exist.
    Named(NamedSeries),
}

/// Name, labels and, for a new series, unit and description.
#[derive(Debug, Clone, Default)]
pub struct NamedSeries {
    pub name: String,
    pub labels: Labels,
    pub unit: Option<String>,
    pub description: Option<String>,
}

/// Which series a read is about; `None` is no restriction.
#[derive(Debug, Default)]
pub struct SeriesFilter {
    pub ids: Option<Vec<[u8; 16]>>,
    pub name: Option<String>,
    pub labels: Option<Labels>,
}

impl SeriesFilter {
    /// Whether it selects all series.
    pub fn is_open(&self) -> bool {
        self.ids.is_none() && self.name.is_none() && self.labels.is_none()
    }
}

const UUID_ARRAY: Oid = pg_sys::UUIDARRAYOID;
const TEXT_ARRAY: Oid = pg_sys::TEXTARRAYOID;
const BYTEA_ARRAY: Oid = pg_sys::BYTEAARRAYOID;

thread_local! {
    static ALL: Statement = const { Statement::new(
        c"SELECT series_id, name, unit, labels::text FROM timedb.series ORDER BY series_id",
        &[],
    ) };
    static BY_ID: Statement = const { Statement::new(
        c"SELECT series_id, name, unit, labels::text FROM timedb.series \
          WHERE series_id = ANY ($1) ORDER BY series_id",
        &[UUID_ARRAY],
    ) };
    static BY_NAME: Statement = const { Statement::new(
        c"SELECT series_id, name, unit, labels::text FROM timedb.series \
          WHERE name = $1 ORDER BY series_id",
        &[pg_sys::TEXTOID],
    ) };
    static BY_LABEL: Statement = const { Statement::new(
        c"SELECT series_id FROM timedb.series_labels \
          WHERE label = $1 AND value_hash = $2 AND value = $3 ORDER BY series_id",
        &[pg_sys::TEXTOID, pg_sys::BYTEAOID, pg_sys::TEXTOID],
    ) };
    static BY_IDENTITY: Statement = const { Statement::new(
        c"SELECT identity, series_id, unit FROM timedb.series WHERE identity = ANY ($1)",
        &[BYTEA_ARRAY],
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
    ) };
    static CREATE_LABELS: Statement = const { Statement::new(
        c"INSERT INTO timedb.series_labels (tenant_id, series_id, label, value, value_hash) \
          SELECT $1, n.series_id, n.label, n.value, n.value_hash \
          FROM unnest($2, $3, $4, $5) AS n(series_id, label, value, value_hash) \
          ORDER BY n.label, n.value_hash, n.series_id",
        &[pg_sys::UUIDOID, UUID_ARRAY, TEXT_ARRAY, TEXT_ARRAY, BYTEA_ARRAY],
    ) };
}

/// The series that a filter selects, ascending by id. Ids that do not exist select nothing.
///
/// # Errors
/// 22023 for a malformed filter.
pub fn find(filter: &SeriesFilter) -> Result<Vec<SeriesInfo>> {
    let mut ids = filter.ids.clone();
    if let Some(labels) = &filter.labels {
        for (label, value) in labels.pairs() {
            let with_label = ids_by_label(label, value)?;
            ids = Some(match ids {
                None => with_label,
                Some(mut ids) => {
                    ids.retain(|id| with_label.binary_search(id).is_ok());
                    ids
                }
            });
        }
    }
    let mut found = Vec::new();
    let mut push = |row: &Row| {
        found.push(info(row)?);
        Ok(())
    };
    match (&ids, &filter.name) {
        (Some(ids), _) if ids.is_empty() => {}
        (Some(ids), _) => {
            BY_ID.with(|s| s.run(true, &[Arg::uuids(ids.iter())], push))?;
        }
        (None, Some(name)) => {
            BY_NAME.with(|s| s.run(true, &[Arg::text(name)], push))?;
        }
        (None, None) => {
            ALL.with(|s| s.run(true, &[], &mut push))?;
        }
    }
    if let Some(name) = &filter.name {
        found.retain(|series| &series.name == name);
    }
    Ok(found)
}

fn ids_by_label(label: &str, value: &str) -> Result<Vec<[u8; 16]>> {
    let mut ids = Vec::new();
    let args = [
        Arg::text(label),
        Arg::bytea(&value_hash(value)),
        Arg::text(value),
    ];
    BY_LABEL.with(|s| {
        s.run(true, &args, |row| {
            ids.push(row.uuid(1)?);
            Ok(())
        })
    })?;
    Ok(ids)
}

fn info(row: &Row) -> Result<SeriesInfo> {
    let text = |column| Ok::<_, Error>(row.text(column)?.unwrap_or_default());
    let labels = text(4)?;
    Ok(SeriesInfo {
        id: row.uuid(1)?,
        name: text(2)?,
        unit: text(3)?,
        // jsonb prints a space after each colon and comma; clients get compact JSON.
        labels: Labels::parse(&labels)?.json(),
    })
}

/// A series that a writer named, and whether this call created it.
#[derive(Debug, Clone, Copy)]
pub struct Resolved {
    pub id: [u8; 16],
    pub created: bool,
}

/// The ids of the series that a write names, in the order given; those that do not exist yet are
/// created, so nothing of them stays when the transaction fails.
///
/// # Errors
/// 42704 for an unknown id, 22023 for a malformed name or unit, 23505 for an existing series with
/// another unit than the one given.
pub fn get_or_create(tenant: &[u8; 16], wanted: &[SeriesRef]) -> Result<Vec<Resolved>> {
    let known_ids = check_ids(wanted)?;
    let mut identities = Vec::with_capacity(wanted.len());
    for series in wanted {
        identities.push(match series {
            SeriesRef::Id(_) => None,
            SeriesRef::Named(named) => {
                check_name(&named.name)?;
                for text in [&named.unit, &named.description].into_iter().flatten() {
                    refuse_nul(text, "unit and description")?;
                }
                Some(identity(&named.name, &named.labels))
            }
        });
    }
    let mut existing = HashMap::new();
    look_up(identities.iter().flatten(), &mut existing)?;
    let missing = missing(wanted, &identities, &existing);
    let mut created = HashMap::new();
    if !missing.is_empty() {
        create(tenant, &missing, &mut created)?;
        if created.len() < missing.len() {
            // Another transaction created some of them in the meantime and has committed.
            let rest = missing.iter().map(|(identity, _)| identity);
            look_up(rest.filter(|i| !created.contains_key(*i)), &mut existing)?;
        }
    }
    let resolve = |(series, identity): (&SeriesRef, &Option<[u8; 32]>)| match (series, identity) {
        (SeriesRef::Named(named), Some(identity)) => {
            if let Some((id, unit)) = created.get(identity) {
                check_unit(named, unit)?;
                return Ok(Resolved {
                    id: *id,
                    created: true,
                });
            }
            let (id, unit) = existing.get(identity).ok_or_else(|| {
                Error::new(
                    PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE,
                    "could not see a series that another transaction has just created",
                )
                .hint("Run the transaction again.")
            })?;
            check_unit(named, unit)?;
            Ok(Resolved {
                id: *id,
                created: false,
            })
        }
        (SeriesRef::Id(id), _) if known_ids.contains_key(id) => Ok(Resolved {
            id: *id,
            created: false,
        }),
        (SeriesRef::Id(id), _) => Err(Error::no_such_series(id)),
        (SeriesRef::Named(_), None) => Err(Error::internal("a named series without identity")),
    };
    wanted.iter().zip(&identities).map(resolve).collect()
}

/// A changed unit would silently change the meaning of what is stored already.
fn check_unit(named: &NamedSeries, stored: &str) -> Result<()> {
    match &named.unit {
        Some(unit) if unit != stored => Err(Error::new(
            PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION,
            format!(
                "series \"{}\" already exists with unit \"{stored}\", not \"{unit}\"",
                named.name
            ),
        )
        .hint("Leave the unit out, give the stored one, or tell the series apart by a label.")),
        _ => Ok(()),
    }
}

fn check_ids(wanted: &[SeriesRef]) -> Result<HashMap<[u8; 16], ()>> {
    let ids: Vec<_> = wanted
        .iter()
        .filter_map(|series| match series {
            SeriesRef::Id(id) => Some(*id),
            SeriesRef::Named(_) => None,
        })
        .collect();
    let mut known = HashMap::new();
    if !ids.is_empty() {
        BY_ID.with(|s| {
            s.run(false, &[Arg::uuids(ids.iter())], |row| {
                known.insert(row.uuid(1)?, ());
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
/// says something gives unit and description; the others must agree on the unit.
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

    let (mut owners, mut names, mut values, mut hashes) = (vec![], vec![], vec![], vec![]);
    for (identity, named) in missing {
        let Some((id, _)) = created.get(identity) else {
            continue;
        };
        for (label, value) in named.labels.pairs() {
            owners.push(*id);
            names.push(label);
            hashes.push(value_hash(value));
            values.push(value);
        }
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

/// A new time-ordered UUID (RFC 9562, version 7).
pub fn uuid7() -> [u8; 16] {
    *uuid::Uuid::now_v7().as_bytes()
}

/// How messages name a series of a write: by name where it has one.
pub fn describe(series: &SeriesRef) -> String {
    match series {
        SeriesRef::Named(named) => format!("\"{}\"", named.name),
        SeriesRef::Id(id) => uuid_text(id),
    }
}
