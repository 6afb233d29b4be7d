//! The server itself behind the pool: its requests of both tenants and of nobody share one connection of
//! the database, or are spread over several that know nothing of each other.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use timedb_tests::random::Random;
use timedb_tests::wire::{Wire, request};
use timedb_tests::{Reply, Role, Server, Tenant, UNKNOWN_KEY};

use super::{NARROW, NO_RESET, Pooled};

/// A server behind the pool, with so many connections to it.
fn serve(pooled: &Pooled, connections: &str) -> Server {
    let settings = [
        ("TIMEDB_POOL_SIZE", connections),
        ("TIMEDB_REQUEST_TIMEOUT", "20"),
        ("TIMEDB_ACQUIRE_TIMEOUT", "20"),
        // Some send many wrong keys.
        ("TIMEDB_AUTH_FAILURES", "0"),
    ];
    Server::start_with(&pooled.dsn(Role::User), &[], &settings)
}

fn upload_body(name: &str, value: f64) -> Value {
    json!({"batch_start_time": "2025-01-01T00:00:00Z",
           "value_rows": [{"valid_time": "2025-01-01T00:00:00Z", "value_key": name, "value": value}]})
}

/// Every name in an answer that lists values.
fn names(reply: &Reply) -> Vec<String> {
    let body = reply.json();
    let rows = body["data"]
        .as_array()
        .unwrap_or_else(|| panic!("{reply:?}"));
    let name = |row: &Value| row["name"].as_str().unwrap().to_owned();
    rows.iter().map(name).collect()
}

