//! The server's limits: bodies, slow and silent clients, long requests, too many of them, a database
//! that is away, and stopping.

mod bodies;
mod crowd;
mod database_away;
mod heads;
mod idle;
mod nginx;
mod operators;
mod packed;
mod rates;
mod shares;
mod slow;
mod stopping;
mod urls;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use timedb_tests::wire::{Wire, request};
use timedb_tests::{Db, Reply, Role, Server};
use tokio_postgres::Client;

/// Starts a server with these environment variables.
fn start_with(db: &Db, variables: &[(&str, &str)]) -> Server {
    Server::start_with(&db.dsn(Role::User), &[], variables)
}

pub(crate) fn upload_body(name: &str, value: f64) -> Value {
    json!({"batch_start_time": "2025-01-01T00:00:00Z",
           "value_rows": [{"valid_time": "2025-01-01T00:00:00Z", "value_key": name, "value": value}]})
}

/// Makes every read of values wait.
async fn lock_segments(db: &Db) -> Client {
    let holder = db.connect(Role::Superuser).await;
    holder
        .batch_execute("BEGIN; LOCK TABLE timedb_internal.segments IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    holder
}

async fn unlock(holder: &Client) {
    holder.batch_execute("ROLLBACK").await.unwrap();
}

/// An answer that is an error with a sentence.
#[track_caller]
fn is_error(reply: &Reply, status: u16) {
    assert_eq!(reply.status, status, "{reply:?}");
    assert_eq!(reply.headers["content-type"], "application/json");
    assert!(
        reply.json()["detail"]
            .as_str()
            .is_some_and(|told| told.contains(' ')),
        "{reply:?}"
    );
}

async fn with_one_series() -> Db {
    let db = Db::new().await;
    let client = db.begin(db.a()).await;
    timedb_tests::upload(&client, "x", &[1.0]).await.unwrap();
    client.batch_execute("COMMIT").await.unwrap();
    db
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_a_504() {
    let db = with_one_series().await;
    let key = Some(db.a().key.as_str());
    // The server's own limit, then the database's.
    for limits in [
        &[
            ("TIMEDB_REQUEST_TIMEOUT", "1"),
            ("TIMEDB_STATEMENT_TIMEOUT", "60"),
        ][..],
        &[
            ("TIMEDB_REQUEST_TIMEOUT", "60"),
            ("TIMEDB_STATEMENT_TIMEOUT", "1"),
        ],
        &[("TIMEDB_REQUEST_TIMEOUT", "1")],
    ] {
        let server = start_with(&db, limits);
        assert_eq!(server.get("/values", key).await.status, 200);
        let holder = lock_segments(&db).await;
        let start = Instant::now();
        let reply = server.get("/values", key).await;
        is_error(&reply, 504);
        let took = start.elapsed();
        assert!(
            took > Duration::from_millis(500) && took < Duration::from_secs(5),
            "{limits:?}: {took:?}"
        );
        unlock(&holder).await;
        assert_eq!(server.get("/values", key).await.json()["count"], 1);
    }
}

#[tokio::test]
async fn a_request_that_finds_no_connection_is_a_503_that_may_come_again() {
    let db = with_one_series().await;
    let key = Some(db.a().key.as_str());
    let server = start_with(
        &db,
        &[
            ("TIMEDB_POOL_SIZE", "2"),
            ("TIMEDB_TENANT_CONNECTIONS", "2"),
            ("TIMEDB_ACQUIRE_TIMEOUT", "1"),
        ],
    );
    let holder = lock_segments(&db).await;
    let crowd = async {
        // The two that have a connection.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let start = Instant::now();
        let replies =
            futures_util::future::join_all((0..5).map(|_| server.get("/list_timeseries", key)))
                .await;
        for reply in replies {
            is_error(&reply, 503);
            let again: u64 = reply.headers["retry-after"]
                .to_str()
                .unwrap()
                .parse()
                .unwrap();
            assert!((1..=60).contains(&again), "{reply:?}");
        }
        assert!(
            start.elapsed() < Duration::from_secs(4),
            "{:?}",
            start.elapsed()
        );
        // What needs no database is served all the while.
        assert_eq!(server.get("/", None).await.status, 200);
        unlock(&holder).await;
    };
    let (one, two, ()) = tokio::join!(
        server.get("/values", key),
        server.get("/values", key),
        crowd
    );
    for reply in [one, two] {
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["count"]),
            (200, &json!(1))
        );
    }
    assert_eq!(server.get("/list_timeseries", key).await.status, 200);
}

