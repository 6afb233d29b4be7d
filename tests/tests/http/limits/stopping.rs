//! SIGTERM and SIGINT: what runs is finished, nothing new is begun, and the end comes in time.

use std::time::{Duration, Instant};

use timedb_tests::{Role, count, until_somebody_waits};
use tokio::net::TcpStream;

use super::{lock_segments, start_with, unlock, with_one_series};

#[tokio::test(flavor = "multi_thread")]
async fn a_running_request_is_finished_before_the_server_stops() {
    for signal in ["TERM", "INT"] {
        let db = with_one_series().await;
        let mut server = start_with(&db, &[]);
        let address = server.url().trim_start_matches("http://").to_owned();
        let holder = lock_segments(&db).await;
        let stopping = async {
            until_somebody_waits(&db.connect(Role::Superuser).await).await;
            server.signal(signal);
            // New clients are not let in any more.
            let start = Instant::now();
            while TcpStream::connect(&address).await.is_ok() {
                assert!(
                    start.elapsed() < Duration::from_secs(5),
                    "the server still listens after SIG{signal}"
                );
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            unlock(&holder).await;
        };
        let (reply, ()) = tokio::join!(server.get("/values", Some(&db.a().key)), stopping);
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.json()["count"], 1);
        let status = server.wait(Duration::from_secs(5));
        assert_eq!(status.code(), Some(0), "SIG{signal}: {}", server.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_does_not_end_is_broken_off_after_the_grace() {
    let db = with_one_series().await;
    let mut server = start_with(&db, &[("TIMEDB_SHUTDOWN_GRACE", "1")]);
    let holder = lock_segments(&db).await;
    let request = server.request(reqwest::Method::GET, "/values", Some(&db.a().key));
    let pending = tokio::spawn(request.send());
    until_somebody_waits(&db.connect(Role::Superuser).await).await;
    server.signal("TERM");
    let status = server.wait(Duration::from_secs(6));
    assert_eq!(status.code(), Some(0), "{}", server.log());
    let answer = pending.await.unwrap();
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status().is_server_error()));
    // Nothing of it goes on in the database.
    let observer = db.connect(Role::Superuser).await;
    let query = "SELECT count(*) FROM pg_stat_activity WHERE usename = $1";
    for _ in 0..250 {
        if count(&observer, query, &[&db.role_name(Role::User)]).await == 0 {
            unlock(&holder).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a backend goes on for a server that is gone");
}

#[tokio::test]
async fn an_idle_server_stops_at_once_whoever_is_still_connected() {
    let db = with_one_series().await;
    let mut server = start_with(&db, &[]);
    assert_eq!(server.get("/values", Some(&db.a().key)).await.status, 200);
    // A client that keeps its connection, and one that has not said anything yet.
    let silent = super::Wire::connect(&server).await;
    let start = Instant::now();
    server.signal("TERM");
    let status = server.wait(Duration::from_secs(12));
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    drop(silent);
}
