//! Connections that are kept: longer than a load balancer keeps its own, and no longer while the head of a request
//! does not come.

use std::time::{Duration, Instant};

use timedb_tests::Db;
use timedb_tests::wire::{Wire, header, request};

use super::{lock_segments, start_with, unlock, upload_body, with_one_series};

const SOON: Duration = Duration::from_secs(5);

/// Waits for the end of the connection, and returns how long that took.
async fn closed_after(wire: &mut Wire) -> Duration {
    let start = Instant::now();
    let answer = wire.answer(Duration::from_secs(20)).await;
    assert!(answer.is_none(), "{answer:?}");
    start.elapsed()
}

fn post(key: &str, value: f64) -> Vec<u8> {
    let body = upload_body("x", value).to_string();
    let (key, length) = (
        format!("X-API-Key: {key}"),
        format!("Content-Length: {}", body.len()),
    );
    let headers = [&*key, "Content-Type: application/json", &length];
    request("POST /upload", &headers, &body)
}

#[tokio::test]
async fn an_idle_connection_outlives_the_time_for_heads_and_serves_a_post() {
    let db = Db::new().await;
    // Idle for as long as it is by default.
    let server = start_with(&db, &[("TIMEDB_HEADER_READ_TIMEOUT", "1")]);
    let mut fresh = Wire::connect(&server).await;
    let mut used = Wire::connect(&server).await;
    for value in 1..=2 {
        used.send(post(&db.a().key, f64::from(value))).await;
        let answer = used.answer(SOON).await.expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(2500)).await;
    }
    for wire in [&mut used, &mut fresh] {
        wire.send(post(&db.a().key, 3.0)).await;
        let answer = wire.answer(SOON).await.expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

#[tokio::test]
async fn half_a_head_is_ended_after_its_time_on_a_connection_of_any_age() {
    let db = Db::new().await;
    let server = start_with(&db, &[("TIMEDB_HEADER_READ_TIMEOUT", "2")]);
    for is_used in [false, true] {
        let mut wire = Wire::connect(&server).await;
        if is_used {
            wire.send(post(&db.a().key, 1.0)).await;
            assert_eq!(wire.answer(SOON).await.expect("an answer").status, 200);
        }
        // Silence before the first byte is not the head's.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        wire.send("GET /health HTTP/1.1\r\nHost: x\r\n").await;
        let start = Instant::now();
        let answer = wire.answer(SOON).await.expect("an answer");
        let took = start.elapsed();
        assert_eq!(answer.status, 408, "{answer:?}");
        assert!(
            answer.body.starts_with("{\"detail\":\"The head"),
            "{answer:?}"
        );
        assert_eq!(header(&answer.head, "connection"), Some("close"));
        assert!(
            took > Duration::from_millis(1500) && took < SOON,
            "{took:?}"
        );
        assert!(wire.answer(SOON).await.is_none());
    }
}

#[tokio::test]
async fn who_asks_for_nothing_more_is_shown_out_in_silence() {
    let db = Db::new().await;
    let server = start_with(
        &db,
        &[
            ("TIMEDB_IDLE_TIMEOUT", "2"),
            ("TIMEDB_HEADER_READ_TIMEOUT", "9"),
        ],
    );
    for requests in 0..3 {
        let mut wire = Wire::connect(&server).await;
        for _ in 0..requests {
            wire.send(post(&db.a().key, 1.0)).await;
            assert_eq!(wire.answer(SOON).await.expect("an answer").status, 200);
        }
        let took = closed_after(&mut wire).await;
        assert!(
            took > Duration::from_millis(1500) && took < SOON,
            "{requests}: {took:?}"
        );
    }
    // Empty lines are no request, and no sign of one.
    let mut wire = Wire::connect(&server).await;
    let start = Instant::now();
    while wire.try_send("\r\n").await {
        assert!(start.elapsed() < SOON, "empty lines keep a connection");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_and_what_is_asked_behind_it_are_no_silence() {
    let db = with_one_series().await;
    let limits = [
        ("TIMEDB_IDLE_TIMEOUT", "1"),
        ("TIMEDB_HEADER_READ_TIMEOUT", "1"),
    ];
    let server = start_with(&db, &limits);
    let holder = lock_segments(&db).await;
    let key = format!("X-API-Key: {}", db.a().key);
    let read = request("GET /values", &[&key], "");
    // Half of the second request comes while the first one waits.
    let (half, rest) = read.split_at(20);
    let mut wire = Wire::send_to(&server, &read).await;
    wire.send(half).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    unlock(&holder).await;
    for _ in 0..2 {
        let answer = wire.answer(SOON).await.expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
        wire.try_send(rest).await;
    }
}
