//! Every aggregate against a naive computation in SQL, on random histories.

use timedb_tests::random::Random;
use timedb_tests::times::{HOUR, MINUTE, START};
use timedb_tests::{Db, count, run};
use tokio_postgres::Client;

use super::{Point, put, random_value};

/// What a history does not say: buckets that are wrong, counted.
fn differences(bucket: &str, unit: &str, zone: &str, filters: &str, range_end: &str) -> String {
    // An hour ends after an hour, whatever the clock shows then.
    let end = match unit {
        "hour" | "minute" => format!("f.bucket + interval '{bucket}'"),
        _ => {
            format!("(f.bucket AT TIME ZONE '{zone}' + interval '{bucket}') AT TIME ZONE '{zone}'")
        }
    };
    format!(
        "WITH flat AS MATERIALIZED (
             SELECT r.*, row_number() OVER w AS place, lead(r.valid_time) OVER w AS next,
                    date_trunc('{unit}', r.valid_time, '{zone}') AS bucket
             FROM timedb.read_flat({filters}) AS r
             WINDOW w AS (PARTITION BY r.series_id ORDER BY r.valid_time, r.valid_time_end NULLS FIRST)),
         ends AS (SELECT f.*, {end} AS bucket_end FROM flat AS f),
         held AS (
             SELECT series_id, value, valid_time AS since,
                    least(coalesce(next, {range_end}, bucket_end), valid_time_end) AS until
             FROM ends WHERE value IS NOT NULL),
         plain AS (
             SELECT series_id, bucket, bucket_end, count(value) AS count, avg(value) AS avg, sum(value) AS sum,
                    min(value) AS min, max(value) AS max,
                    (array_agg(value ORDER BY place) FILTER (WHERE value IS NOT NULL))[1] AS first,
                    (array_agg(value ORDER BY place DESC) FILTER (WHERE value IS NOT NULL))[1] AS last
             FROM ends GROUP BY series_id, bucket, bucket_end),
         naive AS (
             SELECT p.*, (
                 SELECT sum(h.value * s.seconds) / nullif(sum(s.seconds), 0)
                 FROM held AS h CROSS JOIN LATERAL (
                     SELECT extract(epoch FROM least(h.until, p.bucket_end) - greatest(h.since, p.bucket))::float8
                 ) AS s(seconds)
                 WHERE h.series_id = p.series_id AND h.since < p.bucket_end AND h.until > p.bucket) AS weighted
             FROM plain AS p)
         SELECT count(*)
         FROM naive AS n FULL JOIN timedb.read_buckets('{bucket}', '{zone}' {comma} {filters}) AS b
              USING (series_id, bucket)
         WHERE (n.bucket_end, n.count, n.min, n.max, n.first, n.last)
               IS DISTINCT FROM (b.bucket_end, b.count, b.min, b.max, b.first, b.last)
            OR (n.avg IS NULL, n.sum IS NULL, n.weighted IS NULL)
               IS DISTINCT FROM (b.avg IS NULL, b.sum IS NULL, b.time_weighted_avg IS NULL)
            OR abs(n.avg - b.avg) > 1e-9 * (1 + abs(n.avg))
            OR abs(n.sum - b.sum) > 1e-9 * (1 + abs(n.sum))
            OR abs(n.weighted - b.time_weighted_avg) > 1e-6 * (1 + abs(n.weighted))",
        comma = if filters.is_empty() { "" } else { "," },
    )
}

/// A few uploads of three series, known in any order: forecasts, corrections, intervals, nulls.
async fn history(client: &Client, random: &mut Random, days: i64) {
    for _ in 0..8 {
        let name = random.pick(&["wind", "load", "price"]);
        let known = START + random.below(40) * HOUR;
        let step = random.pick(&[HOUR / 4, HOUR, 7 * MINUTE, 5 * HOUR]);
        let with_ends = random.chance(40);
        // Around the end of summer time in Europe and in America.
        let first = START + 290 * 24 * HOUR + random.below(days * 24 * 60) * MINUTE;
        let mut time = first;
        let points: Vec<Point> = (0..1 + random.below(300))
            .map(|_| {
                time += step * (1 + random.below(2) * random.below(9));
                let length = 1 + random.below(3 * step);
                let end = (with_ends && random.chance(70)).then_some(time + length);
                (time, end, random_value(random))
            })
            .collect();
        put(client, name, known, &points).await;
    }
}

