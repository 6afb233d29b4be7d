//! The database goes away and comes back: 503 meanwhile, and the server needs no restart.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use timedb_tests::proxy::Proxy;
use timedb_tests::{Config, Db, Reply, Role, Server, ThrowawayCluster, connect};

use super::{is_error, start_with, upload_body};

/// Not there, and worth another try.
#[track_caller]
fn is_away(reply: &Reply) {
    is_error(reply, 503);
    assert!(reply.headers.contains_key("retry-after"), "{reply:?}");
}

/// Asks until it is answered 200.
async fn until_served(server: &Server, key: &str) {
    let start = Instant::now();
    loop {
        let reply = server.get("/values", Some(key)).await;
        if reply.status == 200 {
            return;
        }
        is_away(&reply);
        assert!(
            start.elapsed() < Duration::from_secs(15),
            "the server does not recover: {}",
            server.log()
        );
    }
}

#[tokio::test]
async fn a_database_that_takes_no_connections_is_a_503_until_it_does_again() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let key = &db.a().key;
    assert_eq!(server.get("/values", Some(key)).await.status, 200);
    let admin = connect(&Config::get().admin_dsn).await;
    for _ in 0..2 {
        admin
            .batch_execute(&format!(
                "ALTER DATABASE {} ALLOW_CONNECTIONS false",
                db.name
            ))
            .await
            .unwrap();
        // Several times: one that was let in just before, such as to note the key's use, is listed only a moment later.
        for _ in 0..5 {
            admin
                .execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1",
                    &[&db.name],
                )
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for _ in 0..3 {
            is_away(&server.get("/values", Some(key)).await);
            is_away(
                &server
                    .post("/upload", Some(key), &upload_body("x", 1.0))
                    .await,
            );
        }
        assert_eq!(server.get("/", None).await.status, 200);
        admin
            .batch_execute(&format!(
                "ALTER DATABASE {} ALLOW_CONNECTIONS true",
                db.name
            ))
            .await
            .unwrap();
        until_served(&server, key).await;
    }
    let told = server.log();
    assert!(
        !told.contains(key.as_str()) && !told.contains(db.password()),
        "{told}"
    );
}

#[tokio::test]
async fn a_restarted_database_costs_a_request_at_most() {
    let cluster = ThrowawayCluster::start(&[]);
    let superuser = cluster.connect("postgres").await;
    superuser
        .batch_execute("CREATE EXTENSION timedb; CREATE ROLE app LOGIN IN ROLE timedb_user")
        .await
        .unwrap();
    let row = superuser
        .query_one(
            "SELECT api_key FROM timedb.create_user(timedb.create_tenant(), 'a@b.example')",
            &[],
        )
        .await
        .unwrap();
    let key: String = row.get(0);
    let server = Server::start_with(&cluster.dsn_as("postgres", "app"), &[], &[]);
    assert_eq!(
        server
            .post("/upload", Some(&key), &upload_body("x", 1.0))
            .await
            .status,
        200
    );
    drop(superuser);
    for _ in 0..2 {
        cluster.restart();
        until_served(&server, &key).await;
        assert_eq!(server.get("/values", Some(&key)).await.json()["count"], 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_restarts_under_load_costs_503s_and_nothing_else() {
    let cluster = ThrowawayCluster::start(&[]);
    let superuser = cluster.connect("postgres").await;
    superuser
        .batch_execute("CREATE EXTENSION timedb; CREATE ROLE app LOGIN IN ROLE timedb_user")
        .await
        .unwrap();
    let create = "SELECT api_key FROM timedb.create_user(timedb.create_tenant(), 'a@b.example')";
    let key: String = superuser.query_one(create, &[]).await.unwrap().get(0);
    drop(superuser);
    let server = Server::start_with(&cluster.dsn_as("postgres", "app"), &[], &[]);
    let is_over = AtomicBool::new(false);
    let load = |worker: usize| {
        let (server, key, is_over) = (&server, &key, &is_over);
        async move {
            let (mut stored, mut away) = (0, 0);
            while !is_over.load(Relaxed) {
                let name = format!("w{worker}");
                let reply = if worker.is_multiple_of(2) {
                    server
                        .post("/upload", Some(key), &upload_body(&name, 1.0))
                        .await
                } else {
                    server.get("/values", Some(key)).await
                };
                match reply.status.as_u16() {
                    200 => stored += 1,
                    503 => away += 1,
                    _ => panic!("{reply:?}; log: {}", server.log()),
                }
                if reply.status == 503 {
                    is_away(&reply);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            (stored, away)
        }
    };
    let restarts = async {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            tokio::task::block_in_place(|| cluster.restart());
        }
        until_served(&server, &key).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        is_over.store(true, Relaxed);
    };
    let (counts, ()) = tokio::join!(futures_util::future::join_all((0..8).map(load)), restarts);
    for (served, _) in &counts {
        assert!(*served > 10, "{counts:?}");
    }
    for _ in 0..20 {
        assert_eq!(server.get("/values", Some(&key)).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_reached_or_says_nothing_is_a_503() {
    let proxy = Proxy::start().await;
    let db = Db::new().await;
    let dsn = proxy.dsn(&db.dsn(Role::User));
    let limits = [
        ("TIMEDB_POOL_SIZE", "2"),
        ("TIMEDB_ACQUIRE_TIMEOUT", "1"),
        ("TIMEDB_REQUEST_TIMEOUT", "5"),
    ];
    let server = Server::start_with(&dsn, &[], &limits);
    let key = &db.a().key;
    let cut = async || {
        let admin = db.connect(Role::Superuser).await;
        admin
            .execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = $1",
                &[&db.role_name(Role::User)],
            )
            .await
            .unwrap();
        // The server hears of it by itself.
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    until_served(&server, key).await;
    proxy.refuse();
    cut().await;
    for _ in 0..3 {
        is_away(&server.get("/values", Some(key)).await);
    }
    proxy.open();
    until_served(&server, key).await;

    proxy.keep_silent();
    cut().await;
    let start = Instant::now();
    let replies =
        futures_util::future::join_all((0..6).map(|_| server.get("/values", Some(key)))).await;
    for reply in &replies {
        is_away(reply);
    }
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    proxy.open();
    until_served(&server, key).await;
}

#[tokio::test]
async fn a_server_without_its_extension_fails_requests_without_words() {
    let db = Db::new().await;
    let server = start_with(&db, &[]);
    assert_eq!(server.get("/values", Some(&db.a().key)).await.status, 200);
    let superuser = db.connect(Role::Superuser).await;
    superuser
        .batch_execute("DROP EXTENSION timedb CASCADE")
        .await
        .unwrap();
    for path in ["/values", "/list_timeseries"] {
        let reply = server.get(path, Some(&db.a().key)).await;
        assert!(reply.status.is_server_error(), "{reply:?}");
        let told = reply.text.to_lowercase();
        for word in ["timedb", "schema", "select", "function", "3f000"] {
            assert!(!told.contains(word), "{reply:?}");
        }
    }
    superuser
        .batch_execute("CREATE EXTENSION timedb")
        .await
        .unwrap();
    assert_eq!(server.get("/values", Some(&db.a().key)).await.status, 401);
}
