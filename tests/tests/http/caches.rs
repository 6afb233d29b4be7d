//! Caches between client and server: every answer says who may keep it, and a real Varnish that knows nothing but
//! where the server is hands nobody's answer to anybody else.

use std::time::Duration;

use reqwest::{Method, header::HeaderMap};
use serde_json::json;
use timedb_tests::programs::varnish::Varnish;
use timedb_tests::wire::{Wire, header};
use timedb_tests::{Db, Reply, Role, Server, UNKNOWN_KEY, upload};

/// Two tenants with a series each, named as they are.
async fn with_two_tenants() -> Db {
    let db = Db::new().await;
    for (tenant, name) in [(db.a(), "of_a"), (db.b(), "of_b")] {
        let client = db.begin(tenant).await;
        upload(&client, name, &[1.0]).await.unwrap();
        client.batch_execute("COMMIT").await.unwrap();
    }
    db
}

fn all(headers: &HeaderMap, name: &str) -> String {
    let values = headers.get_all(name).iter();
    let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
    values.join(", ")
}

/// Nobody may keep it, and its type is what it says.
#[track_caller]
fn is_private(reply: &Reply, what: &str) {
    assert_eq!(all(&reply.headers, "cache-control"), "no-store", "{what}");
    let vary = all(&reply.headers, "vary").to_lowercase();
    for name in ["x-api-key", "authorization"] {
        assert!(vary.contains(name), "{what}: {vary}");
    }
    assert_eq!(
        all(&reply.headers, "x-content-type-options"),
        "nosniff",
        "{what}"
    );
}

