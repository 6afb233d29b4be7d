//! A store whose reads take several fetches of everything, and the ways to read it.

use timedb_tests::{Db, Tenant, upload};
use tokio_postgres::{Client, SimpleQueryMessage};

/// Writes so many segments and points of one series that a read of it fetches several times (the first fetch is of
/// 16 rows, a chunk of 4096 points), and some of others: what is folded, with a list of series that writes have in
/// common, segments that are written at once, and rows of the log.
pub async fn fill(client: &Client) {
    for name in ["a", "b", "c"] {
        upload(client, name, &[1.0, 2.5, 3.0])
            .await
            .expect("a short series is written");
    }
    // A name for the request, or NULL.
    let many = "SELECT timedb.upload(array_fill(timestamptz '2025-01-01Z', ARRAY[9]), array_fill(2.5::float8, ARRAY[9]),
                    ARRAY(SELECT 'one of nine ' || i FROM generate_series(1, 9) AS i), idempotency_key => $1)";
    for name in [None, Some("folded")] {
        client
            .execute(many, &[&name])
            .await
            .expect("many series are written");
    }
    // Folds, and merges nothing.
    client
        .batch_execute("SELECT timedb.compact(1)")
        .await
        .expect("the log is folded");
    client
        .batch_execute(
            "DO $$ BEGIN
                 FOR i IN 0..39 LOOP
                     PERFORM timedb.upload(
                         valid_time => ARRAY(SELECT timestamptz '2025-01-01Z' + (i * 512 + j) * interval '1 minute'
                                             FROM generate_series(0, 511) AS j),
                         value => ARRAY(SELECT (i * 512 + j)::float8 FROM generate_series(0, 511) AS j),
                         name => ARRAY['long']);
                 END LOOP;
             END $$",
        )
        .await
        .expect("the long series is written");
    client
        .execute(many, &[&Some("logged")])
        .await
        .expect("many series are written to the log");
    client
        .batch_execute(
            r#"SELECT timedb.update_values(jsonb_build_array(jsonb_build_object('series_id', series_id,
                   'valid_time', '2025-01-01T01:00:00Z', 'value', 7, 'annotation', 'a note', 'tags', '["x", "y"]'::jsonb)))
               FROM timedb.series WHERE name = 'a'"#,
        )
        .await
        .expect("a value is corrected");
}

/// A session of the tenant, with a transaction open.
pub async fn session(db: &Db, tenant: &Tenant) -> Client {
    let client = db.login(tenant).await;
    client.batch_execute("BEGIN").await.unwrap();
    client
}

/// Queries that a cursor can be declared over: every way in which the library hands out rows.
pub const READS: &[&str] = &[
    "SELECT name, value FROM timedb.read_flat()",
    "SELECT * FROM timedb.read_flat(start_valid => '2025-01-02', end_valid => '2025-01-10')",
    "SELECT * FROM timedb.read_overlapping()",
    "SELECT * FROM timedb.read_versions()",
    "SELECT * FROM timedb.read_relative(window_length => '1 day', issue_offset => '9000 days', start_window => '2025-01-01')",
    "SELECT * FROM timedb.values",
    "SELECT * FROM timedb.values WHERE value > 100",
    "SELECT * FROM timedb.values WHERE valid_time >= '2025-01-02' AND name LIKE '%'",
    "SELECT name, lead_time FROM timedb.forecasts WHERE known_time > '2000-01-01'",
    "SELECT v.* FROM timedb.series AS s JOIN timedb.versions AS v USING (series_id)",
    "SELECT s.name, r.value FROM (SELECT * FROM timedb.series ORDER BY series_id OFFSET 0) AS s,
         LATERAL timedb.read_flat(series_id => ARRAY[s.series_id]) AS r",
    "SELECT timedb_internal._read_packed('flat')",
    "SELECT timedb_internal._read_packed('versions')",
    "SELECT timedb_internal._read_buckets_packed('1 hour', 'UTC', 'none')",
    "SELECT * FROM timedb_internal._read_chunks('flat')",
    "SELECT (timedb_internal._read_chunks('versions')).*",
    "SELECT * FROM timedb.read_buckets('1 day')",
    "SELECT * FROM timedb.read_last()",
    "SELECT * FROM timedb.read_changes(max_points => 100000)",
    "SELECT more, packed FROM timedb_internal._read_changes_packed(NULL, NULL, NULL, NULL, NULL, 100000)",
    "SELECT series_id, name, unit, labels FROM timedb.find_series()",
    "SELECT * FROM timedb.label_names()",
    "SELECT * FROM timedb.series ORDER BY series_id",
    "SELECT * FROM timedb.batches",
    "SELECT * FROM timedb.requests",
];

/// The rows of a query as text.
pub async fn rows(client: &Client, query: &str) -> Vec<Vec<Option<String>>> {
    let messages = client
        .simple_query(query)
        .await
        .unwrap_or_else(|error| panic!("{query}: {error:?}"));
    let row = |message| match message {
        SimpleQueryMessage::Row(row) => Some(
            (0..row.len())
                .map(|i| row.get(i).map(str::to_owned))
                .collect(),
        ),
        _ => None,
    };
    messages.into_iter().filter_map(row).collect()
}

/// The process that serves a session.
pub async fn backend(client: &Client) -> i32 {
    let row = client.query_one("SELECT pg_backend_pid()", &[]).await;
    row.expect("the session answers").get(0)
}
