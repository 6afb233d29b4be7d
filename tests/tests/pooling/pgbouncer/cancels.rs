//! Cancel requests through PgBouncer: they end their own client's statement, and no other.

use std::time::Duration;

use futures_util::future::join;
use timedb_tests::refusal;

use super::{NARROW, NO_RESET, Pooled, SLEEP};

/// A cancel request that finds nothing to cancel may be left without an answer.
const PATIENCE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_cancel_request_ends_its_own_clients_statement() {
    let pooled = Pooled::start(&[NARROW, NO_RESET]).await;
    let client = pooled.link().await;
    for _ in 0..3 {
        client.begin(pooled.db.a()).await;
        let cancel = async {
            pooled.until_running(SLEEP).await;
            client.cancel().await.unwrap();
        };
        let (slept, ()) = join(client.try_run(SLEEP), cancel).await;
        assert_eq!(refusal(slept).0, "57014");
        client.run("ROLLBACK").await;
        pooled.assert_everybody_is_themselves("cancelled").await;
    }
}

#[tokio::test]
async fn a_cancel_request_of_one_tenant_does_not_reach_the_statement_of_another() {
    let pooled = Pooled::start(&[NARROW, NO_RESET]).await;
    let (a, b) = (pooled.link().await, pooled.link().await);
    // a had the connection a moment ago; it is b's now.
    a.begin(pooled.db.a()).await;
    a.run("COMMIT").await;
    b.begin(pooled.db.b()).await;
    let statement = "SELECT pg_sleep(0.3)";
    for _ in 0..4 {
        let cancel = async {
            pooled.until_running(statement).await;
            drop(tokio::time::timeout(PATIENCE, a.cancel()).await);
        };
        let (slept, ()) = join(b.try_run(statement), cancel).await;
        slept.expect("b's statement goes on");
    }
    assert_eq!(b.seen().await.1, ["b"]);
    b.run("COMMIT").await;
    pooled.assert_everybody_is_themselves("stale cancels").await;
}

#[tokio::test]
async fn a_cancel_request_of_a_client_that_waits_does_not_reach_the_one_it_waits_for() {
    let pooled = Pooled::start(&[NARROW, NO_RESET]).await;
    let (a, b) = (pooled.link().await, pooled.link().await);
    a.begin(pooled.db.a()).await;
    let statement = "SELECT pg_sleep(0.5)";
    let cancel = async {
        pooled.until_running(statement).await;
        let waiting = b.try_run("SELECT 'waits'");
        let cancelling = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            drop(tokio::time::timeout(PATIENCE, b.cancel()).await);
        };
        join(waiting, cancelling).await
    };
    let work = async {
        let slept = a.try_run(statement).await;
        a.run("COMMIT").await;
        slept
    };
    let (slept, _) = join(work, cancel).await;
    slept.expect("a's statement goes on");
    pooled
        .assert_everybody_is_themselves("cancelled in the queue")
        .await;
}
