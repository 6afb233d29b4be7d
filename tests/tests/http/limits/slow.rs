//! Slow clients in great number beside a normal one, which notices nothing of them.

use std::time::{Duration, Instant};

use timedb_tests::Server;
use timedb_tests::wire::Wire;
use tokio::task::JoinSet;

use super::{start_with, with_one_series};

/// So many connections, each with a request that does not come to its end.
const SLOW: usize = 500;

/// How long all but the slowest of a hundred requests take.
async fn p99(server: &Server, key: &str) -> Duration {
    let mut took = Vec::new();
    for _ in 0..100 {
        let asked = Instant::now();
        let reply = server.get("/values", Some(key)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        took.push(asked.elapsed());
    }
    took.sort_unstable();
    took[98]
}

/// Sends a byte now and then until the server has had enough.
async fn drip(mut wire: Wire, byte: &'static str) {
    while wire.try_send(byte).await {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn five_hundred_slow_heads_and_bodies_do_not_slow_another_client_down() {
    let db = with_one_series().await;
    let server = start_with(&db, &[("TIMEDB_HEADER_READ_TIMEOUT", "20")]);
    let (a, b) = (&db.a().key, &db.b().key);
    p99(&server, b).await;
    let mut alone = Duration::MAX;
    for _ in 0..3 {
        alone = alone.min(p99(&server, b).await);
    }
    let mut slow = JoinSet::new();
    for number in 0..SLOW {
        // Heads of nobody, and bodies of somebody with a valid key.
        let (beginning, byte) = if number % 2 == 0 {
            (
                "GET /values HTTP/1.1\r\nHost: x\r\nX-Slow: ".to_owned(),
                "x",
            )
        } else {
            (
                format!(
                    "POST /upload HTTP/1.1\r\nHost: x\r\nX-API-Key: {a}\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n"
                ),
                " ",
            )
        };
        slow.spawn(drip(Wire::send_to(&server, beginning).await, byte));
    }
    // Other tests run beside this one: a few tries, of which the best counts, as it does without the others.
    let mut beside = Duration::MAX;
    for _ in 0..8 {
        beside = beside.min(p99(&server, b).await);
        if beside < alone * 2 {
            break;
        }
    }
    assert_eq!(server.get("/ready", None).await.status, 200);
    assert!(
        beside < alone * 2,
        "{beside:?} beside {SLOW} slow clients, {alone:?} alone"
    );
    // Of the slow ones, all were there to the end of this.
    while slow.try_join_next().is_some() {}
    assert_eq!(slow.len(), SLOW, "they were shown out too early to be slow");
    // A tenant whose bodies come slowly keeps its connections: a body takes none before it is there.
    assert_eq!(server.get("/values", Some(a)).await.status, 200);
    slow.abort_all();
}

#[tokio::test]
async fn slow_heads_in_great_number_are_shown_out() {
    let db = with_one_series().await;
    let server = start_with(&db, &[("TIMEDB_HEADER_READ_TIMEOUT", "2")]);
    let mut slow = JoinSet::new();
    for _ in 0..SLOW {
        let beginning = "GET /values HTTP/1.1\r\nHost: x\r\nX-Slow: ";
        slow.spawn(drip(Wire::send_to(&server, beginning).await, "x"));
    }
    let all_gone = tokio::time::timeout(Duration::from_secs(20), slow.join_all());
    assert!(all_gone.await.is_ok(), "slow heads keep their connections");
    assert_eq!(server.get("/values", Some(&db.a().key)).await.status, 200);
}
