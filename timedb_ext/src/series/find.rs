//! The series of a read.

use super::{SeriesFilter, SeriesInfo, labelled};
use crate::pg::error::{Error, Result};
use crate::pg::spi::{Arg, Home, Row, statements, types};
use pgrx::pg_sys::Datum;
use timedb_rules::labels::Labels;

/// A name that has no more series is where a filter by name and labels begins.
const FEW: i64 = 1_000;

/// Series that are listed in one step.
const STEP: usize = 1_000;

statements! {
    LISTED() -> (UUID, TEXT, TEXT, JSONB) =
        c"SELECT series_id, name, unit, labels FROM timedb.series";
    ALL() -> (UUID, TEXT, TEXT, TEXT) =
        c"SELECT series_id, name, unit, labels::text FROM timedb.series ORDER BY series_id";
    BY_ID(UUIDS) -> (UUID, TEXT, TEXT, TEXT) =
        c"SELECT i.series_id, s.name, s.unit, s.labels::text \
          FROM (SELECT DISTINCT u.series_id FROM unnest($1) AS u(series_id) ORDER BY u.series_id) AS i \
          CROSS JOIN LATERAL ( \
              SELECT series_id, name, unit, labels FROM timedb.series \
              WHERE series_id >= i.series_id ORDER BY series_id LIMIT 1 \
          ) AS s \
          WHERE s.series_id = i.series_id \
          ORDER BY i.series_id";
    BY_NAME(TEXT) -> (UUID, TEXT, TEXT, TEXT) =
        c"SELECT series_id, name, unit, labels::text FROM timedb.series \
          WHERE name = $1 ORDER BY series_id";
    BY_NAMES(TEXTS) -> (UUID, TEXT, TEXT, TEXT) =
        c"SELECT s.series_id, s.name, s.unit, s.labels::text \
          FROM unnest($1) AS n(name) \
          CROSS JOIN LATERAL ( \
              SELECT series_id, name, unit, labels FROM timedb.series \
              WHERE name = n.name ORDER BY series_id OFFSET 0 \
          ) AS s";
    IDS_BY_NAMES(TEXTS, INT8) -> (UUID) =
        c"SELECT s.series_id \
          FROM unnest($1) AS n(name) \
          CROSS JOIN LATERAL ( \
              SELECT series_id FROM timedb.series WHERE name = n.name ORDER BY series_id OFFSET 0 \
          ) AS s LIMIT $2";
    IDS_BY_NAME(TEXT, INT8) -> (UUID) =
        c"SELECT series_id FROM timedb.series WHERE name = $1 ORDER BY series_id LIMIT $2";
}

/// The series that a filter selects, ascending by id. Ids that do not exist select nothing.
///
/// # Errors
/// XX000 when a statement fails.
pub fn find(filter: &SeriesFilter) -> Result<Vec<SeriesInfo>> {
    let labels = filter
        .labels
        .as_ref()
        .filter(|labels| labels.pairs().next().is_some());
    let ids = match (&filter.ids, labels) {
        (Some(ids), Some(labels)) => Some(labelled::keep(labels, ids.clone())?),
        (Some(ids), None) => Some(ids.clone()),
        (None, Some(labels)) => Some(match few_by_name(filter)? {
            Some(ids) => labelled::keep(labels, ids)?,
            None => labelled::with_all(labels, usize::MAX - 1)?.unwrap_or_default(),
        }),
        (None, None) => None,
    };
    let mut found = match (&ids, &filter.name, &filter.names) {
        (Some(ids), ..) if ids.is_empty() => Vec::new(),
        (Some(ids), ..) => BY_ID.rows(true, &[Arg::uuids(ids.iter())], info)?,
        (None, Some(name), _) => BY_NAME.rows(true, &[Arg::text(name)], info)?,
        (None, None, Some(names)) => {
            let names = Arg::texts(names.iter().map(String::as_str));
            let mut found = BY_NAMES.rows(true, &[names], info)?;
            found.sort_unstable_by_key(|series| series.id);
            found
        }
        (None, None, None) => ALL.rows(true, &[], info)?,
    };
    found.retain(|series| filter.has_name(&series.name));
    Ok(found)
}

/// Hands over series_id, name, unit and labels of all series, as they are stored. Call with SPI connected.
///
/// # Errors
/// XX000 when the statement fails.
pub fn list(mut each: impl FnMut([Option<Datum>; 4])) -> Result<()> {
    let mut series = LISTED.open(&[], Home::here())?;
    loop {
        pgrx::check_for_interrupts!();
        let more = series.fetch(STEP, |row| {
            each([
                row.passed(1, types::UUID)?,
                row.passed(2, types::TEXT)?,
                row.passed(3, types::TEXT)?,
                row.passed(4, types::JSONB)?,
            ]);
            Ok(())
        })?;
        if !more {
            return Ok(());
        }
    }
}

/// The series of the filter's name or names, unless there are many.
fn few_by_name(filter: &SeriesFilter) -> Result<Option<Vec<[u8; 16]>>> {
    let most = Arg::int8(FEW + 1);
    let ids = match (&filter.name, &filter.names) {
        (Some(name), _) => IDS_BY_NAME.rows(true, &[Arg::text(name), most], |row| row.uuid(1))?,
        (None, Some(names)) => {
            let names = Arg::texts(names.iter().map(String::as_str));
            IDS_BY_NAMES.rows(true, &[names, most], |row| row.uuid(1))?
        }
        (None, None) => return Ok(None),
    };
    Ok((ids.len() as i64 <= FEW).then_some(ids))
}

fn info(row: &Row) -> Result<SeriesInfo> {
    pgrx::check_for_interrupts!();
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
