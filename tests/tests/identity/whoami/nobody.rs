//! Whom nobody has authenticated reads nothing, and is told why.

use timedb_tests::{Db, FORCE_PARALLEL, Role, Server, ThrowawayCluster, login, psql, upload};

/// Statements that read, each without a row when nobody is authenticated.
const READS: &[&str] = &[
    "SELECT * FROM timedb.read_flat()",
    "SELECT * FROM timedb.read_overlapping()",
    "SELECT * FROM timedb.read_versions()",
    "SELECT * FROM timedb.read_relative(days_ahead => 1, time_of_day => '06:00')",
    "SELECT * FROM timedb.read_last()",
    "SELECT * FROM timedb.read_buckets('1 hour')",
    "SELECT * FROM timedb.read_points(name => '{}', valid_time => '{}', as_of => '{}')",
    "SELECT * FROM timedb_internal._read_points_packed(name => '{}', valid_time => '{}', as_of => '{}')",
    "SELECT timedb_internal._read_packed('flat')",
    "SELECT * FROM timedb_internal._read_chunks('flat')",
    "SELECT timedb_internal._read_buckets_packed('1 hour')",
    "SELECT * FROM timedb.read_changes()",
    "SELECT * FROM timedb_internal._read_changes_packed()",
    "SELECT * FROM timedb_internal._read_page_packed('flat')",
    "SELECT timedb.changes_cursor()",
    "SELECT * FROM timedb.values",
    "SELECT name FROM timedb.values WHERE name = 'x' AND value > 0 LIMIT 1",
    "SELECT max(value) FROM timedb.values GROUP BY name",
    "SELECT * FROM timedb.forecasts WHERE labels ->> 'site' <> 'x'",
    "SELECT * FROM timedb.versions WHERE valid_time < now()",
    "SELECT * FROM timedb_internal._list_series()",
    "SELECT * FROM timedb.find_series()",
    "SELECT NULLIF(timedb.count_series(), 0)",
    "SELECT * FROM timedb.label_names()",
    "SELECT * FROM timedb.label_values('site')",
    "SELECT * FROM timedb.read_flat() AS a JOIN timedb.values AS b USING (series_id)",
    "SELECT r.* FROM generate_series(1, 50) AS n CROSS JOIN LATERAL timedb.read_flat(name => n::text) AS r",
];

const WARNING: &str = "WARNING:  nobody is authenticated: timedb shows no rows";

fn warnings(told: &str) -> usize {
    told.matches(WARNING).count()
}

#[tokio::test]
async fn a_read_without_a_login_is_empty_and_warns_once() {
    let db = Db::new().await;
    upload(&db.login(db.a()).await, "x", &[1.0]).await.unwrap();
    for role in [Role::User, Role::Session, Role::Superuser] {
        for read in READS {
            let output = psql(&db.dsn(role), read).run();
            assert_eq!(output.code, 0, "{role:?} {read}: {output:?}");
            assert_eq!(output.stdout.trim(), "", "{role:?} {read}");
            assert_eq!(warnings(&output.stderr), 1, "{role:?} {read}: {output:?}");
            assert!(
                output
                    .stderr
                    .contains("HINT:  Call timedb.authenticate(key)")
            );
        }
    }
    // Also where workers would read, and without the streaming scan.
    let settings =
        format!("{FORCE_PARALLEL}; SET parallel_setup_cost = 0; SET timedb.streaming_reads = off");
    for read in READS {
        let output = psql(&db.dsn(Role::User), &settings)
            .args(["-c", read])
            .run();
        assert_eq!(
            (output.code, warnings(&output.stderr)),
            (0, 1),
            "{read}: {output:?}"
        );
    }
    // Each statement for itself.
    let output = psql(&db.dsn(Role::User), READS[0])
        .args(["-c", READS[1], "-c", "SELECT 1", "-c", READS[12]])
        .run();
    assert_eq!(warnings(&output.stderr), 3, "{output:?}");
    // Nothing that plans or looks at the catalog warns.
    for quiet in [
        "EXPLAIN SELECT * FROM timedb.values",
        "EXPLAIN SELECT * FROM timedb.read_flat()",
        "SELECT * FROM timedb.whoami()",
        "SELECT timedb.current_tenant()",
        "SELECT * FROM timedb.isolation_problems()",
        "SELECT timedb.auth_required()",
    ] {
        let output = psql(&db.dsn(Role::User), quiet).run();
        assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{quiet}");
    }
}

