//! Clients that vanish: in a transaction, in a statement, in a pipeline, in a large result, in the queue.

use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::future::{join4, select};
use futures_util::{StreamExt, TryStreamExt};
use timedb_tests::{count, refusal};
use tokio_postgres::RowStream;

use super::{Link, NARROW, NO_RESET, Pooled, SLEEP};

/// The next one does not wait for what the vanished client began.
const SOON: Duration = Duration::from_secs(15);

impl Pooled {
    async fn assert_everybody_is_themselves_soon(&self, story: &str) {
        let others = self.assert_everybody_is_themselves(story);
        if tokio::time::timeout(SOON, others).await.is_err() {
            panic!("{story}: the others wait; {}", self.bouncer.log());
        }
    }

    async fn count_series(&self, name: &str) -> i64 {
        let query = "SELECT count(*) FROM timedb.series WHERE name = $1";
        count(&self.observer, query, &[&name]).await
    }
}

#[tokio::test]
async fn a_client_that_vanishes_in_a_transaction_takes_the_tenant_with_it() {
    let pooled = Pooled::start(&[NARROW, NO_RESET]).await;
    for step in [
        "",
        "SELECT * FROM timedb.values",
        "SELECT timedb.create_series('gone')",
    ] {
        let client = pooled.link().await;
        client.begin(pooled.db.a()).await;
        client.run(step).await;
        client.hang_up();
        pooled.assert_everybody_is_themselves_soon(step).await;
    }
    // In a transaction that has failed already, and in one that has a savepoint.
    for step in ["SELECT 1/0", "SAVEPOINT s; SELECT 1/0"] {
        let client = pooled.link().await;
        client.begin(pooled.db.a()).await;
        assert_eq!(refusal(client.try_run(step).await).0, "22012");
        client.hang_up();
        pooled.assert_everybody_is_themselves_soon(step).await;
    }
    assert_eq!(pooled.count_series("gone").await, 0);
}

#[tokio::test]
async fn a_client_that_vanishes_while_its_statement_runs_takes_the_tenant_with_it() {
    let pooled = Pooled::start(&[NARROW, NO_RESET]).await;
    let before = pooled.pids().await;
    let client = pooled.link().await;
    client.begin(pooled.db.a()).await;
    {
        let running = client.try_run(SLEEP);
        let seen = pooled.until_running(SLEEP);
        select(pin!(running), pin!(seen)).await;
    }
    client.hang_up();
    pooled
        .assert_everybody_is_themselves_soon("vanished while running")
        .await;
    let after = pooled.pids().await;
    assert!(after.iter().all(|pid| !before.contains(pid)));
}

#[tokio::test]
async fn a_client_that_vanishes_in_a_pipeline_takes_the_tenant_with_it() {
    let pooled = Pooled::start(&[NARROW, NO_RESET]).await;
    let ends = [
        "COMMIT",
        SLEEP,
        "SELECT 1/0",
        "SELECT timedb.create_series('half')",
    ];
    for round in 0..24 {
        let end = ends[round % ends.len()];
        let client = pooled.link().await;
        {
            // All on their way before the first answer, as the server sends a request.
            let pipeline = join4(
                client.try_run("BEGIN"),
                client.authenticate(&pooled.db.a().key),
                client.try_seen(),
                client.try_run(end),
            );
            let wait = Duration::from_micros(400 * round as u64);
            drop(tokio::time::timeout(wait, pipeline).await);
        }
        client.hang_up();
        let story = format!("{end}, round {round}");
        pooled.assert_everybody_is_themselves_soon(&story).await;
    }
    assert_eq!(pooled.count_series("half").await, 0);
}

/// Begins to read 90 million rows, each with a name of the tenant's, and takes some of them.
async fn start_large_read(client: &Link) -> Pin<Box<RowStream>> {
    let query = "SELECT name, generate_series(1, 30000000) FROM timedb.values";
    let rows = client
        .client
        .query_typed_raw::<&str, _>(query, std::iter::empty())
        .await
        .unwrap();
    let mut rows = Box::pin(rows);
    for _ in 0..1_000 {
        let row = rows.next().await.unwrap().unwrap();
        assert_eq!(row.get::<_, &str>(0), "a");
    }
    rows
}

#[tokio::test]
async fn a_client_that_vanishes_in_a_large_result_takes_the_tenant_with_it() {
    let pooled = Pooled::start(&[NARROW, NO_RESET]).await;
    for _ in 0..3 {
        let client = pooled.link().await;
        client.begin(pooled.db.a()).await;
        let rows = start_large_read(&client).await;
        client.hang_up();
        drop(rows);
        pooled
            .assert_everybody_is_themselves_soon("vanished in a result")
            .await;
    }
}

#[tokio::test]
async fn a_large_result_that_is_cancelled_leaves_the_connection_clean() {
    let pooled = Pooled::start(&[NARROW, NO_RESET]).await;
    let client = pooled.link().await;
    for _ in 0..3 {
        client.begin(pooled.db.a()).await;
        let rows = start_large_read(&client).await;
        client.cancel().await.unwrap();
        let rest: Result<Vec<_>, _> = rows.try_collect().await;
        assert_eq!(refusal(rest).0, "57014");
        client.run("ROLLBACK").await;
        pooled
            .assert_everybody_is_themselves_soon("cancelled in a result")
            .await;
    }
}

#[tokio::test]
async fn a_client_that_waits_for_the_connection_in_vain_does_no_harm() {
    let pooled = Pooled::start(&[NARROW, NO_RESET, "query_wait_timeout = 1"]).await;
    let (a, b) = (pooled.link().await, pooled.link().await);
    a.begin(pooled.db.a()).await;
    let (code, message) = refusal(b.try_run("BEGIN").await);
    assert_eq!((&*code, &*message), ("08P01", "query_wait_timeout"));
    // One that vanishes while it waits has sent its whole transaction already.
    let c = pooled.link().await;
    {
        let pipeline = join4(
            c.try_run("BEGIN"),
            c.authenticate(&pooled.db.b().key),
            c.try_run("SELECT timedb.create_series('late')"),
            c.try_run("COMMIT"),
        );
        let wait = Duration::from_millis(200);
        assert!(tokio::time::timeout(wait, pipeline).await.is_err());
    }
    c.hang_up();
    assert_eq!(a.seen().await.1, ["a"], "who waits changes nothing");
    a.run("COMMIT").await;
    pooled
        .assert_everybody_is_themselves_soon("waited in vain")
        .await;
    assert_eq!(pooled.count_series("late").await, 0);
}

#[tokio::test]
async fn an_idle_transaction_is_ended_and_its_tenant_with_it() {
    let pooled = Pooled::start(&[NARROW, NO_RESET, "idle_transaction_timeout = 1"]).await;
    let client = pooled.link().await;
    client.begin(pooled.db.a()).await;
    pooled
        .assert_everybody_is_themselves_soon("idle transaction")
        .await;
    assert!(client.try_seen().await.is_err(), "the client was sent away");
}

#[tokio::test]
async fn a_backend_that_dies_costs_its_client_and_nobody_else() {
    let pooled = Pooled::start(&[NARROW, NO_RESET]).await;
    for _ in 0..3 {
        let client = pooled.link().await;
        client.begin(pooled.db.a()).await;
        let pid = client.pid().await;
        let end = "SELECT count(*) FROM (SELECT pg_terminate_backend($1, 5000)) AS t";
        assert_eq!(count(&pooled.observer, end, &[&pid]).await, 1);
        assert!(client.try_seen().await.is_err());
        pooled
            .assert_everybody_is_themselves_soon("backend terminated")
            .await;
    }
}
