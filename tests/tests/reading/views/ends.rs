//! Queries that need only the ends of series: they answer as over a copy, and read no more than the ends.

use timedb_tests::random::{Random, new_seed};
use timedb_tests::{Db, run, upload};
use tokio_postgres::Client;

use super::{copy, fill, rows, segments};

/// `V` is a view. Each has one answer: ties are ordered by all that may differ.
const QUERIES: &[&str] = &[
    "SELECT DISTINCT ON (series_id) series_id, name, valid_time FROM V ORDER BY series_id, valid_time DESC",
    "SELECT DISTINCT ON (series_id) series_id, valid_time, valid_time_end, value FROM V ORDER BY series_id, valid_time DESC, valid_time_end, value",
    "SELECT DISTINCT ON (name, series_id) name, valid_time, value FROM V WHERE value > 4 ORDER BY name, series_id, valid_time DESC, value, valid_time_end",
    "SELECT DISTINCT ON (name) name, valid_time FROM V WHERE valid_time < '2025-03-26' ORDER BY name, valid_time DESC",
    "SELECT DISTINCT ON (labels ->> 'site') labels ->> 'site', valid_time FROM V ORDER BY labels ->> 'site', valid_time",
    "SELECT DISTINCT ON (series_id) series_id, valid_time FROM V WHERE valid_time BETWEEN '2025-03-24' AND '2025-03-27' ORDER BY series_id, valid_time",
    "SELECT DISTINCT name, unit FROM V",
    "SELECT DISTINCT name FROM V WHERE value IS NULL",
    "SELECT name FROM V WHERE valid_time > '2025-03-28' GROUP BY name HAVING max(valid_time) > '2025-03-30'",
    "SELECT max(valid_time) FROM V",
    "SELECT max(valid_time), min(valid_time) FROM V WHERE name LIKE 'w%'",
    "SELECT name, min(valid_time), max(valid_time), count(DISTINCT series_id) FROM V GROUP BY name",
    "SELECT series_id, max(valid_time) AS last FROM V WHERE value < 6 AND valid_time <= '2025-03-29 07:00' GROUP BY series_id ORDER BY last DESC, series_id LIMIT 3",
    "SELECT name, labels, max(valid_time) FROM V WHERE valid_time IN ('2025-03-24', '2025-03-25 10:00', '2025-03-29') GROUP BY GROUPING SETS ((name, labels), ())",
    "SELECT max(valid_time) - min(valid_time), max(name), count(DISTINCT unit) FROM V WHERE false",
    "SELECT max(valid_time) FILTER (WHERE value > 5), max(valid_time), count(*) FROM V",
    "SELECT valid_time FROM V ORDER BY valid_time DESC LIMIT 1",
    "SELECT valid_time FROM V ORDER BY valid_time LIMIT 4 OFFSET 2",
    "SELECT valid_time, name, value FROM V WHERE value IS NOT NULL ORDER BY valid_time DESC, name, value, series_id LIMIT 11",
    "SELECT name, valid_time FROM V WHERE unit = 'MW' ORDER BY name DESC, valid_time DESC LIMIT 5",
    "SELECT valid_time FROM V WHERE valid_time < '2025-03-26' ORDER BY valid_time DESC FETCH FIRST 2 ROWS WITH TIES",
    "SELECT DISTINCT valid_time FROM V ORDER BY valid_time DESC LIMIT 3",
    "SELECT valid_time, row_number() OVER (ORDER BY valid_time) AS n FROM V ORDER BY valid_time DESC LIMIT 3",
    "SELECT valid_time, generate_series(1, 2) AS n FROM V ORDER BY valid_time DESC, n LIMIT 3",
    "SELECT valid_time FROM V WHERE series_id = (SELECT min(series_id::text)::uuid FROM all_values) ORDER BY valid_time DESC",
    "SELECT s.name, x.valid_time FROM timedb.series AS s, LATERAL (SELECT valid_time FROM V AS v WHERE v.series_id = s.series_id ORDER BY valid_time DESC LIMIT 3) AS x",
    "SELECT s.name, (SELECT max(valid_time) FROM V AS v WHERE v.series_id = s.series_id AND v.valid_time < '2025-03-27') FROM timedb.series AS s",
    "(SELECT valid_time FROM V ORDER BY valid_time DESC LIMIT 2) UNION ALL (SELECT valid_time FROM V ORDER BY valid_time LIMIT 2)",
    "SELECT series_id, valid_time, lag(valid_time) OVER (PARTITION BY series_id ORDER BY valid_time) AS before FROM V",
];

#[tokio::test]
async fn a_query_for_the_ends_of_series_answers_as_over_a_copy() {
    let seed = new_seed();
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client, &mut Random::new(seed)).await;
    copy(&client).await;
    for view in ["values", "forecasts", "versions"] {
        for query in QUERIES {
            let expected = sorted(
                &client,
                &query.replace("FROM V", &format!("FROM all_{view}")),
            )
            .await;
            let query = query.replace("FROM V", &format!("FROM timedb.{view}"));
            assert!(
                sorted(&client, &query).await == expected,
                "seed {seed}: {query}"
            );
            run(
                &client,
                &format!("PREPARE p AS {query}; SET plan_cache_mode = force_generic_plan"),
            )
            .await;
            for _ in 0..2 {
                assert!(
                    sorted(&client, "EXECUTE p").await == expected,
                    "seed {seed}, prepared: {query}"
                );
            }
            run(&client, "DEALLOCATE p; RESET plan_cache_mode").await;
        }
    }
}

