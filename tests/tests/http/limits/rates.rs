//! How often: a rate for each key, and failed authentications of an address.

use std::time::{Duration, Instant};

use timedb_tests::{Reply, Role, Server, UNKNOWN_KEY};

use super::{is_error, start_with, upload_body, with_one_series};

/// After how many seconds to come again.
#[track_caller]
fn wait(reply: &Reply) -> u64 {
    is_error(reply, 429);
    reply.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// Asks with a key, as the client that a proxy speaks for.
async fn get_for(server: &Server, key: &str, client: &str) -> Reply {
    let request = server.request(reqwest::Method::GET, "/series/count", Some(key));
    server.send(request.header("X-Forwarded-For", client)).await
}

#[tokio::test]
async fn a_key_that_sends_too_much_waits_and_another_does_not() {
    let db = with_one_series().await;
    let server = start_with(
        &db,
        &[("TIMEDB_RATE_LIMIT", "1"), ("TIMEDB_RATE_BURST", "3")],
    );
    let (a, b) = (Some(db.a().key.as_str()), Some(db.b().key.as_str()));
    // The first request, by which the server gets to know the key, and the burst.
    for _ in 0..4 {
        assert_eq!(server.get("/series/count", a).await.status, 200);
    }
    let start = Instant::now();
    let refused = loop {
        let reply = server.post("/upload", a, &upload_body("x", 2.0)).await;
        if reply.status != 200 {
            break reply;
        }
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "a key has no rate"
        );
    };
    assert_eq!(wait(&refused), 1);
    assert!(refused.text.contains("with this API key"), "{refused:?}");
    assert_eq!(server.get("/series/count", b).await.status, 200);
    // What it was told to wait is enough.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(server.get("/series/count", a).await.status, 200);
}

#[tokio::test]
async fn without_a_rate_a_key_may_send_what_it_likes() {
    let db = with_one_series().await;
    let server = Server::start(&db);
    for _ in 0..300 {
        let reply = server.get("/series/count", Some(&db.a().key)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
}

#[tokio::test]
async fn wrong_keys_are_refused_unheard_in_the_end_and_keys_that_work_are_not() {
    let db = with_one_series().await;
    let server = start_with(&db, &[("TIMEDB_AUTH_FAILURES", "3")]);
    let (a, b) = (Some(db.a().key.as_str()), Some(db.b().key.as_str()));
    assert_eq!(server.get("/series/count", a).await.status, 200);
    for _ in 0..3 {
        is_error(&server.get("/series/count", Some(UNKNOWN_KEY)).await, 401);
    }
    let refused = server.get("/series/count", Some(UNKNOWN_KEY)).await;
    assert!((1..=60).contains(&wait(&refused)), "{refused:?}");
    assert!(refused.text.contains("from this address"), "{refused:?}");
    wait(&server.get("/series/count", Some("no key")).await);
    let body = upload_body("x", 2.0);
    wait(&server.post("/upload", Some(UNKNOWN_KEY), &body).await);
    assert_eq!(server.get("/series/count", a).await.status, 200);
    // The server can't tell a key that it has not seen from a wrong one.
    wait(&server.get("/series/count", b).await);
    // Whoever has forgotten the key is told so, and who needs none is served.
    is_error(&server.get("/series/count", None).await, 401);
    assert_eq!(server.get("/health", None).await.status, 200);
}

#[tokio::test]
async fn a_key_that_is_revoked_counts_as_a_wrong_one() {
    let db = with_one_series().await;
    let server = start_with(&db, &[("TIMEDB_AUTH_FAILURES", "1")]);
    let a = Some(db.a().key.as_str());
    assert_eq!(server.get("/series/count", a).await.status, 200);
    db.connect(Role::Owner)
        .await
        .execute("SELECT timedb.deactivate_user($1)", &[&db.a().email])
        .await
        .unwrap();
    is_error(&server.get("/series/count", a).await, 401);
    wait(&server.get("/series/count", a).await);
}

#[tokio::test]
async fn failures_behind_a_trusted_proxy_are_those_of_its_client() {
    let db = with_one_series().await;
    let server = start_with(
        &db,
        &[
            ("TIMEDB_AUTH_FAILURES", "1"),
            ("TIMEDB_TRUSTED_PROXY", "127.0.0.1"),
        ],
    );
    is_error(&get_for(&server, UNKNOWN_KEY, "192.0.2.1").await, 401);
    wait(&get_for(&server, UNKNOWN_KEY, "192.0.2.1").await);
    let other = get_for(&server, &db.a().key, "192.0.2.2").await;
    assert_eq!(other.status, 200, "{other:?}");
    // From somebody who is no such proxy the header makes no new client.
    let server = start_with(&db, &[("TIMEDB_AUTH_FAILURES", "1")]);
    is_error(&get_for(&server, UNKNOWN_KEY, "192.0.2.1").await, 401);
    wait(&get_for(&server, UNKNOWN_KEY, "192.0.2.2").await);
}
