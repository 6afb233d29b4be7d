//! The clock of writes, where that of the machine is not to be trusted: it runs ahead and is set right, and jumps to
//! and fro while many write. No write hides behind an earlier one, and no reader of changes misses any.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use timedb_tests::random::Random;
use timedb_tests::{ThrowawayCluster, compact, count, login, pg_tool, run};
use tokio_postgres::Client;

/// A cluster whose clock can be set, with a tenant and a role for it.
struct Store {
    cluster: ThrowawayCluster,
    key: String,
}

impl Store {
    async fn start(seconds_ahead: f64) -> Self {
        let cluster = ThrowawayCluster::start_with_clock(&[]);
        cluster.set_clock(seconds_ahead);
        let superuser = cluster.connect("postgres").await;
        // Otherwise nothing would be tested.
        let clock = "SELECT extract(epoch FROM clock_timestamp())::float8";
        let clock: f64 = superuser.query_one(clock, &[]).await.unwrap().get(0);
        let machine = UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        assert!(
            (clock - machine - seconds_ahead).abs() < 30.0,
            "{clock} {machine}"
        );
        run(
            &superuser,
            "CREATE EXTENSION timedb; CREATE ROLE analyst LOGIN IN ROLE timedb_session",
        )
        .await;
        let create =
            "SELECT api_key FROM timedb.create_user(timedb.create_tenant(), 'a@a.example')";
        let key = superuser.query_one(create, &[]).await.unwrap().get(0);
        Self { cluster, key }
    }

    async fn client(&self) -> Client {
        let client = self.cluster.connect_as("postgres", "analyst").await;
        login(&client, &self.key).await.unwrap();
        client
    }
}

/// Writes one value, and returns the change_time of the write, in microseconds.
async fn write(client: &Client, name: &str, value: f64) -> i64 {
    let batch: uuid::Uuid = client
        .query_one(
            "SELECT batch_id FROM timedb.upload('{2025-01-01Z}', ARRAY[$1::float8], ARRAY[$2],
                                                known_time => '2025-01-01Z')",
            &[&value, &name],
        )
        .await
        .unwrap()
        .get(0);
    let change_time = "SELECT value_id FROM timedb.read_versions() WHERE batch_id = $1";
    client
        .query_one(change_time, &[&batch])
        .await
        .unwrap()
        .get(0)
}

async fn value(client: &Client, name: &str) -> f64 {
    let newest = "SELECT value FROM timedb.read_flat(name => $1)";
    client.query_one(newest, &[&name]).await.unwrap().get(0)
}

async fn cursor(client: &Client) -> String {
    let query = "SELECT timedb.changes_cursor()";
    client.query_one(query, &[]).await.unwrap().get(0)
}

/// The values behind a cursor, and the cursor behind them.
async fn follow(client: &Client, cursor: &str) -> (Vec<f64>, String) {
    let rows = client
        .query(
            "SELECT value, cursor FROM timedb.read_changes(cursor => $1)",
            &[&cursor],
        )
        .await
        .unwrap();
    let end = rows.last().map_or(cursor.to_owned(), |row| row.get(1));
    (rows.iter().map(|row| row.get(0)).collect(), end)
}

#[tokio::test]
async fn what_is_written_after_the_clock_was_set_right_is_shown_and_told() {
    let store = Store::start(600.0).await;
    let client = store.client().await;
    let ahead = write(&client, "wind", 1.0).await;
    let seen = cursor(&client).await;
    // While the server runs, and after a start; the second time all is folded.
    for (step, restart) in [(2.0, false), (3.0, true)] {
        if restart {
            compact(&client).await;
            store.cluster.restart();
        }
        store.cluster.set_clock(0.0);
        let client = store.client().await;
        let before = value(&client, "wind").await;
        let written = write(&client, "wind", step).await;
        assert!(written > ahead, "{written} > {ahead}");
        assert_eq!((before, value(&client, "wind").await), (step - 1.0, step));
    }
    let client = store.client().await;
    assert_eq!(follow(&client, &seen).await.0, [2.0, 3.0]);
    // As of the time of the first one, though that is to come.
    let as_of = "SELECT count(*) FROM timedb.read_flat(as_of_change =>
                     (SELECT min(change_time) FROM timedb.batches)) WHERE value = 1";
    assert_eq!(count(&client, as_of, &[]).await, 1);
    assert_eq!(
        count(
            &client,
            "SELECT count(DISTINCT change_time) FROM timedb.batches",
            &[]
        )
        .await,
        3
    );
}