const BUCKETS: [(&str, &str); 7] = [
    ("1 minute", "minute"),
    ("1 hour", "hour"),
    ("1 day", "day"),
    ("7 days", "week"),
    ("1 month", "month"),
    ("3 months", "quarter"),
    ("1 year", "year"),
];
const ZONES: [&str; 4] = [
    "UTC",
    "Europe/Stockholm",
    "America/New_York",
    "Asia/Kolkata",
];

#[tokio::test]
async fn every_aggregate_is_what_a_naive_computation_gives() {
    let mut compared = 0;
    for seed in 0..6 {
        let db = Db::new().await;
        let client = db.login(db.a()).await;
        // Plans of nested loops over thousands of points would be what takes the time here.
        run(&client, "SET enable_nestloop = on; SET jit = off").await;
        let mut random = Random::new(seed);
        history(&client, &mut random, 10).await;
        for _ in 0..8 {
            let (bucket, unit) = random.pick(&BUCKETS);
            let zone = random.pick(&ZONES);
            let mut filters = Vec::new();
            let day = 16 + random.below(10);
            let mut range_end = "NULL".to_owned();
            if random.chance(50) {
                filters.push(format!("start_valid => '2025-10-{day} 10:07Z'"));
            }
            if random.chance(50) {
                range_end = format!("timestamptz '2025-10-{} 02:13Z'", day + 3);
                filters.push(format!("end_valid => {range_end}"));
            }
            if random.chance(40) {
                filters.push(format!("as_of => '2025-01-0{}'", 1 + random.below(3)));
            }
            if random.chance(30) {
                filters.push("name => 'wind'".to_owned());
            }
            if random.chance(20) {
                filters.push("min_lead => '6900 hours'".to_owned());
            }
            let filters = filters.join(", ");
            let query = differences(bucket, unit, zone, &filters, &range_end);
            assert_eq!(
                count(&client, &query, &[]).await,
                0,
                "seed {seed}, {bucket} in {zone}, {filters}"
            );
            let comma = if filters.is_empty() { "" } else { "," };
            let buckets = format!(
                "SELECT count(*) FROM timedb.read_buckets('{bucket}', '{zone}' {comma} {filters})"
            );
            compared += count(&client, &buckets, &[]).await;
        }
    }
    assert!(compared > 1000, "only {compared} buckets were compared");
}

#[tokio::test]
async fn buckets_are_of_what_was_known_and_written_by_then() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let day = |value: f64| -> Vec<Point> {
        let point = |hour| (START + hour * HOUR, None, Some(value));
        (0..24).map(point).collect()
    };
    put(&client, "wind", START + 2 * HOUR, &day(2.0)).await;
    // Known earlier, written later: it counts only for whoever asks about the time before.
    put(&client, "wind", START + HOUR, &day(1.0)).await;
    run(&client, "SELECT pg_sleep(0.01)").await;
    let written = client
        .query_one("SELECT clock_timestamp()::text", &[])
        .await;
    let written: String = written.unwrap().get(0);
    run(&client, "SELECT pg_sleep(0.01)").await;
    put(&client, "wind", START + 3 * HOUR, &day(3.0)).await;
    for (filter, expected) in [
        (String::new(), 3.0),
        (", as_of => '2025-01-01 02:59:59.999999Z'".to_owned(), 2.0),
        (", as_of => '2025-01-01 01:00Z'".to_owned(), 1.0),
        (format!(", as_of_change => '{written}'"), 2.0),
        (", end_known => '2025-01-01 02:00Z'".to_owned(), 1.0),
    ] {
        let query = format!(
            "SELECT array_agg(DISTINCT avg) FROM timedb.read_buckets('6 hours'{filter}) HAVING count(*) = 4"
        );
        let row = client.query_one(&query, &[]).await.unwrap();
        assert_eq!(row.get::<_, Vec<f64>>(0), [expected], "{filter}");
    }
}
