//! Series that are named one by one, as an upload names them, but that must exist.

use super::{SeriesFilter, SeriesInfo, find};
use crate::pg::error::{Error, Result, SqlState};
use crate::pg::spi::{Arg, statements};
use std::collections::HashMap;
use timedb_rules::labels::identity;
use timedb_rules::upload::{NamedSeries, SeriesRef};

statements! {
    // As in `create`.
    BY_IDENTITY(BYTEAS) -> (BYTEA, UUID) =
        c"SELECT i.identity, s.series_id FROM unnest($1) AS i(identity) \
          CROSS JOIN LATERAL (SELECT identity, series_id FROM timedb.series \
                              WHERE identity >= i.identity ORDER BY identity LIMIT 1) AS s \
          WHERE s.identity = i.identity";
}

/// The series that are named, ascending by id, and for each name the place of its series. Call with SPI connected.
///
/// # Errors
/// 42704 for a series that does not exist.
pub fn existing(wanted: &[SeriesRef]) -> Result<(Vec<SeriesInfo>, Vec<usize>)> {
    let by_identity = by_identity(wanted)?;
    let mut ids = Vec::with_capacity(wanted.len());
    for series in wanted {
        ids.push(match series {
            SeriesRef::Id { id, .. } => *id,
            SeriesRef::Named(named) => {
                let id = by_identity.get(&identity(&named.name, &named.labels));
                *id.ok_or_else(|| no_such_series(named))?
            }
        });
        pgrx::check_for_interrupts!();
    }
    let mut distinct = ids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let found = find(&SeriesFilter::of_ids(distinct))?;
    let place = |id: &[u8; 16]| {
        let place = found.binary_search_by_key(id, |series| series.id);
        place.map_err(|_| Error::no_such_series(id))
    };
    let places = ids.iter().map(place).collect::<Result<_>>()?;
    Ok((found, places))
}

fn by_identity(wanted: &[SeriesRef]) -> Result<HashMap<[u8; 32], [u8; 16]>> {
    let named = wanted.iter().filter_map(|series| match series {
        SeriesRef::Id { .. } => None,
        SeriesRef::Named(named) => Some(identity(&named.name, &named.labels)),
    });
    let identities: Vec<[u8; 32]> = named.collect();
    let mut found = HashMap::with_capacity(identities.len());
    if identities.is_empty() {
        return Ok(found);
    }
    let args = [Arg::byteas(
        identities.iter().map(|identity| identity.as_slice()),
    )];
    BY_IDENTITY.run(true, &args, |row| {
        let identity = row.bytea(1, |bytes| {
            <[u8; 32]>::try_from(bytes)
                .map_err(|_| Error::internal("a series with a short identity"))
        })?;
        found.insert(identity, row.uuid(2)?);
        Ok(())
    })?;
    Ok(found)
}

/// The same whether there is none, or another tenant's.
fn no_such_series(named: &NamedSeries) -> Error {
    let labels = match named.labels.pairs().next() {
        Some(_) => format!("with labels {}", named.labels.json()),
        None => "without labels".to_owned(),
    };
    Error::new(
        SqlState::UNDEFINED_OBJECT,
        format!("series \"{}\" {labels} does not exist", named.name),
    )
    .hint("A series is named by its name and all of its labels, or by its id.")
}
