//! The line that each request leaves in the log.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;
use timedb_tests::{Db, Role, Server};

use crate::limits::upload_body;

/// The lines about requests, once there are so many.
async fn request_lines(server: &Server, count: usize) -> Vec<Value> {
    let start = Instant::now();
    loop {
        let log = server.log();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let lines: Vec<Value> = lines
            .filter(|line: &Value| line["message"] == "request")
            .collect();
        if lines.len() >= count {
            return lines;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{log}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_request_is_a_line_of_json_with_its_id_and_whose_it_was() {
    let db = Db::new().await;
    let server = Server::start_with(&db.dsn(Role::User), &["--log-format", "json"], &[]);
    let key = Some(db.a().key.as_str());
    let reply = server.post("/upload", key, &upload_body("x", 1.0)).await;
    let made = reply.headers["x-request-id"].to_str().unwrap().to_owned();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = server
        .request(Method::GET, "/values?name=x", key)
        .header("X-Request-Id", "from-a-proxy.1")
        .header("traceparent", trace);
    let reply = server.send(request).await;
    assert_eq!(reply.headers["x-request-id"], "from-a-proxy.1");
    // A key in the wrong header must not get into the log or the answer.
    let request = server
        .request(Method::GET, "/values", None)
        .header("X-Request-Id", &db.a().key);
    let reply = server.send(request).await;
    assert_eq!(reply.status, 401);
    assert_ne!(reply.headers["x-request-id"], db.a().key.as_str());

    let lines = request_lines(&server, 3).await;
    let key_id: uuid::Uuid = db
        .connect(Role::Superuser)
        .await
        .query_one(
            "SELECT key_id FROM timedb_internal.api_keys WHERE tenant_id = $1",
            &[&db.a().tenant_id],
        )
        .await
        .unwrap()
        .get(0);
    let (upload, read, refused) = (&lines[0], &lines[1], &lines[2]);
    assert_eq!(upload["id"], made);
    assert_eq!(upload["rows_in"], 1);
    assert_eq!(read["id"], "from-a-proxy.1");
    assert_eq!(read["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(read["parent_id"], "b7ad6b7169203331");
    assert_eq!(
        (&read["rows_out"], &read["route"]),
        (&1.into(), &"/values".into())
    );
    assert_eq!(
        (&read["status"], &read["complete"]),
        (&200.into(), &true.into())
    );
    assert!(read["ms"].as_f64() >= read["db_ms"].as_f64() && read["db_ms"].as_f64() > Some(0.0));
    for line in [upload, read] {
        assert_eq!(line["tenant"], db.a().tenant_id.to_string());
        assert_eq!(line["key"], key_id.to_string());
    }
    assert_eq!(refused["status"], 401);
    assert!(refused.get("tenant").is_none() && refused.get("key").is_none());
    // Not the query, which is the client's.
    assert!(!server.log().contains("name=x"));
}
