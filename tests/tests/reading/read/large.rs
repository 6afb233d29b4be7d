//! A result of two million points: right to the last one, in order, chunk by chunk, in bounded memory.

use timedb_tests::rows::packed::parse_chunk;
use timedb_tests::{Db, run};
use tokio_postgres::Client;

const SERIES: i64 = 8;
const POINTS: i64 = 250_000;
/// A chunk holds about 65,536 points of 16 bytes; a few of them and the segments behind them are in memory.
const MEMORY_KB: i64 = 24 << 10;

/// The memory that the backend has of its own, in kB.
fn backend_memory(process_id: i32) -> i64 {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status"))
        .expect("the database runs on this machine");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number
        .expect("Linux tells RssAnon")
        .trim()
        .parse()
        .expect("a number")
}

async fn process_id(client: &Client) -> i32 {
    let row = client
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .unwrap();
    row.get(0)
}

#[tokio::test]
async fn two_million_points_stream_in_order_within_bounded_memory() {
    let db = Db::new().await;
    let writer = db.login(db.a()).await;
    for series in 0..SERIES {
        let upload = format!(
            "SELECT points FROM timedb.upload(
                 ARRAY(SELECT timestamptz '2000-01-01Z' + i * interval '1 minute'
                       FROM generate_series(0, {POINTS} - 1) AS i ORDER BY i),
                 ARRAY(SELECT {series} * 1000000 + i FROM generate_series(0, {POINTS} - 1) AS i ORDER BY i)::float8[],
                 ARRAY['series {series}'])"
        );
        run(&writer, &upload).await;
    }

    let reader = db.login(db.a()).await;
    // Whatever a first read loads and caches is not the result's memory.
    run(
        &reader,
        "SELECT timedb_internal._read_packed('flat', end_valid => '2000-01-01 00:10Z')",
    )
    .await;
    let before = backend_memory(process_id(&reader).await);
    let backend = process_id(&reader).await;
    run(
        &reader,
        "BEGIN; DECLARE chunks CURSOR FOR SELECT timedb_internal._read_packed('flat')",
    )
    .await;
    let (mut points, mut chunks, mut most) = (0, 0, 0);
    let mut last = None;
    let mut sums = std::collections::HashMap::new();
    while let Some(row) = reader.query_opt("FETCH 1 FROM chunks", &[]).await.unwrap() {
        most = most.max(backend_memory(backend));
        let chunk = parse_chunk(row.get(0));
        assert!(
            chunk.points.len() <= 2 * 65_536,
            "a chunk of {} points",
            chunk.points.len()
        );
        chunks += 1;
        for point in chunk.points {
            let place = Some((point.series_id, point.valid));
            assert!(place > last, "{place:?} comes after {last:?}");
            last = place;
            points += 1;
            *sums.entry(point.series_id).or_insert(0.0) += f64::from_bits(point.value.unwrap());
        }
    }
    assert_eq!(points, SERIES * POINTS);
    assert!(chunks > 10, "{chunks} chunks are no stream");
    let mut sums: Vec<f64> = sums.into_values().collect();
    sums.sort_by(f64::total_cmp);
    let expected: Vec<f64> = (0..SERIES)
        .map(|series| (series * 1_000_000 * POINTS + POINTS * (POINTS - 1) / 2) as f64)
        .collect();
    assert_eq!(sums, expected);
    assert!(
        most - before < MEMORY_KB,
        "the backend grew from {before} to {most} kB while it read"
    );
}
