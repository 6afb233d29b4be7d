//! How many segments a query reads.

use timedb_tests::{Db, Role, authenticate, login, run, upload};
use tokio_postgres::Client;

use super::{fill_days, segments};

/// Series, and days of each: as many segments.
const SERIES: usize = 30;
const DAYS: usize = 40;

async fn fill(client: &Client) {
    fill_days(client, SERIES, DAYS).await;
}

/// Parameters, a condition, and how many segments hold what it asks for.
const CONDITIONS: &[(&str, &str, &str, usize)] = &[
    (
        "(timestamptz, timestamptz)",
        "('2025-01-11Z', '2025-01-12Z')",
        "valid_time >= $1 AND valid_time < $2",
        SERIES,
    ),
    (
        "(timestamptz)",
        "('2025-01-11 12:00Z')",
        "valid_time BETWEEN $1 AND $1 + interval '1 hour'",
        SERIES,
    ),
    (
        "(date)",
        "('2025-01-11')",
        "valid_time >= $1 AND valid_time < $1 + 1",
        SERIES,
    ),
    (
        "(timestamp)",
        "('2025-01-11 03:00')",
        "valid_time = $1",
        SERIES,
    ),
    (
        "(timestamptz[])",
        "('{2025-01-11Z,2025-01-11 05:00Z}')",
        "valid_time = ANY ($1)",
        SERIES,
    ),
    (
        "",
        "",
        "valid_time IN ('2025-01-11Z', '2025-01-11 07:00Z')",
        SERIES,
    ),
    (
        "(date)",
        "('2025-01-11')",
        "CAST(valid_time AS date) = $1",
        5 * SERIES,
    ),
    (
        "(timestamptz)",
        "('2025-01-11Z')",
        "date_trunc('day', valid_time) >= $1 AND name = 's7'",
        32,
    ),
    (
        "(timestamp)",
        "('2025-01-11')",
        "valid_time AT TIME ZONE 'Europe/Berlin' < $1 AND name = 's7'",
        14,
    ),
    ("(timestamptz)", "(NULL)", "valid_time > $1", 0),
    ("(timestamptz)", "('infinity')", "valid_time >= $1", 0),
    (
        "(timestamptz, timestamptz)",
        "('2025-01-12Z', '2025-01-11Z')",
        "valid_time >= $1 AND valid_time < $2",
        0,
    ),
    ("(text)", "('s7')", "name = $1", DAYS),
    (
        "(text)",
        "('s7')",
        "name = $1 AND valid_time < '2025-01-02Z'",
        1,
    ),
    (
        "(text)",
        "('s1%')",
        "name LIKE $1 AND valid_time < '2025-01-02Z'",
        11,
    ),
    (
        "(text[])",
        "('{s1,s2}')",
        "name = ANY ($1) AND valid_time < '2025-01-02Z'",
        2,
    ),
    (
        "(jsonb)",
        "('{\"site\": \"3\"}')",
        "labels @> $1 AND valid_time < '2025-01-02Z'",
        3,
    ),
    (
        "(text)",
        "('3')",
        "labels ->> 'site' = $1 AND valid_time < '2025-01-02Z'",
        3,
    ),
    (
        "(text)",
        "('3')",
        "labels ->> 'site' = $1 AND labels ->> 'half' = '0'",
        0,
    ),
    ("(text)", "('none')", "unit = $1", 0),
    (
        "(text)",
        "('s7')",
        "series_id = (SELECT series_id FROM timedb.series WHERE name = $1) AND valid_time < '2025-01-03Z'",
        2,
    ),
    (
        "(text)",
        "('s7')",
        "series_id IN (SELECT series_id FROM timedb.series WHERE name = $1)",
        DAYS,
    ),
    (
        "(text)",
        "('3')",
        "series_id IN (SELECT series_id FROM timedb.series_labels WHERE label = 'site' AND value = $1) AND valid_time < '2025-01-02Z'",
        3,
    ),
];

