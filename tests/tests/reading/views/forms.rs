//! Queries of every form over the views, against the same queries over copies.

use timedb_tests::random::{Random, new_seed};
use timedb_tests::{Db, run};
use tokio_postgres::Client;

use super::{copy, fill, rows};

/// What holds for them: `V` is the view of current values, `F` of forecasts, `W` of versions.
const QUERIES: &[&str] = &[
    "SELECT s.name, v.valid_time, v.value FROM timedb.series AS s JOIN V AS v USING (series_id) WHERE s.labels ->> 'site' = 'north'",
    "SELECT v.* FROM timedb.series_labels AS l JOIN V AS v USING (series_id) WHERE l.label = 'site' AND l.value = 'north' AND v.valid_time < '2025-03-25'",
    "SELECT v.* FROM V AS v WHERE series_id IN (SELECT series_id FROM timedb.series_labels WHERE label = 'kind') AND valid_time >= '2025-03-25'",
    "SELECT v.* FROM V AS v WHERE NOT EXISTS (SELECT FROM timedb.series_labels AS l WHERE l.series_id = v.series_id AND label = 'kind')",
    "SELECT s.name, s.labels, x.n, x.last FROM timedb.series AS s, LATERAL (SELECT count(*) AS n, max(valid_time) AS last FROM V AS v WHERE v.series_id = s.series_id) AS x",
    "SELECT p.*, v.valid_time, v.value FROM spans AS p JOIN V AS v ON v.series_id = p.series_id AND v.valid_time >= p.a AND v.valid_time < p.b",
    "SELECT p.*, v.valid_time, v.value FROM spans AS p LEFT JOIN V AS v ON v.series_id = p.series_id AND v.valid_time BETWEEN p.a AND p.b AND v.value > 3",
    "SELECT p.*, x.* FROM spans AS p CROSS JOIN LATERAL (SELECT valid_time, value FROM V AS v WHERE v.series_id = p.series_id AND v.valid_time >= p.a ORDER BY valid_time LIMIT 1) AS x",
    "SELECT p.*, f.* FROM spans AS p JOIN F AS f ON f.name = p.name AND f.known_time <= p.a AND f.valid_time = p.b",
    "SELECT p.*, f.* FROM spans AS p RIGHT JOIN W AS f ON f.series_id = p.series_id AND f.known_time > p.a WHERE f.valid_time < '2025-03-26'",
    "SELECT valid_time, name, value FROM V AS v WHERE valid_time > '2025-03-24' ORDER BY valid_time, name, labels, value LIMIT 7",
    "SELECT valid_time, value FROM V AS v WHERE series_id = (SELECT min(series_id::text)::uuid FROM timedb.series) ORDER BY valid_time, value LIMIT 3",
    "SELECT valid_time, value FROM V AS v WHERE series_id = (SELECT max(series_id::text)::uuid FROM spans) ORDER BY valid_time DESC, value LIMIT 3",
    "SELECT series_id, valid_time FROM V AS v WHERE series_id = (SELECT max(series_id::text)::uuid FROM spans) AND valid_time >= '2025-03-25' ORDER BY valid_time, series_id",
    "SELECT min(valid_time), max(valid_time), count(*), max(value) FROM V AS v WHERE name = 'wind'",
    "SELECT date_trunc('day', valid_time) AS day, name, count(*) FROM V AS v WHERE valid_time >= '2025-03-22' AND valid_time < '2025-03-27' GROUP BY 1, 2",
    "SELECT count(*) FROM V AS v WHERE date_trunc('day', valid_time) = '2025-03-24' AND labels @> '{}'",
    "SELECT lead_time, count(*) FROM F AS f WHERE lead_time > '3 days' AND known_time >= '2025-03-19' GROUP BY 1",
    "SELECT name, annotation, tags, changed_by IS NOT NULL FROM W AS w WHERE annotation IS NOT NULL AND known_time < now()",
    "SELECT a.valid_time, a.value, b.value FROM V AS a JOIN V AS b USING (valid_time) WHERE a.name = 'wind' AND b.name = 'load'",
    "SELECT a.valid_time, a.value, b.value FROM V AS a FULL JOIN V AS b ON a.valid_time = b.valid_time AND b.name = 'load' WHERE a.name = 'wine_1'",
    "SELECT name, count(*) FROM V AS v WHERE valid_time < (SELECT a FROM spans ORDER BY a LIMIT 1 OFFSET 2) GROUP BY 1",
    "SELECT (SELECT count(*) FROM V AS v WHERE v.name = p.name AND v.valid_time < p.b) FROM spans AS p",
    "SELECT v.* FROM V AS v WHERE v.valid_time = ANY (ARRAY(SELECT a FROM spans))",
    "SELECT DISTINCT v.name FROM V AS v, F AS f WHERE f.series_id = v.series_id AND f.valid_time = v.valid_time AND f.value <> v.value",
    "SELECT v FROM V AS v WHERE v.name LIKE 'win%' AND v IS NOT NULL",
    "SELECT * FROM V AS v WHERE name > 'load' AND unit IN ('MW', 'kW') UNION ALL SELECT * FROM V AS w WHERE valid_time < '2025-03-21'",
    "WITH v AS NOT MATERIALIZED (SELECT * FROM V) SELECT name, sum(value) FROM v WHERE valid_time >= '2025-03-28' GROUP BY ROLLUP (name)",
    "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY series_id ORDER BY valid_time, value) AS n FROM V) AS v WHERE n < 3 AND valid_time > '2025-03-22'",
    "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY series_id ORDER BY valid_time, value) AS n FROM V) AS v WHERE n < 3 AND name = 'wind'",
    "SELECT * FROM V AS v WHERE valid_time < date '5874897-12-31' AND valid_time >= date '4714-11-24 BC' AND name <> ''",
    "SELECT * FROM V AS v WHERE valid_time > date '5874897-12-31' OR valid_time > timestamp '294276-12-31 23:00' OR name = 'load'",
    "SELECT * FROM V AS v WHERE extract(epoch FROM valid_time) >= 1742800000 AND extract(epoch FROM valid_time) < 1742900000.5",
    "SELECT * FROM V AS v WHERE date_part('epoch', valid_time) <= 1742800000 AND extract(epoch FROM valid_time) <> 'NaN'",
    "SELECT count(*) FROM V AS v WHERE date_part('epoch', valid_time) < 'NaN' AND extract(epoch FROM valid_time) > '-infinity' AND extract(epoch FROM valid_time) < 1e300",
    "SELECT count(*) FROM V AS v WHERE extract(epoch FROM valid_time) >= 'NaN' OR date_part('epoch', valid_time) = 1742860800",
    "SELECT count(*), max(valid_time) FROM V AS v WHERE date_part('epoch', valid_time) >= 'NaN'",
    "SELECT * FROM V AS v WHERE CAST(valid_time AS date) BETWEEN '2025-03-23' AND date '2025-03-25'",
    "SELECT * FROM V AS v WHERE date_trunc('month', valid_time) = '2025-04-01' AND name = 'wind'",
    "SELECT * FROM V AS v WHERE '2025-03-25 11:00' > date_trunc('hour', valid_time AT TIME ZONE 'America/New_York') AND valid_time::timestamp > '2025-03-24'",
    "SELECT count(*), min(value) FROM V AS v WHERE date_trunc('week', valid_time, 'Asia/Tokyo') <= timestamptz '2025-03-24' AND valid_time::date > '-infinity'",
    "SELECT name, max(valid_time) FROM V AS v WHERE valid_time::date < '2025-03-27' GROUP BY name",
    "SELECT * FROM V AS v WHERE valid_time <= '-infinity' OR valid_time >= 'infinity'",
    "SELECT p.name, v.valid_time, v.value FROM spans AS p JOIN V AS v USING (series_id) WHERE v.valid_time >= '2025-03-24' AND v.valid_time <= '2025-03-26' AND v.name = 'wind' FOR UPDATE OF p",
    "SELECT p.name, f.valid_time, f.value FROM spans AS p JOIN F AS f USING (series_id) WHERE f.known_time = '2025-03-18' AND f.valid_time < p.b AND f.valid_time BETWEEN '2025-03-20' AND date '2025-04-03' FOR UPDATE OF p",
    "SELECT p.name, f.valid_time, f.value FROM spans AS p JOIN F AS f USING (series_id) WHERE f.known_time > NULL OR f.name = NULL FOR UPDATE OF p",
    "SELECT count(*) FROM V AS v WHERE valid_time > '-infinity' AND valid_time <= 'infinity' AND valid_time <> '2025-03-25'",
];

