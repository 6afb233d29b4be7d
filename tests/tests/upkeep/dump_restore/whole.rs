//! A whole database into a cluster that never had timedb: every row, and the whole catalog.

use timedb_tests::catalog::{differences, rows, snapshot};
use timedb_tests::{
    Db, Role, ThrowawayCluster, authenticate, compact, count, pg_tool, refusal, run, upload,
};

use super::{Dumps, ROWS, SERIES, app, backup_dsn, daily, dump, fill, new_database, versions_read};

/// The source's rows and catalog.
struct Source {
    rows: Vec<(String, i64, String)>,
    catalog: Vec<String>,
}

impl Source {
    async fn of(db: &Db) -> Self {
        let client = db.connect(Role::Superuser).await;
        let source = Self {
            rows: rows(&client).await,
            catalog: snapshot(&client).await,
        };
        for (table, rows, _) in &source.rows {
            let enough = match table.as_str() {
                "segments" => 2 * i64::from(SERIES),
                "series" | "series_labels" => 2 * i64::from(SERIES),
                "settings" => 1,
                _ => ROWS,
            };
            assert!(*rows >= enough, "{table} with {rows} rows proves little");
        }
        source
    }

    async fn assert_same(&self, cluster: &ThrowawayCluster, database: &str) {
        let client = cluster.connect(database).await;
        assert_eq!(rows(&client).await, self.rows, "{database}");
        let different = differences(&self.catalog, &snapshot(&client).await);
        assert_eq!(different, Vec::<String>::new(), "{database}");
    }
}

#[tokio::test]
async fn a_custom_dump_of_the_backup_role_gives_back_rows_and_catalog_and_a_store_that_works() {
    let db = Db::new().await;
    fill(&db).await;
    let source = Source::of(&db).await;
    let dumps = Dumps::new();
    let file = dumps.path("store.dump");
    dump(&db, &file).await;
    let cluster = ThrowawayCluster::start(&[]);
    let dsn = new_database(&cluster, "restored").await;
    pg_tool("pg_restore")
        .args(["--exit-on-error", "-d", &dsn, &file])
        .ok();
    source.assert_same(&cluster, "restored").await;

    let (key, other) = (&db.a().key, &db.b().key);
    let app = app(&cluster, "restored").await;
    let original = db.connect(Role::User).await;
    let read = versions_read(&original, key).await;
    assert_eq!(read.0, 10_065 + 2 * i64::from(SERIES), "{read:?}");
    assert_eq!(read.2, 64);
    assert_eq!(versions_read(&app, key).await, read);

    // It knows the requests that were answered before.
    run(&app, "BEGIN").await;
    authenticate(&app, key).await.unwrap();
    let again = app.query_one(&daily(30, 2), &[]).await.unwrap();
    assert!(again.get::<_, bool>("replayed"));
    run(&app, "COMMIT").await;
    assert_eq!(versions_read(&app, key).await, read);

    // Its log can be folded, and says the same.
    run(&app, "BEGIN").await;
    authenticate(&app, key).await.unwrap();
    compact(&app).await;
    run(&app, "COMMIT").await;
    let superuser = cluster.connect("restored").await;
    let logged = "SELECT count(*) FROM timedb_internal.write_log WHERE tenant_id = $1";
    let id = &db.a().tenant_id;
    assert_eq!(count(&superuser, logged, &[id]).await, 0);
    assert_eq!(versions_read(&app, key).await, read);

    // It takes more, and finds the series that came with the dump.
    run(&app, "BEGIN").await;
    authenticate(&app, key).await.unwrap();
    let known = "SELECT count(*) FROM timedb.series WHERE name = 'temperature' AND series_id = $1";
    let series = upload(&app, "temperature", &[1.0]).await.unwrap();
    assert_eq!(count(&app, known, &[&series]).await, 1);
    let newest = "SELECT count(*) FROM timedb.read_flat(name => 'temperature')
                  WHERE valid_time = '2025-01-01Z' AND value = 1";
    assert_eq!(count(&app, newest, &[]).await, 1);
    assert_eq!(
        count(
            &app,
            "SELECT count(*) FROM timedb.series WHERE name = 'temperature'",
            &[]
        )
        .await,
        1
    );
    run(&app, "COMMIT").await;
    assert_eq!(versions_read(&app, key).await.0, read.0 + 1);

    // Who was deactivated stays so; no key, no rows of anybody.
    run(&app, "BEGIN").await;
    assert_eq!(refusal(authenticate(&app, other).await).0, "28000");
    run(&app, "ROLLBACK").await;
    assert_eq!(
        count(&app, "SELECT count(*) FROM timedb.values", &[]).await,
        0
    );
    // Administration goes on, too.
    run(
        &superuser,
        &format!("SELECT timedb.activate_user('{}')", db.b().email),
    )
    .await;
    assert_eq!(
        versions_read(&app, other).await,
        versions_read_of_b(&db).await
    );
}

