//! The views: what a condition on them returns is what a filter returns over a copy of all rows, and it decides what is
//! read.

mod again;
mod callers;
mod compiled;
mod copies;
mod ends;
mod forms;
mod groups;
mod interrupted;
mod plans;
mod random;
mod reach;
mod tools;
mod workers;

use timedb_tests::random::Random;
use timedb_tests::run;
use tokio_postgres::{Client, SimpleQueryMessage};

/// Names, labels and units of series: alike enough to meet, with whatever a pattern or a comparison may stumble over.
const SERIES: [(&str, &str, &str); 9] = [
    ("wind", r#"{"site": "north", "kind": "forecast"}"#, "MW"),
    ("wind", r#"{"site": "south"}"#, "MW"),
    ("wind%", "{}", "kW"),
    ("wine_1", r#"{"site": "north"}"#, "MW"),
    ("Wind", r#"{"site": "North"}"#, "MW"),
    ("load", r#"{"kind": "forecast", "site": "7"}"#, "GW"),
    ("ärger", r#"{"Ort": "Köln \"süd\""}"#, "dimensionless"),
    ("lo\\ad", r#"{"site": ""}"#, "MW"),
    ("empty", r#"{"site": "north", "kind": "none"}"#, "MW"),
];

/// How many hours there may be values of, from 2025-03-20T00:00Z on.
const HOURS: i64 = 400;

/// Fills a store with random points in several versions, corrected ones among them; the last series has none.
async fn fill(client: &Client, random: &mut Random) {
    for (name, labels, unit) in SERIES {
        let create =
            "SELECT FROM timedb.create_series(name => $1, labels => $2::text::jsonb, unit => $3)";
        client
            .query(create, &[&name, &labels, &unit])
            .await
            .unwrap();
    }
    for round in 0..40 {
        let (name, labels, _) = SERIES[random.below(SERIES.len() - 1)];
        let (start, points) = (random.below(HOURS), 1 + random.below(60_i64));
        let with_ends = random.chance(30);
        let upload = format!(
            "SELECT FROM timedb.upload(
                 valid_time => ARRAY(SELECT timestamptz '2025-03-20Z' + i * interval '1 hour' FROM generate_series({start}, {start} + {points}) AS i),
                 valid_time_end => CASE WHEN {with_ends} THEN ARRAY(
                     SELECT timestamptz '2025-03-20Z' + (i + 1) * interval '1 hour' FROM generate_series({start}, {start} + {points}) AS i) END,
                 value => ARRAY(SELECT CASE WHEN i % 7 <> 3 THEN {round} + i / 8.0::float8 END FROM generate_series({start}, {start} + {points}) AS i),
                 name => ARRAY[$1], labels => ARRAY[$2::text::jsonb],
                 known_time => timestamptz '2025-03-18Z' + {round} / 3 * interval '5 hours')"
        );
        client.query(&upload, &[&name, &labels]).await.unwrap();
    }
    run(
        client,
        "SELECT timedb.update_values((
             SELECT jsonb_agg(jsonb_build_object('series_id', series_id, 'valid_time', valid_time, 'value', 17,
                                                 'annotation', 'seen', 'tags', jsonb_build_array('a')))
             FROM (SELECT series_id, valid_time FROM timedb.read_flat() GROUP BY 1, 2
                   HAVING count(*) = 1 AND count(valid_time_end) = 0 ORDER BY 1, 2 LIMIT 20) AS v))",
    )
    .await;
}

/// The views, and the functions of which they are views.
const VIEWS: [(&str, &str); 3] = [
    ("values", "read_flat()"),
    ("forecasts", "read_overlapping()"),
    ("versions", "read_versions()"),
];

/// Copies all rows of each view into a temporary table `all_<view>`, without the scan.
async fn copy(client: &Client) {
    run(client, "SET timedb.streaming_reads = off").await;
    for (view, function) in VIEWS {
        let columns =
            "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
                       WHERE attrelid = ('timedb.' || $1)::regclass AND attnum > 0";
        let columns: String = client.query_one(columns, &[&view]).await.unwrap().get(0);
        let copy = format!(
            "CREATE TEMP TABLE all_{view} AS SELECT {} FROM timedb.{function}",
            columns.replace("name,", "name COLLATE \"C\" AS name,")
        );
        run(client, &copy).await;
    }
    run(client, "RESET timedb.streaming_reads").await;
}

/// The rows of a query as text.
async fn rows(client: &Client, query: &str) -> Vec<Vec<Option<String>>> {
    let messages = client
        .simple_query(query)
        .await
        .unwrap_or_else(|error| panic!("{query}: {error:?}"));
    let row = |message| match message {
        SimpleQueryMessage::Row(row) => {
            let cells = 0..row.len();
            Some(cells.map(|i| row.get(i).map(str::to_owned)).collect())
        }
        _ => None,
    };
    messages.into_iter().filter_map(row).collect()
}

/// Fills a store with a point of each series every 100 seconds, from 2025-01-01T00:00Z on. There are as many segments as
/// days of series, because each day is uploaded by itself, and has so many points that they do not go into the log.
async fn fill_days(client: &Client, series: usize, days: usize) {
    for day in 0..days {
        let upload = format!(
            "SELECT FROM timedb.upload(
                 ARRAY(SELECT timestamptz '2025-01-01Z' + {day} * interval '1 day' + h * interval '100 s' FROM generate_series(1, {series}), generate_series(0, 863) AS h),
                 ARRAY(SELECT s + h::float8 FROM generate_series(1, {series}) AS s, generate_series(0, 863) AS h),
                 ARRAY(SELECT 's' || s FROM generate_series(1, {series}) AS s),
                 labels => ARRAY(SELECT jsonb_build_object('site', (s % 10)::text, 'half', (s % 2)::text) FROM generate_series(1, {series}) AS s),
                 series_index => ARRAY(SELECT s FROM generate_series(1, {series}) AS s, generate_series(0, 863)),
                 known_time => timestamptz '2024-12-31Z' + {day} * interval '1 day')"
        );
        run(client, &upload).await;
    }
}

/// The segments that EXPLAIN ANALYZE says were read, over all reads of the plan.
async fn segments(client: &Client, query: &str) -> usize {
    let plan = rows(
        client,
        &format!("EXPLAIN (ANALYZE, BUFFERS OFF, TIMING OFF, SUMMARY OFF) {query}"),
    )
    .await;
    let plan: Vec<String> = plan.into_iter().flatten().flatten().collect();
    let read = plan
        .iter()
        .filter_map(|line| line.trim().strip_prefix("Segments Read: "));
    let read: Vec<usize> = read.map(|n| n.parse().unwrap()).collect();
    assert!(!read.is_empty(), "{query}: {plan:#?}");
    read.into_iter().sum()
}
