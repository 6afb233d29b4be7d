//! The change feed: everything that was committed comes once, in the order of its writes, whatever
//! transactions overlap; cursors; whom it waits for and whom not.

mod answers;
mod cursors;
mod horizon;
mod random;
mod sizes;
mod subscriber;

use timedb_tests::times::Micros;
use tokio_postgres::{Client, Error, Row};
use uuid::Uuid;

/// A change, in the order of the feed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    change: i64,
    batch_id: Uuid,
    series_id: Uuid,
    valid: i64,
    end: Option<i64>,
    known: i64,
    value: Option<u64>,
    value_id: i64,
    changed_by: Option<Uuid>,
    name: String,
    labels: String,
}

impl Change {
    fn of(row: &Row) -> Self {
        let instant = |name| row.get::<_, Micros>(name).0;
        Self {
            change: instant("change_time"),
            batch_id: row.get("batch_id"),
            series_id: row.get("series_id"),
            valid: instant("valid_time"),
            end: row
                .get::<_, Option<Micros>>("valid_time_end")
                .map(|end| end.0),
            known: instant("known_time"),
            value: row.get::<_, Option<f64>>("value").map(f64::to_bits),
            value_id: row.get("value_id"),
            changed_by: row.get("changed_by"),
            name: row.get("name"),
            labels: row.get("labels_text"),
        }
    }
}

/// What a feed is asked for.
#[derive(Clone, Debug, Default)]
struct Asked {
    since: Option<Micros>,
    cursor: Option<String>,
    series_id: Option<Vec<Uuid>>,
    name: Option<String>,
    max_points: Option<i32>,
}

impl Asked {
    fn from(cursor: &str) -> Self {
        Self {
            cursor: Some(cursor.to_owned()),
            ..Self::default()
        }
    }
}

/// Each change with its cursor.
async fn try_changes(client: &Client, asked: &Asked) -> Result<Vec<(String, Change)>, Error> {
    let rows = client
        .query(
            "SELECT *, labels::text AS labels_text FROM timedb.read_changes(
                 since => $1, cursor => $2, series_id => $3, name => $4, max_points => $5)",
            &[
                &asked.since,
                &asked.cursor,
                &asked.series_id,
                &asked.name,
                &asked.max_points,
            ],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| (row.get("cursor"), Change::of(row)))
        .collect())
}

async fn changes(client: &Client, asked: &Asked) -> Vec<(String, Change)> {
    try_changes(client, asked)
        .await
        .unwrap_or_else(|error| panic!("{asked:?}: {error:?}"))
}

/// Everything behind a position, asked for `max_points` at a time.
async fn all_changes(client: &Client, mut asked: Asked) -> Vec<Change> {
    let mut all = Vec::new();
    loop {
        let some = changes(client, &asked).await;
        if let Some(most) = asked.max_points {
            assert!(some.len() <= most as usize, "{asked:?}");
        }
        let Some((cursor, _)) = some.last() else {
            return all;
        };
        asked.since = None;
        asked.cursor = Some(cursor.clone());
        all.extend(some.into_iter().map(|(_, change)| change));
    }
}

/// What the feed has to tell: every version, in its order.
async fn versions(client: &Client) -> Vec<Change> {
    let rows = client
        .query(
            "SELECT *, labels::text AS labels_text FROM timedb.read_versions()",
            &[],
        )
        .await
        .unwrap_or_else(|error| panic!("read_versions: {error:?}"));
    let mut all: Vec<Change> = rows.iter().map(Change::of).collect();
    all.sort();
    all
}

#[track_caller]
fn same(expected: &[Change], found: &[Change], what: &str) {
    if let Some(at) = expected.iter().zip(found).position(|(a, b)| a != b) {
        panic!(
            "{what}: change {at} is {:?} instead of {:?}",
            found[at], expected[at]
        );
    }
    assert_eq!(found.len(), expected.len(), "{what}: number of changes");
}
