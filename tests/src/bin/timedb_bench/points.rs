//! A point-in-time join: for each of 100,000 rows the value of a series at an instant, as it was known
//! by the row's own cut-off.

use rand_pcg::rand_core::Rng;
use uuid::Uuid;

use crate::data::{self, Data, HOUR, Kind, START, plain_series_id};
use crate::encode::Instant;
use crate::store::Store;
use crate::sums::compare;
use crate::{Result, load, report};

const SERIES: usize = 100;
const HOURS: usize = 1_000;
const VERSIONS: usize = 4;
const ROWS: usize = 100_000;

/// The line of the join.
///
/// # Errors
/// When a side refuses, or the sides do not find the same values.
pub async fn measure(runs: usize) -> Result<()> {
    let metric = "read_points_100k";
    let store = Store::new(runs).await?;
    if !store.has("read_points").await? {
        report::progress(&format!(
            "timedb.read_points() does not exist: {metric} is left out"
        ));
        return Ok(());
    }
    report::progress("100,000 values, each as known by its own cut-off");
    for version in 0..VERSIONS {
        let mut data = Data::of(Kind::Decimals, 0..SERIES, HOURS);
        for value in &mut data.values {
            *value = (*value * 100.0 + version as f64).round() / 100.0;
        }
        load::both(&store, &data, known(version)).await?;
    }
    store.vacuum().await?;
    store.begin().await?;
    let mut ids = vec![Uuid::nil(); SERIES];
    for (id, position) in store.positions(SERIES).await? {
        ids[position] = id;
    }
    store.commit().await?;

    let mut random = data::random();
    let mut below = |bound: usize| (random.next_u64() % bound as u64) as usize;
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    let (mut times, mut cuts) = (Vec::new(), Vec::new());
    for _ in 0..ROWS {
        let series = below(SERIES);
        ours.push(ids[series]);
        plain.push(plain_series_id(series));
        times.push(Instant(START + below(HOURS) as i64 * HOUR));
        // A fifth of the rows has a cut-off before the first version, and finds nothing.
        let hour = below((VERSIONS + 1) * HOURS) as i64 - HOURS as i64;
        cuts.push(Instant(START + hour * HOUR));
    }
    let tenant = store.db.a().tenant_id;
    let [ours, base] = compare(
        &store,
        metric,
        (
            "SELECT count(value), sum(value)
             FROM timedb.read_points(series_id => $1, valid_time => $2, as_of => $3)",
            &[&ours, &times, &cuts],
        ),
        (
            "SELECT count(p.value), sum(p.value)
             FROM unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[]) AS r(series_id, valid_time, as_of)
             LEFT JOIN LATERAL (
                 SELECT v.value FROM plain.points AS v
                 WHERE v.tenant_id = $1 AND v.series_id = r.series_id AND v.valid_time = r.valid_time
                       AND v.known_time <= r.as_of
                 ORDER BY v.known_time DESC, v.change_time DESC LIMIT 1) AS p ON true",
            &[&tenant, &plain, &times, &cuts],
        ),
    )
    .await?;
    report::less(metric, ours * 1e3, base * 1e3);
    Ok(())
}

/// When a version became known.
fn known(version: usize) -> i64 {
    START + (version * HOURS) as i64 * HOUR
}
