//! Compaction beside everything else at once, and broken off at any moment: no version is lost, told twice or changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use timedb_tests::random::Random;
use timedb_tests::{Db, Role, ThrowawayCluster, compact, count, login, pg_tool, run};
use tokio_postgres::Client;
use uuid::Uuid;

const SERIES: usize = 12;

/// Uploads a point of each series: those of one tick.
async fn tick(client: &Client, at: usize, value: f64) -> Result<Vec<Uuid>, tokio_postgres::Error> {
    let row = client
        .query_one(
            &format!(
                "SELECT series_ids FROM timedb.upload(
                     ARRAY(SELECT timestamptz '2025-01-01Z' + $1 * interval '1 min' FROM generate_series(1, {SERIES})),
                     ARRAY(SELECT $2::float8 + s FROM generate_series(1, {SERIES}) AS s),
                     ARRAY(SELECT 's' || s FROM generate_series(1, {SERIES}) AS s))"
            ),
            &[&(at as f64), &value],
        )
        .await?;
    Ok(row.get(0))
}

/// All that is stored, as one text.
async fn everything(client: &Client) -> String {
    let all = "SELECT md5(string_agg(v::text, E'\\n' ORDER BY series_id, valid_time, known_time, change_time))
               FROM timedb.read_versions() AS v";
    client.query_one(all, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn uploads_corrections_reads_changes_dumps_and_compactions_go_on_at_once() {
    const TICKS: usize = 150;
    let db = Db::new().await;
    let first = db.login(db.a()).await;
    let series = tick(&first, 0, 0.0).await.unwrap();
    let at_work = Arc::new(AtomicUsize::new(3));
    let mut tasks = Vec::new();
    for writer in 0..2 {
        let client = db.login(db.a()).await;
        let at_work = at_work.clone();
        tasks.push(tokio::spawn(async move {
            for i in 1..=TICKS {
                tick(&client, i, (writer * 1000) as f64).await.unwrap();
            }
            at_work.fetch_sub(1, Ordering::SeqCst);
        }));
    }
    let client = db.login(db.a()).await;
    let working = at_work.clone();
    tasks.push(tokio::spawn(async move {
        let mut random = Random::new(1);
        for i in 0..TICKS {
            let update = json!([{
                "series_id": random.pick(&series), "valid_time": "2025-01-01T00:00:00Z",
                "value": i as f64, "annotation": format!("correction {i}"),
            }]);
            let query = "SELECT timedb.update_values($1)";
            client.query_one(query, &[&update]).await.unwrap();
        }
        working.fetch_sub(1, Ordering::SeqCst);
    }));
    for _ in 0..2 {
        let client = db.login(db.a()).await;
        let at_work = at_work.clone();
        tasks.push(tokio::spawn(async move {
            while at_work.load(Ordering::SeqCst) > 0 {
                compact(&client).await;
            }
        }));
    }
    // A tick is there as a whole or not at all, and nothing that was there goes.
    let client = db.login(db.a()).await;
    let working = at_work.clone();
    tasks.push(tokio::spawn(async move {
        let mut before = 0;
        while working.load(Ordering::SeqCst) > 0 {
            let ticks = "SELECT count(*) FROM timedb.read_flat(start_valid => '2025-01-01 00:01Z')";
            let points = count(&client, ticks, &[]).await;
            assert_eq!(points % SERIES as i64, 0, "{points}");
            assert!(points >= before, "{points} after {before}");
            before = points;
        }
    }));
    let dsn = db.dsn(Role::Superuser);
    let working = at_work.clone();
    let dumps = tokio::task::spawn_blocking(move || {
        let mut dumps = 0;
        while working.load(Ordering::SeqCst) > 0 || dumps == 0 {
            let dump = pg_tool("pg_dump")
                .args(["-Fc", "--no-sync", "-f", "/dev/null", &dsn])
                .run();
            assert_eq!(dump.code, 0, "{}", dump.stderr);
            dumps += 1;
        }
        dumps
    });
    let mut cursor: Option<String> = None;
    let mut told = 0;
    let wanted = ((2 * TICKS + 1) * SERIES + TICKS) as i64;
    while told < wanted {
        let rows = first
            .query(
                "SELECT cursor FROM timedb.read_changes(cursor => $1, max_points => 500)",
                &[&cursor],
            )
            .await
            .unwrap();
        told += rows.len() as i64;
        cursor = rows.last().map(|row| row.get(0)).or(cursor);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for task in tasks {
        task.await.expect("a task comes to its end");
    }
    assert!(dumps.await.expect("dumps come to their end") > 0);
    assert_eq!(told, wanted);
    let versions = "SELECT count(*) FROM timedb.read_versions()";
    assert_eq!(count(&first, versions, &[]).await, wanted);
    let before = everything(&first).await;
    compact(&first).await;
    assert_eq!(everything(&first).await, before);
    let superuser = db.connect(Role::Superuser).await;
    let left = "SELECT count(*) FROM timedb_internal.write_log";
    assert_eq!(count(&superuser, left, &[]).await, 0);
}

#[tokio::test]
async fn a_server_killed_at_any_moment_of_a_compaction_has_each_write_once() {
    let cluster = ThrowawayCluster::start(&["restart_after_crash = on"]);
    cluster.crashes_on_purpose();
    let superuser = cluster.connect("postgres").await;
    run(
        &superuser,
        "CREATE EXTENSION timedb; CREATE ROLE analyst LOGIN IN ROLE timedb_session",
    )
    .await;
    let create = "SELECT api_key FROM timedb.create_user(timedb.create_tenant(), 'a@a.example')";
    let key: String = superuser.query_one(create, &[]).await.unwrap().get(0);
    drop(superuser);
    let connect = async || loop {
        // The server recovers for a while.
        let client = tokio::time::timeout(
            Duration::from_secs(20),
            cluster.try_connect_as("postgres", "analyst"),
        );
        if let Ok(Some(client)) = client.await
            && login(&client, &key).await.is_ok()
        {
            return client;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let mut random = Random::new(3);
    let mut written = 0;
    for round in 0..6 {
        let client = connect().await;
        for _ in 0..40 {
            tick(&client, written, written as f64).await.unwrap();
            written += 1;
        }
        let compacting = connect().await;
        let pid: i32 = compacting
            .query_one("SELECT pg_backend_pid()", &[])
            .await
            .unwrap()
            .get(0);
        let work = tokio::spawn(async move {
            // As long as it lives.
            while compacting
                .query_one("SELECT timedb.compact(1000)", &[])
                .await
                .is_ok()
            {}
        });
        tokio::time::sleep(Duration::from_millis(random.below(40))).await;
        let killed = std::process::Command::new("kill")
            .args(["-KILL", &pid.to_string()])
            .status();
        assert!(killed.is_ok_and(|status| status.success()));
        work.await.expect("the compaction ends");
        drop(client);
        let client = connect().await;
        let versions =
            "SELECT count(*), count(DISTINCT (series_id, change_time)) FROM timedb.read_versions()";
        let row = client.query_one(versions, &[]).await.unwrap();
        let expected = (written * SERIES) as i64;
        assert_eq!(
            (row.get::<_, i64>(0), row.get::<_, i64>(1)),
            (expected, expected),
            "round {round}"
        );
        let batches = "SELECT count(*) FROM timedb.batches";
        assert_eq!(
            count(&client, batches, &[]).await,
            written as i64,
            "round {round}"
        );
    }
    let client = connect().await;
    compact(&client).await;
    let versions = "SELECT count(*) FROM timedb.read_versions()";
    assert_eq!(
        count(&client, versions, &[]).await,
        (written * SERIES) as i64
    );
}

#[tokio::test]
async fn an_administrator_compacts_every_store_and_reads_none() {
    let db = Db::new().await;
    let (of_a, of_b) = (db.login(db.a()).await, db.login(db.b()).await);
    for client in [&of_a, &of_b] {
        for i in 0..5 {
            tick(client, i, 1.0).await.unwrap();
        }
    }
    let before = [everything(&of_a).await, everything(&of_b).await];
    let admin = db.connect(Role::Admin).await;
    let call =
        "SELECT tenant_id, folded_writes, more, problem FROM timedb.compact_store(tenant_id => $1)";
    let of_one = admin.query(call, &[&db.a().tenant_id]).await.unwrap();
    let [row] = of_one.as_slice() else {
        panic!("{} rows", of_one.len());
    };
    assert_eq!((row.get(0), row.get(1)), (db.a().tenant_id, 5_i64));
    assert_eq!((row.get(2), row.get(3)), (false, None::<String>), "{row:?}");
    // Of all of them, the other one has something to fold.
    let of_all = admin.query(call, &[&None::<Uuid>]).await.unwrap();
    let folded = |tenant: Uuid| {
        let row = of_all.iter().find(|row| row.get::<_, Uuid>(0) == tenant);
        row.expect("a row for each tenant").get::<_, i64>(1)
    };
    assert_eq!((folded(db.a().tenant_id), folded(db.b().tenant_id)), (0, 5));
    assert_eq!([everything(&of_a).await, everything(&of_b).await], before);
    // It has acted as the tenants, and is nobody again.
    let own = "SELECT current_setting('timedb.tenant_id')";
    let own: String = admin.query_one(own, &[]).await.unwrap().get(0);
    assert_eq!(own, "");
    for (call, state) in [
        (format!("tenant_id => '{}'", Uuid::nil()), "42704"),
        ("max_points => 0".to_owned(), "22023"),
        ("max_tenants => 0".to_owned(), "22023"),
    ] {
        let refused = format!("SELECT * FROM timedb.compact_store({call})");
        let error = admin.query(&refused, &[]).await.unwrap_err();
        assert_eq!(error.code().map(|code| code.code()), Some(state), "{call}");
    }
    let tenants = "SELECT tenant_id FROM timedb.list_tenants()";
    assert_eq!(admin.query(tenants, &[]).await.unwrap().len(), 2);
}

/// A condition on a list of ids may be a filter of all series that the tenant has, for all that PostgreSQL knows of
/// their number: nothing, since estimates would tell of other tenants.
#[tokio::test]
async fn what_names_a_few_series_does_not_pass_all_of_them() {
    for known in ["nothing", "few", "few on many pages"] {
        few_series_among_many(known).await;
    }
}

/// Plans are kept from a time when there were none, or few, or many that have not been committed.
async fn few_series_among_many(known: &str) {
    const SERIES: i64 = 3_000;
    let db = Db::new().await;
    let superuser = db.connect(Role::Superuser).await;
    let client = db.login(db.a()).await;
    tick(&client, 0, 1.0).await.unwrap();
    let first: Uuid = client
        .query_one("SELECT series_id FROM timedb.series WHERE name = 's1'", &[])
        .await
        .unwrap()
        .get(0);
    match known {
        "nothing" => (),
        "few" => run(&superuser, "VACUUM (ANALYZE) timedb.series").await,
        _ => {
            run(
                &superuser,
                "UPDATE pg_class SET reltuples = 12, relpages = 100
                 WHERE oid = 'timedb.series'::regclass",
            )
            .await;
        }
    }
    let calls: [(&str, i64); 6] = [
        (
            "SELECT timedb.upload('{2025-03-01Z}', '{1}', series_id => ARRAY[$1::uuid])",
            4,
        ),
        (
            "SELECT timedb.upload('{2025-03-02Z}', '{1}', '{s1}') WHERE $1::uuid IS NOT NULL",
            4,
        ),
        (
            "SELECT * FROM timedb.read_flat(series_id => ARRAY[$1::uuid])",
            4,
        ),
        (
            "SELECT * FROM timedb.read_last(series_id => ARRAY[$1::uuid])",
            4,
        ),
        (
            "SELECT * FROM timedb.read_points(series_id => ARRAY[$1::uuid], valid_time => '{2025-03-01Z}', as_of => ARRAY[now()])",
            8,
        ),
        (
            "SELECT * FROM timedb.read_points(name => '{s1}', valid_time => '{2025-03-01Z}', as_of => ARRAY[now()]) WHERE $1::uuid IS NOT NULL",
            8,
        ),
    ];
    for (call, _) in calls {
        client.query(call, &[&first]).await.unwrap();
    }
    let other = db.login(db.a()).await;
    let many = "SELECT timedb.upload(array_fill('2025-01-01Z'::timestamptz, ARRAY[$1::int]), array_fill(1::float8, ARRAY[$1::int]),
                    ARRAY(SELECT 'm' || i FROM generate_series(1, $1::int) AS i))";
    other.query(many, &[&(SERIES as i32)]).await.unwrap();
    // What it has counted is told before anything is measured.
    run(&other, "SELECT pg_stat_force_next_flush()").await;
    run(&other, "SELECT 1").await;
    drop(other);
    let fetched = "SELECT (idx_tup_fetch + seq_tup_read)::bigint FROM pg_stat_user_tables
                   WHERE schemaname IN ('timedb', 'timedb_internal') AND relname = 'series'";
    for (call, most) in calls {
        run(&client, "SELECT pg_stat_force_next_flush()").await;
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let before = count(&superuser, fetched, &[]).await;
        client.query(call, &[&first]).await.unwrap();
        run(&client, "SELECT pg_stat_force_next_flush()").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let passed = count(&superuser, fetched, &[]).await - before;
        assert!(passed <= most, "{call} passes {passed} series");
    }
}

/// PostgreSQL takes a table that was vacuumed when it was small for one that is read as a whole fastest, and plans are
/// kept: rows that come and go would all be passed later, the dead ones too.
#[tokio::test]
async fn no_statement_of_the_library_reads_a_whole_table() {
    let db = Db::new().await;
    let superuser = db.connect(Role::Superuser).await;
    let before = db.login(db.a()).await;
    tick(&before, 0, 1.0).await.unwrap();
    compact(&before).await;
    drop(before);
    for table in [
        "write_log",
        "batch_chunks",
        "series_lists",
        "requests",
        "segments",
        "series",
    ] {
        run(
            &superuser,
            &format!(
                "VACUUM (ANALYZE) {full_name}",
                full_name = timedb_tests::qualified(table)
            ),
        )
        .await;
    }
    let scans = "SELECT coalesce(string_agg(relname || ' ' || seq_scan, ', ' ORDER BY relname), '')
                 FROM pg_stat_user_tables
                 WHERE schemaname IN ('timedb', 'timedb_internal')
                   AND relname IN ('write_log', 'batch_chunks', 'series_lists', 'requests', 'segments', 'series')";
    let scanned = async || -> String {
        // What a session has counted may take a second to be told.
        tokio::time::sleep(Duration::from_secs(2)).await;
        superuser.query_one(scans, &[]).await.unwrap().get(0)
    };
    let by_others = scanned().await;
    let client = db.login(db.a()).await;
    for i in 0..70 {
        let series = tick(&client, i, 1.0).await.unwrap();
        let update =
            json!([{"series_id": series[0], "valid_time": "2025-01-01T00:00:00Z", "value": i}]);
        let query = "SELECT timedb.update_values($1, $2)";
        client
            .query(query, &[&update, &format!("key {i}")])
            .await
            .unwrap();
    }
    for query in [
        "SELECT * FROM timedb.read_flat(name => 's1')",
        "SELECT * FROM timedb.read_overlapping(start_valid => '2025-01-01Z')",
        "SELECT * FROM timedb.read_versions()",
        "SELECT * FROM timedb.read_last()",
        "SELECT * FROM timedb.read_changes()",
        "SELECT * FROM timedb.read_flat(as_of_change => now())",
        "SELECT timedb.compact()",
        "SELECT * FROM timedb.read_versions()",
        "SELECT * FROM timedb_internal._list_batches()",
        "SELECT * FROM timedb.verify()",
        "SELECT pg_stat_force_next_flush()",
    ] {
        client
            .query(query, &[])
            .await
            .unwrap_or_else(|error| panic!("{query}: {error:?}"));
    }
    drop(client);
    assert_eq!(scanned().await, by_others);
}
