//! Looking for series.

use super::series::{jsonb, labels_of};
use crate::identity::nobody;
use crate::pg::error::{Error, Result, entry};
use crate::pg::spi::connected;
use crate::series::{Search, count, page, rows};
use pgrx::datum::{AnyElement, JsonB, Uuid};
use pgrx::prelude::*;
use timedb_rules::labels::check_search;

/// Most series of one page.
const MOST_SERIES: i32 = 100_000;

fn search_of(
    name: Option<String>,
    prefix: Option<String>,
    labels: Option<AnyElement>,
    search: Option<String>,
) -> Result<Search> {
    search.as_deref().map(check_search).transpose()?;
    Ok(Search {
        name,
        prefix: prefix.filter(|prefix| !prefix.is_empty()),
        labels: labels_of(labels)?,
        words: search.filter(|search| !search.is_empty()),
    })
}

/// `timedb.find_series(...)`.
#[pg_extern(sql = false)]
fn find_series(
    name: Option<String>,
    prefix: Option<String>,
    labels: Option<AnyElement>,
    search: Option<String>,
    max_series: Option<i32>,
    after: Option<Uuid>,
) -> TableIterator<
    'static,
    (
        name!(series_id, Uuid),
        name!(name, String),
        name!(unit, String),
        name!(description, Option<String>),
        name!(labels, JsonB),
        name!(created_at, i64),
    ),
> {
    let run = || {
        nobody::warn();
        let most = max_series.unwrap_or(MOST_SERIES);
        if !(1..=MOST_SERIES).contains(&most) {
            return Err(Error::invalid(format!(
                "max_series must be between 1 and {MOST_SERIES}, not {most}"
            )));
        }
        let search = search_of(name, prefix, labels, search)?;
        let after = after.map(|after| *after.as_bytes());
        connected(|| page(&search, most as usize, after))
    };
    let found = rows(entry(run));
    TableIterator::new(found.map(|row| {
        let row = entry(|| row);
        (
            Uuid::from_bytes(row.id),
            row.name,
            row.unit,
            row.description,
            jsonb(&row.labels),
            row.created_at,
        )
    }))
}

/// `timedb.count_series(...)`.
#[pg_extern(sql = false)]
fn count_series(
    name: Option<String>,
    prefix: Option<String>,
    labels: Option<AnyElement>,
    search: Option<String>,
) -> i64 {
    let run = || {
        nobody::warn();
        let search = search_of(name, prefix, labels, search)?;
        connected(|| count(&search))
    };
    entry(run)
}
