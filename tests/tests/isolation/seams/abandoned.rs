//! Reads that are given up before their end leave nothing behind, however many there are.

use timedb_tests::Db;
use tokio_postgres::Client;

use super::store::{backend, fill, rows};

/// Memory of a session's process that is its own, in bytes.
fn private_memory(process: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))
        .expect("the process's status is readable");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes =
        line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kilobytes.expect("the status tells the memory") << 10
}

/// Megabytes that a session may grow by, whatever is given up in it: work_mem is four of them.
const MOST_GROWTH: u64 = 24 << 20;

async fn grows_little(client: &Client, query: &str) -> Vec<Vec<Option<String>>> {
    let process = backend(client).await;
    let before = private_memory(process);
    let found = rows(client, query).await;
    let after = private_memory(process);
    assert!(
        after.saturating_sub(before) < MOST_GROWTH,
        "{query}: {} MB more",
        after.saturating_sub(before) >> 20
    );
    assert!(
        rows(client, "SELECT name FROM pg_cursors WHERE name <> ''")
            .await
            .is_empty()
    );
    found
}

#[tokio::test]
async fn a_hundred_thousand_abandoned_reads_leave_nothing() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client).await;
    // Once, for what a session keeps.
    rows(
        &client,
        "SELECT count(*) FROM timedb.read_flat(), timedb.read_versions(name => 'a')",
    )
    .await;
    let found = grows_little(
        &client,
        "SELECT count(*), sum(z.value) FROM generate_series(1, 100000) AS i,
             LATERAL (SELECT value FROM timedb.read_flat(name => 'long', start_valid => '2025-01-03') OFFSET i * 0 LIMIT 1) AS z",
    )
    .await;
    assert_eq!(
        found,
        [[Some("100000".to_owned()), Some("288000000".to_owned())]]
    );
}

#[tokio::test]
async fn every_kind_of_abandoned_read_leaves_nothing() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client).await;
    for read in [
        "SELECT value FROM timedb.read_versions(name => 'long')",
        "SELECT value FROM timedb.values WHERE name = 'long'",
        "SELECT length(timedb_internal._read_packed('flat', name => 'long'))",
        "SELECT length(timedb_internal._read_buckets_packed('1 minute', 'UTC', 'none', name => 'long'))",
        "SELECT points FROM timedb_internal._read_chunks('flat', name => 'long')",
        "SELECT (timedb_internal._read_chunks('flat', name => 'long')).points",
    ] {
        rows(&client, &format!("{read} LIMIT 1")).await;
        grows_little(
            &client,
            &format!(
                "SELECT count(*) FROM generate_series(1, 1500) AS i, LATERAL ({read} OFFSET i * 0 LIMIT 1) AS z"
            ),
        )
        .await;
    }
}

#[tokio::test]
async fn reads_that_end_in_errors_leave_nothing() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client).await;
    let failing = |times: usize| {
        format!(
            "DO $$ DECLARE caught int := 0; one record; BEGIN
                 FOR i IN 1..{times} LOOP
                     BEGIN
                         FOR one IN SELECT value / (CASE WHEN value < 5 THEN 1 ELSE 0 END) AS v
                                    FROM timedb.read_flat(name => 'long', start_valid => '2025-01-01Z') LOOP
                             NULL;
                         END LOOP;
                     EXCEPTION WHEN division_by_zero THEN caught := caught + 1;
                     END;
                     BEGIN
                         FOR one IN SELECT value FROM timedb.read_flat(name => 'long') LOOP
                             RAISE EXCEPTION 'enough' USING ERRCODE = 'P9999';
                         END LOOP;
                     EXCEPTION WHEN SQLSTATE 'P9999' THEN caught := caught + 1;
                     END;
                 END LOOP;
                 IF caught <> {times} * 2 THEN RAISE EXCEPTION 'caught %', caught; END IF;
             END $$"
        )
    };
    client.batch_execute(&failing(20)).await.unwrap();
    grows_little(&client, &failing(1_000)).await;
}

#[tokio::test]
async fn cursors_that_are_closed_early_leave_nothing() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client).await;
    let opened = "DO $$ DECLARE c refcursor; v float8; BEGIN
             FOR i IN 1..2000 LOOP
                 c := NULL;
                 OPEN c FOR SELECT value FROM timedb.read_flat(name => 'long');
                 FETCH c INTO v;
                 CLOSE c;
             END LOOP;
         END $$";
    client.batch_execute(opened).await.unwrap();
    grows_little(&client, opened).await;
}

#[tokio::test]
async fn rows_that_are_stored_whole_take_memory_for_a_chunk_at_a_time() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    // Ninety megabytes of notes, each another one.
    client
        .batch_execute(
            "DO $$ DECLARE series uuid; BEGIN
                 SELECT series_ids[1] INTO series FROM timedb.upload(
                     valid_time => ARRAY(SELECT timestamptz '2025-01-01Z' + i * interval '1 minute' FROM generate_series(0, 29999) AS i),
                     value => ARRAY(SELECT i::float8 FROM generate_series(0, 29999) AS i), name => ARRAY['noted']);
                 FOR part IN 0..5 LOOP
                     PERFORM timedb.update_values(jsonb_agg(jsonb_build_object('series_id', series,
                         'valid_time', timestamptz '2025-01-01Z' + i * interval '1 minute',
                         'annotation', i || repeat(' a note', 430))))
                     FROM generate_series(part * 5000, part * 5000 + 4999) AS i;
                 END LOOP;
             END $$",
        )
        .await
        .unwrap();
    // Each in a process of its own: what a read decodes is more than a chunk, and the same for both.
    let mut grown = [0, 0];
    for (grown, streaming) in grown.iter_mut().zip(["on", "off"]) {
        let reader = db.login(db.a()).await;
        reader
            .batch_execute(&format!("SET timedb.streaming_reads = {streaming}"))
            .await
            .unwrap();
        let process = backend(&reader).await;
        let before = private_memory(process);
        let found = rows(
            &reader,
            "SELECT count(annotation), sum(length(annotation)) > 90000000 FROM timedb.read_versions()",
        )
        .await;
        assert_eq!(found, [[Some("30000".to_owned()), Some("t".to_owned())]]);
        *grown = private_memory(process).saturating_sub(before) >> 20;
    }
    let [streamed, stored] = grown;
    assert!(
        stored < streamed + 40,
        "{stored} MB more, {streamed} MB streamed"
    );
}