async fn versions_read_of_b(db: &Db) -> (i64, String, i64, String) {
    let owner = db.connect(Role::Owner).await;
    run(
        &owner,
        &format!("SELECT timedb.activate_user('{}')", db.b().email),
    )
    .await;
    versions_read(&db.connect(Role::User).await, &db.b().key).await
}

#[tokio::test]
async fn four_jobs_at_once_lose_nothing_five_times_over() {
    let db = Db::new().await;
    fill(&db).await;
    let source = Source::of(&db).await;
    let dumps = Dumps::new();
    let (custom, folder) = (dumps.path("store.dump"), dumps.path("store.dir"));
    let dsn = backup_dsn(&db).await;
    pg_tool("pg_dump")
        .args(["-Fc", "-f", &custom, "-d", &dsn])
        .ok();
    // Dumped by several jobs, too: then the rows arrive in yet another order.
    pg_tool("pg_dump")
        .args(["-Fd", "-j", "4", "-f", &folder, "-d", &dsn])
        .ok();
    let cluster = ThrowawayCluster::start(&[]);
    for time in 1..=5 {
        let name = format!("time_{time}");
        let target = new_database(&cluster, &name).await;
        let dump = if time < 5 { &custom } else { &folder };
        pg_tool("pg_restore")
            .args(["-j", "4", "--exit-on-error", "-d", &target, dump])
            .ok();
        source.assert_same(&cluster, &name).await;
    }
}

#[tokio::test]
async fn a_plain_dump_fed_to_psql_gives_back_rows_and_catalog() {
    let db = Db::new().await;
    fill(&db).await;
    let source = Source::of(&db).await;
    let dumps = Dumps::new();
    let file = dumps.path("store.sql");
    pg_tool("pg_dump")
        .args(["-f", &file, "-d", &backup_dsn(&db).await])
        .ok();
    let cluster = ThrowawayCluster::start(&[]);
    let dsn = new_database(&cluster, "restored").await;
    pg_tool("psql")
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-1", "-d", &dsn])
        .args(["-f", &file])
        .ok();
    source.assert_same(&cluster, "restored").await;
    let app = app(&cluster, "restored").await;
    let original = db.connect(Role::User).await;
    assert_eq!(
        versions_read(&app, &db.a().key).await,
        versions_read(&original, &db.a().key).await
    );
}

#[tokio::test]
async fn rows_alone_go_into_a_store_that_was_just_created() {
    let db = Db::new().await;
    fill(&db).await;
    let source = Source::of(&db).await;
    let dumps = Dumps::new();
    let file = dumps.path("store.dump");
    dump(&db, &file).await;
    let cluster = ThrowawayCluster::start(&[]);
    let dsn = new_database(&cluster, "restored").await;
    run(
        &cluster.connect("restored").await,
        "CREATE EXTENSION timedb",
    )
    .await;
    pg_tool("pg_restore")
        .args(["--data-only", "--exit-on-error", "-d", &dsn, &file])
        .ok();
    source.assert_same(&cluster, "restored").await;
}
