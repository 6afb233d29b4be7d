//! The harness sees a server of a test crash: what says that nothing did has looked in the right place.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use timedb_tests::{ThrowawayCluster, as_server};

/// Has a backend die of SIGSEGV, and waits until the log says so.
async fn crash(cluster: &ThrowawayCluster) {
    let client = cluster.connect("postgres").await;
    let row = client.query_one("SELECT pg_backend_pid()", &[]).await;
    let process = row.unwrap().get::<_, i32>(0).to_string();
    as_server("kill").args(["-s", "SEGV", &process]).ok();
    let start = Instant::now();
    while cluster.crashes().is_empty() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "the crash is not found: {}",
            cluster.log()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_backend_that_dies_is_found_with_its_signal() {
    let cluster = ThrowawayCluster::start(&[]);
    assert_eq!(cluster.crashes(), "");
    crash(&cluster).await;
    let found = cluster.crashes();
    assert!(found.contains("was terminated by signal 11"), "{found}");
    cluster.crashes_on_purpose();
}

#[tokio::test]
async fn a_test_whose_server_crashes_fails() {
    let cluster = ThrowawayCluster::start(&[]);
    crash(&cluster).await;
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(cluster)));
    let panic = dropped.expect_err("the end of the cluster panics");
    let text = panic.downcast_ref::<String>().expect("a text");
    assert!(text.contains("was terminated by signal 11"), "{text}");
}
