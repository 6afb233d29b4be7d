//! Reads in SQL through the streaming scan: the same rows as through the tuplestore, whatever the query
//! around them, handed out as they are read, and never more than the caller may have.

use timedb_tests::{Db, Role, login, refusal, upload};
use tokio_postgres::{Client, SimpleQueryMessage};

/// Revised points, nulls and intervals of several series; one of them longer than a segment.
async fn fill(client: &Client) {
    let values: Vec<f64> = (0..9_000).map(|i| f64::from(i % 500) / 4.0).collect();
    upload(client, "long", &values).await.unwrap();
    for (name, offset) in [("north", 0.5), ("south", 1.5)] {
        for revision in 0..3 {
            let values: Vec<f64> = (0..40)
                .map(|i| f64::from(i * (revision + 1)) + offset)
                .collect();
            upload(client, name, &values).await.unwrap();
        }
    }
    client
        .batch_execute(
            r#"SELECT count(*) FROM timedb.upload(
                   valid_time => ARRAY(SELECT timestamptz '2025-02-01Z' + i * interval '1 hour' FROM generate_series(0, 9) AS i),
                   valid_time_end => ARRAY(SELECT CASE WHEN i < 7 THEN timestamptz '2025-02-01Z' + (i + 1) * interval '1 hour' END
                                           FROM generate_series(0, 9) AS i),
                   value => ARRAY(SELECT CASE WHEN i <> 4 THEN i / 3.0::float8 END FROM generate_series(0, 9) AS i),
                   name => ARRAY['energy'], labels => ARRAY['{"site": "a"}'::jsonb], unit => ARRAY['MWh'])"#,
        )
        .await
        .unwrap();
}

/// The rows of a query as text, in the order they come.
async fn rows(client: &Client, query: &str) -> Vec<Vec<Option<String>>> {
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

async fn plan(client: &Client, query: &str) -> String {
    let lines = rows(client, &format!("EXPLAIN (COSTS OFF) {query}")).await;
    lines
        .into_iter()
        .flatten()
        .flatten()
        .collect::<Vec<_>>()
        .join("\n")
}

const SCAN: &str = "Custom Scan (timedb read)";

#[tokio::test]
async fn the_scan_returns_what_the_function_returns() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client).await;
    let queries = [
        "SELECT * FROM timedb.read_flat()",
        "SELECT * FROM timedb.read_overlapping()",
        "SELECT * FROM timedb.read_versions()",
        "SELECT count(*) FROM timedb.read_flat()",
        "SELECT r FROM timedb.read_flat(name => 'energy') AS r",
        "SELECT r.value, r FROM timedb.read_flat(name => 'energy') AS r WHERE r IS NOT NULL",
        "SELECT value, value, name FROM timedb.read_flat(name => 'north') WHERE value > 3 AND unit = 'dimensionless'",
        "SELECT upper(name), value * 2 FROM timedb.read_flat(labels => '{\"site\": \"a\"}')",
        "SELECT name, count(value), min(valid_time_end) FROM timedb.read_flat() GROUP BY name ORDER BY name",
        "SELECT * FROM timedb.read_flat() LIMIT 3 OFFSET 4500",
        "SELECT * FROM timedb.values WHERE name = 'south'",
        "SELECT s.name, r.valid_time, r.value FROM timedb.series AS s,
             LATERAL timedb.read_flat(series_id => ARRAY[s.series_id], end_valid => '2025-01-01 03:00Z') AS r ORDER BY 1, 2",
        "SELECT a.valid_time, a.value, b.value FROM timedb.read_flat(name => 'north') AS a
             LEFT JOIN timedb.read_flat(name => 'south') AS b USING (valid_time) WHERE b.value IS DISTINCT FROM 2.5 ORDER BY 1",
        "WITH x AS MATERIALIZED (SELECT * FROM timedb.read_flat(name => 'north')) SELECT * FROM x AS a JOIN x AS b USING (valid_time)",
        "SELECT n, (SELECT max(value) FROM timedb.read_flat(name => n)) FROM unnest(ARRAY['north', 'none', 'south']) AS n",
        "SELECT * FROM timedb.read_flat(name => 'none')",
        "SELECT * FROM timedb.read_versions(name => 'north', start_valid => '2025-01-01 05:00Z') WITH ORDINALITY",
        "SELECT series_id, value FROM timedb_internal._read_rows('flat', name => 'north')",
    ];
    for query in queries {
        let streamed = rows(&client, query).await;
        client
            .batch_execute("SET timedb.streaming_reads = off")
            .await
            .unwrap();
        let stored = rows(&client, query).await;
        assert!(!plan(&client, query).await.contains(SCAN), "{query}");
        client
            .batch_execute("RESET timedb.streaming_reads")
            .await
            .unwrap();
        assert_eq!(streamed, stored, "{query}");
        assert!(!streamed.is_empty() || query.contains("'none'"), "{query}");
    }
}

#[tokio::test]
async fn plain_reads_use_the_scan_and_locking_ones_the_function() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client).await;
    for query in [
        "SELECT sum(value) FROM timedb.read_flat()",
        "SELECT * FROM timedb.values WHERE name = 'north'",
    ] {
        let plan = plan(&client, query).await;
        assert!(plan.contains(SCAN), "{query}: {plan}");
    }
    client
        .batch_execute("CREATE TEMP TABLE notes (valid_time timestamptz, value float8)")
        .await
        .unwrap();
    client
        .batch_execute(
            "INSERT INTO notes SELECT valid_time, 0 FROM timedb.read_flat(name => 'north')",
        )
        .await
        .unwrap();
    for query in [
        "UPDATE notes SET value = r.value FROM timedb.read_flat(name => 'north') AS r WHERE r.valid_time = notes.valid_time",
        "SELECT notes.value, r.value FROM notes JOIN timedb.read_flat(name => 'north') AS r USING (valid_time) FOR UPDATE OF notes",
    ] {
        let plan = plan(&client, query).await;
        assert!(!plan.contains(SCAN), "{query}: {plan}");
        client.batch_execute(query).await.unwrap();
    }
    let wrong = rows(
        &client,
        "SELECT * FROM notes JOIN timedb.read_flat(name => 'north') AS r USING (valid_time) WHERE notes.value <> r.value",
    )
    .await;
    assert!(wrong.is_empty());
}

