//! Joins begin a read over and over.

use timedb_tests::{Db, count, run, upload};
use tokio_postgres::Client;

/// Kilobytes that a backend has in memory.
async fn memory(client: &Client) -> u64 {
    let process = count(client, "SELECT pg_backend_pid()::bigint", &[]).await;
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse().unwrap()
}

#[tokio::test]
async fn reads_that_are_begun_many_times_keep_no_memory() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for name in ["one", "two"] {
        upload(&client, name, &[1.0; 10]).await.unwrap();
    }
    run(
        &client,
        "SET jit = off; SET enable_memoize = off; SET enable_hashjoin = off; SET enable_mergejoin = off",
    )
    .await;
    // All of it within one query, which keeps what it has until it ends.
    let reads = |times: u32| {
        format!(
            "DO $$ DECLARE n int := 0; found record; BEGIN
                 FOR found IN SELECT x.value FROM generate_series(1, {times}) AS g, LATERAL (
                     SELECT v.value FROM timedb.values AS v
                     WHERE v.name LIKE 'on_' AND v.labels @> '{{}}' AND v.valid_time = timestamptz '2025-01-01Z' + (g % 10) * interval '1 hour'
                     OFFSET 0) AS x
                 LOOP
                     n := n + 1;
                 END LOOP;
                 ASSERT n = {times};
             END $$"
        )
    };
    run(&client, &reads(2_000)).await;
    let before = memory(&client).await;
    // A kilobyte each would be twenty megabytes, which the process would not give back at once.
    run(&client, &reads(20_000)).await;
    let grown = memory(&client).await.saturating_sub(before);
    assert!(grown < 6_000, "{grown} kB");
}
