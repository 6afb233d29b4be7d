//! Bodies that are too large, too slow, or sent by nobody in particular.

use std::time::{Duration, Instant};

use timedb_tests::wire::{Wire, request};
use timedb_tests::{Db, Server, UNKNOWN_KEY};

use super::{is_error, start_with, upload_body};

const SOON: Duration = Duration::from_secs(5);

/// `POST /upload` with these header lines and this beginning of a body.
async fn begin(server: &Server, key: Option<&str>, headers: &[&str], body: &str) -> Wire {
    let key = key.map(|key| format!("X-API-Key: {key}"));
    let mut lines: Vec<&str> = key.iter().map(String::as_str).collect();
    lines.extend(headers);
    Wire::send_to(server, request("POST /upload", &lines, body)).await
}

/// One chunk of a chunked body.
fn chunk(bytes: usize) -> String {
    format!("{bytes:x}\r\n{}\r\n", " ".repeat(bytes))
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_413_whether_its_length_is_told_or_not() {
    let db = Db::new().await;
    let key = Some(db.a().key.as_str());
    for limit in [1_000, 200_000] {
        let server = start_with(&db, &[("TIMEDB_MAX_BODY_BYTES", &limit.to_string())]);
        let body = upload_body("x", 1.0).to_string();
        let padded = |length: usize| format!("{body}{}", " ".repeat(length - body.len()));
        let post = |body: String| {
            server
                .request(reqwest::Method::POST, "/upload", key)
                .body(body)
        };
        assert_eq!(server.send(post(padded(limit))).await.status, 200);
        is_error(&server.send(post(padded(limit + 1))).await, 413);
        is_error(&server.send(post(padded(limit * 20))).await, 413);
        let stranger = server
            .request(reqwest::Method::POST, "/upload", Some(UNKNOWN_KEY))
            .body(padded(limit + 1));
        is_error(&server.send(stranger).await, 401);

        let mut wire = begin(&server, key, &["Transfer-Encoding: chunked"], "").await;
        for _ in 0..4 {
            wire.try_send(chunk(limit / 2)).await;
        }
        let answer = wire.answer(SOON).await.expect("an answer");
        assert_eq!(answer.status, 413, "{answer:?}");
        let mut wire = begin(&server, key, &["Content-Length: 100000000000"], "{").await;
        assert_eq!(wire.answer(SOON).await.expect("an answer").status, 413);
        assert_eq!(server.send(post(padded(limit))).await.status, 200);
    }
}

#[tokio::test]
async fn who_has_no_good_key_is_told_so_before_the_body_has_come() {
    let db = Db::new().await;
    let server = Server::start(&db);
    for key in [None, Some(UNKNOWN_KEY)] {
        for headers in [
            &["Content-Length: 10000000000"][..],
            &["Content-Length: 70000"],
            &["Content-Length: 100000", "Expect: 100-continue"],
            &["Content-Length: 100000", "Content-Type: application/json"],
        ] {
            let start = Instant::now();
            let mut wire = begin(&server, key, headers, "").await;
            let answer = wire.answer(SOON).await.expect("an answer");
            assert_eq!(answer.status, 401, "{headers:?}: {answer:?}");
            assert!(
                start.elapsed() < Duration::from_secs(3),
                "{headers:?}: {:?}",
                start.elapsed()
            );
        }
        let mut wire = begin(
            &server,
            key,
            &["Transfer-Encoding: chunked"],
            &chunk(70_000),
        )
        .await;
        let answer = wire.answer(SOON).await.expect("an answer");
        assert_eq!(answer.status, 401, "chunked: {answer:?}");
    }
    // With a key the same beginning is waited for.
    let body = upload_body("x", 1.0).to_string();
    let body = format!("{body}{}", " ".repeat(100_000 - body.len()));
    let mut wire = begin(
        &server,
        Some(&db.a().key),
        &["Content-Length: 100000", "Expect: 100-continue"],
        "",
    )
    .await;
    let go_on = wire.answer(SOON).await.expect("leave to send");
    assert_eq!(go_on.status, 100, "{go_on:?}");
    wire.send(body).await;
    assert_eq!(wire.answer(SOON).await.expect("an answer").status, 200);
}

/// The most memory that the server has ever had, in kB.
fn peak_memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process_id()))
        .expect("the server runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("Linux tells VmHWM");
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number")
}

#[tokio::test]
async fn bodies_of_strangers_take_no_memory() {
    let db = Db::new().await;
    let server = Server::start(&db);
    assert_eq!(server.get("/values", Some(&db.a().key)).await.status, 200);
    let before = peak_memory(&server);
    let part = chunk(1 << 20);
    let strangers = (0..8).map(|number| {
        let (server, part) = (&server, &part);
        async move {
            let key = (number % 2 == 0).then_some(UNKNOWN_KEY);
            let mut wire = begin(server, key, &["Transfer-Encoding: chunked"], "").await;
            for _ in 0..30 {
                if !wire.try_send(part).await {
                    break;
                }
            }
            let answer = wire.answer(SOON).await;
            assert!(answer.is_none_or(|answer| answer.status == 401));
        }
    });
    futures_util::future::join_all(strangers).await;
    let grown = peak_memory(&server) - before;
    assert!(
        grown < 40_000,
        "240 MB of strangers' bodies took {grown} kB"
    );
}

#[tokio::test]
async fn a_client_that_stops_in_the_middle_of_its_body_is_told_so() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let mut stopped = Vec::new();
    for (key, status) in [(Some(db.a().key.as_str()), 408), (None, 408)] {
        stopped.push((
            begin(&server, key, &["Content-Length: 1000"], "{\"batch").await,
            status,
        ));
    }
    for (mut wire, status) in stopped {
        let answer = wire
            .answer(Duration::from_secs(40))
            .await
            .expect("an answer");
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.body.starts_with("{\"detail\":\""), "{answer:?}");
    }
    // One that ends its body early is refused; nothing of it is stored.
    let wire = begin(
        &server,
        Some(&db.a().key),
        &["Content-Length: 1000"],
        &upload_body("half", 1.0).to_string(),
    )
    .await;
    drop(wire);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(
        server.get("/list_timeseries", Some(&db.a().key)).await.text,
        "{}"
    );
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let db = Db::new().await;
    let server = Server::start(&db);
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"GET /values HTTP/1.1\r\nHost: x\r\nX-API-Key: a\nb\r\n\r\n",
    ] {
        let mut wire = Wire::connect(&server).await;
        wire.try_send(bytes).await;
        let answer = wire.answer(SOON).await;
        let status = answer.map(|answer| answer.status);
        assert!(
            status.is_none_or(|status| (400..500).contains(&status) || status == 505),
            "{bytes:?}: {status:?}"
        );
    }
    // A length and chunks in one request: whichever counts, the rest is not a second request.
    let key = format!("X-API-Key: {}", db.a().key);
    let smuggled = request("GET /values", &[&key], "");
    let body = format!("0\r\n\r\n{}", String::from_utf8(smuggled).unwrap());
    let length = format!("Content-Length: {}", body.len());
    let headers = ["Transfer-Encoding: chunked", &length];
    let mut wire = Wire::send_to(&server, request("POST /upload", &headers, &body)).await;
    let first = wire.answer(SOON).await;
    assert!(first.is_none_or(|answer| (400..500).contains(&answer.status)));
    assert_eq!(server.get("/", None).await.status, 200);
}
