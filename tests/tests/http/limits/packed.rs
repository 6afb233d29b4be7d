//! Bodies that come in gzip: what counts is what they unpack to. And bodies that begin with a mark.

use std::io::Write;
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use reqwest::Method;
use serde_json::json;
use timedb_tests::wire::{Wire, header, request};
use timedb_tests::{Db, Reply, Server, UNKNOWN_KEY};

use super::{is_error, start_with, upload_body};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn send(
    server: &Server,
    (method, path): (Method, &str),
    key: Option<&str>,
    coding: &str,
    body: Vec<u8>,
) -> Reply {
    let request = server
        .request(method, path, key)
        .header("Content-Type", "application/json")
        .header("Content-Encoding", coding)
        .body(body);
    server.send(request).await
}

fn post() -> (Method, &'static str) {
    (Method::POST, "/upload")
}

/// An upload of so many points.
fn many(points: usize) -> Vec<u8> {
    let rows: Vec<_> = (0..points)
        .map(|n| json!({"valid_time": 1_700_000_000 + n, "value_key": "x", "value": n}))
        .collect();
    let body =
        json!({"time_unit": "s", "batch_start_time": "2025-01-01T00:00:00Z", "value_rows": rows});
    body.to_string().into_bytes()
}

#[tokio::test]
async fn a_body_in_gzip_is_the_body_that_was_packed_on_every_route() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let key = Some(db.a().key.as_str());
    for coding in ["gzip", "GZIP", "x-gzip", "identity"] {
        for points in [1, 5_000] {
            let body = many(points);
            let body = if coding == "identity" {
                body
            } else {
                gzip(&body)
            };
            let reply = send(&server, post(), key, coding, body).await;
            assert_eq!(reply.status, 200, "{coding} {points}: {reply:?}");
        }
    }
    let read = server.get("/values", key).await.json();
    assert_eq!(read["count"], 5_000);
    let id = read["data"][0]["series_id"].as_str().unwrap();
    let one = format!("/series/{id}");
    let update = json!({"time_unit": "s", "updates": [{"series_id": id, "valid_time": 1_700_000_000, "value": 7}]});
    for (route, body) in [
        ((Method::POST, "/series"), json!({"name": "y"})),
        ((Method::PATCH, &*one), json!({"description": "packed"})),
        ((Method::PUT, "/values"), update),
    ] {
        let shown = format!("{route:?}");
        let body = gzip(body.to_string().as_bytes());
        let reply = send(&server, route, key, "gzip", body).await;
        assert_eq!(reply.status, 200, "{shown}: {reply:?}");
    }
    assert_eq!(server.get(&one, key).await.json()["description"], "packed");
}

#[tokio::test]
async fn the_limit_is_for_what_is_unpacked_and_a_bomb_takes_no_memory() {
    let db = Db::new().await;
    let key = Some(db.a().key.as_str());
    let limits = [
        ("TIMEDB_MAX_BODY_BYTES", "8000000"),
        ("TIMEDB_BODY_MEMORY", "16000000"),
    ];
    let server = start_with(&db, &limits);
    let mut fits = upload_body("x", 1.0).to_string().into_bytes();
    fits.resize(8_000_000, b' ');
    let reply = send(&server, post(), key, "gzip", gzip(&fits)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    fits.push(b' ');
    is_error(&send(&server, post(), key, "gzip", gzip(&fits)).await, 413);

    // Of a quarter of a gigabyte in a quarter of a megabyte eight megabytes are unpacked.
    let before = peak_memory(&server);
    let bomb = gzip(&vec![b' '; 1 << 28]);
    for _ in 0..4 {
        is_error(&send(&server, post(), key, "gzip", bomb.clone()).await, 413);
    }
    let grown = peak_memory(&server) - before;
    assert!(grown < 60_000, "{grown} kB more");
    // Whoever has no good key learns that alone, and little is unpacked.
    for key in [None, Some(UNKNOWN_KEY)] {
        let reply = send(&server, post(), key, "gzip", bomb.clone()).await;
        assert_eq!(reply.status, 401, "{reply:?}");
    }
    // What was held has been given back.
    fits.pop();
    for _ in 0..4 {
        let reply = send(&server, post(), key, "gzip", gzip(&fits)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
}

/// The most memory that the server has ever had, in kB.
fn peak_memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process_id()))
        .expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let digits = line.and_then(|line| line.split_whitespace().next());
    digits.expect("a number").parse().expect("a number")
}

