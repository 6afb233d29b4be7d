//! Parallel workers share a read of the views: it returns what the leader alone returns, whoever reads, and starts none
//! where there is little to read.

use timedb_tests::random::{Random, new_seed};
use timedb_tests::{Db, FORCE_PARALLEL, Role, count, refusal, run, upload};
use tokio_postgres::Client;

use super::groups::{CONDITIONS, are_those_of_a_copy, sorted};
use super::{VIEWS, copy, fill, rows};

/// Makes workers free, however little there is to read.
pub async fn free_workers(client: &Client) {
    let free = "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
        SET max_parallel_workers_per_gather = 2";
    run(client, free).await;
    run(client, FORCE_PARALLEL).await;
}

pub async fn plan(client: &Client, query: &str) -> String {
    let plan = rows(
        client,
        &format!("EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF, TIMING OFF, SUMMARY OFF) {query}"),
    )
    .await;
    let lines: Vec<String> = plan.into_iter().flatten().flatten().collect();
    lines.join("\n")
}

#[tokio::test]
async fn aggregates_of_workers_are_those_of_a_copy() {
    let seed = new_seed();
    let mut random = Random::new(seed);
    let db = Db::new().await;
    fill(&db.login(db.b()).await, &mut random).await;
    let client = db.login(db.a()).await;
    fill(&client, &mut random).await;
    copy(&client).await;
    free_workers(&client).await;
    for leads in ["on", "off"] {
        run(
            &client,
            &format!("SET parallel_leader_participation = {leads}"),
        )
        .await;
        are_those_of_a_copy(&client, &mut random, &["Europe/Stockholm"], seed).await;
    }
}

#[tokio::test]
async fn rows_of_workers_are_those_of_a_copy() {
    let seed = new_seed();
    let mut random = Random::new(seed);
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client, &mut random).await;
    copy(&client).await;
    free_workers(&client).await;
    let mut shared = 0;
    for leads in ["on", "off"] {
        run(
            &client,
            &format!("SET parallel_leader_participation = {leads}"),
        )
        .await;
        for (view, _) in VIEWS {
            for condition in CONDITIONS {
                let query = |relation: &str| {
                    format!(
                        "SELECT series_id, name, valid_time, value, labels FROM {relation} WHERE {condition}"
                    )
                };
                let expected = sorted(&client, &query(&format!("all_{view}"))).await;
                let query = query(&format!("timedb.{view}"));
                assert!(
                    sorted(&client, &query).await == expected,
                    "seed {seed}: {query}"
                );
                shared += usize::from(plan(&client, &query).await.contains("Parallel Custom Scan"));
                let ordered = format!("{query} ORDER BY series_id, valid_time, value LIMIT 50");
                let of_copy = ordered.replace(&format!("timedb.{view}"), &format!("all_{view}"));
                let (is, was) = (rows(&client, &ordered).await, rows(&client, &of_copy).await);
                let keys = |rows: &[Vec<Option<String>>]| -> Vec<_> {
                    let key = |row: &Vec<Option<String>>| row[..4].to_vec();
                    rows.iter().map(key).collect()
                };
                assert!(keys(&is) == keys(&was), "seed {seed}: {ordered}");
            }
        }
    }
    // Without Gather nothing of this is tested.
    assert!(shared > 20, "{shared} plans");
}

#[tokio::test]
async fn a_shared_read_begins_anew_ends_early_and_fails() {
    let mut random = Random::new(new_seed());
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client, &mut random).await;
    copy(&client).await;
    free_workers(&client).await;
    for query in [
        // A read for each row, with another bound each time.
        "SELECT i, (SELECT count(*) FROM {values} WHERE valid_time > (SELECT timestamptz '2025-03-20Z' + i * interval '1 day')) FROM generate_series(0, 9) AS i ORDER BY 1",
        "SELECT i, c FROM generate_series(0, 3) AS i, LATERAL (SELECT count(*) + i AS c FROM {values} OFFSET 0) AS v ORDER BY 1",
        "SELECT count(*) FROM {values} AS v JOIN {forecasts} AS f USING (series_id, valid_time)",
        "SELECT sum(c) FROM (SELECT count(*) AS c FROM {values} UNION ALL SELECT count(*) FROM {forecasts}) AS u",
        "SELECT count(*) FROM (SELECT value FROM {values} UNION ALL SELECT value FROM {versions}) AS u",
        "SELECT count(*) FROM (SELECT value FROM {values} WHERE value > 3 LIMIT 7) AS u",
        "SELECT EXISTS (SELECT FROM {values} WHERE value > 3)",
    ] {
        let of = |prefix: &str| {
            let query = query.replace("{values}", &format!("{prefix}values"));
            let query = query.replace("{forecasts}", &format!("{prefix}forecasts"));
            query.replace("{versions}", &format!("{prefix}versions"))
        };
        let expected = rows(&client, &of("all_")).await;
        assert_eq!(rows(&client, &of("timedb.")).await, expected, "{query}");
    }
    let all = "SELECT count(*), sum(value) FROM timedb.values";
    let expected = rows(&client, all).await;
    let fails =
        "SELECT sum(1 / (value - value)::integer) FROM timedb.values WHERE value IS NOT NULL";
    assert_eq!(refusal(client.batch_execute(fails).await).0, "22012");
    run(&client, "BEGIN; SAVEPOINT s").await;
    assert_eq!(refusal(client.batch_execute(fails).await).0, "22012");
    run(&client, "ROLLBACK TO s").await;
    assert_eq!(rows(&client, all).await, expected);
    run(&client, "DECLARE c CURSOR FOR SELECT value FROM timedb.values; FETCH 3 FROM c; FETCH 3 FROM c; COMMIT").await;
    run(&client, "BEGIN; SET LOCAL max_parallel_workers = 0").await;
    assert_eq!(rows(&client, all).await, expected);
    run(&client, "COMMIT").await;
    // Of the same transaction.
    run(
        &client,
        "BEGIN; SELECT timedb.create_series(name => 'new'); SELECT timedb.upload(ARRAY[timestamptz '2025-03-21Z'], ARRAY[1.0::float8], ARRAY['new'])",
    )
    .await;
    let new = "SELECT count(*), min(value) FROM timedb.values WHERE name ~ '^new'";
    assert_eq!(
        rows(&client, new).await,
        [[Some("1".to_owned()), Some("1".to_owned())]]
    );
    run(&client, "ROLLBACK").await;
    assert_eq!(rows(&client, all).await, expected);
}