#[tokio::test]
async fn rows_leave_before_the_read_is_over() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let values: Vec<f64> = (0..600_000).map(f64::from).collect();
    upload(&client, "long", &values).await.unwrap();
    // The tuplestore of all rows would be written into files.
    let files = "SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()";
    client
        .batch_execute("SELECT pg_stat_force_next_flush()")
        .await
        .unwrap();
    let before = rows(&client, files).await;
    client
        .batch_execute(
            "SET work_mem = '64kB'; BEGIN; DECLARE few CURSOR FOR SELECT * FROM timedb.read_flat()",
        )
        .await
        .unwrap();
    for _ in 0..3 {
        assert_eq!(rows(&client, "FETCH 2 FROM few").await.len(), 2);
    }
    client
        .batch_execute("COMMIT; SELECT pg_stat_force_next_flush()")
        .await
        .unwrap();
    let sum = rows(&client, "SELECT sum(value) FROM timedb.read_flat()").await;
    assert_eq!(sum[0][0].as_deref(), Some("179999700000"));
    client
        .batch_execute("SELECT pg_stat_force_next_flush()")
        .await
        .unwrap();
    assert_eq!(rows(&client, files).await, before);

    client
        .batch_execute("SET timedb.streaming_reads = off")
        .await
        .unwrap();
    rows(&client, "SELECT sum(value) FROM timedb.read_flat()").await;
    client
        .batch_execute("SELECT pg_stat_force_next_flush()")
        .await
        .unwrap();
    assert_ne!(rows(&client, files).await, before);
}

#[tokio::test]
async fn a_prepared_read_follows_the_tenant_and_the_arguments() {
    let db = Db::new().await;
    let client = db.connect(Role::Session).await;
    for (tenant, value) in [(db.a(), 1.0), (db.b(), 2.0)] {
        let client = db.login(tenant).await;
        upload(&client, "same", &[value, value]).await.unwrap();
    }
    login(&client, &db.a().key).await.unwrap();
    let read = client
        .prepare("SELECT value FROM timedb.read_flat(name => $1, end_valid => '2025-01-01 01:00Z')")
        .await
        .unwrap();
    for round in 0..16 {
        let (tenant, value) = if round % 2 == 0 {
            (db.a(), 1.0)
        } else {
            (db.b(), 2.0)
        };
        login(&client, &tenant.key).await.unwrap();
        let found = client.query(&read, &[&"same"]).await.unwrap();
        let found: Vec<f64> = found.iter().map(|row| row.get(0)).collect();
        assert_eq!(found, [value]);
        assert!(client.query(&read, &[&"other"]).await.unwrap().is_empty());
    }
    client
        .batch_execute("SELECT timedb.logout()")
        .await
        .unwrap();
    assert!(client.query(&read, &[&"same"]).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_scan_needs_the_right_to_execute() {
    let db = Db::new().await;
    // The owner administers, and may not read; calling version() loads the library.
    let owner = db.connect(Role::Owner).await;
    owner
        .batch_execute("SELECT timedb.version()")
        .await
        .unwrap();
    for query in [
        "SELECT * FROM timedb.read_flat()",
        "SELECT * FROM timedb_internal._read_rows('flat')",
        "SELECT * FROM timedb.values",
    ] {
        let (code, message) = refusal(owner.simple_query(query).await);
        assert_eq!(code, "42501", "{query}: {message}");
    }
}

#[tokio::test]
async fn versions_are_read_beside_parallel_workers() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client).await;
    client
        .batch_execute(
            "CREATE TEMP TABLE filler AS SELECT 1;
             SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
             SET max_parallel_workers_per_gather = 2",
        )
        .await
        .unwrap();
    let superuser = db.connect(timedb_tests::Role::Superuser).await;
    superuser
        .batch_execute(
            "CREATE TABLE public.plain AS SELECT i FROM generate_series(1, 20000) AS i; GRANT SELECT ON public.plain TO PUBLIC;
             ANALYZE public.plain; GRANT CREATE ON SCHEMA public TO PUBLIC",
        )
        .await
        .unwrap();
    for streaming in ["on", "off"] {
        client
            .batch_execute(&format!("SET timedb.streaming_reads = {streaming}"))
            .await
            .unwrap();
        for read in ["read_versions()", "read_changes()", "read_flat()"] {
            let query = format!(
                "SELECT count(*) AS n FROM public.plain, (SELECT count(*) AS c FROM timedb.{read}) AS r WHERE i < r.c"
            );
            let plan = plan(&client, &query).await;
            assert!(plan.contains("Gather"), "{plan}");
            let expected = rows(&client, &query).await;
            client
                .batch_execute(&format!(
                    "DROP TABLE IF EXISTS public.made; CREATE TABLE public.made AS {query}"
                ))
                .await
                .unwrap_or_else(|error| panic!("{read}, streaming {streaming}: {error:?}"));
            assert_eq!(rows(&client, "SELECT n FROM public.made").await, expected);
        }
    }
}
