//! Nobody gets everything: one tenant's slow readers, stalled uploads and many keys leave the others their
//! connections and memory.

use std::time::{Duration, Instant};

use timedb_tests::wire::{Wire, request};
use timedb_tests::{Db, Role, Server, Tenant};
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;

use super::{is_error, start_with, with_one_series};

/// So many points that no buffer between the database and a client holds the answer.
const POINTS: usize = 1_000_000;

/// A store in which tenant A has a large series, and B a small one.
async fn with_a_large_series() -> Db {
    let db = with_one_series().await;
    let client = db.begin(db.a()).await;
    client
        .batch_execute(&format!(
            "SELECT points FROM timedb.upload(
                 valid_time => ARRAY(SELECT timestamptz '2025-01-01Z' + i * interval '1 minute' FROM generate_series(1, {POINTS}) AS i),
                 value => ARRAY(SELECT i::float8 FROM generate_series(1, {POINTS}) AS i), name => ARRAY['large']);
             COMMIT"
        ))
        .await
        .unwrap();
    let client = db.begin(db.b()).await;
    timedb_tests::upload(&client, "small", &[1.0; 100])
        .await
        .unwrap();
    client.batch_execute("COMMIT").await.unwrap();
    db
}

fn read_of(tenant: &Tenant) -> Vec<u8> {
    request("GET /values", &[&format!("X-API-Key: {}", tenant.key)], "")
}

/// Clients that ask for the large series and read nothing of it.
async fn deaf_readers(server: &Server, tenant: &Tenant, count: usize) -> Vec<Wire> {
    let mut readers = Vec::new();
    for _ in 0..count {
        readers.push(Wire::send_to(server, read_of(tenant)).await);
    }
    readers
}

#[tokio::test]
async fn readers_that_take_nothing_keep_no_other_tenant_out_and_are_ended() {
    let db = with_a_large_series().await;
    let server = start_with(
        &db,
        &[
            ("TIMEDB_POOL_SIZE", "4"),
            ("TIMEDB_ACQUIRE_TIMEOUT", "2"),
            ("TIMEDB_WRITE_TIMEOUT", "10"),
        ],
    );
    // The server has seen none of the keys before: their first requests are strangers' to it.
    let readers = deaf_readers(&server, db.a(), 20).await;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        let asked = Instant::now();
        let reply = server.get("/values", Some(&db.b().key)).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["count"]),
            (200, &100.into())
        );
        assert_eq!(server.get("/ready", None).await.status, 200);
        assert!(
            asked.elapsed() < Duration::from_secs(1),
            "{:?}",
            asked.elapsed()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let reply = server.get("/list_timeseries", Some(&db.a().key)).await;
    is_error(&reply, 503);
    assert!(
        reply.text.contains("Too many of your requests"),
        "{reply:?}"
    );
    assert_eq!(reply.headers["retry-after"], "1");
    // None of them can hold a place for long.
    let deadline = Instant::now() + Duration::from_secs(30);
    while server
        .get("/list_timeseries", Some(&db.a().key))
        .await
        .status
        != 200
    {
        assert!(Instant::now() < deadline, "the readers stay for ever");
    }
    drop(readers);
}

#[tokio::test]
async fn all_keys_of_a_tenant_have_one_share() {
    let db = with_a_large_series().await;
    let owner = db.connect(Role::Owner).await;
    let other_key: String = owner
        .query_one(
            "SELECT api_key FROM timedb.create_key(email => $1, name => 'other')",
            &[&db.a().email],
        )
        .await
        .unwrap()
        .get(0);
    let server = start_with(
        &db,
        &[("TIMEDB_POOL_SIZE", "4"), ("TIMEDB_ACQUIRE_TIMEOUT", "1")],
    );
    assert_eq!(
        server
            .get("/list_timeseries", Some(&other_key))
            .await
            .status,
        200
    );
    let readers = deaf_readers(&server, db.a(), 3).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    is_error(&server.get("/list_timeseries", Some(&other_key)).await, 503);
    assert_eq!(
        server
            .get("/list_timeseries", Some(&db.b().key))
            .await
            .status,
        200
    );
    // Who goes makes room.
    drop(readers);
    let deadline = Instant::now() + Duration::from_secs(10);
    while server
        .get("/list_timeseries", Some(&other_key))
        .await
        .status
        != 200
    {
        assert!(
            Instant::now() < deadline,
            "clients that have gone keep their places"
        );
    }
}

/// How long all but the slowest of a hundred requests take.
async fn p99(server: &Server, tenant: &Tenant) -> Duration {
    let mut took = Vec::new();
    for _ in 0..100 {
        let asked = Instant::now();
        let reply = server
            .get("/values?end_valid=2025-01-01T06:00:00Z", Some(&tenant.key))
            .await;
        assert_eq!(reply.status, 200, "{reply:?}");
        took.push(asked.elapsed());
    }
    took.sort_unstable();
    took[98]
}