/// Settings under which plans differ.
const SETTINGS: &[&str] = &[
    "SET timedb.streaming_reads = on",
    "SET timedb.streaming_reads = off",
    "SET enable_hashjoin = off; SET enable_mergejoin = off",
    "SET enable_nestloop = off",
    "SET enable_memoize = off; SET enable_material = off; SET enable_hashjoin = off",
    "SET TIME ZONE 'Europe/Stockholm'; SET jit_above_cost = 0",
];

/// Undoes them; `RESET ALL` would end the login too.
const DEFAULTS: &str = "RESET timedb.streaming_reads; RESET enable_hashjoin; RESET enable_mergejoin; RESET enable_nestloop;
    RESET enable_memoize; RESET enable_material; RESET plan_cache_mode; RESET jit_above_cost; RESET TIME ZONE";

async fn sorted(client: &Client, query: &str) -> Vec<Vec<Option<String>>> {
    let mut rows = rows(client, query).await;
    rows.sort();
    rows
}

#[tokio::test]
async fn a_query_over_a_view_answers_as_over_a_copy() {
    let seed = new_seed();
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client, &mut Random::new(seed)).await;
    copy(&client).await;
    run(
        &client,
        "CREATE TEMP TABLE spans AS
             SELECT series_id, name, timestamptz '2025-03-20Z' + i * interval '37 hours' AS a, timestamptz '2025-03-20Z' + i * interval '41 hours' AS b
             FROM timedb.series, generate_series(0, 5) AS i WHERE name <> 'wine_1';
         INSERT INTO spans VALUES (NULL, 'wind', NULL, '2025-03-22'), ('00000000-0000-0000-0000-000000000000', 'load', '-infinity', 'infinity');
         ANALYZE spans",
    )
    .await;
    for query in QUERIES {
        let of = |prefix: &str, query: &str| {
            let relation = |view| format!("{prefix}{view}");
            let words = query.replace("FROM V", &format!("FROM {}", relation("values")));
            let words = words.replace("JOIN V", &format!("JOIN {}", relation("values")));
            let words = words.replace("JOIN F ", &format!("JOIN {} ", relation("forecasts")));
            let words = words.replace("FROM F ", &format!("FROM {} ", relation("forecasts")));
            let words = words.replace(", F ", &format!(", {} ", relation("forecasts")));
            let words = words.replace("JOIN W ", &format!("JOIN {} ", relation("versions")));
            let words = words.replace("FROM W ", &format!("FROM {} ", relation("versions")));
            words.replace(", V ", &format!(", {} ", relation("values")))
        };
        for setting in SETTINGS {
            run(&client, DEFAULTS).await;
            run(&client, setting).await;
            let expected = sorted(&client, &of("all_", query)).await;
            let found = sorted(&client, &of("timedb.", query)).await;
            assert!(found == expected, "seed {seed}, {setting}: {query}");
            run(
                &client,
                &format!(
                    "PREPARE p AS {}; SET plan_cache_mode = force_generic_plan",
                    of("timedb.", query)
                ),
            )
            .await;
            let found = sorted(&client, "EXECUTE p").await;
            assert!(
                found == expected,
                "seed {seed}, prepared, {setting}: {query}"
            );
            run(&client, "DEALLOCATE p").await;
        }
    }
}

