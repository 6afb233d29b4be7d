//! Looking up the series that a write names: one by one, or all that the tenant has.

use crate::pg::error::{Error, Result};
use crate::pg::spi::{Arg, Row, Statement, statements};
use std::cell::Cell;
use std::collections::HashMap;

/// Fewer series are searched for one by one.
const FEW: usize = 32;

statements! {
    // One search in the index for each. PostgreSQL knows nothing of how many series a tenant has, and any index that begins
    // with the tenant looks as good to it, with the rest as a filter; the order is what only one of them has.
    UNITS(UUIDS) -> (UUID, TEXT) =
        c"SELECT i.series_id, s.unit FROM unnest($1) AS i(series_id) \
          CROSS JOIN LATERAL (SELECT series_id, unit FROM timedb.series \
                              WHERE series_id >= i.series_id ORDER BY series_id LIMIT 1) AS s \
          WHERE s.series_id = i.series_id";
    BY_IDENTITY(BYTEAS) -> (BYTEA, UUID, TEXT) =
        c"SELECT i.identity, s.series_id, s.unit FROM unnest($1) AS i(identity) \
          CROSS JOIN LATERAL (SELECT identity, series_id, unit FROM timedb.series \
                              WHERE identity >= i.identity ORDER BY identity LIMIT 1) AS s \
          WHERE s.identity = i.identity";
    FIRST_UNITS(INT8) -> (UUID, TEXT) =
        c"SELECT series_id, unit FROM timedb.series ORDER BY series_id LIMIT $1";
    FIRST(INT8) -> (BYTEA, UUID, TEXT) =
        c"SELECT identity, series_id, unit FROM timedb.series ORDER BY identity LIMIT $1";
}

thread_local! {
    // The tenant that was last found to have more series than are read in one go, and how many those were.
    static TOO_MANY: Cell<([u8; 16], usize)> = const { Cell::new(([0; 16], 0)) };
}

/// A series that a writer named, and whether this call created it.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub id: [u8; 16],
    /// As it is stored.
    pub unit: String,
    pub created: bool,
}

/// Series by identity.
pub type ByIdentity = HashMap<[u8; 32], Resolved>;

/// The series of these ids, as far as they exist.
///
/// # Errors
/// XX000; the statement's own errors are raised.
pub fn of_ids(tenant: &[u8; 16], ids: &[[u8; 16]]) -> Result<HashMap<[u8; 16], Resolved>> {
    let mut found = HashMap::new();
    let mut each = |row: &Row| {
        let series = resolved(row, 1, false)?;
        found.insert(series.id, series);
        Ok(())
    };
    if !read_all(tenant, &FIRST_UNITS, ids.len(), &mut each)? {
        UNITS.run(false, &[Arg::uuids(ids.iter())], each)?;
    }
    Ok(found)
}

/// The series of these identities, as far as they exist, added to those found.
///
/// # Errors
/// XX000; the statement's own errors are raised.
pub fn of_identities<'a>(
    tenant: &[u8; 16],
    identities: impl Iterator<Item = &'a [u8; 32]>,
    found: &mut ByIdentity,
) -> Result<()> {
    let identities: Vec<&[u8]> = identities.map(|i| i.as_slice()).collect();
    if identities.is_empty() {
        return Ok(());
    }
    let mut each = |row: &Row| collect(row, false, found);
    if !read_all(tenant, &FIRST, identities.len(), &mut each)? {
        BY_IDENTITY.run(false, &[Arg::byteas(identities.into_iter())], each)?;
    }
    Ok(())
}

/// Reads all series of the tenant, one after the other, if those that are wanted are most of them, as a feed names them
/// each time: that takes a fifth of what it takes to search for each. False if they have to be searched for.
fn read_all(
    tenant: &[u8; 16],
    first: &Statement,
    wanted: usize,
    each: impl FnMut(&Row) -> Result<()>,
) -> Result<bool> {
    let most = 2 * wanted + FEW;
    if wanted < FEW || TOO_MANY.get() == (*tenant, most) {
        return Ok(false);
    }
    let rows = first.run(false, &[Arg::int8(most as i64)], each)?;
    if (rows as usize) < most {
        return Ok(true);
    }
    TOO_MANY.set((*tenant, most));
    Ok(false)
}

/// Adds the series of a row of identity, series_id and unit.
///
/// # Errors
/// XX000 for columns of other types.
pub fn collect(row: &Row, created: bool, found: &mut ByIdentity) -> Result<()> {
    let identity = row.bytea(1, |bytes| {
        <[u8; 32]>::try_from(bytes).map_err(|_| Error::internal("a series with a short identity"))
    })?;
    found.insert(identity, resolved(row, 2, created)?);
    Ok(())
}

/// A series whose id and unit begin at a column.
fn resolved(row: &Row, column: usize, created: bool) -> Result<Resolved> {
    Ok(Resolved {
        id: row.uuid(column)?,
        unit: row.text(column + 1)?.unwrap_or_default(),
        created,
    })
}
