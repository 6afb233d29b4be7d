//! A day of 1,000 series out of the view `timedb.values`: how far a condition on it is from the
//! arguments of `read_flat`, and from the plain table.

use crate::data::{DAY, Data, HOUR, Kind, START};
use crate::encode::iso;
use crate::store::Store;
use crate::sums::{compare, sum_of};
use crate::{Result, load, report};

const SERIES: usize = 1_000;
/// Series of one upload: a call takes ten million points at most, and all of them wait in memory.
const AT_ONCE: usize = 100;

/// All lines of the view, over two million values or ten.
///
/// # Errors
/// When a side refuses, or the sides do not return the same points.
pub async fn measure(runs: usize, is_large: bool) -> Result<()> {
    let hours = if is_large { 10_000 } else { 2_000 };
    report::progress(&format!("the view, {} values", SERIES * hours));
    let store = Store::new(runs).await?;
    for first in (0..SERIES).step_by(AT_ONCE) {
        let data = Data::of(Kind::Decimals, first..first + AT_ONCE, hours);
        load::both(&store, &data, START).await?;
    }
    store.vacuum().await?;
    let tenant = store.db.a().tenant_id;
    let start = START + hours as i64 / 2 * HOUR;
    let [from, to] = [start, start + DAY].map(iso);
    let day = format!("valid_time >= '{from}' AND valid_time < '{to}'");
    let view = sum_of(&format!("timedb.values WHERE {day}"));
    let flat = sum_of(&format!(
        "timedb.read_flat(start_valid => '{from}', end_valid => '{to}')"
    ));
    let plain = sum_of(&format!(
        "(SELECT DISTINCT ON (series_id, valid_time) value FROM plain.points
          WHERE tenant_id = '{tenant}' AND {day}
          ORDER BY series_id, valid_time, known_time DESC, change_time DESC) AS p"
    ));
    for (metric, baseline) in [("view_range", &flat), ("view_range_vs_plain", &plain)] {
        let [ours, base] = compare(&store, metric, (&view, &[]), (baseline, &[])).await?;
        report::less(metric, ours * 1e3, base * 1e3);
    }
    // What a prepared statement comes to after some executions: the bounds are not known to the planner.
    let generic = "SET plan_cache_mode = force_generic_plan";
    store.user.batch_execute(generic).await?;
    let bounds = [start, start + DAY].map(crate::encode::Instant);
    let view = sum_of("timedb.values WHERE valid_time >= $1 AND valid_time < $2");
    let flat = sum_of("timedb.read_flat(start_valid => $1, end_valid => $2)");
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&bounds[0], &bounds[1]];
    let metric = "view_range_generic_plan";
    let [ours, base] = compare(&store, metric, (&view, &parameters), (&flat, &parameters)).await?;
    report::less(metric, ours * 1e3, base * 1e3);
    Ok(())
}
