//! One series, one point an upload, as a meter does that reports each reading by itself: the bytes a
//! point takes, and a read of a day beside the same day of a series that came in bulk.

use timedb_tests::Role;
use uuid::Uuid;

use crate::data::{self, DAY, MINUTE, START, plain_series_id};
use crate::encode::Instant;
use crate::store::Store;
use crate::sums::{compare, sum_of};
use crate::{Result, report};

const POINTS: usize = 100_000;
/// The same where fewer will do.
const POINTS_SHORT: usize = 20_000;
/// After so many, some hours', autovacuum has its turn.
const VACUUM_POINTS: usize = 360;

const UPLOAD: &str = "SELECT series_ids[1] FROM timedb.upload(
    valid_time => $1, value => $2, name => ARRAY['series_000'])";
const INSERT: &str = "INSERT INTO plain.points VALUES ($1, $2, $3, $3, $3, $4, $5)";

/// All lines of single points.
///
/// # Errors
/// When a side refuses, or does not hold what it was given.
pub async fn measure(runs: usize, is_short: bool) -> Result<()> {
    let points = if is_short { POINTS_SHORT } else { POINTS };
    report::progress(&format!("{points} uploads of one point"));
    let store = Store::new(runs).await?;
    let (times, values) = walk(points);
    let series = upload(&store, &times, &values, 1).await?;
    insert(&store, &times, &values).await?;
    let bytes = async || -> Result<[f64; 2]> {
        let bytes = store.both_bytes().await?;
        Ok(bytes.map(|bytes| bytes / points as f64))
    };
    let [ours, plain] = bytes().await?;
    report::less("pointwise_bytes", ours, plain);

    report::progress("a day of single points");
    let bulk = Store::new(runs).await?;
    let bulk_series = upload(&bulk, &times, &values, points).await?;
    insert(&bulk, &times, &values).await?;
    bulk.vacuum().await?;
    store.analyze().await?;
    let read = async |metric: &str| -> Result<()> {
        let [ours, plain] = day(&store, series, points, metric).await?;
        let [in_bulk, _] = day(&bulk, bulk_series, points, metric).await?;
        report::less(metric, ours * 1e3, plain * 1e3);
        report::less(&format!("{metric}_vs_bulk"), ours * 1e3, in_bulk * 1e3);
        Ok(())
    };
    read("pointwise_day_read_at_once").await?;
    if store.compact(store.db.a()).await? {
        let [ours, plain] = bytes().await?;
        report::less("pointwise_bytes_compacted", ours, plain);
    }
    read("pointwise_day_read").await
}

/// A random walk with two decimals, a point a minute.
fn walk(points: usize) -> (Vec<Instant>, Vec<f64>) {
    let mut random = data::random();
    let mut at = 2_000.0;
    let times = (0..points).map(|i| Instant(START + i as i64 * MINUTE));
    let values = (0..points).map(|_| {
        at += (5.0 * data::normal(&mut random)).round();
        at / 100.0
    });
    (times.collect(), values.collect())
}

/// So many points an upload, each a transaction of its own; returns the series.
async fn upload(store: &Store, times: &[Instant], values: &[f64], at_once: usize) -> Result<Uuid> {
    let client = store.db.login(store.db.a()).await;
    // Bytes are counted here, not seconds.
    client.batch_execute("SET synchronous_commit = off").await?;
    let statement = client.prepare(UPLOAD).await?;
    let (mut series, mut sent) = (Uuid::nil(), 0);
    for (times, values) in times.chunks(at_once).zip(values.chunks(at_once)) {
        let row = client.query_one(&statement, &[&times, &values]).await?;
        series = row.get(0);
        sent += times.len();
        if at_once == 1 && sent.is_multiple_of(VACUUM_POINTS) {
            client
                .execute("SELECT pg_stat_force_next_flush()", &[])
                .await?;
            store.vacuum_what_is_due().await?;
        }
    }
    Ok(series)
}

/// The same points in the plain table, each a transaction of its own.
async fn insert(store: &Store, times: &[Instant], values: &[f64]) -> Result<()> {
    let client = store.db.connect(Role::User).await;
    client.batch_execute("SET synchronous_commit = off").await?;
    let statement = client.prepare(INSERT).await?;
    let (tenant, series) = (store.db.a().tenant_id, plain_series_id(0));
    for (sent, (time, value)) in times.iter().zip(values).enumerate() {
        if sent > 0 && sent.is_multiple_of(VACUUM_POINTS) {
            client
                .execute("SELECT pg_stat_force_next_flush()", &[])
                .await?;
            store.vacuum_what_is_due().await?;
        }
        let batch = Uuid::new_v4();
        client
            .execute(&statement, &[&tenant, &series, &time, &batch, &value])
            .await?;
    }
    Ok(())
}

/// Seconds of a read of a day in the middle.
async fn day(store: &Store, series: Uuid, points: usize, metric: &str) -> Result<[f64; 2]> {
    let start = Instant(START + points as i64 / 2 * MINUTE);
    let end = Instant(start.0 + DAY);
    let plain = "(SELECT DISTINCT ON (valid_time) value FROM plain.points
        WHERE tenant_id = $1 AND series_id = $2 AND valid_time >= $3 AND valid_time < $4
        ORDER BY valid_time, known_time DESC, change_time DESC) AS p";
    let (tenant, plain_series) = (store.db.a().tenant_id, plain_series_id(0));
    compare(
        store,
        metric,
        (
            &sum_of("timedb.read_flat(series_id => ARRAY[$1::uuid], start_valid => $2, end_valid => $3)"),
            &[&series, &start, &end],
        ),
        (&sum_of(plain), &[&tenant, &plain_series, &start, &end]),
    )
    .await
}