#[tokio::test]
async fn rows_of_one_series_come_in_order_without_a_sort() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client, &mut Random::new(new_seed())).await;
    copy(&client).await;
    for view in ["values", "forecasts", "versions"] {
        let query = format!(
            "SELECT valid_time FROM timedb.{view} WHERE series_id = (SELECT series_id FROM all_{view} ORDER BY 1 LIMIT 1) ORDER BY valid_time"
        );
        let plan = rows(&client, &format!("EXPLAIN {query}")).await;
        let plan: Vec<String> = plan.into_iter().flatten().flatten().collect();
        let of_scan = plan.iter().position(|line| line.contains("timedb read"));
        assert_eq!(of_scan, Some(0), "{plan:#?}");
        let times: Vec<_> = rows(&client, &query).await;
        assert!(!times.is_empty() && times.is_sorted(), "{view}");
    }
}

#[tokio::test]
async fn a_read_that_chooses_among_points_takes_no_bound_that_would_change_the_choice() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client, &mut Random::new(new_seed())).await;
    for read in [
        "timedb.read_last()",
        "timedb.read_flat(as_of => '2025-03-20')",
        "timedb.read_relative(window_length => '1 day', issue_offset => '-12 hours', start_valid => '2025-03-20')",
        "timedb.read_relative(window_length => '1 day', issue_offset => '-12 hours', start_window => '2025-03-20')",
        "timedb.read_relative(days_ahead => 1, time_of_day => '06:00')",
        "timedb_internal._read_rows('last', start_valid => '2025-03-22')",
        "timedb_internal._read_rows('flat', end_valid => '2025-03-28')",
    ] {
        run(&client, &format!("SET timedb.streaming_reads = off; CREATE TEMP TABLE everything AS SELECT * FROM {read}; RESET timedb.streaming_reads")).await;
        for condition in [
            "valid_time < '2025-03-26'",
            "valid_time >= '2025-03-25 05:00Z' AND valid_time < '2025-03-27'",
            "valid_time > '2025-03-26' AND name LIKE 'w%'",
            "labels @> '{\"site\": \"north\"}' AND valid_time <> '2025-03-26'",
        ] {
            let expected = sorted(
                &client,
                &format!("SELECT * FROM everything WHERE {condition}"),
            )
            .await;
            let found = sorted(&client, &format!("SELECT * FROM {read} WHERE {condition}")).await;
            assert!(found == expected, "{read} WHERE {condition}");
        }
        run(&client, "DROP TABLE everything").await;
    }
}
