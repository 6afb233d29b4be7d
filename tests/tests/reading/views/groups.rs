//! Plain aggregates by series and time: the scan computes them, and they are what PostgreSQL makes of a copy.

use timedb_tests::random::{Random, new_seed};
use timedb_tests::{Db, run};
use tokio_postgres::Client;

use super::{copy, fill, rows};

/// Expressions to group by.
const GROUPS: &[&str] = &[
    "date_trunc('day', valid_time)",
    "date_trunc('hour', valid_time)",
    "date_trunc('week', valid_time, 'Europe/Stockholm')",
    "date_trunc('day', valid_time, 'Australia/Lord_Howe')",
    "date_bin('37 minutes', valid_time, '2001-01-01Z')",
    "date_bin('1 day', valid_time AT TIME ZONE 'Australia/Lord_Howe', '2001-01-01 00:10')",
    "date_trunc('hour', valid_time AT TIME ZONE 'Europe/Stockholm')",
    "date_trunc('day', valid_time AT TIME ZONE 'Europe/Stockholm') AT TIME ZONE 'Europe/Stockholm'",
    "date_trunc('month', valid_time::timestamp)",
    "CAST(valid_time AS date)",
    "floor(extract(epoch FROM valid_time) / 7200) * 7200",
    "floor((extract(epoch FROM valid_time))::bigint / 86400)::bigint * 86400",
    "to_timestamp(floor(extract(epoch FROM valid_time) / 10800) * 10800)",
    "extract(hour FROM valid_time)",
    "1200 / NULLIF(extract(hour FROM valid_time), 0)",
    "extract(isodow FROM valid_time AT TIME ZONE 'America/New_York')",
    "to_char(valid_time, 'YYYY-MM-DD HH24')",
    "valid_time - date_trunc('day', valid_time)",
    "series_id",
    "name",
    "labels ->> 'site', date_trunc('day', valid_time)",
    "series_id, date_trunc('hour', valid_time), name",
    "date_trunc('day', valid_time), date_trunc('hour', valid_time)",
    "(date_trunc('day', valid_time) + interval '1 day'), unit",
    "valid_time, name",
    "value",
    "()",
];

/// What is computed. The values are such that sums of them are exact.
const SUMS: &[&str] = &[
    "count(*), count(value), sum(value), avg(value), min(value), max(value)",
    // Values are multiples of an eighth, so a variance can lie just between two decimals, and the last digit of its double
    // would decide which of them it is rounded to: hence the third of a decimal.
    "round((stddev(value) + 1e-6 / 3)::numeric, 6), round((var_pop(value) + 1e-6 / 3)::numeric, 6), min(valid_time), max(valid_time), count(name)",
    "avg(value) - min(value), max(value) FILTER (WHERE value > 4), count(*)",
    "sum(value * 2), count(DISTINCT value), percentile_disc(0.5) WITHIN GROUP (ORDER BY value)",
];

pub const CONDITIONS: &[&str] = &[
    "true",
    "valid_time BETWEEN '2025-03-22 03:00Z' AND '2025-03-31 05:00Z'",
    "name IN ('wind', 'load') AND value > 3",
    "labels ->> 'site' = 'north' AND valid_time > '2025-03-24' AND value IS NOT NULL",
    "extract(hour FROM valid_time) < 9 AND name ~ '^w'",
    "valid_time = ANY ('{2025-03-24Z,2025-03-25 05:00Z}') OR name = 'load'",
    "name = 'no such'",
    "valid_time > '2025-03-24' AND 1 = (SELECT 1)",
    "date_trunc('day', valid_time) = '2025-03-25' AND floor(extract(epoch FROM valid_time) / 7200) * 7200 > 5",
    "valid_time::date BETWEEN '2025-03-23' AND '2025-03-27' AND extract(hour FROM valid_time) <> 0",
];

#[tokio::test]
async fn an_aggregate_over_a_view_is_that_over_a_copy() {
    let seed = new_seed();
    let mut random = Random::new(seed);
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client, &mut random).await;
    copy(&client).await;
    let zones = [
        "UTC",
        "Europe/Stockholm",
        "America/St_Johns",
        "Australia/Lord_Howe",
    ];
    are_those_of_a_copy(&client, &mut random, &zones, seed).await;
}

/// Compares random aggregates over the views with those over copies of them.
pub async fn are_those_of_a_copy(client: &Client, random: &mut Random, zones: &[&str], seed: u64) {
    for zone in zones {
        run(client, &format!("SET TIME ZONE '{zone}'")).await;
        for group in GROUPS {
            let condition = CONDITIONS[random.below(CONDITIONS.len())];
            let view = ["values", "forecasts", "versions"][random.below(3)];
            let sums = SUMS[random.below(SUMS.len())];
            let having = [
                "",
                " HAVING count(*) > 2",
                " HAVING max(value) > 5 AND min(value) < 30",
            ][random.below(3)];
            let query = |relation: &str| {
                let groups = match *group {
                    "()" => String::new(),
                    group => format!("{group}, "),
                };
                format!(
                    "SELECT {groups}{sums} FROM {relation} WHERE {condition} GROUP BY {group}{having}"
                )
            };
            let expected = sorted(client, &query(&format!("all_{view}"))).await;
            let query = query(&format!("timedb.{view}"));
            assert!(
                sorted(client, &query).await == expected,
                "seed {seed}, {zone}: {query}"
            );
            run(
                client,
                &format!("PREPARE p AS {query}; SET plan_cache_mode = force_generic_plan"),
            )
            .await;
            assert!(
                sorted(client, "EXECUTE p").await == expected,
                "seed {seed}, {zone}, prepared: {query}"
            );
            run(client, "DEALLOCATE p; RESET plan_cache_mode").await;
        }
    }
}

