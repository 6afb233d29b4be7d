//! `pg_dump` and `pg_restore` with PostgreSQL's own programs: every row comes back, no key leaves.

use std::path::PathBuf;

use timedb_tests::{Db, Role, ThrowawayCluster, authenticate, connect, count, pg_tool, upload};
use tokio_postgres::Client;

/// A dump's path, deleted with the value.
struct DumpFile(PathBuf);

impl DumpFile {
    fn new(db: &Db) -> Self {
        Self(std::env::temp_dir().join(format!("timedb-{}.dump", db.name)))
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the path is UTF-8")
    }
}

impl Drop for DumpFile {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

/// Rows in every table of the extension: series with labels, a null, a user without a key in use.
async fn fill(db: &Db) {
    for tenant in [db.a(), db.b()] {
        let client = db.begin(tenant).await;
        upload(
            &client,
            "temperature",
            &[20.5, 21.25, f64::MIN_POSITIVE, -0.0],
        )
        .await
        .unwrap();
        client
            .batch_execute(
                "SELECT timedb.upload(
                     valid_time => ARRAY(SELECT timestamptz '2025-03-01Z' + i * interval '1 minute' FROM generate_series(1, 10000) AS i),
                     value => ARRAY(SELECT nullif(i % 97, 0) / 7.0 FROM generate_series(1, 10000) AS i),
                     name => ARRAY['load'], labels => ARRAY['{\"site\": \"Østerbro\", \"unit\": \"2\"}'::jsonb],
                     unit => ARRAY['MW'], known_time => '2025-02-28Z', workflow_id => 'nightly',
                     batch_params => '{\"model\": \"v1\"}');
                 COMMIT",
            )
            .await
            .unwrap();
    }
    let owner = db.connect(Role::Owner).await;
    owner
        .query("SELECT timedb.deactivate_user($1)", &[&db.b().email])
        .await
        .unwrap();
    // The one row that this table can hold; keys stay valid in an open store.
    owner
        .batch_execute("SELECT timedb.set_auth_required(false)")
        .await
        .unwrap();
}

/// Per table: its name, the number of its rows and a hash of them all.
async fn fingerprint(client: &Client) -> Vec<(String, i64, String)> {
    let tables = client
        .query(
            "SELECT tablename::text FROM pg_tables WHERE schemaname = 'timedb' ORDER BY 1",
            &[],
        )
        .await
        .unwrap();
    let mut found = Vec::new();
    for table in tables {
        let table: String = table.get(0);
        let hashed = format!(
            "SELECT count(*), coalesce(md5(string_agg(hash, '' ORDER BY hash)), '')
             FROM (SELECT md5(t::text) AS hash FROM timedb.{table} AS t) AS rows"
        );
        let row = client.query_one(&hashed, &[]).await.unwrap();
        found.push((table, row.get(0), row.get(1)));
    }
    found
}

#[tokio::test]
async fn a_dump_restored_by_four_jobs_into_a_fresh_cluster_gives_back_every_row() {
    let db = Db::new().await;
    fill(&db).await;
    let source = db.connect(Role::Superuser).await;
    let before = fingerprint(&source).await;
    assert_eq!(before.len(), 10, "{before:?}");
    assert!(
        before.iter().all(|(_, rows, _)| *rows > 0),
        "a table without rows proves nothing: {before:?}"
    );

    let dump = DumpFile::new(&db);
    pg_tool("pg_dump")
        .args(["-Fc", "-f", dump.path(), "-d", &db.dsn(Role::Superuser)])
        .ok();
    let cluster = ThrowawayCluster::start(&[]);
    cluster
        .connect("postgres")
        .await
        .batch_execute("CREATE DATABASE restored")
        .await
        .unwrap();
    let dsn = cluster.dsn("restored");
    pg_tool("pg_restore")
        .args(["-j", "4", "--exit-on-error", "-d", &dsn, dump.path()])
        .ok();

    let restored = cluster.connect("restored").await;
    assert_eq!(fingerprint(&restored).await, before);

    // The restored store is one to work with: the key opens it, it reads the same and takes more.
    restored
        .batch_execute("CREATE ROLE app LOGIN IN ROLE timedb_user")
        .await
        .unwrap();
    let app = connect(&cluster.dsn_as("restored", "app")).await;
    app.batch_execute("BEGIN").await.unwrap();
    assert_eq!(
        authenticate(&app, &db.a().key).await.unwrap(),
        db.a().tenant_id
    );
    assert_eq!(
        count(&app, "SELECT count(*) FROM timedb.read_flat()", &[]).await,
        10_004
    );
    let nulls = "SELECT count(*) FROM timedb.values WHERE name = 'load' AND value IS NULL";
    assert_eq!(count(&app, nulls, &[]).await, 103);
    upload(&app, "after the restore", &[1.0]).await.unwrap();
    assert_eq!(
        count(&app, "SELECT count(*) FROM timedb.read_flat()", &[]).await,
        10_005
    );
}

#[tokio::test]
async fn a_backup_role_without_superuser_dumps_every_tenant() {
    let db = Db::new().await;
    fill(&db).await;
    let superuser = db.connect(Role::Superuser).await;
    let role = db.role_name(Role::Nobody);
    superuser
        .batch_execute(&format!(
            "ALTER ROLE {role} BYPASSRLS; GRANT pg_read_all_data TO {role}"
        ))
        .await
        .unwrap();
    let dump = DumpFile::new(&db);
    pg_tool("pg_dump")
        .args(["-Fc", "-f", dump.path(), "-d", &db.dsn(Role::Nobody)])
        .ok();
    let cluster = ThrowawayCluster::start(&[]);
    let dsn = cluster.dsn("postgres");
    pg_tool("pg_restore")
        .args(["--exit-on-error", "-d", &dsn, dump.path()])
        .ok();
    let restored = cluster.connect("postgres").await;
    assert_eq!(fingerprint(&restored).await, fingerprint(&superuser).await);
}

#[tokio::test]
async fn a_full_dump_holds_no_key() {
    let db = Db::new().await;
    fill(&db).await;
    let dump = pg_tool("pg_dump")
        .args(["-d", &db.dsn(Role::Superuser)])
        .ok();
    assert!(dump.contains(&db.a().email), "the dump holds the users");
    for tenant in [db.a(), db.b()] {
        assert!(!dump.contains(&tenant.key));
        // Not even most of it: the first characters alone are kept, for display.
        assert!(!dump.contains(&tenant.key[..24]) && !dump.contains(&tenant.key[24..]));
    }
}
