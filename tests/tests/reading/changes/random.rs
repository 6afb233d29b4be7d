//! Several sessions write in transactions that overlap, and some roll back, while readers follow: in the
//! end each has seen every version once, in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use timedb_tests::random::{Random, new_seed};
use timedb_tests::{Db, Server, Tenant, compact, run};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{Asked, Change, changes, same, versions};

const NAMES: [&str; 5] = ["wind", "load", "price", "sun", "rain"];
const TRANSACTIONS: usize = 25;

/// One of the writers that are at work; when it is gone, however it ends, it is not.
struct Writing(Arc<AtomicUsize>);

impl Writing {
    fn start(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An upload of one to a few hundred points, in one to all series.
async fn write(client: &Client, random: &mut Random) {
    let points = random.pick(&[1, 1, 1, 5, 40, 300]);
    let series = 1 + random.below(NAMES.len() as u64) as i32;
    let first = random.below(NAMES.len() as u64) as i32;
    let ends = random.below(4) == 0;
    let known = (random.below(2) == 0).then(|| format!("2025-01-0{}", 1 + random.below(9)));
    let again = random.below(5) == 0;
    let each_its_own = random.below(3) == 0;
    client
        .execute(
            "SELECT * FROM timedb.upload(
                 valid_time => ARRAY(SELECT timestamptz '2025-01-01Z' + i * interval '1 hour'
                                     FROM generate_series(1, $1::int) AS i ORDER BY i),
                 value => ARRAY(SELECT CASE WHEN i % 7 > 0 THEN i * $2::float8 END
                                FROM generate_series(1, $1::int) AS i ORDER BY i),
                 name => $3,
                 series_index => ARRAY(SELECT 1 + ($4 + i % $5) % 5 FROM generate_series(1, $1::int) AS i ORDER BY i),
                 valid_time_end => CASE WHEN $6 THEN
                     ARRAY(SELECT CASE WHEN i % 2 = 0 THEN timestamptz '2025-01-02Z' + i * interval '1 hour' END
                           FROM generate_series(1, $1::int) AS i ORDER BY i) END,
                 known_time => $7::text::timestamptz,
                 skip_unchanged => $8,
                 known_times => CASE WHEN $9 THEN
                     ARRAY(SELECT CASE WHEN i % 3 > 0 THEN timestamptz '2025-01-03Z' + i % 4 * interval '1 hour' END
                           FROM generate_series(1, $1::int) AS i ORDER BY i) END)",
            &[
                &points,
                &(random.below(3) as f64),
                &&NAMES[..],
                &first,
                &series,
                &ends,
                &known,
                &again,
                &each_its_own,
            ],
        )
        .await
        .unwrap_or_else(|error| panic!("upload: {error:?}"));
}

/// Transactions of one or several writes, of which some take back a part, and some everything.
async fn write_for_a_while(client: Client, mut random: Random) {
    let pause = async |random: &mut Random, most: u64| {
        tokio::time::sleep(Duration::from_millis(random.below(most))).await;
    };
    for _ in 0..TRANSACTIONS {
        run(&client, "BEGIN").await;
        for _ in 0..=random.below(3) {
            run(&client, "SAVEPOINT s").await;
            write(&client, &mut random).await;
            if random.below(6) == 0 {
                run(&client, "ROLLBACK TO s").await;
            }
            pause(&mut random, 30).await;
        }
        let long = random.pick(&[20, 20, 20, 400]);
        pause(&mut random, long).await;
        let end = random.pick(&["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"]);
        run(&client, end).await;
        pause(&mut random, 20).await;
    }
}

/// Follows in SQL until the writers have ended and nothing is left.
async fn follow(client: Client, asked: Asked, writing: Arc<AtomicUsize>, seed: u64) -> Vec<Change> {
    let mut random = Random::new(seed);
    let (mut asked, mut all) = (asked, Vec::new());
    loop {
        let ended = writing.load(Ordering::SeqCst) == 0;
        let size = random.pick(&[3, 50, 1000]);
        let most = 1 + random.below(size);
        asked.max_points = Some(most);
        let some = changes(&client, &asked).await;
        assert!(some.len() <= most as usize);
        match some.last() {
            Some((cursor, _)) => asked.cursor = Some(cursor.clone()),
            None if ended => return all,
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
        all.extend(some.into_iter().map(|(_, change)| change));
    }
}

/// What identifies a version over HTTP: its batch, series, valid_time, valid_time_end and value_id.
type Seen = (String, String, String, String, i64);

/// Follows over HTTP, as long.
async fn follow_over_http(server: &Server, key: &str, writing: Arc<AtomicUsize>) -> Vec<Seen> {
    let mut all = Vec::new();
    let mut path = "/changes?max_points=100".to_owned();
    loop {
        let ended = writing.load(Ordering::SeqCst) == 0;
        let reply = server.get(&path, Some(key)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let answer = reply.json();
        let rows = answer["data"].as_array().unwrap();
        assert_eq!(answer["count"], rows.len());
        for row in rows {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            all.push((
                text("batch_id"),
                text("series_id"),
                text("valid_time"),
                text("valid_time_end"),
                row["value_id"].as_i64().unwrap(),
            ));
        }
        let cursor = answer["cursor"].as_str().unwrap();
        path = format!("/changes?max_points=100&cursor={cursor}");
        if answer["more"] == false {
            if ended && rows.is_empty() {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn history(seed: u64) {
    let db = Db::new().await;
    let server = Server::start(&db);
    let writing = Arc::new(AtomicUsize::new(0));
    let mut writers = Vec::new();
    let tenants: [&Tenant; 5] = [db.a(), db.a(), db.a(), db.a(), db.b()];
    // What exists need not be waited for: series are created one at a time.
    for tenant in [db.a(), db.b()] {
        let client = db.login(tenant).await;
        for name in NAMES {
            run(&client, &format!("SELECT timedb.create_series('{name}')")).await;
        }
    }
    for (number, tenant) in tenants.into_iter().enumerate() {
        let client = db.login(tenant).await;
        let random = Random::new(seed.wrapping_add(number as u64));
        let at_work = Writing::start(&writing);
        writers.push(tokio::spawn(async move {
            write_for_a_while(client, random).await;
            drop(at_work);
        }));
    }
    // What is written is folded and merged meanwhile, by two at a time.
    let mut compacting = Vec::new();
    for tenant in [db.a(), db.a(), db.b()] {
        let client = db.login(tenant).await;
        let writing = writing.clone();
        compacting.push(tokio::spawn(async move {
            while writing.load(Ordering::SeqCst) > 0 {
                compact(&client).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }));
    }
    let of_name = Asked {
        name: Some("wind".to_owned()),
        ..Asked::default()
    };
    let (all, of_wind, of_b, over_http) = tokio::join!(
        follow(
            db.login(db.a()).await,
            Asked::default(),
            writing.clone(),
            seed
        ),
        follow(db.login(db.a()).await, of_name, writing.clone(), seed + 1),
        follow(
            db.login(db.b()).await,
            Asked::default(),
            writing.clone(),
            seed + 2
        ),
        follow_over_http(&server, &db.a().key, writing.clone()),
    );
    for writer in writers.into_iter().chain(compacting) {
        writer.await.expect("a writer comes to its end");
    }
    let story = format!("seed {seed}");
    let expected = versions(&db.login(db.a()).await).await;
    assert!(expected.len() > 500, "{story}: {} versions", expected.len());
    same(&expected, &all, &story);
    let expected_b = versions(&db.login(db.b()).await).await;
    same(&expected_b, &of_b, &format!("{story}, of B"));
    let values: Vec<(Uuid, Uuid, i64)> = expected
        .iter()
        .map(|change| (change.batch_id, change.series_id, change.value_id))
        .collect();
    let http: Vec<(Uuid, Uuid, i64)> = over_http
        .iter()
        .map(|seen| (seen.0.parse().unwrap(), seen.1.parse().unwrap(), seen.4))
        .collect();
    assert_eq!(values, http, "{story}: over HTTP");
    let mut expected = expected;
    expected.retain(|change| change.name == "wind");
    same(&expected, &of_wind, &format!("{story}, of one series"));
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_every_committed_version_once_and_in_order_seed_1() {
    history(1).await;
}

/// Another history in each run; its seed is in the message of a failure.
#[tokio::test(flavor = "multi_thread")]
async fn readers_see_every_committed_version_once_and_in_order_new_seed() {
    history(new_seed()).await;
}
