//! Heads that a proxy in front could read as another request are refused, with a sentence and an end of the
//! connection; what PostgreSQL says of a request never reaches its client.

use std::time::Duration;

use serde_json::{Value, json};
use timedb_tests::wire::{Wire, request};
use timedb_tests::{Role, Server};

use super::{is_error, with_one_series};

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn an_ambiguous_head_is_refused_with_a_sentence_and_ends_the_connection() {
    let db = with_one_series().await;
    let server = Server::start(&db);
    let key = format!("X-API-Key: {}", db.a().key);
    let body = "{}";
    for (bytes, status, told) in [
        (
            format!("GET /values HTTP/1.1\r\n{key}\r\n\r\n"),
            400,
            "Host",
        ),
        (
            format!("GET /values HTTP/1.1\r\nHost: x\r\nHost: x\r\n{key}\r\n\r\n"),
            400,
            "Host",
        ),
        (
            format!("GET /values HTTP/1.1\nHost: x\n{key}\n\n"),
            400,
            "CR and LF",
        ),
        (
            format!("GET /values HTTP/1.1\r\nHost: x\n{key}\r\n\r\n"),
            400,
            "CR and LF",
        ),
        (
            format!(
                "POST /upload HTTP/1.1\r\nHost: x\r\n{key}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{body}\r\n0\r\n\r\n"
            ),
            501,
            "chunked",
        ),
        (
            format!(
                "POST /upload HTTP/1.1\r\nHost: x\r\n{key}\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{body}\r\n0\r\n\r\n"
            ),
            400,
            "Content-Length",
        ),
        (
            format!(
                "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{body}"
            ),
            400,
            "Content-Length",
        ),
        (
            format!("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{body}"),
            400,
            "Content-Length",
        ),
        (
            format!("GET /values HTTP/1.1\r\nHost: x\r\n{key}\r\nX-A: b\r\n c\r\n\r\n"),
            400,
            "well-formed",
        ),
        (
            format!("GET /values HTTP/1.1\r\nHost : x\r\n{key}\r\n\r\n"),
            400,
            "well-formed",
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nHost: x\r\n{}\r\n",
                "X-A: b\r\n".repeat(200)
            ),
            431,
            "too large",
        ),
    ] {
        let mut wire = Wire::send_to(&server, &bytes).await;
        let answer = wire
            .answer(SOON)
            .await
            .unwrap_or_else(|| panic!("no answer to {bytes:?}"));
        assert_eq!(answer.status, status, "{bytes:?}: {answer:?}");
        let detail: Value = serde_json::from_str(&answer.body).unwrap();
        assert!(
            detail["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains(told)),
            "{answer:?}"
        );
        // What comes after is nobody's request.
        wire.try_send(request("GET /", &[], "")).await;
        assert!(
            wire.answer(SOON).await.is_none(),
            "{bytes:?} leaves the connection open"
        );
    }
}

#[tokio::test]
async fn no_status_comes_without_a_sentence() {
    let db = with_one_series().await;
    let server = Server::start(&db);
    let long = "x".repeat(70_000);
    let key = format!("X-API-Key: {}", db.a().key);
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n{key}\r\n\r\n");
    for (bytes, status) in [
        (get(&format!("/{long}")), 414),
        (get(&format!("/values?name={long}")), 414),
        (format!("GET /{}", "x".repeat(200_000)), 414),
        (get("/values?name=<x>"), 400),
        (get("/a\\b^c`d"), 400),
        (get("/\u{7f}"), 400),
        (get("http://[x/values"), 400),
        (
            format!("GET / HTTP/1.1\r\nHost: x\r\n{long}: y\r\n\r\n"),
            431,
        ),
        (
            "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n"
                .to_owned(),
            400,
        ),
        (
            "CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n".to_owned(),
            404,
        ),
        (
            "CONNECT /values HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            405,
        ),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 404),
        ("TRACE /values HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 405),
        ("REFUSED /3 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 408),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/0.9\r\n\r\n".to_owned(), 400),
    ] {
        let shown = &bytes[..bytes.len().min(60)];
        let mut wire = Wire::send_to(&server, &bytes).await;
        let answer = wire.answer(SOON).await;
        let answer = answer.unwrap_or_else(|| panic!("no answer to {shown:?}"));
        assert_eq!(answer.status, status, "{shown:?}: {answer:?}");
        let detail: Value = serde_json::from_str(&answer.body).unwrap();
        assert!(detail["detail"].is_string(), "{shown:?}: {answer:?}");
        assert!(
            answer.head.contains("cache-control: no-store"),
            "{shown:?}: {answer:?}"
        );
    }
    // Up to there a URL is read.
    let names = "x".repeat(65_534 - "/values?name=".len());
    let mut wire = Wire::send_to(&server, get(&format!("/values?name={names}"))).await;
    assert_eq!(wire.answer(SOON).await.unwrap().status, 200);
}

