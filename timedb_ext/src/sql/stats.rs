//! How much is stored, as SQL asks for it.

use super::series::{ids_of_page, jsonb, search_of};
use crate::identity::caller;
use crate::identity::nobody;
use crate::identity::settings::acting_as;
use crate::pg::error::{Result, entry};
use crate::pg::spi::connected;
use crate::series::rows;
use crate::series::stats::{Stored, TenantStats, of_series, of_tenant};
use pgrx::datum::{AnyElement, JsonB, Uuid};
use pgrx::prelude::*;

/// `timedb.stats()`.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "pgrx reads the columns off it")]
fn stats() -> TableIterator<
    'static,
    (
        name!(series, i64),
        name!(points, i64),
        name!(segments, i64),
        name!(small_segments, i64),
        name!(log_rows, i64),
        name!(log_points, i64),
        name!(segment_bytes, i64),
        name!(log_bytes, i64),
        name!(other_bytes, i64),
        name!(bytes, i64),
        name!(bytes_per_point, Option<f64>),
        name!(ratio, Option<f64>),
        name!(first_valid_time, Option<i64>),
        name!(last_valid_time, Option<i64>),
        name!(last_change_time, Option<i64>),
    ),
> {
    TableIterator::once(columns(&entry(|| {
        nobody::warn();
        run()
    })))
}

/// `timedb_internal._tenant_stats(tenant_id)`: the same as this tenant, for administrators.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "pgrx reads the columns off it")]
fn _tenant_stats(
    tenant_id: Uuid,
) -> TableIterator<
    'static,
    (
        name!(series, i64),
        name!(points, i64),
        name!(segments, i64),
        name!(small_segments, i64),
        name!(log_rows, i64),
        name!(log_points, i64),
        name!(segment_bytes, i64),
        name!(log_bytes, i64),
        name!(other_bytes, i64),
        name!(bytes, i64),
        name!(bytes_per_point, Option<f64>),
        name!(ratio, Option<f64>),
        name!(first_valid_time, Option<i64>),
        name!(last_valid_time, Option<i64>),
        name!(last_change_time, Option<i64>),
    ),
> {
    TableIterator::once(columns(&entry(|| acting_as(*tenant_id.as_bytes(), run))))
}

fn run() -> Result<TenantStats> {
    let tenant = caller::tenant().unwrap_or_default();
    connected(|| of_tenant(&tenant))
}

type TenantColumns = (
    i64,
    i64,
    i64,
    i64,
    i64,
    i64,
    i64,
    i64,
    i64,
    i64,
    Option<f64>,
    Option<f64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
);

fn columns(of: &TenantStats) -> TenantColumns {
    let stored = &of.stored;
    let bytes = stored.bytes() + of.other_bytes;
    (
        of.series,
        stored.points,
        stored.segments,
        stored.small_segments,
        stored.log_rows,
        stored.log_points,
        stored.segment_bytes,
        stored.log_bytes,
        of.other_bytes,
        bytes,
        stored.bytes_per_point(bytes),
        stored.ratio(bytes),
        stored.first_valid_time,
        stored.last_valid_time,
        stored.last_change_time,
    )
}

/// `timedb.stats_series(...)`.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "pgrx reads the columns off it")]
fn stats_series(
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
        name!(labels, JsonB),
        name!(points, i64),
        name!(segments, i64),
        name!(small_segments, i64),
        name!(log_rows, i64),
        name!(log_points, i64),
        name!(bytes, i64),
        name!(bytes_per_point, Option<f64>),
        name!(ratio, Option<f64>),
        name!(first_valid_time, Option<i64>),
        name!(last_valid_time, Option<i64>),
        name!(last_change_time, Option<i64>),
    ),
> {
    let run = || {
        let search = search_of(name, prefix, labels, search)?;
        connected(|| {
            let ids = ids_of_page(&search, max_series, after)?;
            let tenant = caller::tenant().unwrap_or_default();
            let stored = of_series(&tenant, &ids)?;
            Ok((ids, stored))
        })
    };
    let (ids, stored) = entry(run);
    let found = rows(ids).zip(stored);
    TableIterator::new(found.map(|(row, stored): (_, Stored)| {
        let row = entry(|| row);
        let bytes = stored.bytes();
        (
            Uuid::from_bytes(row.id),
            row.name,
            jsonb(&row.labels),
            stored.points,
            stored.segments,
            stored.small_segments,
            stored.log_rows,
            stored.log_points,
            bytes,
            stored.bytes_per_point(bytes),
            stored.ratio(bytes),
            stored.first_valid_time,
            stored.last_valid_time,
            stored.last_change_time,
        )
    }))
}