#[tokio::test]
async fn so_does_one_over_a_read_with_arguments() {
    let seed = new_seed();
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client, &mut Random::new(seed)).await;
    copy(&client).await;
    for read in [
        "read_flat(as_of => '2025-03-19')",
        "read_flat(start_known => '2025-03-18 12:00Z', end_valid => '2025-03-29')",
        "read_flat(min_lead => '2 days', name => 'wind')",
        "read_flat(as_of_change => '2020-01-01')",
        "read_overlapping(end_known => '2025-03-20', start_valid => '2025-03-22')",
        "read_versions(max_lead => '5 days', labels => '{\"site\": \"north\"}')",
        "read_relative(days_ahead => 1, time_of_day => '06:00')",
        "read_last()",
    ] {
        for query in QUERIES {
            let query = query.replace("FROM V", &format!("FROM timedb.{read}"));
            run(&client, "SET timedb.streaming_reads = off").await;
            let expected = sorted(&client, &query).await;
            run(&client, "RESET timedb.streaming_reads").await;
            assert!(
                sorted(&client, &query).await == expected,
                "seed {seed}: {query}"
            );
        }
    }
}

async fn sorted(client: &Client, query: &str) -> Vec<Vec<Option<String>>> {
    let mut rows = rows(client, query).await;
    rows.sort();
    rows
}

#[tokio::test]
async fn the_ends_of_long_series_are_found_without_reading_them() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for name in ["a", "b", "c"] {
        upload(&client, name, &[1.0; 100_000]).await.unwrap();
    }
    let all = segments(&client, "SELECT * FROM timedb.values").await;
    assert!(all >= 60, "{all}");
    for (query, most) in [
        (
            "SELECT DISTINCT ON (series_id) series_id, value FROM timedb.values ORDER BY series_id, valid_time DESC",
            6,
        ),
        (
            "SELECT DISTINCT ON (series_id) * FROM timedb.forecasts WHERE value IS NOT NULL ORDER BY series_id, valid_time DESC",
            9,
        ),
        ("SELECT DISTINCT name FROM timedb.values", 6),
        ("SELECT max(valid_time) FROM timedb.values", 6),
        (
            "SELECT min(valid_time), max(valid_time) FROM timedb.versions WHERE name IN ('a', 'b')",
            30,
        ),
        (
            "SELECT name, max(valid_time) FROM timedb.values GROUP BY name",
            6,
        ),
        (
            "SELECT * FROM timedb.values ORDER BY valid_time DESC LIMIT 10",
            9,
        ),
        (
            "SELECT * FROM timedb.values WHERE value = 1 ORDER BY valid_time LIMIT 10",
            40,
        ),
        (
            "SELECT * FROM timedb.values WHERE series_id = (SELECT series_id FROM timedb.series WHERE name = 'a') ORDER BY valid_time DESC LIMIT 1",
            2,
        ),
    ] {
        let read = segments(&client, query).await;
        assert!(read > 0 && read <= most, "{read} segments: {query}");
    }
    // Without a limit that is known, rows still come from the end, and a cursor stops early.
    run(&client, "BEGIN; DECLARE c CURSOR FOR SELECT valid_time FROM timedb.values WHERE series_id = (SELECT series_id FROM timedb.series WHERE name = 'b') ORDER BY valid_time DESC").await;
    let plan = rows(&client, "EXPLAIN SELECT valid_time FROM timedb.values WHERE series_id = (SELECT series_id FROM timedb.series WHERE name = 'b') ORDER BY valid_time DESC").await;
    let plan: Vec<String> = plan.into_iter().flatten().flatten().collect();
    assert!(plan[0].contains("timedb read"), "{plan:#?}");
    let last = rows(&client, "FETCH 5 FROM c").await;
    let all = rows(
        &client,
        "SELECT valid_time FROM timedb.read_flat(name => 'b')",
    )
    .await;
    assert!(last.iter().eq(all.iter().rev().take(5)));
    let rest = rows(&client, "FETCH ALL FROM c").await;
    assert!(last.iter().chain(&rest).eq(all.iter().rev()));
}

/// What each series costs must not grow with the number of series: it did, and this took half a minute.
#[tokio::test]
async fn the_ends_of_many_series_take_no_longer_for_each() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let upload = "SELECT timedb.upload(array_agg(timestamptz '2025-01-01Z' + i * interval '1 s'), array_agg(i::float8), array_agg('s' || i))
        FROM generate_series(1, 20000) AS i";
    run(&client, upload).await;
    run(&client, "SET statement_timeout = '15s'").await;
    for query in [
        "SELECT count(*) FROM (SELECT DISTINCT name FROM timedb.values) AS d",
        "SELECT count(*) FROM (SELECT series_id, max(valid_time) FROM timedb.values GROUP BY 1) AS d",
        "SELECT count(*) FROM (SELECT DISTINCT ON (series_id) series_id, value FROM timedb.values ORDER BY series_id, valid_time) AS d",
    ] {
        assert_eq!(
            rows(&client, query).await,
            [[Some("20000".to_owned())]],
            "{query}"
        );
    }
}