#[tokio::test]
async fn conditions_decide_what_is_read() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(&client, "SET TIME ZONE 'UTC'").await;
    fill(&client).await;
    assert_eq!(
        segments(&client, "SELECT * FROM timedb.values").await,
        SERIES * DAYS
    );
    for mode in ["force_generic_plan", "force_custom_plan"] {
        run(&client, &format!("SET plan_cache_mode = {mode}")).await;
        for view in ["values", "forecasts", "versions"] {
            for (types, values, condition, expected) in CONDITIONS {
                for what in [
                    "*",
                    "min(value), max(valid_time)",
                    "date_trunc('day', valid_time), value",
                ] {
                    run(
                        &client,
                        &format!(
                            "PREPARE p{types} AS SELECT {what} FROM timedb.{view} WHERE {condition}"
                        ),
                    )
                    .await;
                    let read = segments(&client, &format!("EXECUTE p{values}")).await;
                    assert_eq!(
                        read, *expected,
                        "{mode}: {what} of {view} WHERE {condition}"
                    );
                    run(&client, "DEALLOCATE p").await;
                }
            }
        }
        for view in ["forecasts", "versions"] {
            let known = format!(
                "SELECT * FROM timedb.{view} WHERE known_time >= '2025-01-05Z' AND known_time < '2025-01-06Z'"
            );
            assert_eq!(segments(&client, &known).await, SERIES, "{mode}: {view}");
        }
    }
}

#[tokio::test]
async fn joins_read_what_they_join() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client).await;
    run(
        &client,
        "CREATE TEMP TABLE events AS SELECT series_id, timestamptz '2025-01-05 10:00Z' AS at FROM timedb.series WHERE name IN ('s3', 's4'); ANALYZE events",
    )
    .await;
    for (query, expected) in [
        (
            "SELECT * FROM timedb.series AS s JOIN timedb.values AS v USING (series_id) WHERE s.name = 's9' AND v.valid_time < '2025-01-02Z'",
            1,
        ),
        (
            "SELECT * FROM timedb.series_labels AS l JOIN timedb.values AS v USING (series_id) WHERE l.label = 'site' AND l.value = '4' AND v.valid_time < '2025-01-02Z'",
            3,
        ),
        (
            "SELECT * FROM (VALUES ('s1'), ('s2')) AS n (name) JOIN timedb.values AS v USING (name) WHERE v.valid_time < '2025-01-02Z'",
            2,
        ),
        (
            "SELECT * FROM events AS e JOIN timedb.values AS v ON v.series_id = e.series_id AND v.valid_time > e.at - interval '2 hours' AND v.valid_time <= e.at",
            2,
        ),
        (
            "SELECT * FROM events AS e LEFT JOIN LATERAL (SELECT * FROM timedb.versions AS v WHERE v.series_id = e.series_id AND v.valid_time = e.at) AS v ON true",
            2,
        ),
        (
            "SELECT * FROM timedb.series AS s, LATERAL timedb.read_flat(series_id => ARRAY[s.series_id]) AS v WHERE s.name = 's9' AND v.valid_time < '2025-01-02Z'",
            1,
        ),
        (
            "SELECT valid_time FROM timedb.read_flat(name => 's9', end_valid => '2025-01-20Z') WHERE valid_time >= '2025-01-19Z'",
            1,
        ),
    ] {
        assert_eq!(segments(&client, query).await, expected, "{query}");
    }
    // The order of one series is that in which it is read, and 25 segments are not read at once.
    upload(&client, "long", &[1.0; 100_000]).await.unwrap();
    let first = "SELECT valid_time FROM timedb.values WHERE series_id = (SELECT series_id FROM timedb.series WHERE name = 'long')
                 ORDER BY valid_time LIMIT 5";
    assert!(segments(&client, first).await <= 16);
    // Rows that go into a table are read as any others.
    run(
        &client,
        "CREATE TEMP TABLE kept (valid_time timestamptz, value float8)",
    )
    .await;
    let kept = "INSERT INTO kept SELECT valid_time, value FROM timedb.values WHERE name = 's2' AND valid_time < '2025-01-02Z'";
    assert_eq!(segments(&client, kept).await, 1);
}

#[tokio::test]
async fn explain_tells_of_the_callers_own_segments_only() {
    let db = Db::new().await;
    fill(&db.login(db.a()).await).await;
    let client = db.connect(Role::Session).await;
    login(&client, &db.b().key).await.unwrap();
    assert_eq!(
        segments(&client, "SELECT * FROM timedb.values WHERE name LIKE 's%'").await,
        0
    );
    // A plan that was made for another tenant counts anew.
    run(
        &client,
        "PREPARE p AS SELECT * FROM timedb.values; SET plan_cache_mode = force_generic_plan",
    )
    .await;
    for (tenant, expected) in [(db.a(), SERIES * DAYS), (db.b(), 0)] {
        run(&client, "BEGIN").await;
        authenticate(&client, &tenant.key).await.unwrap();
        assert_eq!(segments(&client, "EXECUTE p").await, expected);
        run(&client, "COMMIT").await;
    }
}
