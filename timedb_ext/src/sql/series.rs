//! Series: creating, describing, changing and finding them.

use super::arguments;
use crate::identity::nobody;
use crate::identity::writer::writable_tenant;
use crate::pg::durability::commit_as_writer;
use crate::pg::error::{Error, Result, SqlState, entry};
use crate::pg::json::Jsonb;
use crate::pg::spi::connected;
use crate::series::{
    Search, SeriesUpdate, count, describe_series as about, get_or_create, other_unit, page, rename,
    rows, update,
};
use crate::store::presence;
use pgrx::datum::{AnyElement, JsonB, Uuid};
use pgrx::prelude::*;
use timedb_rules::labels::{Labels, check_search};
use timedb_rules::upload::{NamedSeries, SeriesRef};

/// Most series of one page.
const MOST_SERIES: i32 = 100_000;

fn labels_of(labels: Option<AnyElement>) -> Result<Option<Labels>> {
    labels
        .map(|labels| arguments::labels_of(Jsonb::of_argument(&labels)?))
        .transpose()
}

fn id_of(series_id: Option<Uuid>) -> Result<[u8; 16]> {
    let null = SqlState::NULL_VALUE_NOT_ALLOWED;
    series_id
        .map(|id| *id.as_bytes())
        .ok_or_else(|| Error::new(null, "series_id must not be null"))
}

pub(super) fn jsonb(labels: &str) -> JsonB {
    JsonB(serde_json::from_str(labels).unwrap_or_default())
}

/// `timedb.create_series(...)`.
#[pg_extern(sql = false)]
fn create_series(
    name: Option<String>,
    unit: Option<String>,
    labels: Option<AnyElement>,
    description: Option<String>,
) -> TableIterator<'static, (Uuid, bool)> {
    let run = || {
        let tenant = writable_tenant("timedb.create_series()")?;
        let series = SeriesRef::Named(NamedSeries {
            name: name.unwrap_or_default(),
            labels: labels_of(labels)?.unwrap_or_default(),
            unit,
            description,
        });
        let wanted = [series];
        let resolved = connected(|| {
            presence::enter(&tenant)?;
            get_or_create(&tenant, &wanted)
        })?;
        for (series, found) in wanted.iter().zip(&resolved) {
            if let Some(unit) = series.unit().filter(|unit| *unit != found.unit) {
                return Err(other_unit(series, &found.unit, unit));
            }
        }
        if resolved.iter().any(|series| !series.created) {
            commit_as_writer();
        }
        Ok(resolved)
    };
    let series = entry(run).into_iter();
    TableIterator::new(series.map(|s| (Uuid::from_bytes(s.id), s.created)))
}

/// `timedb.describe_series(series_id)`.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "pgrx reads the columns off it")]
fn describe_series(
    series_id: Option<Uuid>,
) -> TableIterator<
    'static,
    (
        name!(series_id, Uuid),
        name!(name, String),
        name!(unit, String),
        name!(description, Option<String>),
        name!(labels, JsonB),
        name!(created_at, i64),
        name!(versions, i64),
        name!(segments, i64),
        name!(bytes, i64),
        name!(first_valid_time, Option<i64>),
        name!(last_valid_time, Option<i64>),
        name!(first_known_time, Option<i64>),
        name!(last_known_time, Option<i64>),
        name!(last_change_time, Option<i64>),
    ),
> {
    let (id, about) = entry(|| {
        nobody::warn();
        let id = id_of(series_id)?;
        Ok((id, connected(|| about(&id))?))
    });
    TableIterator::once((
        Uuid::from_bytes(id),
        about.name,
        about.unit,
        about.description,
        jsonb(&about.labels),
        about.created_at,
        about.stored.points,
        about.stored.segments,
        about.stored.bytes(),
        about.stored.first_valid_time,
        about.stored.last_valid_time,
        about.stored.first_known_time,
        about.stored.last_known_time,
        about.stored.last_change_time,
    ))
}

/// `timedb.rename_series(series_id, name, labels)`.
#[pg_extern(sql = false)]
fn rename_series(
    series_id: Option<Uuid>,
    name: Option<String>,
    labels: Option<AnyElement>,
) -> bool {
    entry(|| {
        let tenant = writable_tenant("timedb.rename_series()")?;
        let id = id_of(series_id)?;
        let labels = labels_of(labels)?;
        connected(|| rename(&tenant, &id, name, labels))
    })
}

/// `timedb.update_series(series_id, description, unit)`.
#[pg_extern(sql = false)]
fn update_series(
    series_id: Option<Uuid>,
    description: Option<String>,
    unit: Option<String>,
) -> bool {
    entry(|| {
        let tenant = writable_tenant("timedb.update_series()")?;
        let id = id_of(series_id)?;
        connected(|| update(&tenant, &id, &SeriesUpdate { description, unit }))
    })
}

/// The series of a page that is asked for. Call with SPI connected.
///
/// # Errors
/// 22023 for a page of no possible size; as [`page`].
pub(super) fn ids_of_page(
    search: &Search,
    max_series: Option<i32>,
    after: Option<Uuid>,
) -> Result<Vec<[u8; 16]>> {
    nobody::warn();
    let most = max_series.unwrap_or(MOST_SERIES);
    if !(1..=MOST_SERIES).contains(&most) {
        return Err(Error::invalid(format!(
            "max_series must be between 1 and {MOST_SERIES}, not {most}"
        )));
    }
    let after = after.map(|after| *after.as_bytes());
    page(search, most as usize, after)
}

/// What series are searched for, as these arguments say.
///
/// # Errors
/// 22023 for labels or a text that cannot be.
pub(super) fn search_of(
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
) -> TableIterator<'static, (Uuid, String, String, Option<String>, JsonB, i64)> {
    let run = || {
        let search = search_of(name, prefix, labels, search)?;
        connected(|| ids_of_page(&search, max_series, after))
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
    entry(|| {
        nobody::warn();
        let search = search_of(name, prefix, labels, search)?;
        connected(|| count(&search))
    })
}
