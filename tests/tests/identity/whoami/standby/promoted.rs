//! A standby that takes over from a primary whose clock was ahead: what is written there afterwards is shown and told,
//! although its clock is right.

use timedb_tests::times::Micros;
use timedb_tests::{authenticate, compact, connect, count, run};
use tokio_postgres::Client;

use super::pair::Pair;

const AHEAD: f64 = 600.0;

async fn begin(dsn: &str, key: &str) -> Client {
    let client = connect(dsn).await;
    run(&client, "BEGIN").await;
    authenticate(&client, key).await.unwrap();
    client
}

/// Writes the same point with the same known_time each time; returns the change_time.
async fn write(dsn: &str, key: &str, value: f64) -> i64 {
    let client = begin(dsn, key).await;
    let upload = "SELECT batch_id FROM timedb.upload('{2025-03-01Z}', ARRAY[$1::float8], '{sun}', known_time => '2025-02-28Z')";
    let batch: uuid::Uuid = client.query_one(upload, &[&value]).await.unwrap().get(0);
    run(&client, "COMMIT").await;
    let client = begin(dsn, key).await;
    let change = "SELECT change_time FROM timedb.batches WHERE batch_id = $1";
    let row = client.query_one(change, &[&batch]).await.unwrap();
    row.get::<_, Micros>(0).0
}

async fn cursor(dsn: &str, key: &str) -> String {
    let client = begin(dsn, key).await;
    let query = "SELECT timedb.changes_cursor()";
    client.query_one(query, &[]).await.unwrap().get(0)
}

/// The values behind a cursor.
async fn told(client: &Client, cursor: &str) -> Vec<f64> {
    let query = "SELECT value FROM timedb.read_changes(cursor => $1)";
    let rows = client.query(query, &[&cursor]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn a_primary_ahead_is_followed(is_folded: bool) {
    let pair = Pair::start_ahead(AHEAD).await;
    let primary = pair.primary.dsn_as("postgres", "app");
    let standby = pair.standby("app");
    let seen_before = cursor(&primary, &pair.key).await;
    let last = write(&primary, &pair.key, 1.0).await;
    if is_folded {
        let client = begin(&primary, &pair.key).await;
        compact(&client).await;
        run(&client, "COMMIT").await;
    }
    let seen = cursor(&primary, &pair.key).await;
    pair.catch_up().await;
    let seen_at_standby = cursor(&standby, &pair.key).await;
    let clock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    let of_standby = count(&connect(&standby).await, clock, &[]).await;
    let ahead = last - of_standby;
    assert!(ahead > 500_000_000, "the primary is ahead by {ahead}");

    pair.promote();
    let shown = "SELECT count(*) FROM timedb.read_flat(name => 'sun') WHERE value = $1";
    let client = begin(&standby, &pair.key).await;
    assert_eq!(count(&client, shown, &[&1.0]).await, 1);
    run(&client, "COMMIT").await;
    let mut change = last;
    for value in [2.0, 3.0] {
        let written = write(&standby, &pair.key, value).await;
        assert!(written > change, "{written} > {change}");
        change = written;
        let client = begin(&standby, &pair.key).await;
        assert_eq!(count(&client, shown, &[&value]).await, 1, "{value}");
    }
    let client = begin(&standby, &pair.key).await;
    assert_eq!(told(&client, &seen).await, [2.0, 3.0]);
    assert_eq!(told(&client, &seen_before).await, [1.0, 2.0, 3.0]);
    // The standby could not tell yet that it had the newest write.
    assert_eq!(told(&client, &seen_at_standby).await, [1.0, 2.0, 3.0]);
    // A correction builds on the newest, and follows it.
    let correct = "SELECT timedb.update_values(jsonb_build_array(jsonb_build_object(
                       'series_id', series_id, 'valid_time', valid_time, 'value', 4)))
                   FROM timedb.values WHERE name = 'sun'";
    run(&client, correct).await;
    run(&client, "COMMIT").await;
    let client = begin(&standby, &pair.key).await;
    assert_eq!(told(&client, &seen).await, [2.0, 3.0, 4.0]);
    compact(&client).await;
    assert_eq!(count(&client, shown, &[&4.0]).await, 1);
    assert_eq!(told(&client, &seen).await, [2.0, 3.0, 4.0]);
    let damaged = "SELECT count(*) FROM timedb.verify()";
    assert_eq!(count(&client, damaged, &[]).await, 0);
}

#[tokio::test]
async fn what_a_promoted_standby_writes_follows_what_a_primary_ahead_has_written() {
    a_primary_ahead_is_followed(false).await;
}

#[tokio::test]
async fn the_same_where_all_has_been_folded() {
    a_primary_ahead_is_followed(true).await;
}