#[tokio::test]
async fn sixty_four_slow_readers_of_one_tenant_do_not_slow_another_down() {
    let db = with_a_large_series().await;
    let server = start_with(&db, &[]);
    p99(&server, db.b()).await;
    let mut alone = Duration::MAX;
    for _ in 0..3 {
        alone = alone.min(p99(&server, db.b()).await);
    }
    let mut readers = JoinSet::new();
    for mut reader in deaf_readers(&server, db.a(), 64).await {
        // 20 kB a second.
        readers.spawn(async move {
            let mut part = [0; 2_000];
            loop {
                match reader.stream().read(&mut part).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    // Other tests run beside this one: a few tries, of which the best counts, as it does without readers.
    let mut beside = Duration::MAX;
    for _ in 0..8 {
        beside = beside.min(p99(&server, db.b()).await);
        if beside < alone * 2 {
            break;
        }
    }
    assert!(
        beside < alone * 2,
        "{beside:?} beside slow readers, {alone:?} alone"
    );
    readers.abort_all();
}

#[tokio::test]
async fn a_stream_that_is_too_slow_or_too_long_is_broken_off() {
    let db = with_a_large_series().await;
    for limits in [
        [
            ("TIMEDB_STREAM_MIN_RATE", "20000000"),
            ("TIMEDB_WRITE_TIMEOUT", "1"),
        ],
        [
            ("TIMEDB_STREAM_TIMEOUT", "2"),
            ("TIMEDB_WRITE_TIMEOUT", "30"),
        ],
    ] {
        let server = start_with(&db, &limits);
        // A client that takes all it can is served to the end.
        if limits[0].0 == "TIMEDB_STREAM_TIMEOUT" {
            let whole = server
                .get("/values?end_valid=2025-06-01", Some(&db.a().key))
                .await;
            assert_eq!(whole.json()["count"], 217_440);
        }
        let mut reader = Wire::send_to(&server, read_of(db.a())).await;
        let start = Instant::now();
        let (mut seen, mut part) = (0, vec![0; 1 << 20]);
        // About four megabytes a second; the answer has 130.
        loop {
            match reader.stream().read(&mut part).await {
                Ok(0) | Err(_) => break,
                Ok(length) => seen += length,
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
            assert!(
                start.elapsed() < Duration::from_secs(25),
                "{limits:?}: {seen} bytes so far"
            );
        }
        assert!(seen < 100 << 20, "{limits:?}: {seen} bytes");
        assert!(server.log().contains("aborted"), "{}", server.log());
        assert_eq!(
            server
                .get("/list_timeseries", Some(&db.a().key))
                .await
                .status,
            200
        );
    }
}

/// Memory of a process that is its own, in megabytes.
fn private_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes =
        line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap() >> 10
}

#[tokio::test]
async fn bodies_of_all_requests_together_have_a_bound_and_leave_others_room() {
    let db = with_one_series().await;
    let server = start_with(
        &db,
        &[
            ("TIMEDB_MAX_BODY_BYTES", "30000000"),
            ("TIMEDB_BODY_MEMORY", "60000000"),
            ("TIMEDB_ACQUIRE_TIMEOUT", "1"),
        ],
    );
    let before = private_memory(server.process_id());
    let head = |tenant: &Tenant| {
        format!(
            "POST /upload HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Type: application/json\r\nContent-Length: 25000000\r\n\r\n",
            tenant.key
        )
    };
    // Eight of 25 MB, of which 20 come: only one has room in the tenant's half.
    let mut bodies = Vec::new();
    for _ in 0..8 {
        bodies.push(Wire::send_to(&server, head(db.a())).await);
    }
    let piece = vec![b' '; 1 << 20];
    let mut refused = 0;
    let mut sending = JoinSet::new();
    for mut body in bodies {
        let piece = piece.clone();
        sending.spawn(async move {
            for _ in 0..20 {
                if !body.try_send(&piece).await {
                    break;
                }
            }
            body
        });
    }
    let mut bodies = Vec::new();
    while let Some(body) = sending.join_next().await {
        bodies.push(body.unwrap());
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let grown = private_memory(server.process_id()).saturating_sub(before);
    assert!(
        grown < 80,
        "{grown} MB more for bodies that may have 60 together"
    );
    for body in &mut bodies {
        if let Some(answer) = body.answer_now().await {
            assert_eq!(answer.status, 503, "{answer:?}");
            assert!(
                answer.body.contains("busy with other uploads"),
                "{answer:?}"
            );
            refused += 1;
        }
    }
    assert!(refused >= 6, "{refused} of eight were refused");
    // Another tenant's large upload has its room.
    let text = format!(
        "{{\"batch_start_time\": \"2025-01-01T00:00:00Z\", \"value_rows\": [{{\"valid_time\": \"2025-01-01T00:00:00Z\", \"value_key\": \"x\", \"value\": 1}}]{}}}",
        " ".repeat(20_000_000)
    );
    let request = server
        .request(reqwest::Method::POST, "/upload", Some(&db.b().key))
        .header("Content-Type", "application/json")
        .body(text);
    assert_eq!(server.send(request).await.status, 200);
    drop(bodies);
}

#[tokio::test]
async fn memory_for_bodies_that_holds_not_even_one_is_refused_at_the_start() {
    let db = Db::new().await;
    let refused = timedb_tests::cli(&[
        "api",
        "--port",
        "0",
        "--body-memory",
        "1000",
        "--dsn",
        &db.dsn(Role::User),
    ])
    .run();
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(
        refused.stderr.contains("--body-memory is 1000"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_first_requests_of_a_tenant_may_come_all_at_once() {
    let db = with_one_series().await;
    for _ in 0..5 {
        // Nothing is known of the key yet, and no connection is open.
        let server = Server::start(&db);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut requests = JoinSet::new();
        for _ in 0..64 {
            let url = format!("{}/values", server.url());
            let request = client.get(url).header("X-API-Key", &db.a().key);
            requests.spawn(async move { request.send().await.unwrap().status().as_u16() });
        }
        let statuses = requests.join_all().await;
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    }
}
