//! A shared read that is interrupted, in its leader or in a worker, ends as an error says, leaves no worker behind, and
//! the next read is right.

use std::time::{Duration, Instant};

use timedb_tests::random::{Random, new_seed};
use timedb_tests::{Db, Role, refusal, run};
use tokio_postgres::Client;

use super::workers::{free_workers, plan};
use super::{fill, rows};

/// A session, and somebody who sees its workers.
struct Watched {
    client: Client,
    superuser: Client,
    pid: i32,
}

impl Watched {
    async fn new(db: &Db, client: Client) -> Self {
        let pid = "SELECT pg_catalog.pg_backend_pid()";
        let pid = client.query_one(pid, &[]).await.unwrap().get(0);
        let superuser = db.connect(Role::Superuser).await;
        Self {
            client,
            superuser,
            pid,
        }
    }

    async fn workers(&self) -> Vec<i32> {
        let query = "SELECT pid FROM pg_stat_activity WHERE leader_pid = $1";
        let rows = self.superuser.query(query, &[&self.pid]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Waits until it has workers, or none.
    async fn until(&self, has_workers: bool) -> Vec<i32> {
        let start = Instant::now();
        loop {
            let workers = self.workers().await;
            if workers.is_empty() != has_workers {
                return workers;
            }
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "workers: {workers:?}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Runs a slow statement, and calls the function with the worker's or the leader's pid meanwhile.
    async fn interrupt(
        &self,
        of_worker: bool,
        function: &str,
    ) -> Result<(), tokio_postgres::Error> {
        // In the leader and in each worker, for each row.
        let slow = "SELECT count(*) FROM timedb.values WHERE pg_catalog.pg_sleep(0.01)::text <> ''";
        let interrupt = async {
            let workers = self.until(true).await;
            let pid = if of_worker { workers[0] } else { self.pid };
            let call = format!("SELECT {function}($1)");
            self.superuser.execute(&call, &[&pid]).await.unwrap();
        };
        let (answer, ()) = tokio::join!(self.client.batch_execute(slow), interrupt);
        self.until(false).await;
        answer
    }
}

#[tokio::test]
async fn a_shared_read_that_is_interrupted_leaves_no_workers() {
    let seed = new_seed();
    let mut random = Random::new(seed);
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client, &mut random).await;
    free_workers(&client).await;
    let all = "SELECT count(*), sum(value), min(valid_time) FROM timedb.values";
    assert!(plan(&client, all).await.contains("Parallel Custom Scan"));
    let expected = rows(&client, all).await;
    let watched = Watched::new(&db, client).await;
    for (of_worker, function, code) in [
        (false, "pg_cancel_backend", "57014"),
        (true, "pg_cancel_backend", "57014"),
        (true, "pg_terminate_backend", "57P01"),
    ] {
        let answer = watched.interrupt(of_worker, function).await;
        assert_eq!(refusal(answer).0, code, "{function}, worker: {of_worker}");
        assert_eq!(rows(&watched.client, all).await, expected, "{function}");
    }
    // Wherever it is just then: before workers start, in them, while they end.
    let mut interrupted = 0;
    for _ in 0..80 {
        let timeout = 1 + random.below(20_u64);
        run(
            &watched.client,
            &format!("SET statement_timeout = {timeout}"),
        )
        .await;
        let answer = watched.client.batch_execute(all).await;
        if let Err(error) = answer {
            assert_eq!(refusal::<()>(Err(error)).0, "57014", "seed {seed}");
            interrupted += 1;
        }
        run(&watched.client, "SET statement_timeout = 0").await;
        assert_eq!(rows(&watched.client, all).await, expected, "seed {seed}");
    }
    assert!(interrupted > 0, "seed {seed}: no timeout was short enough");
    watched.until(false).await;
    let answer = watched.interrupt(false, "pg_terminate_backend").await;
    assert_eq!(refusal(answer).0, "57P01");
}