/// A dump of a store whose clock was ahead, in a cluster whose clock is right.
#[tokio::test]
async fn what_is_written_after_a_dump_was_restored_is_shown_and_told() {
    let folder = tempfile::tempdir().expect("a folder for the dump");
    let file = folder.path().join("ahead.dump").display().to_string();
    for is_folded in [false, true] {
        let ahead = Store::start(600.0).await;
        let client = ahead.client().await;
        let before = cursor(&client).await;
        let last = write(&client, "wind", 1.0).await;
        if is_folded {
            compact(&client).await;
        }
        let seen = cursor(&client).await;
        pg_tool("pg_dump")
            .args(["-Fc", "-f", &file, "-d", &ahead.cluster.dsn("postgres")])
            .ok();
        drop(client);
        let restored = ThrowawayCluster::start(&[]);
        let superuser = restored.connect("postgres").await;
        run(&superuser, "CREATE ROLE analyst LOGIN").await;
        pg_tool("pg_restore")
            .args(["--exit-on-error", "-d", &restored.dsn("postgres"), &file])
            .ok();
        run(&superuser, "GRANT timedb_session TO analyst").await;
        let clock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
        let clock = count(&superuser, clock, &[]).await;
        assert!(last - clock > 500_000_000, "{last} is ahead of {clock}");
        let client = restored.connect_as("postgres", "analyst").await;
        login(&client, &ahead.key).await.unwrap();
        assert_eq!(value(&client, "wind").await, 1.0);
        let written = write(&client, "wind", 2.0).await;
        assert!(written > last, "{written} > {last}");
        assert_eq!(value(&client, "wind").await, 2.0);
        assert_eq!(follow(&client, &seen).await.0, [2.0]);
        assert_eq!(follow(&client, &before).await.0, [1.0, 2.0]);
        compact(&client).await;
        assert!(write(&client, "wind", 3.0).await > written);
        assert_eq!(value(&client, "wind").await, 3.0);
        assert_eq!(follow(&client, &seen).await.0, [2.0, 3.0]);
    }
}

#[tokio::test]
async fn while_the_clock_jumps_each_write_is_shown_and_readers_of_changes_miss_nothing() {
    const WRITERS: usize = 6;
    const WRITES: usize = 60;
    let store = Store::start(0.0).await;
    let first = store.client().await;
    for writer in 0..WRITERS {
        write(&first, &format!("s{writer}"), -1.0).await;
    }
    let mut seen = cursor(&first).await;
    let at_work = Arc::new(AtomicUsize::new(WRITERS));
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let client = store.client().await;
        let at_work = at_work.clone();
        writers.push(tokio::spawn(async move {
            let name = format!("s{writer}");
            let mut last = 0;
            for i in 0..WRITES {
                let written = write(&client, &name, (writer * WRITES + i) as f64).await;
                assert!(written > last, "{written} > {last}");
                last = written;
                assert_eq!(value(&client, &name).await, (writer * WRITES + i) as f64);
                if i % 20 == 10 {
                    compact(&client).await;
                }
            }
            at_work.fetch_sub(1, Ordering::SeqCst);
        }));
    }
    let mut random = Random::new(1);
    let mut told = Vec::new();
    loop {
        let ended = at_work.load(Ordering::SeqCst) == 0;
        store
            .cluster
            .set_clock(random.steps(-900, 900) as f64 / 10.0);
        let (values, end) = follow(&first, &seen).await;
        seen = end;
        told.extend(values);
        if ended && told.len() >= WRITERS * WRITES {
            break;
        }
        assert!(
            !ended || !follow(&first, &seen).await.0.is_empty(),
            "{} told",
            told.len()
        );
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    for writer in writers {
        writer.await.expect("a writer comes to its end");
    }
    let mut expected: Vec<f64> = (0..WRITERS * WRITES).map(|i| i as f64).collect();
    told.sort_by(f64::total_cmp);
    expected.sort_by(f64::total_cmp);
    assert_eq!(told, expected);
    let twice = "SELECT count(*) - count(DISTINCT change_time) FROM timedb.batches";
    assert_eq!(count(&first, twice, &[]).await, 0);
}
