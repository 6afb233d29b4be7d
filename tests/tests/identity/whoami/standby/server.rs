//! `timedb api` on a standby: reads as ever, writes are a 503 that says why, and a promotion makes it
//! write without a restart.

use serde_json::{Value, json};
use timedb_tests::Server;

use super::pair::Pair;

fn upload() -> Value {
    json!({
        "batch_start_time": "2025-02-01T00:00:00Z",
        "value_rows": [{"valid_time": "2025-02-01T00:00:00Z", "value_key": "wind", "value": 7.5}],
    })
}

#[tokio::test]
async fn the_server_reads_on_a_standby_and_says_why_it_does_not_write() {
    let pair = Pair::start().await;
    let server = Server::start_with(&pair.standby("app"), &[], &[]);
    let key = Some(pair.key.as_str());
    for path in ["/ready", "/health"] {
        let reply = server.get(path, None).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let reply = server.get("/values", key).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.json()["count"], 2);
    let reply = server.get("/values?mode=overlapping", key).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let reply = server.get("/list_timeseries", key).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let other = server.get("/values", Some(&pair.other_key)).await;
    assert_eq!(other.json()["count"], 0);
    // None of it has left a trace in the standby's log.
    assert_eq!(pair.complaints(), Vec::<String>::new());
    assert_eq!(server.get("/values", Some("wrong")).await.status, 401);

    for (path, body) in [("/upload", upload()), ("/series", json!({"name": "new"}))] {
        let refused = server.post(path, key, &body).await;
        assert_eq!(refused.status, 503, "{path}: {refused:?}");
        let detail = refused.json()["detail"].clone();
        assert_eq!(detail, "The database is read-only at the moment.", "{path}");
        // Who nobody is comes first, and what makes no sense is still the client's mistake.
        assert_eq!(server.post(path, Some("wrong"), &body).await.status, 401);
        let senseless = server.post(path, key, &json!({"senseless": 1})).await;
        assert_eq!(senseless.status, 422, "{senseless:?}");
    }
    // The server is none the worse for it, and says what it can do.
    let ready = server.get("/ready", None).await;
    assert_eq!(ready.json(), json!({"status": "ready", "writes": false}));
    assert_eq!(server.get("/ready?writes=true", None).await.status, 503);
    assert_eq!(server.get("/values", key).await.json()["count"], 2);
    assert_eq!(server.get("/ready", None).await.status, 200);
    let log = server.log();
    assert!(!log.contains(" ERROR "), "{log}");
    // A request goes out as one pipeline: what stands behind a refusal is refused, too.
    for complaint in pair.complaints() {
        assert!(
            complaint == "ERROR:  invalid or inactive API key"
                || complaint.starts_with("ERROR:  current transaction is aborted")
                || complaint.ends_with("in a read-only transaction"),
            "{complaint}"
        );
    }
}

#[tokio::test]
async fn a_promoted_standby_writes_without_a_restart_of_the_server() {
    let pair = Pair::start().await;
    let server = Server::start_with(&pair.standby("app"), &["--pool-size", "2"], &[]);
    let key = Some(pair.key.as_str());
    // The pool holds connections from before.
    assert_eq!(server.get("/values", key).await.json()["count"], 2);
    assert_eq!(server.post("/upload", key, &upload()).await.status, 503);
    pair.promote();
    let written = server.post("/upload", key, &upload()).await;
    assert_eq!(written.status, 200, "{written:?}");
    let values = server.get("/values", key).await.json();
    assert_eq!(values["count"], 3);
    let created = server
        .post("/series", key, &json!({"name": "after the promotion"}))
        .await;
    assert!(created.status.is_success(), "{created:?}");
    assert_eq!(server.get("/ready", None).await.status, 200);
}