#[tokio::test]
async fn workers_read_as_whoever_reads() {
    let mut random = Random::new(new_seed());
    let db = Db::new().await;
    for tenant in [db.a(), db.b()] {
        fill(&db.login(tenant).await, &mut random).await;
    }
    let all = "SELECT count(*), sum(value), min(valid_time) FROM timedb.values";
    let of = async |client: &Client| rows(client, all).await;
    let (a, b) = (db.login(db.a()).await, db.login(db.b()).await);
    let (of_a, of_b) = (of(&a).await, of(&b).await);
    assert_ne!(of_a, of_b);
    for client in [&a, &b] {
        free_workers(client).await;
        assert!(plan(client, all).await.contains("Parallel Custom Scan"));
    }
    assert_eq!((of(&a).await, of(&b).await), (of_a.clone(), of_b.clone()));
    // One plan for both.
    run(
        &a,
        &format!("PREPARE p AS {all}; SET plan_cache_mode = force_generic_plan"),
    )
    .await;
    assert_eq!(rows(&a, "EXECUTE p").await, of_a);
    run(&a, "SET application_name = 'types_keys'").await;
    run(&a, &format!("SELECT timedb.login('{}')", db.b().key)).await;
    assert_eq!(rows(&a, "EXECUTE p").await, of_b);
    run(&a, "SELECT timedb.logout()").await;
    assert_eq!(rows(&a, "EXECUTE p").await[0][0].as_deref(), Some("0"));

    let bound = db.connect(Role::Bound).await;
    let serial = of(&bound).await;
    free_workers(&bound).await;
    assert!(plan(&bound, all).await.contains("Parallel Custom Scan"));
    assert_eq!(of(&bound).await, serial);
    run(&bound, "SET timedb.streaming_reads = off").await;
    assert_eq!(of(&bound).await, serial);
}

#[tokio::test]
async fn no_participant_takes_more_series_than_a_call() {
    let db = Db::new().await;
    let many = "INSERT INTO timedb.series (tenant_id, series_id, name, unit, identity)
                SELECT $1, gen_random_uuid(), 's' || i, '1', sha256(i::text::bytea) FROM generate_series(1, 250000) AS i";
    let superuser = db.connect(Role::Superuser).await;
    superuser.execute(many, &[&db.a().tenant_id]).await.unwrap();
    let client = db.login(db.a()).await;
    upload(&client, "last", &[1.0, 2.0]).await.unwrap();
    let all = "SELECT count(*) FROM timedb.values";
    assert!(plan(&client, all).await.contains("Parallel Custom Scan"));
    assert_eq!(count(&client, all, &[]).await, 2);
    free_workers(&client).await;
    assert_eq!(count(&client, all, &[]).await, 2);
}

#[tokio::test]
async fn little_is_read_without_workers() {
    let mut random = Random::new(new_seed());
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client, &mut random).await;
    for query in [
        "SELECT avg(value) FROM timedb.values",
        "SELECT date_trunc('day', valid_time), avg(value) FROM timedb.values GROUP BY 1",
        "SELECT value FROM timedb.values",
        "SELECT value FROM timedb.values WHERE value = 3",
        "SELECT value FROM timedb.values WHERE name = 'load'",
        "SELECT avg(value) FROM timedb.values WHERE valid_time BETWEEN '2025-03-21' AND '2025-03-22'",
        "SELECT value FROM timedb.values ORDER BY valid_time DESC LIMIT 6",
    ] {
        let plan = plan(&client, query).await;
        let starts_none = !plan.contains("Gather") || plan.contains("Workers Launched: 0");
        assert!(starts_none, "{query}: {plan}");
    }
    free_workers(&client).await;
    run(&client, "SET max_parallel_workers_per_gather = 0").await;
    let plan = plan(&client, "SELECT avg(value) FROM timedb.values").await;
    assert!(!plan.contains("Parallel Custom Scan"), "{plan}");
}
