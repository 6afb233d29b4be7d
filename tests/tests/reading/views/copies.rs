//! Copies of what the views have: COPY, cursors, tables and materialized views stream, and a copy is nobody's but its
//! owner's.

use futures_util::StreamExt;
use timedb_tests::{Db, Role, login, run, upload};
use tokio_postgres::Client;

use super::rows;

const POINTS: usize = 600_000;

/// The private memory of a backend, in KiB.
fn memory(pid: i32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let of = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    of.unwrap()
        .trim()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

async fn fill(client: &Client) -> i32 {
    for name in ["a", "b", "c"] {
        let values: Vec<f64> = (0..POINTS / 3).map(|i| i as f64).collect();
        upload(client, name, &values).await.unwrap();
    }
    run(client, "SET TIME ZONE 'UTC'; SET work_mem = '64kB'").await;
    client
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .unwrap()
        .get(0)
}

/// Statements that copy everything, and how the rows stand in them.
const STATEMENTS: &[&str] = &[
    "SELECT series_id, name, valid_time, value FROM timedb.values",
    "SELECT series_id, name, valid_time, value FROM timedb.values ORDER BY series_id, valid_time",
    "SELECT series_id, name, valid_time, value FROM timedb.versions WHERE value >= 0",
];

#[tokio::test]
async fn what_is_copied_leaves_as_it_is_read() {
    let db = Db::new().await;
    // Warm: what a backend keeps for good it has after the first one.
    let client = db.login(db.a()).await;
    let pid = fill(&client).await;
    for statement in STATEMENTS {
        rows(&client, &format!("{statement} LIMIT 10")).await;
        let before = memory(pid);
        let copy = format!("COPY ({statement}) TO STDOUT WITH (FORMAT csv)");
        let mut stream = std::pin::pin!(client.copy_out(copy.as_str()).await.unwrap());
        let (mut lines, mut most) = (0, 0);
        while let Some(bytes) = stream.next().await {
            lines += bytes.unwrap().iter().filter(|byte| **byte == b'\n').count();
            if lines % 100_000 == 1 {
                most = most.max(memory(pid));
            }
        }
        assert_eq!(lines, POINTS, "{statement}");
        // All rows would be 60 MB.
        assert!(
            most < before + 25_000,
            "{before} KiB, then {most}: {statement}"
        );

        run(&client, &format!("BEGIN; DECLARE c CURSOR FOR {statement}")).await;
        assert_eq!(rows(&client, "FETCH 3 FROM c").await.len(), 3);
        run(&client, "MOVE 500000 FROM c").await;
        let most = memory(pid);
        assert_eq!(
            rows(&client, "FETCH ALL FROM c").await.len(),
            POINTS - 500_003
        );
        run(&client, "COMMIT").await;
        assert!(
            most < before + 25_000,
            "{before} KiB, then {most}, by a cursor: {statement}"
        );
    }
}

#[tokio::test]
async fn tables_and_materialized_views_are_made_from_the_views_and_show_what_they_hold_to_whoever_may_read_them()
 {
    let db = Db::new().await;
    let role = db.role_name(Role::Session);
    run(
        &db.connect(Role::Owner).await,
        &format!("CREATE SCHEMA copies; GRANT USAGE, CREATE ON SCHEMA copies TO {role}"),
    )
    .await;
    let client = db.login(db.a()).await;
    upload(&client, "a", &[1.0, 2.0, 3.0]).await.unwrap();
    run(
        &client,
        "CREATE TABLE copies.points AS SELECT * FROM timedb.values;
         CREATE MATERIALIZED VIEW copies.hours AS SELECT name, date_trunc('hour', valid_time) AS hour, avg(value) AS value FROM timedb.values GROUP BY 1, 2;
         CREATE MATERIALIZED VIEW copies.newest AS SELECT DISTINCT ON (series_id) * FROM timedb.values ORDER BY series_id, valid_time DESC",
    )
    .await;
    let all = "SELECT name, avg(value) FROM timedb.values GROUP BY 1";
    let copied = "SELECT name, avg(value) FROM copies.points GROUP BY 1";
    assert_eq!(rows(&client, copied).await, rows(&client, all).await);
    let newest = rows(&client, "SELECT value FROM copies.newest").await;
    assert_eq!(newest, [[Some("3".to_owned())]]);
    upload(&client, "b", &[7.0]).await.unwrap();
    run(&client, "REFRESH MATERIALIZED VIEW copies.newest; INSERT INTO copies.points SELECT * FROM timedb.values WHERE name = 'b'").await;
    assert_eq!(
        rows(&client, "SELECT value FROM copies.newest").await.len(),
        2
    );
    assert_eq!(rows(&client, copied).await.len(), 2);

    // Another tenant by the same role: nothing keeps a copy from it, and refreshed it has what is this tenant's.
    let other = db.connect(Role::Session).await;
    login(&other, &db.b().key).await.unwrap();
    assert_eq!(rows(&other, copied).await.len(), 2);
    assert_eq!(rows(&other, all).await.len(), 0);
    run(&other, "REFRESH MATERIALIZED VIEW copies.newest").await;
    assert_eq!(
        rows(&client, "SELECT value FROM copies.newest").await.len(),
        0
    );
    // Unless its owner adds a policy, which asks who the tenant is.
    run(
        &client,
        "ALTER TABLE copies.points ADD COLUMN tenant_id uuid; UPDATE copies.points SET tenant_id = timedb.current_tenant();
         ALTER TABLE copies.points ENABLE ROW LEVEL SECURITY; ALTER TABLE copies.points FORCE ROW LEVEL SECURITY;
         CREATE POLICY own ON copies.points USING (tenant_id = (SELECT timedb.current_tenant()))",
    )
    .await;
    assert_eq!(rows(&other, copied).await.len(), 0);
    assert_eq!(rows(&client, copied).await.len(), 2);
}
