//! A year of hourly forecasts of one series, 48 points each: the bytes they take, and the reads that
//! only a store of all versions can answer, beside DISTINCT ON over the plain table.

use timedb_tests::Role;
use uuid::Uuid;

use crate::data::{self, HOUR, START, plain_series_id};
use crate::encode::Instant;
use crate::store::Store;
use crate::sums::{Source, compare, sum_of};
use crate::{Result, report};

/// The hours of a year.
const FORECASTS: usize = 8_766;
const POINTS: usize = 48;

const UPLOAD: &str = "SELECT series_ids[1] FROM timedb.upload(
    valid_time => $1, value => $2, name => ARRAY['series_000'], known_time => $3)";
const INSERT: &str = "INSERT INTO plain.points SELECT $1, $2, u.valid_time, $3, $3, $4, u.value
    FROM unnest($5::timestamptz[], $6::float8[]) AS u(valid_time, value)";

/// All lines of forecasts.
///
/// # Errors
/// When a side refuses, or the sides do not return the same points.
pub async fn measure(runs: usize) -> Result<()> {
    report::progress("a year of forecasts");
    let store = Store::new(runs).await?;
    let series = load(&store).await?;
    let values = (FORECASTS * POINTS) as f64;
    let [ours, plain] = store.both_bytes().await?;
    report::less("forecast_bytes", ours / values, plain / values);
    store.analyze().await?;
    reads(&store, series, "_at_once").await?;
    if store.compact(store.db.a()).await? {
        let [ours, plain] = store.both_bytes().await?;
        report::less("forecast_bytes_compacted", ours / values, plain / values);
    }
    reads(&store, series, "").await
}

/// Each forecast in a transaction of its own, on both sides; returns the series.
async fn load(store: &Store) -> Result<Uuid> {
    let ours = store.db.login(store.db.a()).await;
    let plain = store.db.connect(Role::User).await;
    let upload = ours.prepare(UPLOAD).await?;
    let insert = plain.prepare(INSERT).await?;
    // Bytes are counted here, not seconds.
    for client in [&ours, &plain] {
        client.batch_execute("SET synchronous_commit = off").await?;
    }
    let (tenant, plain_series) = (store.db.a().tenant_id, plain_series_id(0));
    let mut random = data::random();
    let mut series = Uuid::nil();
    for hour in 0..FORECASTS {
        let issued = issued(hour);
        let (times, values) = forecast(hour, &mut random);
        let row = ours.query_one(&upload, &[&times, &values, &issued]).await?;
        series = row.get(0);
        let batch = Uuid::new_v4();
        plain
            .execute(
                &insert,
                &[&tenant, &plain_series, &issued, &batch, &times, &values],
            )
            .await?;
    }
    Ok(series)
}

fn issued(hour: usize) -> Instant {
    Instant(START + hour as i64 * HOUR)
}

/// The next 48 hours as seen from an hour: a daily wave and noise that grows with the lead time.
fn forecast(hour: usize, random: &mut rand_pcg::Pcg64) -> (Vec<Instant>, Vec<f64>) {
    (1..=POINTS)
        .map(|lead| {
            let valid = hour + lead;
            let wave = 10.0 * (std::f64::consts::TAU * valid as f64 / 24.0).sin();
            let noise = data::normal(random) * lead as f64 / POINTS as f64;
            let value = ((20.0 + wave + noise) * 100.0).round() / 100.0;
            (issued(valid), value)
        })
        .unzip()
}

/// The five ways to read the year.
async fn reads(store: &Store, series: Uuid, suffix: &str) -> Result<()> {
    report::progress("reading a year of forecasts");
    let middle = issued(FORECASTS / 2);
    let after = Instant(middle.0 + 1);
    let tenant = store.db.a().tenant_id;
    let plain_series = plain_series_id(0);
    // When the forecast in the middle was written; the plain table's clock is that of the forecasts.
    store.begin().await?;
    let sql = "SELECT max(change_time) FROM timedb.read_versions(series_id => ARRAY[$1::uuid], start_known => $2, end_known => $3)";
    let row = store
        .user
        .query_one(sql, &[&series, &middle, &after])
        .await?;
    let written: Instant = row.get(0);
    store.commit().await?;

    let one = "series_id => ARRAY[$1::uuid]";
    let year = "tenant_id = $1 AND series_id = $2";
    let newest = |condition: &str| {
        sum_of(&format!(
            "(SELECT DISTINCT ON (valid_time) value FROM plain.points WHERE {year} {condition}
              ORDER BY valid_time, known_time DESC, change_time DESC) AS p"
        ))
    };
    let line = async |name: &str, ours: Source<'_>, plain: Source<'_>| -> Result<()> {
        let metric = format!("forecast_year_{name}{suffix}");
        let [ours, plain] = compare(store, &metric, ours, plain).await?;
        report::less(&metric, ours * 1e3, plain * 1e3);
        Ok(())
    };
    line(
        "flat",
        (&sum_of(&format!("timedb.read_flat({one})")), &[&series]),
        (&newest(""), &[&tenant, &plain_series]),
    )
    .await?;
    line(
        "as_of",
        (
            &sum_of(&format!("timedb.read_flat({one}, as_of => $2)")),
            &[&series, &middle],
        ),
        (
            &newest("AND known_time <= $3"),
            &[&tenant, &plain_series, &middle],
        ),
    )
    .await?;
    line(
        "as_of_change",
        (
            &sum_of(&format!("timedb.read_flat({one}, as_of_change => $2)")),
            &[&series, &written],
        ),
        (
            &newest("AND change_time <= $3"),
            &[&tenant, &plain_series, &middle],
        ),
    )
    .await?;
    line(
        "relative",
        (
            &sum_of(&format!(
                "timedb.read_relative({one}, days_ahead => 1, time_of_day => '06:00')"
            )),
            &[&series],
        ),
        (
            &newest("AND known_time <= date_trunc('day', valid_time, 'UTC') - interval '18 hours'"),
            &[&tenant, &plain_series],
        ),
    )
    .await?;
    line(
        "overlapping",
        (
            &sum_of(&format!("timedb.read_overlapping({one})")),
            &[&series],
        ),
        (
            &sum_of(&format!(
                "(SELECT DISTINCT ON (valid_time, known_time) value FROM plain.points WHERE {year}
                  ORDER BY valid_time, known_time, change_time DESC) AS p"
            )),
            &[&tenant, &plain_series],
        ),
    )
    .await
}