#[tokio::test]
async fn a_read_with_a_login_says_nothing() {
    let db = Db::new().await;
    upload(&db.login(db.a()).await, "x", &[1.0]).await.unwrap();
    let dsn = db.dsn(Role::Session);
    for tenant in [db.a(), db.b()] {
        let logged_in = format!("SELECT timedb.login('{}')", tenant.key);
        let mut session = psql(&dsn, &logged_in).env("PGAPPNAME", "types_keys");
        for read in READS {
            session = session.args(["-c", read]);
        }
        let output = session.run();
        assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{output:?}");
    }
}

#[tokio::test]
async fn a_login_in_a_transaction_says_that_a_rollback_undoes_it() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    upload(&client, "x", &[1.0]).await.unwrap();
    let dsn = db.dsn(Role::Session);
    let logged_in = format!("SELECT timedb.login('{}') IS NOT NULL", db.a().key);
    let values = "SELECT count(*) FROM timedb.values";
    let output = psql(&dsn, "BEGIN")
        .env("PGAPPNAME", "types_keys")
        .args(["-c", &logged_in, "-c", "ROLLBACK", "-c", values])
        .run();
    assert_eq!(output.stdout.trim(), "t\n0", "{output:?}");
    let told = output.stderr;
    let notice = told
        .find("NOTICE:  the login is undone if this transaction is rolled back")
        .unwrap_or_else(|| panic!("{told}"));
    assert!(
        told.find(WARNING).is_some_and(|warning| warning > notice),
        "{told}"
    );
    // After COMMIT it stays, also through an error.
    let output = psql(&dsn, "BEGIN")
        .env("PGAPPNAME", "types_keys")
        .args(["-v", "ON_ERROR_STOP=0", "-c", &logged_in, "-c", "COMMIT"])
        .args([
            "-c",
            "BEGIN",
            "-c",
            "SELECT 1/0",
            "-c",
            "ROLLBACK",
            "-c",
            values,
        ])
        .run();
    assert_eq!(output.stdout.trim(), "t\n1", "{output:?}");
    assert_eq!(warnings(&output.stderr), 0, "{output:?}");
}

#[tokio::test]
async fn neither_the_server_nor_a_dump_is_warned() {
    let cluster = ThrowawayCluster::start(&["log_min_messages = warning"]);
    let superuser = cluster.connect("postgres").await;
    superuser
        .batch_execute(
            "CREATE EXTENSION timedb; CREATE ROLE app LOGIN IN ROLE timedb_user;
             CREATE ROLE analyst LOGIN IN ROLE timedb_session",
        )
        .await
        .unwrap();
    let create = "SELECT api_key FROM timedb.create_user(timedb.create_tenant(), 'a@a.example')";
    let key: String = superuser.query_one(create, &[]).await.unwrap().get(0);
    let analyst = cluster.connect_as("postgres", "analyst").await;
    login(&analyst, &key).await.unwrap();
    upload(&analyst, "x", &[1.0]).await.unwrap();
    let server = Server::start_with(&cluster.dsn_as("postgres", "app"), &[], &[]);
    for path in [
        "/values",
        "/values/last",
        "/values?bucket=1h",
        "/list_timeseries",
        "/series",
        "/series/count",
        "/series/labels",
        "/series/labels/site",
        "/changes",
        "/ready",
    ] {
        for key in [
            None,
            Some("wrong"),
            Some(timedb_tests::UNKNOWN_KEY),
            Some(key.as_str()),
        ] {
            server.get(path, key).await;
        }
    }
    let dump = timedb_tests::pg_tool("pg_dump")
        .args(["-d", &cluster.dsn("postgres")])
        .run();
    assert_eq!((dump.code, dump.stderr.as_str()), (0, ""));
    let log = cluster.log();
    assert!(!log.contains("nobody is authenticated"), "{log}");
    // The log would tell.
    psql(&cluster.dsn_as("postgres", "app"), READS[0]).ok();
    assert!(cluster.log().contains("nobody is authenticated"));
}