#[tokio::test]
async fn a_client_that_sends_no_whole_head_is_shown_out() {
    let db = Db::new().await;
    let limits = [
        ("TIMEDB_HEADER_READ_TIMEOUT", "1"),
        ("TIMEDB_IDLE_TIMEOUT", "1"),
    ];
    let server = start_with(&db, &limits);
    for beginning in [
        "",
        "GET / HTTP/1.1\r\nHost: x\r\nX-API-",
        "GET /values HTTP/1.1\r\nHost: x\r\n",
    ] {
        let mut wire = Wire::send_to(&server, beginning).await;
        let answer = wire.answer(Duration::from_secs(6)).await;
        assert!(
            answer.is_none_or(|answer| answer.status == 408),
            "{beginning:?}"
        );
    }
    // One byte now and then does not extend the time.
    let mut wire = Wire::connect(&server).await;
    let start = Instant::now();
    while wire.try_send("G").await {
        assert!(
            start.elapsed() < Duration::from_secs(6),
            "a drip keeps the connection"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(server.get("/", None).await.status, 200);
}

#[tokio::test]
async fn many_silent_clients_keep_nobody_out() {
    let db = with_one_series().await;
    let server = Server::start(&db);
    let mut silent = Vec::new();
    for number in 0..300 {
        silent.push(
            Wire::send_to(
                &server,
                if number % 2 == 0 {
                    ""
                } else {
                    "GET / HTTP/1.1\r\n"
                },
            )
            .await,
        );
    }
    let start = Instant::now();
    assert_eq!(server.get("/values", Some(&db.a().key)).await.status, 200);
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let long = format!("X-Long: {}", "x".repeat(10_000));
    let mut wire = Wire::connect(&server).await;
    let mut taken = wire.try_send("GET / HTTP/1.1\r\nHost: x\r\n").await;
    for _ in 0..500 {
        taken = taken && wire.try_send(format!("{long}\r\n")).await;
    }
    let answer = wire.answer(Duration::from_secs(10)).await;
    assert!(
        answer.is_none_or(|answer| answer.status == 431),
        "5 MB of headers are too many"
    );
    let path = format!("/values?name={}", "x".repeat(60_000));
    let reply = server.get(&path, Some(&db.a().key)).await;
    assert!(
        [200, 400, 414].contains(&reply.status.as_u16()),
        "{}",
        reply.status
    );
}

#[tokio::test]
async fn requests_of_one_connection_are_each_their_own() {
    let db = Db::new().await;
    let server = Server::start(&db);
    for (tenant, value) in [(db.a(), 1.0), (db.b(), 2.0)] {
        assert_eq!(
            server
                .post("/upload", Some(&tenant.key), &upload_body("x", value))
                .await
                .status,
            200
        );
    }
    // All at once, on one connection: the answers come in order, each to its own key.
    let (a, b) = (
        format!("X-API-Key: {}", db.a().key),
        format!("X-API-Key: {}", db.b().key),
    );
    let order = [
        Some((&a, "1.0")),
        Some((&b, "2.0")),
        None,
        Some((&b, "2.0")),
        Some((&a, "1.0")),
        None,
    ];
    let mut bytes = Vec::new();
    for _ in 0..5 {
        for key in &order {
            let headers: Vec<&str> = key.iter().map(|(header, _)| header.as_str()).collect();
            bytes.extend(request("GET /values", &headers, ""));
        }
    }
    let mut wire = Wire::send_to(&server, bytes).await;
    for _ in 0..5 {
        for key in &order {
            let answer = wire
                .answer(Duration::from_secs(10))
                .await
                .expect("an answer to each request");
            match key {
                Some((_, value)) => {
                    assert_eq!(answer.status, 200, "{answer:?}");
                    assert!(
                        answer.body.contains(&format!("\"value\":{value}")),
                        "{answer:?}"
                    );
                }
                None => assert_eq!(answer.status, 401, "{answer:?}"),
            }
        }
    }
}