/// The rows of a query in an order of their own.
pub async fn sorted(client: &Client, query: &str) -> Vec<Vec<Option<String>>> {
    let mut rows = rows(client, query).await;
    rows.sort();
    rows
}

#[tokio::test]
async fn a_plan_says_what_the_scan_computes() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for (query, computes) in [
        (
            "SELECT date_trunc('hour', valid_time), avg(value) FROM timedb.values GROUP BY 1",
            true,
        ),
        (
            "SELECT name, date_bin('1 day', valid_time, '2001-01-01'), min(value), max(value), count(*) FROM timedb.forecasts WHERE value > 3 GROUP BY 1, 2 HAVING count(*) > 3 ORDER BY 1",
            true,
        ),
        ("SELECT count(*) FROM timedb.versions", true),
        (
            "SELECT date_trunc('hour', valid_time), avg(value) FROM timedb.read_flat(name => 'x') GROUP BY 1",
            true,
        ),
        (
            "SELECT date_trunc('hour', valid_time), avg(value) FROM timedb.read_relative(days_ahead => 1, time_of_day => '06:00') GROUP BY 1",
            false,
        ),
        (
            "SELECT valid_time, avg(value) FROM timedb.values GROUP BY 1",
            false,
        ),
        (
            "SELECT date_trunc('hour', valid_time), array_agg(value) FROM timedb.values GROUP BY 1",
            false,
        ),
        (
            "SELECT date_trunc('hour', valid_time), avg(value) FROM timedb.values GROUP BY ROLLUP (1)",
            false,
        ),
        (
            "SELECT date_trunc('hour', valid_time), avg(v.value) FROM timedb.values AS v JOIN timedb.series USING (series_id) GROUP BY 1",
            false,
        ),
        (
            "SELECT date_trunc('hour', valid_time), random() < 2, avg(value) FROM timedb.values GROUP BY 1, 2",
            false,
        ),
    ] {
        let plan = rows(&client, &format!("EXPLAIN (VERBOSE) {query}")).await;
        let plan: Vec<String> = plan.into_iter().flatten().flatten().collect();
        let found = plan.iter().any(|line| line.trim() == "Aggregates: Partial");
        assert_eq!(found, computes, "{query}: {plan:#?}");
    }
}

#[tokio::test]
async fn values_at_the_edges_are_summed_up_as_postgresql_does() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for (name, values) in [
        ("zero", "{0,-0,0}"),
        ("null", "{NULL,NULL}"),
        ("large", "{1e308,-1e308,1e-300,5}"),
        ("too large", "{1.5e308,1.5e308}"),
    ] {
        let upload = "SELECT FROM timedb.upload(ARRAY(SELECT timestamptz '2025-01-01Z' + i * interval '1 s' FROM generate_series(1, cardinality($2::text::float8[])) AS i), $2::text::float8[], ARRAY[$1])";
        client.query(upload, &[&name, &values]).await.unwrap();
        for aggregate in [
            "count(*)",
            "count(value)",
            "sum(value)",
            "avg(value)",
            "min(value)",
            "max(value)",
            "var_samp(value)",
            "stddev_pop(value)",
        ] {
            let query = format!("SELECT {aggregate} FROM timedb.values WHERE name = '{name}'");
            let found = answer(&client, &query).await;
            run(&client, "SET timedb.streaming_reads = off").await;
            assert_eq!(found, answer(&client, &query).await, "{query}");
            run(&client, "RESET timedb.streaming_reads").await;
        }
    }
}

#[tokio::test]
async fn what_is_grouped_by_is_computed_of_rows_that_meet_the_conditions_only() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client, &mut Random::new(new_seed())).await;
    run(&client, "SET TIME ZONE 'UTC'").await;
    let query = "SELECT 12 / extract(hour FROM valid_time) AS part, count(*) FROM timedb.values WHERE extract(hour FROM valid_time) <> 0 GROUP BY 1";
    let plan = rows(&client, &format!("EXPLAIN {query}")).await;
    let plan: Vec<String> = plan.into_iter().flatten().flatten().collect();
    assert!(
        plan.iter().any(|line| line.trim() == "Aggregates: Partial"),
        "{plan:#?}"
    );
    assert!(!rows(&client, query).await.is_empty());
    let all = query.replace("<> 0", ">= 0");
    let error = client.query(&all, &[]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "22012");
}

/// What a query answers, or the SQLSTATE and the message with which it fails.
async fn answer(client: &Client, query: &str) -> Result<Option<String>, (String, String)> {
    let row = client
        .query_one(&query.replace(" FROM", "::text FROM"), &[])
        .await;
    row.map(|row| row.get(0)).map_err(|error| {
        let error = error.as_db_error().unwrap();
        (error.code().code().to_owned(), error.message().to_owned())
    })
}
