//! How much one call may bring: what is more is refused before anything is made of it, with the bound and what
//! to do; and what is less can be ended while it is being taken in.

use std::time::{Duration, Instant};

use timedb_tests::{Db, refusal};

use super::refused::rows_of_all_kinds;

/// A call with one element or byte too many, and what is said.
const TOO_MUCH: [(&str, &str, &str); 16] = [
    (
        "upload(array_fill(NULL::timestamptz, ARRAY[10000001]), array_fill(1::float8, ARRAY[1]), '{x}')",
        "54000",
        "an upload may have at most 10000000 points, this one has 10000001",
    ),
    (
        "upload(array_fill(NULL::timestamptz, ARRAY[10000, 10000]), NULL, '{x}')",
        "22004",
        "value must not be",
    ),
    (
        "upload(array_fill(NULL::timestamptz, ARRAY[10000, 10000]), '{}', '{x}')",
        "54000",
        "this one has 100000000",
    ),
    (
        "upload('{2025-01-01}', '{1}', array_fill('x'::text, ARRAY[100001]), series_index => '{1}')",
        "54000",
        "an upload may have at most 100000 series, this one has 100001",
    ),
    (
        "upload('{2025-01-01}', '{1}', series_id => array_fill(gen_random_uuid(), ARRAY[100001]), series_index => '{1}')",
        "54000",
        "100000 series",
    ),
    (
        "upload(array_fill(timestamptz '2025-01-01', ARRAY[100001]), array_fill(1::float8, ARRAY[100001]),
                ARRAY(SELECT 'x' || i FROM generate_series(1, 100001) AS i))",
        "54000",
        "100000 series",
    ),
    (
        "upload('{2025-01-01}', '{1}', array_fill('x'::text, ARRAY[3]), series_index => '{1}',
                description => array_fill(repeat('d', 30000000), ARRAY[1]))",
        "54000",
        "67108864 bytes together",
    ),
    (
        // A header that says more points, or more series, than there may be.
        "_upload_packed('\\x0100000081969800000000000000000000000000'::bytea)",
        "54000",
        "at most 10000000 points, this one has 10000001",
    ),
    (
        "_upload_packed('\\x0100000000000000a1860100'::bytea || repeat('x', 100001)::bytea)",
        "54000",
        "at most 100000 series, this one has 100001",
    ),
    (
        "upload('{2025-01-01}', '{1}', '{x}', labels => ARRAY[jsonb_build_object('l', repeat('x', 3000000))])",
        "22023",
        "the labels of a series may have at most 131072 bytes together",
    ),
    (
        "upload('{2025-01-01}', '{1}', '{x}', batch_params => jsonb_build_object('l', repeat('x', 1048576)))",
        "22023",
        "batch_params may have at most 1048576 bytes",
    ),
    (
        "upload('{2025-01-01}', '{1}', '{x}', workflow_id => repeat('x', 1025))",
        "22023",
        "workflow_id may have at most 1024 bytes, this has 1025",
    ),
    (
        "upload('{2025-01-01}', '{1}', '{x}', unit => ARRAY[repeat('x', 257)])",
        "22023",
        "a unit may have at most 256 bytes",
    ),
    (
        "find_series(search => repeat('x', 65537))",
        "22023",
        "search may have at most 65536 bytes",
    ),
    (
        "update_values(to_jsonb(array_fill(1, ARRAY[100001])))",
        "54000",
        "one call may have at most 100000 updates, this one has 100001",
    ),
    (
        "update_values(jsonb_build_array(repeat('x', 67108864)))",
        "54000",
        "one call may have at most 67108864 bytes",
    ),
];

/// Where the function of a call is.
fn schema_of(call: &str) -> &'static str {
    if call.starts_with('_') {
        "timedb_internal"
    } else {
        "timedb"
    }
}

#[tokio::test]
async fn what_is_too_much_is_refused_before_it_is_taken_in() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let before = rows_of_all_kinds(&db).await;
    for (call, code, words) in TOO_MUCH {
        let refused = refusal(
            client
                .query(&format!("SELECT {}.{call}", schema_of(call)), &[])
                .await,
        );
        assert_eq!(refused.0, code, "{call}: {refused:?}");
        assert!(refused.1.contains(words), "{call}: {refused:?}");
    }
    assert_eq!(rows_of_all_kinds(&db).await, before);
}

#[tokio::test]
async fn a_read_of_too_many_series_is_refused_before_they_are_taken_in() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let ids = "array_fill(gen_random_uuid(), ARRAY[100001])";
    for call in [
        format!("read_flat({ids})"),
        format!("read_overlapping({ids})"),
        format!("read_versions({ids})"),
        format!("read_last({ids})"),
        format!("read_relative({ids}, days_ahead => 1, time_of_day => '12:00')"),
        format!("read_buckets('1 day', series_id => {ids})"),
        format!("read_changes(series_id => {ids})"),
        format!("_read_packed('flat', {ids})"),
        format!("_read_chunks('flat', {ids})"),
        format!("_read_buckets_packed('1 day', NULL, NULL, {ids})"),
        format!("_read_changes_packed(series_id => {ids})"),
        // A hundred million elements in sixteen megabytes.
        "read_flat(array_fill(NULL::uuid, ARRAY[10000, 10000]))".to_owned(),
    ] {
        for streaming in ["on", "off"] {
            let set = format!("SET timedb.streaming_reads = {streaming}");
            client.batch_execute(&set).await.unwrap();
            let query = format!("SELECT count(*) FROM {}.{call} AS r", schema_of(&call));
            let refused = refusal(client.query(&query, &[]).await);
            assert_eq!(refused.0, "54000", "{call}: {refused:?}");
            assert!(
                refused
                    .1
                    .starts_with("a read may have at most 100000 ids in series_id"),
                "{call}: {refused:?}"
            );
        }
    }
    let most =
        "SELECT count(*) FROM timedb.read_flat(array_fill(gen_random_uuid(), ARRAY[100000]))";
    client.query_one(most, &[]).await.unwrap();
    let aggregates = "SELECT * FROM timedb.read_buckets('1 day', aggregates => array_fill('avg'::text, ARRAY[N]))";
    let refused = refusal(client.query(&aggregates.replace('N', "101"), &[]).await);
    assert_eq!(refused.0, "54000", "{refused:?}");
    client
        .query(&aggregates.replace('N', "100"), &[])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_large_upload_ends_when_its_time_is_up() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    // Labels are what takes longest to take in.
    client
        .batch_execute(
            "CREATE TEMP TABLE large AS
             SELECT array_agg(timestamptz '2025-01-01' + i * interval '1 second') AS times,
                    array_agg(1::float8) AS points, array_agg('x'::text) AS names,
                    array_agg(jsonb_build_object('number', i::text)) AS labels
             FROM generate_series(1, 1000000) AS i;
             SET statement_timeout = '150ms'",
        )
        .await
        .unwrap();
    let begun = Instant::now();
    let call = "SELECT u.points FROM large, timedb.upload(times, large.points, names, labels => large.labels) AS u";
    assert_eq!(refusal(client.query(call, &[]).await).0, "57014");
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
}