#[tokio::test]
async fn the_memory_of_packed_bodies_is_accounted_as_that_of_others() {
    let db = Db::new().await;
    let key = db.a().key.as_str();
    let limits = [
        ("TIMEDB_MAX_BODY_BYTES", "4000000"),
        ("TIMEDB_BODY_MEMORY", "4000000"),
        ("TIMEDB_ACQUIRE_TIMEOUT", "1"),
    ];
    let server = start_with(&db, &limits);
    // Three megabytes of white space are packed in three kilobytes, of which the last ones do not come yet.
    let mut body = upload_body("x", 1.0).to_string().into_bytes();
    body.resize(3_000_000, b' ');
    let packed = gzip(&body);
    let (most, rest) = packed.split_at(packed.len() - 10);
    let (key_line, length) = (
        format!("X-API-Key: {key}"),
        format!("Content-Length: {}", packed.len()),
    );
    let lines = [
        &*key_line,
        &length,
        "Content-Encoding: gzip",
        "Content-Type: application/json",
    ];
    let mut wire = Wire::send_to(&server, request("POST /upload", &lines, "")).await;
    wire.send(most).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let reply = send(&server, post(), Some(key), "gzip", packed.clone()).await;
    is_error(&reply, 503);
    wire.send(rest).await;
    let answer = wire
        .answer(Duration::from_secs(5))
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    let reply = send(&server, post(), Some(key), "gzip", packed).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[tokio::test]
async fn what_is_no_gzip_or_packed_otherwise_is_told_so_after_the_key() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let key = Some(db.a().key.as_str());
    let plain = upload_body("x", 1.0).to_string().into_bytes();
    let whole = gzip(&plain);
    let mut damaged = gzip(&many(5_000));
    let middle = damaged.len() / 2;
    damaged[middle..middle + 8].fill(0);
    for (coding, body, status, told) in [
        ("gzip", plain.clone(), 400, "not valid, complete gzip"),
        ("gzip", Vec::new(), 400, "not valid, complete gzip"),
        (
            "gzip",
            whole[..whole.len() - 4].to_vec(),
            400,
            "not valid, complete gzip",
        ),
        ("gzip", damaged, 400, "not valid, complete gzip"),
        ("br", plain.clone(), 415, "gzip"),
        ("deflate", plain.clone(), 415, "gzip"),
        ("zstd", plain.clone(), 400, "not valid, complete zstd"),
        ("gzip, gzip", gzip(&whole), 415, "gzip"),
    ] {
        let reply = send(&server, post(), key, coding, body.clone()).await;
        is_error(&reply, status);
        assert!(reply.text.contains(told), "{coding}: {reply:?}");
        let accepts = reply.headers.get("accept-encoding");
        assert_eq!(accepts.is_some(), status == 415, "{reply:?}");
        for key in [None, Some(UNKNOWN_KEY)] {
            let reply = send(&server, post(), key, coding, body.clone()).await;
            assert_eq!(reply.status, 401, "{coding}: {reply:?}");
        }
    }
    assert_eq!(server.get("/values", key).await.json()["count"], 0);
    // A large one gets its answer before it has come.
    let key_line = format!("X-API-Key: {}", db.a().key);
    let lines = [
        &*key_line,
        "Content-Encoding: br",
        "Content-Length: 100000000",
    ];
    let mut wire = Wire::send_to(&server, request("POST /upload", &lines, "")).await;
    let answer = wire
        .answer(Duration::from_secs(5))
        .await
        .expect("an answer");
    assert_eq!(answer.status, 415, "{answer:?}");
    assert_eq!(header(&answer.head, "accept-encoding"), Some("gzip, zstd"));
}

#[tokio::test]
async fn a_mark_before_utf_8_is_left_out_and_another_one_refused() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let key = Some(db.a().key.as_str());
    let text = upload_body("x", 1.0).to_string();
    let marked = ["\u{feff}", &text].concat().into_bytes();
    for (coding, body) in [("identity", marked.clone()), ("gzip", gzip(&marked))] {
        let reply = send(&server, post(), key, coding, body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let series = ["\u{feff}", &json!({"name": "y"}).to_string()].concat();
    let reply = send(
        &server,
        (Method::POST, "/series"),
        key,
        "identity",
        series.into(),
    )
    .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    // One mark, and no text behind it.
    for body in ["\u{feff}", "\u{feff}\u{feff}{}"] {
        let reply = send(&server, post(), key, "identity", body.into()).await;
        assert_eq!(reply.status, 422, "{reply:?}");
    }
    let wide: Vec<u16> = ["\u{feff}", &text].concat().encode_utf16().collect();
    let utf_32 = |bytes: fn(u32) -> [u8; 4]| {
        let text = ["\u{feff}", &text].concat();
        text.chars()
            .flat_map(|c| bytes(c.into()))
            .collect::<Vec<u8>>()
    };
    for body in [
        wide.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        wide.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        utf_32(u32::to_le_bytes),
        utf_32(u32::to_be_bytes),
    ] {
        let body: Vec<u8> = body;
        let reply = send(&server, post(), key, "identity", body.clone()).await;
        is_error(&reply, 415);
        assert!(reply.text.contains("UTF-8"), "{reply:?}");
        let reply = send(&server, post(), Some(UNKNOWN_KEY), "identity", body).await;
        assert_eq!(reply.status, 401, "{reply:?}");
    }
}
