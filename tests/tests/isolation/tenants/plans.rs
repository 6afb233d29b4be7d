//! Plans and cursors outlive a change of tenant; what they return must not be another tenant's.

use std::collections::HashSet;

use timedb_tests::{Db, FORCE_PARALLEL, Role, Tenant, authenticate, count, run, upload};
use tokio_postgres::Client;
use uuid::Uuid;

use super::shared;

/// Ten runs a tenant, so that PostgreSQL has changed to a generic plan (after five) long before the end.
const ROUNDS: usize = 10;

#[tokio::test]
async fn prepared_statements_follow_the_tenant() {
    let shared = shared().await;
    for mode in ["auto", "force_generic_plan", "force_custom_plan"] {
        let client = shared.db.connect(Role::User).await;
        run(&client, &format!("SET plan_cache_mode = {mode}")).await;
        for query in [
            "SELECT series_id FROM timedb.series WHERE name = $1",
            "SELECT DISTINCT series_id FROM timedb.values WHERE name = $1",
            "SELECT DISTINCT series_id FROM timedb.read_flat(name => $1)",
            "SELECT DISTINCT series_id FROM timedb.read_versions() WHERE name = $1",
            "SELECT series_id FROM timedb.series_labels JOIN timedb.series USING (series_id) WHERE name = $1",
        ] {
            let statement = client.prepare(query).await.unwrap();
            for round in 0..ROUNDS {
                for (tenant, of_tenant) in [
                    (Some(shared.db.a()), Some(shared.series[0][0])),
                    (Some(shared.db.b()), Some(shared.series[1][0])),
                    (None, None),
                ] {
                    run(&client, "BEGIN").await;
                    if let Some(tenant) = tenant {
                        authenticate(&client, &tenant.key).await.unwrap();
                    }
                    let rows = client.query(&statement, &[&"wind"]).await.unwrap();
                    let found: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
                    assert_eq!(
                        found,
                        Vec::from_iter(of_tenant),
                        "{mode}, round {round}: {query}"
                    );
                    run(&client, "COMMIT").await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_prepared_upload_writes_for_the_tenant_of_its_run() {
    let db = Db::new().await;
    let client = db.connect(Role::User).await;
    let statement = client
        .prepare(
            "SELECT points FROM timedb.upload(ARRAY[to_timestamp($1)], ARRAY[$2::float8], '{x}')",
        )
        .await
        .unwrap();
    for round in 0..ROUNDS {
        for (tenant, value) in [(db.a(), 1.0), (db.b(), 2.0)] {
            run(&client, "BEGIN").await;
            authenticate(&client, &tenant.key).await.unwrap();
            client
                .query_one(&statement, &[&(round as f64), &value])
                .await
                .unwrap();
            run(&client, "COMMIT").await;
        }
    }
    for (tenant, value) in [(db.a(), 1.0), (db.b(), 2.0)] {
        let client = db.begin(tenant).await;
        let query = "SELECT count(*) FROM timedb.values WHERE value = $1";
        assert_eq!(count(&client, query, &[&value]).await, ROUNDS as i64);
        assert_eq!(
            count(&client, "SELECT count(*) FROM timedb.values", &[]).await,
            ROUNDS as i64
        );
    }
}

#[tokio::test]
async fn plans_within_one_transaction_follow_a_change_of_tenant() {
    let shared = shared().await;
    let client = shared.db.connect(Role::User).await;
    run(
        &client,
        "CREATE FUNCTION pg_temp.mine() RETURNS uuid[] LANGUAGE plpgsql AS $$
         BEGIN
             RETURN (SELECT array_agg(DISTINCT v.series_id ORDER BY v.series_id)
                     FROM timedb.values AS v JOIN timedb.series AS s USING (series_id)
                     JOIN timedb.read_flat() AS r USING (series_id));
         END $$; BEGIN",
    )
    .await;
    for _ in 0..ROUNDS {
        for (tenant, series) in [
            (shared.db.a(), &shared.series[0]),
            (shared.db.b(), &shared.series[1]),
        ] {
            authenticate(&client, &tenant.key).await.unwrap();
            let row = client
                .query_one("SELECT pg_temp.mine()", &[])
                .await
                .unwrap();
            let mut expected = series.clone();
            expected.sort();
            assert_eq!(row.get::<_, Vec<Uuid>>(0), expected);
        }
    }
}

/// Series and values that a cursor still returns.
async fn rest(client: &Client, cursor: &str) -> Vec<(Uuid, f64)> {
    let rows = client.query(&format!("FETCH ALL FROM {cursor}"), &[]).await;
    // A cursor may also refuse to go on.
    rows.map_or_else(
        |_| Vec::new(),
        |rows| rows.iter().map(|row| (row.get(0), row.get(1))).collect(),
    )
}

/// Uploads 40 series of 2 segments, and as much to the log: enough for several fetches of both inside the read
/// functions.
async fn many_segments(db: &Db, tenant: &Tenant, value: f64) -> HashSet<Uuid> {
    let client = db.login(tenant).await;
    let mut ids = HashSet::new();
    for round in 0..3 {
        run(&client, "BEGIN").await;
        for series in 0..40 {
            let name = format!("series {series}");
            ids.insert(upload(&client, &name, &[value; 10]).await.unwrap());
        }
        run(&client, "COMMIT").await;
        if round < 2 {
            // Folds, and merges nothing.
            run(&client, "SELECT timedb.compact(1)").await;
        }
    }
    let superuser = db.connect(Role::Superuser).await;
    let stored = "SELECT count(*) FROM timedb_internal.segments WHERE tenant_id = $1";
    let stored = count(&superuser, stored, &[&tenant.tenant_id]).await;
    assert_eq!(stored, 80);
    ids
}

#[tokio::test]
async fn a_cursor_across_a_change_of_tenant_mixes_nothing() {
    let db = Db::new().await;
    let of_a = many_segments(&db, db.a(), 1.0).await;
    let of_b = many_segments(&db, db.b(), 2.0).await;
    // A read keeps the tenant that it began with.
    for query in [
        "SELECT series_id, value FROM timedb.values",
        "SELECT series_id, value FROM timedb.forecasts WHERE name LIKE 'series %'",
        "SELECT series_id, value FROM timedb.versions WHERE valid_time > '2020-01-01'",
        "SELECT series_id, value FROM timedb.read_flat()",
        "SELECT series_id, value FROM timedb.read_versions()",
    ] {
        let client = db.begin(db.a()).await;
        run(&client, &format!("DECLARE c CURSOR FOR {query}")).await;
        let first = client.query("FETCH 3 FROM c", &[]).await.unwrap();
        assert_eq!(first.len(), 3, "{query}");
        authenticate(&client, &db.b().key).await.unwrap();
        for (series_id, value) in rest(&client, "c").await {
            let is_a = of_a.contains(&series_id) && value == 1.0;
            assert!(is_a, "{query}: {series_id} {value}");
        }
        run(&client, "ROLLBACK").await;

        // Declared by A, first fetched from as B: then it is B's.
        run(&client, "BEGIN").await;
        authenticate(&client, &db.a().key).await.unwrap();
        run(&client, &format!("DECLARE c CURSOR FOR {query}")).await;
        authenticate(&client, &db.b().key).await.unwrap();
        for (series_id, value) in rest(&client, "c").await {
            assert!(
                of_b.contains(&series_id) && value == 2.0,
                "{query}: {series_id} {value}"
            );
        }
    }
}

#[tokio::test]
async fn a_cursor_of_batches_keeps_the_tenant_that_it_began_with() {
    let db = Db::new().await;
    let of_a = many_segments(&db, db.a(), 1.0).await;
    let of_b = many_segments(&db, db.b(), 2.0).await;
    let declare = "DECLARE c CURSOR FOR SELECT series_ids[1], points::float8 FROM timedb.batches";
    for (fetched, expected) in [(1, &of_a), (0, &of_b)] {
        let client = db.begin(db.a()).await;
        run(&client, declare).await;
        let first = client.query(&format!("FETCH {fetched} FROM c"), &[]).await;
        assert_eq!(first.unwrap().len(), fetched);
        authenticate(&client, &db.b().key).await.unwrap();
        let rest = rest(&client, "c").await;
        assert_eq!(rest.len(), 120 - fetched);
        for (series_id, _) in rest {
            assert!(expected.contains(&series_id), "{fetched} {series_id}");
        }
    }
}

#[tokio::test]
async fn a_cursor_of_nobody_stays_empty() {
    let shared = shared().await;
    let client = shared.db.connect(Role::User).await;
    run(
        &client,
        "BEGIN; DECLARE c CURSOR FOR SELECT series_id, value FROM timedb.read_flat(name => 'none')",
    )
    .await;
    assert_eq!(rest(&client, "c").await.len(), 0);
    authenticate(&client, &shared.db.a().key).await.unwrap();
    assert_eq!(rest(&client, "c").await.len(), 0);
}

const PARALLEL: &str = "SET max_parallel_workers_per_gather = 4; SET parallel_setup_cost = 0;
    SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET min_parallel_index_scan_size = 0;
    SET parallel_leader_participation = off;
    SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off";

#[tokio::test]
async fn parallel_workers_see_the_rows_of_the_tenant_and_no_others() {
    let db = Db::new().await;
    for (tenant, number) in [(db.a(), 300), (db.b(), 200)] {
        let client = db.begin(tenant).await;
        let many = format!(
            "SELECT * FROM timedb.upload(array_fill('2025-01-01'::timestamptz, ARRAY[{number}]),
                 array_fill({number}::float8, ARRAY[{number}]),
                 ARRAY(SELECT 'series ' || i FROM generate_series(1, {number}) AS i),
                 labels => ARRAY['{{\"n\": \"{number}\"}}']::jsonb[])"
        );
        run(&client, &many).await;
        run(&client, "COMMIT").await;
    }
    run(&db.connect(Role::Superuser).await, "ANALYZE").await;
    for settings in [PARALLEL.to_owned(), format!("{PARALLEL}; {FORCE_PARALLEL}")] {
        for (tenant, expected) in [(Some(db.a()), 300), (Some(db.b()), 200), (None, 0)] {
            let client = db.connect(Role::User).await;
            run(&client, &settings).await;
            run(&client, "BEGIN").await;
            if let Some(tenant) = tenant {
                authenticate(&client, &tenant.key).await.unwrap();
            }
            for query in [
                "SELECT count(*) FROM timedb.series",
                "SELECT count(*) FROM timedb.series WHERE name LIKE 'series %' AND timedb.current_tenant() IS NOT NULL",
                "SELECT count(*) FROM timedb.series_labels WHERE label = 'n'",
                "SELECT count(*) FROM timedb.values",
                "SELECT count(*) FROM timedb.versions WHERE name LIKE 'series %'",
                "SELECT count(*) FROM timedb.read_flat()",
                "SELECT count(*) FROM timedb.series AS s JOIN timedb.read_flat() AS r USING (series_id)",
            ] {
                assert_eq!(
                    count(&client, query, &[]).await,
                    expected,
                    "{settings}: {query}"
                );
            }
        }
    }
    // It was a worker that looked at the series.
    let client = db.connect(Role::User).await;
    run(&client, &format!("{PARALLEL}; BEGIN")).await;
    authenticate(&client, &db.a().key).await.unwrap();
    let plan = client
        .query(
            "EXPLAIN (ANALYZE, COSTS OFF) SELECT count(*) FROM timedb.series",
            &[],
        )
        .await
        .unwrap();
    let plan: Vec<&str> = plan.iter().map(|row| row.get(0)).collect();
    let launched = plan
        .iter()
        .any(|line| line.contains("Workers Launched") && !line.contains(": 0"));
    assert!(launched, "{plan:#?}");
}
