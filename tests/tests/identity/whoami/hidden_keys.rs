//! Keys stay out of everything that others may read: the database's log at its most talkative,
//! pg_stat_activity, the server's own log.

use serde_json::json;
use std::time::{Duration, Instant};
use timedb_tests::{Db, Role, Server, ThrowawayCluster, psql, run};

use super::copied_into_psql;

const TALKATIVE: [&str; 6] = [
    "log_statement = all",
    "log_min_duration_statement = 0",
    "log_min_messages = debug1",
    "log_error_verbosity = verbose",
    "log_parameter_max_length = -1",
    "log_parameter_max_length_on_error = -1",
];

#[tokio::test]
async fn no_key_of_a_request_reaches_the_databases_log_or_the_servers() {
    let cluster = ThrowawayCluster::start(&TALKATIVE);
    let superuser = cluster.connect("postgres").await;
    run(
        &superuser,
        "CREATE EXTENSION timedb; CREATE ROLE app LOGIN; GRANT timedb_user TO app",
    )
    .await;
    let row = superuser
        .query_one(
            "SELECT api_key FROM timedb.create_user(timedb.create_tenant(), 'a@b.example')",
            &[],
        )
        .await
        .unwrap();
    let key: String = row.get(0);
    // Well-formed, so that the database is asked; in no store.
    let wrong: String = superuser
        .query_one("SELECT timedb_internal._generate_key()", &[])
        .await
        .unwrap()
        .get(0);
    let wrong = wrong.as_str();
    let server = Server::start_with(&cluster.dsn_as("postgres", "app"), &[], &[]);

    let upload = json!({"batch_start_time": "2025-01-01T00:00:00Z", "value_rows":
        [{"valid_time": "2025-01-01T00:00:00Z", "value_key": "level", "value": 1.5}]});
    let twice = json!({"batch_start_time": "2025-01-01T00:00:00Z", "value_rows":
        [{"valid_time": "2025-01-01T00:00:00Z", "value_key": "level", "value": 1.5},
         {"valid_time": "2025-01-01T00:00:00Z", "value_key": "level", "value": 1.5}]});
    for (key, expected) in [(key.as_str(), 200), (wrong, 401)] {
        assert_eq!(server.get("/values", Some(key)).await.status, expected);
        assert_eq!(
            server.post("/upload", Some(key), &upload).await.status,
            expected
        );
    }
    assert_eq!(server.post("/upload", Some(&key), &twice).await.status, 400);

    // The log does repeat parameters where nobody asked it not to.
    let bare = "tdb_a_key_that_is_sent_without_hide_parameters";
    let client = timedb_tests::connect(&cluster.dsn_as("postgres", "app")).await;
    client
        .query_one("SELECT timedb.authenticate($1)", &[&bare])
        .await
        .unwrap_err();
    let log = cluster.log();
    assert!(log.contains(bare), "the control key is not in the log");
    assert!(
        log.contains("timedb.authenticate($1)"),
        "the requests are not in the log"
    );
    for secret in [key.as_str(), wrong] {
        assert!(!log.contains(secret), "the database's log holds a key");
        assert!(
            !log.contains(&secret[4..40]),
            "the database's log holds most of a key"
        );
        assert!(
            !server.log().contains(&secret[4..40]),
            "the server's log holds a key"
        );
    }
}

#[tokio::test]
async fn no_key_stands_in_pg_stat_activity() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let holder = db.connect(Role::Superuser).await;
    run(
        &holder,
        "BEGIN; LOCK TABLE timedb_internal.api_keys IN ACCESS EXCLUSIVE MODE",
    )
    .await;
    let observer = db.connect(Role::Superuser).await;
    let request = server.get("/values", Some(&db.a().key));
    let watch = async {
        let start = Instant::now();
        loop {
            let rows = observer
                .query(
                    "SELECT query, coalesce(wait_event_type, '') FROM pg_stat_activity
                     WHERE datname = current_database() AND pid <> pg_backend_pid()",
                    &[],
                )
                .await
                .unwrap();
            for row in &rows {
                assert!(!row.get::<_, String>(0).contains(&db.a().key));
            }
            if rows.iter().any(|row| row.get::<_, String>(1) == "Lock") {
                break;
            }
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "the request never waited"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        run(&holder, "ROLLBACK").await;
    };
    let (reply, ()) = tokio::join!(request, watch);
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn hide_parameters_holds_for_the_transaction_only() {
    let db = Db::new().await;
    for role in [Role::User, Role::Session] {
        let client = db.connect(role).await;
        let settings = async || {
            let row = client
                .query_one(
                    "SELECT current_setting('log_parameter_max_length'),
                            current_setting('log_parameter_max_length_on_error')",
                    &[],
                )
                .await
                .unwrap();
            (row.get::<_, String>(0), row.get::<_, String>(1))
        };
        let before = settings().await;
        assert_ne!(before.0, "0");
        run(&client, "BEGIN READ ONLY; SELECT timedb.hide_parameters()").await;
        assert_eq!(settings().await, ("0".to_owned(), "0".to_owned()));
        run(&client, "COMMIT").await;
        assert_eq!(settings().await, before);
    }
}

#[tokio::test]
async fn a_key_that_psql_copies_stays_out_of_the_log_and_a_typed_one_does_not() {
    let cluster = ThrowawayCluster::start(&TALKATIVE);
    let superuser = cluster.connect("postgres").await;
    run(
        &superuser,
        "CREATE EXTENSION timedb; CREATE ROLE person LOGIN; GRANT timedb_session TO person",
    )
    .await;
    let mut keys = Vec::new();
    for email in ["copied@a.example", "typed@a.example"] {
        let row = superuser
            .query_one(
                "SELECT api_key FROM timedb.create_user(timedb.create_tenant(), $1)",
                &[&email],
            )
            .await
            .unwrap();
        keys.push(row.get::<_, String>(0));
    }
    let dsn = cluster.dsn_as("postgres", "person");
    assert_eq!(copied_into_psql(&dsn, &keys[0], "timedb.login(key)"), "t");
    let typed = format!("SELECT timedb.login('{}') IS NOT NULL", keys[1]);
    let typed = psql(&dsn, &typed).env("PGAPPNAME", "types_keys").ok();
    assert_eq!(typed.trim(), "t");
    let log = cluster.log();
    assert!(!log.contains(&keys[0]), "a copied key is in the log");
    assert!(
        log.contains(&keys[1]),
        "docs/security.md says that a typed key may be in the log"
    );
}
