//! The metrics, scraped from their own listener.

use std::collections::HashMap;
use std::time::Duration;

use timedb_tests::{Db, Role, Server, UNKNOWN_KEY};

use crate::limits::upload_body;

/// Where the server says that its metrics are.
fn place(server: &Server) -> String {
    let log = server.log();
    let line = log
        .lines()
        .find_map(|line| line.strip_prefix("Metrics on "));
    line.expect("the server tells where its metrics are")
        .to_owned()
}

/// Every sample by its name and labels.
async fn scrape(server: &Server) -> HashMap<String, f64> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(place(server)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let kind = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    let text = answer.text().await.unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        })
        .collect()
}

#[tokio::test]
async fn requests_are_counted_by_what_they_are_and_not_by_whose() {
    let db = Db::new().await;
    let arguments = ["--metrics-listen", "127.0.0.1:0"];
    let server = Server::start_with(&db.dsn(Role::User), &arguments, &[]);
    let key = Some(db.a().key.as_str());
    assert_eq!(
        server
            .post("/upload", key, &upload_body("x", 1.0))
            .await
            .status,
        200
    );
    assert_eq!(server.get("/values", key).await.json()["count"], 1);
    assert_eq!(server.get("/values", None).await.status, 401);
    assert_eq!(server.get("/values", Some("nobody")).await.status, 401);
    let password = format!("/write?u=me&p={UNKNOWN_KEY}");
    let reply = server.send(server.request(reqwest::Method::POST, &password, None));
    assert_eq!(reply.await.status, 401);
    assert!(!server.log().contains(UNKNOWN_KEY));
    assert_eq!(server.get("/no/such/place", key).await.status, 404);
    let odd = reqwest::Method::from_bytes(b"BREW").unwrap();
    assert_eq!(
        server.send(server.request(odd, "/", None)).await.status,
        405
    );
    // The client may have the last byte a moment before the request counts as over.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let samples = scrape(&server).await;
    let requests = |method: &str, route: &str, status: u16| {
        let name = format!(
            "timedb_http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}"
        );
        samples.get(&name).copied()
    };
    assert_eq!(requests("POST", "/upload", 200), Some(1.0), "{samples:?}");
    assert_eq!(requests("GET", "/values", 200), Some(1.0));
    assert_eq!(requests("GET", "/values", 401), Some(2.0));
    assert_eq!(requests("GET", "(no route)", 404), Some(1.0));
    assert_eq!(requests("other", "/", 405), Some(1.0));
    for (name, expected) in [
        ("timedb_authentications_total{outcome=\"accepted\"}", 2.0),
        ("timedb_authentications_total{outcome=\"refused\"}", 2.0),
        ("timedb_authentications_total{outcome=\"missing\"}", 1.0),
        ("timedb_rows_total{direction=\"in\"}", 1.0),
        ("timedb_rows_total{direction=\"out\"}", 1.0),
        ("timedb_http_requests_in_progress", 0.0),
        ("timedb_pool_connections_max", 16.0),
        ("timedb_compaction_backlog_writes", 1.0),
        ("timedb_waiting_clients", 0.0),
        ("timedb_waiting_clients_max", 500.0),
        ("timedb_log_lines_dropped_total", 0.0),
        (
            "timedb_http_request_duration_seconds_count{method=\"GET\",route=\"/values\"}",
            3.0,
        ),
        (
            "timedb_database_transaction_seconds_count{access=\"write\"}",
            1.0,
        ),
    ] {
        assert_eq!(samples.get(name), Some(&expected), "{name}: {samples:?}");
    }
    assert!(samples["timedb_http_body_total{direction=\"in\"}"] > 100.0);
    assert!(samples["timedb_http_body_total{direction=\"out\"}"] > 100.0);
    assert!(
        samples
            .keys()
            .any(|name| name.starts_with("timedb_build_info{"))
    );
    let tenant = db.a().tenant_id.to_string();
    assert!(!samples.keys().any(|name| name.contains(&tenant)));
    // Neither listener has what the other one is for.
    assert_eq!(server.get("/metrics", None).await.status, 404);
    let other = place(&server).replace("/metrics", "/values");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(client.get(other).send().await.unwrap().status(), 404);
}