#[tokio::test]
async fn every_answer_says_who_may_keep_it() {
    let db = with_two_tenants().await;
    let server = Server::start(&db);
    let key = Some(db.a().key.as_str());
    for (method, path, key, status) in [
        (Method::GET, "/values", key, 200),
        (Method::HEAD, "/values", key, 200),
        (Method::GET, "/values?name=nothing", key, 200),
        (Method::GET, "/values/last", key, 200),
        (Method::GET, "/changes", key, 200),
        (Method::GET, "/series", key, 200),
        (Method::GET, "/series/count", key, 200),
        (Method::GET, "/series/labels", key, 200),
        (Method::GET, "/series/labels/site", key, 200),
        (Method::GET, "/list_timeseries", key, 200),
        (
            Method::GET,
            "/series/00000000-0000-0000-0000-000000000001",
            key,
            404,
        ),
        (Method::GET, "/values?mode=best", key, 422),
        (Method::GET, "/values?unit=m", key, 400),
        (Method::GET, "/values", None, 401),
        (Method::GET, "/values", Some(UNKNOWN_KEY), 401),
        (Method::GET, "/nothing", None, 404),
        (Method::DELETE, "/values", None, 405),
        (Method::OPTIONS, "/values", None, 405),
        (Method::POST, "/", None, 405),
        (Method::POST, "/upload", None, 401),
        (Method::POST, "/upload", key, 415),
        (Method::GET, "/health", None, 200),
        (Method::GET, "/ready", None, 200),
    ] {
        let mut request = server.request(method.clone(), path, key);
        if method == Method::POST {
            request = request.header("Content-Type", "text/plain").body("{}");
        }
        let reply = server.send(request).await;
        assert_eq!(reply.status, status, "{method} {path}: {reply:?}");
        is_private(&reply, &format!("{method} {path} {status}"));
    }
    let written = json!({"batch_start_time": "2025-01-01T00:00:00Z", "value_rows": []});
    is_private(&server.post("/upload", key, &written).await, "POST /upload");

    // The same for everybody.
    let about = server.get("/", None).await;
    assert_eq!(
        all(&about.headers, "cache-control"),
        "public, max-age=300",
        "{about:?}"
    );
    assert_eq!(all(&about.headers, "vary"), "accept-encoding");
    assert_eq!(all(&about.headers, "x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn faults_and_refused_heads_are_nobodys_to_keep() {
    let db = with_two_tenants().await;
    let limits = [
        ("TIMEDB_MAX_BODY_BYTES", "1000"),
        ("TIMEDB_REQUEST_TIMEOUT", "1"),
        ("TIMEDB_HEADER_READ_TIMEOUT", "1"),
    ];
    let server = Server::start_with(&db.dsn(Role::User), &[], &limits);
    let key = Some(db.a().key.as_str());
    let large = json!({"batch_params": {"x": "y".repeat(2000)}});
    let reply = server.post("/upload", key, &large).await;
    assert_eq!(reply.status, 413);
    is_private(&reply, "413");

    let holder = db.connect(Role::Superuser).await;
    let lock = "BEGIN; LOCK TABLE timedb_internal.segments IN ACCESS EXCLUSIVE MODE";
    holder.batch_execute(lock).await.unwrap();
    let reply = server.get("/values", key).await;
    assert_eq!(reply.status, 504);
    is_private(&reply, "504");
    holder.batch_execute("ROLLBACK").await.unwrap();

    for (bytes, status) in [
        ("GET /values HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("no HTTP\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(200_000)), 431),
        (
            "GET /values HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n".to_owned(),
            501,
        ),
    ] {
        let mut wire = Wire::send_to(&server, bytes).await;
        let answer = wire
            .answer(Duration::from_secs(5))
            .await
            .expect("an answer");
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(
            header(&answer.head, "cache-control"),
            Some("no-store"),
            "{answer:?}"
        );
    }

    holder
        .batch_execute("DROP EXTENSION timedb CASCADE; DROP SCHEMA IF EXISTS timedb")
        .await
        .unwrap();
    for path in ["/values", "/ready"] {
        let reply = server.get(path, key).await;
        assert_eq!(reply.status, 503);
        is_private(&reply, "503");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_cache_hands_nobodys_answer_to_anybody_else() {
    let db = with_two_tenants().await;
    let server = Server::start(&db);
    let cache = Varnish::start(server.url());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |path: &str, name: &str, value: Option<&str>| {
        let mut request = client.get(format!("{}{path}", cache.url()));
        if let Some(value) = value {
            request = request.header(name, value);
        }
        let answer = request.send().await.unwrap();
        let headers = answer.headers().clone();
        assert!(headers.contains_key("x-varnish"), "{headers:?}");
        (
            answer.status().as_u16(),
            headers,
            answer.text().await.unwrap(),
        )
    };
    let (a, b) = (db.a().key.as_str(), db.b().key.as_str());
    let bearer = [a, b].map(|key| format!("Bearer {key}"));
    for path in [
        "/values",
        "/values/last",
        "/series",
        "/list_timeseries",
        "/changes",
    ] {
        // Who asks first fills the cache, if anybody does.
        for order in [
            ["a", "b", "nobody"],
            ["nobody", "b", "a"],
            ["b", "a", "nobody"],
        ] {
            for round in 0..2 {
                for who in order {
                    let (key, own) = match who {
                        "a" => (Some(a), "of_a"),
                        "b" => (Some(b), "of_b"),
                        _ => (None, ""),
                    };
                    let (status, _, text) = ask(path, "X-API-Key", key).await;
                    let told = format!("{path} {order:?} {round} {who}: {status} {text}");
                    match who {
                        "nobody" => assert_eq!(status, 401, "{told}"),
                        _ => {
                            assert_eq!(status, 200, "{told}");
                            assert!(text.contains(own), "{told}");
                        }
                    }
                    for other in ["of_a", "of_b"].iter().filter(|other| **other != own) {
                        assert!(!text.contains(other), "{told}");
                    }
                }
            }
        }
        for (bearer, own) in bearer.iter().zip(["of_a", "of_b"]) {
            let (status, _, text) = ask(path, "Authorization", Some(bearer)).await;
            assert!(status == 200 && text.contains(own), "{path}: {text}");
        }
    }
    // An error is not kept either: what is not there may come to be.
    let id = "00000000-0000-0000-0000-00000000000a";
    let path = format!("/series/{id}");
    for key in [Some(a), None, Some(b), Some(UNKNOWN_KEY)] {
        let (status, _, _) = ask(&path, "X-API-Key", key).await;
        let known = key.is_some_and(|key| key != UNKNOWN_KEY);
        assert_eq!(status, if known { 404 } else { 401 });
    }
    // The cache works: what is public comes from it.
    ask("/", "X-API-Key", None).await;
    let (status, headers, _) = ask("/", "X-API-Key", None).await;
    assert_eq!(status, 200);
    // Two numbers: those of this request and of the one that fetched the answer.
    let numbers = headers["x-varnish"].to_str().unwrap();
    assert_eq!(numbers.split(' ').count(), 2, "{headers:?}");
}