#[tokio::test]
async fn requests_behind_one_another_and_bodies_of_all_kinds_pass() {
    let db = with_one_series().await;
    let server = Server::start(&db);
    let key = format!("X-API-Key: {}", db.a().key);
    let upload = |value: u32| {
        format!(
            "{{\"batch_start_time\": \"2025-01-01T00:00:00Z\",\n\"value_rows\": [\n\n{{\"valid_time\": \"2025-01-01T00:00:00Z\", \
             \"value_key\": \"y\", \"value\": {value}}}]}}"
        )
    };
    let mut bytes = Vec::new();
    for value in 1..=20 {
        let body = upload(value);
        bytes.extend(match value % 2 {
            0 => request(
                "POST /upload",
                &[
                    &key,
                    "Content-Type: application/json",
                    &format!("Content-Length: {}", body.len()),
                ],
                &body,
            ),
            _ => {
                let (first, second) = body.split_at(10);
                let chunks = format!(
                    "a\r\n{first}\r\n{:x};note=\"x\"\r\n{second}\r\n0\r\nX-Trailer: y\r\n\r\n",
                    second.len()
                );
                request(
                    "POST /upload",
                    &[
                        &key,
                        "Content-Type: application/json",
                        "Transfer-Encoding: chunked",
                    ],
                    &chunks,
                )
            }
        });
        bytes.extend(request("GET /values?name=y", &[&key], ""));
    }
    // In pieces that end anywhere.
    let mut wire = Wire::connect(&server).await;
    for piece in bytes.chunks(97) {
        wire.send(piece).await;
        tokio::task::yield_now().await;
    }
    for value in 1..=20 {
        let stored = wire.answer(SOON).await.expect("an answer to each");
        assert_eq!(stored.status, 200, "{stored:?}");
        let read = wire.answer(SOON).await.expect("an answer to each");
        assert!(
            read.body.contains(&format!("\"value\":{value}.0")),
            "{value}: {read:?}"
        );
    }
}

#[tokio::test]
async fn no_sentence_of_postgresql_reaches_a_client() {
    let db = with_one_series().await;
    let server = Server::start(&db);
    let deep = format!("{}1{}", "[".repeat(60_000), "]".repeat(60_000));
    let upload = |params: &str| {
        format!(
            "{{\"batch_start_time\": \"2025-01-01T00:00:00Z\", \"batch_params\": {params}, \"value_rows\": [{{\"valid_time\": \
             \"2025-01-01T00:00:00Z\", \"value_key\": \"x\", \"value\": 1}}]}}"
        )
    };
    for params in [
        deep.as_str(),
        r#"{"a": "\u0000"}"#,
        r#"{"a": "\ud800"}"#,
        r#"{"\udfff": 1}"#,
        "{\"a\": 1e999999}",
    ] {
        let request = server
            .request(reqwest::Method::POST, "/upload", Some(&db.a().key))
            .header("Content-Type", "application/json")
            .body(upload(params));
        let reply = server.send(request).await;
        let short = &params[..params.len().min(30)];
        assert!(
            (400..500).contains(&reply.status.as_u16()),
            "{short}: {reply:?}"
        );
        for raw in [
            "max_stack_depth",
            "stack depth limit",
            "cannot be converted to text",
            "Unicode high surrogate",
            "jsonb",
            "numeric",
        ] {
            assert!(!reply.text.contains(raw), "{short}: {reply:?}");
        }
    }
    assert_eq!(server.get("/values", Some(&db.a().key)).await.status, 200);
}

#[tokio::test]
async fn a_store_that_is_deleted_under_a_running_server_is_a_503() {
    let db = with_one_series().await;
    let server = Server::start(&db);
    let key = Some(db.a().key.as_str());
    assert_eq!(server.get("/values", key).await.status, 200);
    let superuser = db.connect(Role::Superuser).await;
    superuser
        .batch_execute("ALTER TABLE timedb_internal.segments RENAME TO elsewhere")
        .await
        .unwrap();
    is_error(&server.get("/values", key).await, 503);
    superuser
        .batch_execute("ALTER TABLE timedb_internal.elsewhere RENAME TO segments")
        .await
        .unwrap();
    assert_eq!(server.get("/values", key).await.status, 200);
    superuser
        .batch_execute("DROP EXTENSION timedb CASCADE; DROP SCHEMA IF EXISTS timedb")
        .await
        .unwrap();
    for path in [
        "/values",
        "/values/last",
        "/changes",
        "/series",
        "/list_timeseries",
    ] {
        let reply = server.get(path, key).await;
        is_error(&reply, 503);
        assert_eq!(reply.headers["retry-after"], "60", "{path}");
        assert!(!reply.text.contains("timedb."), "{reply:?}");
    }
    let body = json!({"batch_start_time": "2025-01-01T00:00:00Z",
        "value_rows": [{"valid_time": "2025-01-01T00:00:00Z", "value_key": "x", "value": 1}]});
    is_error(&server.post("/upload", key, &body).await, 503);
    is_error(&server.get("/ready", None).await, 503);
    superuser
        .batch_execute("CREATE EXTENSION timedb")
        .await
        .unwrap();
    assert_eq!(server.get("/values", key).await.status, 401);
}
