//! Reads whose rows the server counts and adds up: both sides in turn, and that they found the same.
//! Only the statement is timed; transaction and authentication, which `guarded_read_100_us` measures,
//! come before.

use std::time::Instant as Clock;

use tokio_postgres::Statement;

use crate::Result;
use crate::stage::in_turn;
use crate::store::{Parameters, Store};

/// A statement that returns a count and a sum, and its parameters.
pub type Source<'a> = (&'a str, &'a Parameters<'a>);

/// A run repeats a statement until it took this long: a clock says little about one fast read.
const RUN_SECONDS: f64 = 0.05;

/// What a statement returned.
#[derive(Clone, Copy, Debug)]
struct Found {
    count: i64,
    sum: f64,
}

impl Found {
    /// Whether the other one is the same; it may have been added up in another order.
    fn agrees(&self, other: &Self) -> bool {
        self.count == other.count
            && (self.sum - other.sum).abs() <= 1e-9 * (self.count as f64 + self.sum.abs())
    }
}

/// Statement for the count and the sum of the values of a query or a function.
pub fn sum_of(from: &str) -> String {
    format!("SELECT count(*), sum(value) FROM {from}")
}

/// The median seconds of ours, as tenant `a`, and of the baseline.
///
/// # Errors
/// When a side refuses, finds nothing, or not what the other one finds.
pub async fn compare(
    store: &Store,
    metric: &str,
    ours: Source<'_>,
    baseline: Source<'_>,
) -> Result<[f64; 2]> {
    let (sql, mine) = ours;
    let ours = store.user.prepare(sql).await?;
    let (sql, theirs) = baseline;
    let baseline = store.user.prepare(sql).await?;
    store.begin().await?;
    let found = once(store, &ours, mine).await?;
    let expected = once(store, &baseline, theirs).await?;
    if expected.count == 0 || !found.agrees(&expected) {
        return Err(format!("{metric}: timedb has {found:?}, the baseline {expected:?}").into());
    }
    let seconds = in_turn(
        store.runs,
        async || repeat(store, &ours, mine).await,
        async || repeat(store, &baseline, theirs).await,
    )
    .await?;
    store.commit().await?;
    Ok(seconds)
}

async fn once(store: &Store, statement: &Statement, parameters: &Parameters<'_>) -> Result<Found> {
    let row = store.user.query_one(statement, parameters).await?;
    Ok(Found {
        count: row.get(0),
        sum: row.get::<_, Option<f64>>(1).unwrap_or(0.0),
    })
}

/// Seconds of one execution, the mean of many when it is a short one.
async fn repeat(store: &Store, statement: &Statement, parameters: &Parameters<'_>) -> Result<f64> {
    let start = Clock::now();
    let mut executions = 0.0;
    while executions < 1.0 || start.elapsed().as_secs_f64() < RUN_SECONDS {
        std::hint::black_box(once(store, statement, parameters).await?);
        executions += 1.0;
    }
    Ok(start.elapsed().as_secs_f64() / executions)
}
