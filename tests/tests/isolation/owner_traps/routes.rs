//! The server: its start, the probe of readiness, and each route.

use reqwest::Method;
use serde_json::json;
use timedb_tests::{Reply, Server, cli};

use super::Trapped;

/// Asks each route with a key; `check` judges the answers.
pub async fn ask_all(server: &Server, key: &str, check: impl Fn(&str, &Reply)) {
    let upload = json!({
        "batch_start_time": "2025-01-01T00:00:00Z", "known_time": "2024-12-31T12:00:00Z",
        "value_rows": [{"valid_time": "2025-01-01T00:00:00Z", "value_key": "wind", "value": 1.5}]});
    let series =
        json!({"name": "sun", "unit": "MW", "labels": {"site": "x"}, "description": "shines"});
    for (path, body) in [("/upload", &upload), ("/series", &series)] {
        check(path, &server.post(path, Some(key), body).await);
    }
    let series_id = "00000000-0000-0000-0000-000000000000";
    for path in [
        "/",
        "/health",
        "/ready",
        "/values",
        "/values?mode=overlapping",
        "/values?all_versions=true",
        "/values?start_valid=2024-12-01&end_valid=2025-02-01&name=wind&as_of=2025-01-01&as_of_change=2025-01-02",
        "/values?mode=relative&days_ahead=1&time_of_day=10:00&name=wind",
        "/values?labels=%7B%22site%22:%22x%22%7D",
        "/values?bucket=1d&aggregate=avg,count&start_valid=2025-01-01&end_valid=2025-01-03",
        "/values/last",
        "/changes",
        "/series",
        "/series?name=s*&labels=%7B%22site%22:%22x%22%7D",
        "/series/count",
        "/series/labels",
        "/series/labels/site",
        "/list_timeseries",
    ] {
        check(path, &server.get(path, Some(key)).await);
    }
    let points = json!({"name": "wind", "valid_time": ["2025-01-01T00:00:00Z"],
                        "as_of": "2025-01-02T00:00:00Z", "max_age": "1d"});
    check("/points", &server.post("/points", Some(key), &points).await);
    // What is not there is asked for all the same.
    server.get(&format!("/series/{series_id}"), Some(key)).await;
    let change = server.request(Method::PATCH, &format!("/series/{series_id}"), Some(key));
    server
        .send(change.json(&json!({"name": "moon", "unit": "kW"})))
        .await;
    let update = server.request(Method::PUT, "/values", Some(key));
    let updates = json!({"updates": [{"series_id": series_id, "valid_time": "2025-01-01T00:00:00Z", "value": 2.5}]});
    server.send(update.json(&updates)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_server_nor_a_request_steps_into_a_trap() {
    let trapped = Trapped::new().await;
    let ways = trapped.ways();
    let (_, first) = &ways.dsns[0];
    cli(&["create", "tables", "--with-users", "--dsn", first]).ok();
    for (way, dsn) in &ways.dsns {
        let user = cli(&[
            "users",
            "create",
            "--email",
            "a@example.com",
            "--json",
            "--dsn",
            dsn,
        ])
        .ok();
        let user: serde_json::Value = serde_json::from_str(&user).unwrap();
        let server = Server::start_with(dsn, &[], &[("TIMEDB_POOL_SIZE", "2")]);
        ask_all(&server, user["api_key"].as_str().unwrap(), |path, reply| {
            assert_eq!(
                reply.status,
                200,
                "{way}: {path}: {reply:?}; {}",
                server.log()
            );
        })
        .await;
        let warning = "WARNING: the server is connected as \"postgres\", which has the privileges of a superuser";
        assert!(server.log().contains(warning), "{way}: {}", server.log());
        assert_eq!(server.get("/values", None).await.status, 401);
        server.signal("TERM");
        drop(server);
        trapped.assert_none_has_sprung(way).await;
    }
}