impl Pooled {
    /// Requests of both tenants and of nobody get what is theirs. A request that comes while the pool
    /// replaces what was broken may be told to try again.
    async fn assert_requests_are_themselves(&self, server: &Server, story: &str) {
        let start = Instant::now();
        for (tenant, own) in [(self.db.b(), "b"), (self.db.a(), "a"), (self.db.b(), "b")] {
            loop {
                let reply = server.get("/values", Some(&tenant.key)).await;
                if reply.status == 503 && start.elapsed() < Duration::from_secs(15) {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
                assert_eq!(reply.status, 200, "{story}: {reply:?}; {}", server.log());
                let names = names(&reply);
                assert!(!names.is_empty(), "{story}");
                assert!(
                    names.iter().all(|name| name.starts_with(own)),
                    "{story}: {names:?}"
                );
                break;
            }
        }
        assert_eq!(server.get("/values", None).await.status, 401, "{story}");
    }
}

/// One request by chance, and whether its answer is the tenant's own.
async fn ask(server: &Server, tenant: Option<&Tenant>, own: &str, choice: u64, story: &str) {
    let key = tenant.map(|tenant| tenant.key.as_str());
    let name = format!("{own} {}", choice / 8 % 7);
    let reply = match choice % 8 {
        0 | 1 => server.post("/upload", key, &upload_body(&name, 1.0)).await,
        2 => server.get("/list_timeseries", key).await,
        3 => server.get(&format!("/values?name={own}"), key).await,
        // Refused: a unit that is another's; a body that makes no sense; a wrong key.
        4 => {
            let body = json!({"name": own, "unit": "another"});
            server.post("/series", key, &body).await
        }
        5 => server.post("/upload", key, &json!({})).await,
        6 => server.get("/values", Some(UNKNOWN_KEY)).await,
        _ => server.get("/values", key).await,
    };
    let expected = match (choice % 8, tenant) {
        (6, _) | (_, None) => 401,
        (4, _) => 409,
        (5, _) => 422,
        _ => 200,
    };
    assert_eq!(
        reply.status,
        expected,
        "{story}: {reply:?}; {}",
        server.log()
    );
    if expected != 200 {
        return;
    }
    match choice % 8 {
        2 => {
            let listed = reply.json();
            let listed = listed.as_object().unwrap();
            assert!(!listed.is_empty(), "{story}");
            for series in listed.values() {
                let name = series["name"].as_str().or(series.as_str()).unwrap();
                assert!(name.starts_with(own), "{story}: {name}");
            }
        }
        3 | 7 => {
            let names = names(&reply);
            assert!(!names.is_empty(), "{story}");
            assert!(
                names.iter().all(|name| name.starts_with(own)),
                "{story}: {names:?}"
            );
        }
        _ => {}
    }
}

/// Eight clients at once, forty requests each.
async fn crowd(seed: u64, settings: &[&str], connections: &str) {
    let pooled = Pooled::start(settings).await;
    let server = serve(&pooled, connections);
    let (a, b) = (Some(pooled.db.a()), Some(pooled.db.b()));
    let cast = [
        (a, "a"),
        (b, "b"),
        (None, "n"),
        (a, "a"),
        (b, "b"),
        (None, "n"),
        (a, "a"),
        (b, "b"),
    ];
    let server = &server;
    join_all(
        cast.into_iter()
            .enumerate()
            .map(async |(number, (tenant, own))| {
                let mut random = Random::new(seed * 31 + number as u64);
                for step in 0..40 {
                    let story = format!("seed {seed}, client {number}, request {step}");
                    ask(server, tenant, own, random.number() >> 8, &story).await;
                }
            }),
    )
    .await;
    pooled.until_idle().await;
    let log = server.log();
    assert!(!log.contains("prepared statement"), "{log}");
    pooled
        .assert_requests_are_themselves(server, &format!("seed {seed}"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_both_tenants_shares_one_connection_on_both_sides_seed_1() {
    crowd(1, &[NARROW, NO_RESET], "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_with_the_documented_reset_shares_one_connection_of_the_database_seed_2() {
    crowd(2, &[NARROW], "8").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_on_connections_that_take_turns_needs_nothing_prepared_seed_3() {
    let turns = ["default_pool_size = 4", "server_round_robin = 1", NO_RESET];
    crowd(3, &turns, "8").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_may_meet_another_connection() {
    // One connection of the server; four of the database that take turns, each as fresh as can be.
    let turns = [
        "default_pool_size = 4",
        "min_pool_size = 4",
        "server_round_robin = 1",
        NO_RESET,
    ];
    let pooled = Pooled::start(&turns).await;
    let server = serve(&pooled, "1");
    let start = Instant::now();
    while pooled.pids().await.len() < 4 {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "the pool does not fill"
        );
        pooled
            .assert_requests_are_themselves(&server, "filling")
            .await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let body = upload_body("a new", 1.0);
    for round in 0..12 {
        let reply = server
            .post("/upload", Some(&pooled.db.a().key), &body)
            .await;
        assert_eq!(
            reply.status,
            200,
            "round {round}: {reply:?}; {}",
            server.log()
        );
        pooled
            .assert_requests_are_themselves(&server, "taking turns")
            .await;
    }
}

/// Requests that are given up while the database works for them: the first by its client, the second
/// by the server.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_given_up_leaves_nothing_to_the_next_one() {
    let pooled = Pooled::start(&[NARROW, NO_RESET]).await;
    let settings = [("TIMEDB_POOL_SIZE", "1"), ("TIMEDB_REQUEST_TIMEOUT", "1")];
    let server = Server::start_with(&pooled.dsn(Role::User), &[], &settings);
    let holder = pooled.db.connect(Role::Superuser).await;
    for (line, body, table) in [
        ("GET /values", String::new(), "segments"),
        (
            "POST /upload",
            upload_body("a broken", 9.0).to_string(),
            "write_log",
        ),
        ("GET /list_timeseries", String::new(), "api_keys"),
    ] {
        for hangs_up in [true, false] {
            let story = format!("{line} at {table}, hangs up: {hangs_up}");
            let lock = format!(
                "BEGIN; LOCK TABLE {full_name} IN ACCESS EXCLUSIVE MODE",
                full_name = timedb_tests::qualified(table)
            );
            holder.batch_execute(&lock).await.unwrap();
            let headers = [
                format!("X-API-Key: {}", pooled.db.a().key),
                format!("Content-Length: {}", body.len()),
            ];
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            let mut wire = Wire::send_to(&server, request(line, &headers, &body)).await;
            if hangs_up {
                tokio::time::sleep(Duration::from_millis(200)).await;
                drop(wire);
            } else {
                let answer = wire.answer(Duration::from_secs(10)).await.unwrap();
                assert_eq!(answer.status, 504, "{story}: {answer:?}");
            }
            // The lock is still held: what waited for it has been cancelled, or its connection closed.
            pooled.until_idle().await;
            holder.batch_execute("ROLLBACK").await.unwrap();
            pooled.assert_requests_are_themselves(&server, &story).await;
        }
    }
    let reply = server
        .get("/values?name=a%20broken", Some(&pooled.db.a().key))
        .await;
    assert_eq!(reply.json()["count"], 0, "{reply:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_in_a_large_answer_leaves_nothing_to_the_next_one() {
    let pooled = Pooled::start(&[NARROW, NO_RESET]).await;
    let client = pooled.db.begin(pooled.db.a()).await;
    let many = "SELECT points FROM timedb.upload(
        ARRAY(SELECT timestamptz '2020-01-01Z' + i * interval '1 minute' FROM generate_series(0, 299999) AS i ORDER BY i),
        ARRAY(SELECT i FROM generate_series(0, 299999) AS i ORDER BY i)::float8[], '{a many}'); COMMIT";
    client.batch_execute(many).await.unwrap();
    let server = serve(&pooled, "1");
    for round in 0..3 {
        let key = format!("X-API-Key: {}", pooled.db.a().key);
        let mut wire = Wire::send_to(&server, request("GET /values", &[&key], "")).await;
        wire.read_some(100_000).await;
        drop(wire);
        pooled.until_idle().await;
        let story = format!("reader gone, round {round}");
        pooled.assert_requests_are_themselves(&server, &story).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_outlives_a_pool_that_is_restarted_and_a_backend_that_dies() {
    let mut pooled = Pooled::start(&[NARROW, NO_RESET]).await;
    let server = serve(&pooled, "2");
    pooled
        .assert_requests_are_themselves(&server, "before")
        .await;
    for _ in 0..2 {
        pooled.bouncer.stop();
        let reply = server.get("/values", Some(&pooled.db.a().key)).await;
        assert_eq!(reply.status, 503, "{reply:?}");
        pooled.bouncer.restart();
        pooled
            .assert_requests_are_themselves(&server, "restarted")
            .await;
        let end = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
                   WHERE datname = current_database() AND usename = $1";
        let role = pooled.db.role_name(Role::User);
        pooled.observer.query_one(end, &[&role]).await.unwrap();
        pooled
            .assert_requests_are_themselves(&server, "backend gone")
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_reaches_the_log_of_the_pool() {
    let pooled = Pooled::start(&[NARROW, "verbose = 3"]).await;
    let server = serve(&pooled, "1");
    pooled
        .assert_requests_are_themselves(&server, "verbose")
        .await;
    let log = pooled.bouncer.log();
    assert!(log.contains("login attempt"), "{log}");
    for tenant in [pooled.db.a(), pooled.db.b()] {
        assert!(!log.contains(&tenant.key), "a key is in the log");
    }
}
