//! Changing an existing series: its name and labels, which identify it, its description and, as long as it has no
//! points, its unit; and deleting it.

use super::create;
use crate::pg::error::{Error, Result, SqlState, uuid_text};
use crate::pg::locks;
use crate::pg::spi::{Arg, statements};
use crate::store::log;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::{PgSqlErrorCode, PgTryBuilder};
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use timedb_rules::labels::{
    Labels, check_description, check_new_name, check_new_unit, identity, value_hash, value_head,
};

statements! {
    LOCK(UUID) -> (TEXT, TEXT, TEXT, TEXT) =
        c"SELECT name, labels::text, unit, description FROM timedb.series WHERE series_id = $1 FOR UPDATE";
    TAKEN(BYTEA) -> (UUID) = c"SELECT series_id FROM timedb.series WHERE identity = $1";
    RENAME(UUID, TEXT, TEXT, BYTEA) =
        c"UPDATE timedb.series SET name = $2, labels = $3::jsonb, identity = $4 WHERE series_id = $1";
    // Each label by its place in the index.
    DELETE_LABELS(UUID, TEXTS, TEXTS, BYTEAS) =
        c"DELETE FROM timedb.series_labels AS l \
          USING unnest($2, $3, $4) AS o(label, value_head, value_hash) \
          WHERE l.series_id = $1 AND l.label = o.label AND l.value_head = o.value_head \
            AND l.value_hash = o.value_hash";
    DESCRIBE(UUID, TEXT) =
        c"UPDATE timedb.series SET description = NULLIF($2, '') WHERE series_id = $1";
    HAS_POINTS(UUID) -> (INT4) = c"SELECT 1 FROM timedb_internal.segments WHERE series_id = $1 LIMIT 1";
    DELETE_SERIES(UUID) = c"DELETE FROM timedb.series WHERE series_id = $1";
    SET_UNIT(UUID, TEXT) = c"UPDATE timedb.series SET unit = $2 WHERE series_id = $1";
}

/// A series as it is, locked until the transaction ends.
struct Locked {
    name: String,
    labels: Labels,
    unit: String,
    description: Option<String>,
}

fn lock(id: &[u8; 16]) -> Result<Locked> {
    let found = LOCK.row(false, &[Arg::uuid(id)], |row| {
        Ok(Locked {
            name: row.text(1)?.unwrap_or_default(),
            labels: Labels::parse(&row.text(2)?.unwrap_or_default())?,
            unit: row.text(3)?.unwrap_or_default(),
            description: row.text(4)?,
        })
    })?;
    found.ok_or_else(|| Error::no_such_series(id))
}

/// Gives the series another name and other labels, `None` leaving them as they are. Returns whether that
/// changes anything.
///
/// # Errors
/// 42704 for an unknown id, 22023 for a bad name, 23505 when another series has that name and these labels.
pub fn rename(
    tenant: &[u8; 16],
    id: &[u8; 16],
    name: Option<String>,
    labels: Option<Labels>,
) -> Result<bool> {
    if let Some(name) = &name {
        check_new_name(name)?;
    }
    if let Some(labels) = &labels {
        labels.check()?;
    }
    let old = lock(id)?;
    let name = name.as_deref().unwrap_or(&old.name);
    let labels = labels.as_ref().unwrap_or(&old.labels);
    let new = identity(name, labels);
    if new == identity(&old.name, &old.labels) {
        return Ok(false);
    }
    let taken = TAKEN.row(false, &[Arg::bytea(&new)], |row| row.uuid(1))?;
    if taken.is_some() {
        return Err(exists(name, taken));
    }
    let args = [
        Arg::uuid(id),
        Arg::text(name),
        Arg::text(&labels.json()),
        Arg::bytea(&new),
    ];
    // Another transaction may have been quicker. This one fails with the error that is returned: nothing needs to be
    // rolled back here.
    PgTryBuilder::new(AssertUnwindSafe(|| RENAME.execute(&args)))
        .catch_when(
            PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION,
            |_: CaughtError| Err(exists(name, None)),
        )
        .execute()?;
    let before: HashSet<_> = old.labels.pairs().collect();
    let after: HashSet<_> = labels.pairs().collect();
    let gone: Vec<_> = before.difference(&after).copied().collect();
    delete_labels(id, &gone)?;
    let added = after.difference(&before).copied();
    create::create_labels(tenant, added.map(|pair| (*id, pair)))?;
    Ok(true)
}

fn exists(name: &str, id: Option<[u8; 16]>) -> Error {
    let error = Error::new(
        SqlState::UNIQUE_VIOLATION,
        format!("another series is named \"{name}\" and has the same labels"),
    )
    .hint("Choose another name, or distinguish the two by a label.");
    match id {
        Some(id) => error.detail(format!("It is series {}.", uuid_text(&id))),
        None => error,
    }
}

fn delete_labels(id: &[u8; 16], labels: &[(&str, &str)]) -> Result<()> {
    if labels.is_empty() {
        return Ok(());
    }
    let hashes: Vec<_> = labels.iter().map(|(_, value)| value_hash(value)).collect();
    let args = [
        Arg::uuid(id),
        Arg::texts(labels.iter().map(|(label, _)| *label)),
        Arg::texts(labels.iter().map(|(_, value)| value_head(value))),
        Arg::byteas(hashes.iter().map(|hash| hash.as_slice())),
    ];
    DELETE_LABELS.execute(&args)?;
    Ok(())
}

/// What of a series may change without its name; `None` leaves it as it is.
#[derive(Debug, Default)]
pub struct SeriesUpdate {
    /// An empty one is none.
    pub description: Option<String>,
    pub unit: Option<String>,
}

/// Changes description and unit. Returns whether that changes anything.
///
/// # Errors
/// 42704 for an unknown id, 22023 for a bad text, 55000 for another unit of a series that has points.
pub fn update(tenant: &[u8; 16], id: &[u8; 16], update: &SeriesUpdate) -> Result<bool> {
    if let Some(description) = &update.description {
        check_description(description)?;
    }
    if let Some(unit) = &update.unit {
        check_new_unit(unit)?;
        // Before the series: uploads take the two in this order.
        locks::begin_unit_change(tenant);
    }
    let old = lock(id)?;
    let mut changed = false;
    if let Some(unit) = update.unit.as_deref().filter(|unit| *unit != old.unit) {
        // The log first: what is folded meanwhile is in segments then.
        if log::has_points(tenant, id)? || HAS_POINTS.execute(&[Arg::uuid(id)])? > 0 {
            return Err(Error::new(
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!(
                    "the unit of series \"{}\" stays \"{}\": it has points",
                    old.name, old.unit
                ),
            )
            .hint("Reads and uploads convert values: give them the unit you want."));
        }
        SET_UNIT.execute(&[Arg::uuid(id), Arg::text(unit)])?;
        changed = true;
    }
    if let Some(description) = &update.description
        && *description != old.description.unwrap_or_default()
    {
        DESCRIBE.execute(&[Arg::uuid(id), Arg::text(description)])?;
        changed = true;
    }
    Ok(changed)
}

/// Deletes a series of which there are no points any more, and returns its name.
///
/// # Errors
/// 42704 for an unknown id; the statements' own errors are raised.
pub fn delete(id: &[u8; 16]) -> Result<String> {
    let old = lock(id)?;
    let labels: Vec<_> = old.labels.pairs().collect();
    delete_labels(id, &labels)?;
    DELETE_SERIES.execute(&[Arg::uuid(id)])?;
    Ok(old.name)
}
