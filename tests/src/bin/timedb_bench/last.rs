//! The last point of one series among 10,000, and of all of them.

use crate::data::{Data, HOUR, Kind, START, plain_series_id, series_name};
use crate::store::Store;
use crate::sums::{compare, sum_of};
use crate::{Result, load, report};

const SERIES: usize = 10_000;
/// Hours that came in bulk, and those that came one by one after them.
const HOURS: usize = 100;
const LIVE_HOURS: usize = 24;

/// All lines of last points. The planner's settings are the server's, `jit` among them.
///
/// # Errors
/// When a side refuses, or the sides do not return the same points.
pub async fn measure(runs: usize) -> Result<()> {
    report::progress("last points of 10,000 series");
    let store = Store::new(runs).await?;
    load::both(&store, &Data::of(Kind::Decimals, 0..SERIES, HOURS), START).await?;
    for hour in HOURS..HOURS + LIVE_HOURS {
        let mut data = Data::of(Kind::Decimals, 0..SERIES, 1);
        data.start += hour as i64 * HOUR;
        load::both(&store, &data, data.start).await?;
    }
    store.analyze().await?;
    reads(&store, "_at_once").await?;
    store.compact(store.db.a()).await?;
    reads(&store, "").await
}

async fn reads(store: &Store, suffix: &str) -> Result<()> {
    let tenant = store.db.a().tenant_id;
    let (name, series) = (series_name(SERIES / 2), plain_series_id(SERIES / 2));
    let metric = format!("read_last_one{suffix}");
    let [ours, plain] = compare(
        store,
        &metric,
        (&sum_of("timedb.read_last(name => $1)"), &[&name]),
        (
            &sum_of(
                "(SELECT value FROM plain.points WHERE tenant_id = $1 AND series_id = $2
                  ORDER BY valid_time DESC LIMIT 1) AS p",
            ),
            &[&tenant, &series],
        ),
    )
    .await?;
    report::less(&metric, ours * 1e3, plain * 1e3);
    let metric = format!("read_last_10k{suffix}");
    let [ours, plain] = compare(
        store,
        &metric,
        (&sum_of("timedb.read_last()"), &[]),
        (
            &sum_of(
                "(SELECT DISTINCT ON (series_id) value FROM plain.points WHERE tenant_id = $1
                  ORDER BY series_id, valid_time DESC, known_time DESC, change_time DESC) AS p",
            ),
            &[&tenant],
        ),
    )
    .await?;
    report::less(&metric, ours * 1e3, plain * 1e3);
    Ok(())
}
