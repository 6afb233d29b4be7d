//! Last points of random histories against flat reads.

use timedb_tests::random::Random;
use timedb_tests::times::{HOUR, START};
use timedb_tests::{Db, compact_sometimes, count};
use tokio_postgres::Client;

use super::{Point, put, random_value};

/// Uploads of every shape: single points, long runs, far years, intervals, many versions of one point.
async fn history(client: &Client, random: &mut Random) {
    for _ in 0..25 {
        let name = random.pick(&["a", "b", "c", "d", "e"]);
        let known = START + random.below(8) * HOUR;
        let (points, step) = random.pick(&[
            (1, HOUR),
            (3, HOUR),
            (40, HOUR),
            (9000, HOUR / 60),
            (30, 900 * HOUR),
        ]);
        let mut time = START + random.below(400) * HOUR;
        let points: Vec<Point> = (0..points)
            .map(|_| {
                time += step * random.below(2).max(random.below(2));
                time += 1;
                let end = random.chance(20).then_some(time + HOUR);
                (time, end, random_value(random))
            })
            .collect();
        put(client, name, known, &points).await;
        compact_sometimes(client, random).await;
        if random.chance(30) {
            // The same points again, known at another time.
            put(client, name, START + random.below(8) * HOUR, &points).await;
        }
    }
}

#[tokio::test]
async fn the_last_point_is_the_last_row_of_a_flat_read() {
    let mut compared = 0;
    for seed in 0..5 {
        let db = Db::new().await;
        let client = db.login(db.a()).await;
        let mut random = Random::new(seed);
        history(&client, &mut random).await;
        let written = "SELECT change_time::text FROM timedb.batches ORDER BY random() LIMIT 1";
        for _ in 0..25 {
            let mut filters = Vec::new();
            if random.chance(50) {
                let hour = random.below(600);
                filters.push(format!(
                    "end_valid => timestamptz '2025-01-01Z' + interval '{hour} hours {} microseconds'",
                    random.below(20)
                ));
            }
            if random.chance(60) {
                let hour = random.below(9);
                filters.push(format!("as_of => '2025-01-01 0{hour}:00Z'"));
            }
            if random.chance(40) {
                let row = client.query_one(written, &[]).await.unwrap();
                filters.push(format!("as_of_change => '{}'", row.get::<_, &str>(0)));
            }
            if random.chance(20) {
                filters.push("name => 'c'".to_owned());
            }
            // Bounds of the lead time tell nothing of a segment, so that the search has to go back.
            let internal = random.chance(50);
            if internal && random.chance(70) {
                filters.push(format!("max_lead => '{} hours'", random.below(600)));
            }
            if internal && random.chance(30) {
                filters.push(format!("min_lead => '{} hours'", random.below(300)));
            }
            if internal && random.chance(30) {
                filters.push(format!(
                    "start_known => '2025-01-01 0{}:00Z'",
                    random.below(6)
                ));
            }
            if internal && random.chance(30) {
                filters.push(format!(
                    "start_valid => '2025-01-{:02}'",
                    1 + random.below(20)
                ));
            }
            compared += check(&client, internal, &filters, seed).await;
        }
    }
    assert!(compared > 200, "only {compared} points were compared");
}

/// Compares a read of last points with a flat read, and counts its rows.
async fn check(client: &Client, internal: bool, filters: &[String], seed: u64) -> i64 {
    let flat = filters.join(", ");
    let last = match internal {
        false => format!("timedb.read_last({flat})"),
        true => format!("timedb_internal._read_rows({})", with("'last'", filters)),
    };
    let columns = "series_id, name, valid_time, valid_time_end, value";
    let different = format!(
        "WITH last AS (SELECT {columns} FROM {last} AS r),
              flat AS (SELECT DISTINCT ON (series_id) {columns} FROM timedb.read_flat({flat})
                       ORDER BY series_id, valid_time DESC, valid_time_end DESC NULLS LAST)
         SELECT count(*) FROM ((TABLE last EXCEPT ALL TABLE flat)
                               UNION ALL (TABLE flat EXCEPT ALL TABLE last)) AS d"
    );
    assert_eq!(
        count(client, &different, &[]).await,
        0,
        "seed {seed}: {last}"
    );
    let unknown = format!(
        "SELECT count(*) FROM {last} AS l
         WHERE NOT EXISTS (SELECT FROM timedb.read_versions({}) AS v
                           WHERE (v.valid_time, v.known_time) = (l.valid_time, l.known_time)
                             AND v.value IS NOT DISTINCT FROM l.value)",
        with("ARRAY[l.series_id]", filters)
    );
    assert_eq!(count(client, &unknown, &[]).await, 0, "seed {seed}: {last}");
    count(client, &format!("SELECT count(*) FROM {last} AS l"), &[]).await
}

/// Arguments with one before them.
fn with(first: &str, filters: &[String]) -> String {
    let arguments: Vec<&str> = [first]
        .into_iter()
        .chain(filters.iter().map(String::as_str))
        .collect();
    arguments.join(", ")
}
