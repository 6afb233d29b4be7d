//! Aggregates of a year that programs write themselves over the view `timedb.values`: how far they are from
//! `read_buckets`.

use crate::data::{Data, Kind, START};
use crate::store::Store;
use crate::sums::compare;
use crate::{Result, load, report};

const SERIES: usize = 100;
/// A year's.
const HOURS: usize = 8_760;

/// Each line, what the view is grouped by, and the bucket that is the same.
const GROUPS: [(&str, &str, &str); 3] = [
    ("view_avg_day", "date_trunc('day', valid_time)", "1 day"),
    (
        "view_avg_6h",
        "date_bin('6 hours', valid_time, '2000-01-01Z')",
        "6 hours",
    ),
    ("view_avg_hour", "date_trunc('hour', valid_time)", "1 hour"),
];

/// The same four aggregates of each series and group, on both sides; of them all, a count and a sum.
const AGGREGATES: &str = "SELECT sum(a.count)::bigint, sum(a.avg + a.min + a.max) FROM";

/// The lines of the aggregates.
///
/// # Errors
/// When a side refuses, or the sides do not find the same.
pub async fn measure(runs: usize) -> Result<()> {
    let store = Store::new(runs).await?;
    report::progress(&format!("aggregates of {} values", SERIES * HOURS));
    load::both(&store, &Data::of(Kind::Decimals, 0..SERIES, HOURS), START).await?;
    store.vacuum().await?;
    // Buckets begin by this clock, if nothing else is said.
    store.user.batch_execute("SET TIME ZONE 'UTC'").await?;
    for (metric, group, bucket) in GROUPS {
        let view = format!(
            "{AGGREGATES} (SELECT series_id, {group}, count(value), avg(value), min(value), max(value)
                           FROM timedb.values GROUP BY 1, 2) AS a"
        );
        let buckets = format!(
            "{AGGREGATES} timedb.read_buckets('{bucket}', aggregates => '{{count,avg,min,max}}') AS a"
        );
        let [ours, base] = compare(&store, metric, (&view, &[]), (&buckets, &[])).await?;
        report::less(metric, ours * 1e3, base * 1e3);
    }
    Ok(())
}
