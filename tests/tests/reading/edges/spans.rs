//! Segments of every width, up to one from the first instant to the last, are found by each read that they
//! reach into, by a microsecond if need be; against a naive list of all that was written.

use std::collections::BTreeMap;

use timedb_tests::rows::{Filter, Mode, Point, read};
use timedb_tests::times::Micros;
use timedb_tests::{Db, Role, compact, count, run};
use tokio_postgres::Client;
use uuid::Uuid;

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z.
const FIRST: i64 = -62_135_596_800_000_000;
const LAST: i64 = 253_402_300_799_999_999;
/// 4714-11-24T00:00:00Z BC, the first instant that PostgreSQL has.
const EARLIEST: i64 = -210_866_803_200_000_000;
/// Of the classes that there can be, the narrowest ones, one for a day, and the widest ones.
const CLASSES: [u32; 9] = [0, 1, 2, 37, 55, 56, 57, 58, 59];

/// The widths at both ends of a class: a segment of class c is wider than 2^(c-1), and no wider than 2^c.
fn widths() -> Vec<i64> {
    let widths = CLASSES.iter().flat_map(|&class| {
        let least = if class == 0 {
            0
        } else {
            (1 << (class - 1)) + 1
        };
        [least, (1_i64 << class).min(LAST - FIRST)]
    });
    let mut widths: Vec<i64> = widths.collect();
    widths.dedup();
    widths
}

/// A version of a point: series, valid_time, valid_time_end, value.
type Written = (Uuid, i64, Option<i64>, f64);

/// Writes a segment from `first` on that ends `width` later with two points of one instant, to a series of its
/// own and to one that has them all.
async fn write(client: &Client, first: i64, width: i64, value: f64) -> Vec<Written> {
    let last = first + width;
    let mut points = vec![(first, None), (last, None)];
    points.dedup();
    if last < LAST {
        points.push((last, Some(last + 1)));
    }
    let own = format!("from {first} to {last}");
    let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for name in [own.as_str(), "all"] {
        for (valid, end) in &points {
            columns.0.push(name);
            columns.1.push(Micros(*valid));
            columns.2.push(end.map(Micros));
            columns.3.push(value);
        }
    }
    let (names, valid, ends, values) = columns;
    let row = client
        .query_one(
            "SELECT series_ids FROM timedb.upload($1, $2, $3, valid_time_end => $4)",
            &[&valid, &values, &names, &ends],
        )
        .await
        .unwrap_or_else(|error| panic!("{own}: {error:?}"));
    let mut ids: Vec<Uuid> = row.get(0);
    ids.sort_unstable();
    let of_series = |id: Uuid| {
        points
            .iter()
            .map(move |(valid, end)| (id, *valid, *end, value))
    };
    ids.into_iter().flat_map(of_series).collect()
}

/// The newest version of each point in a range.
fn flat(written: &[Written], start: Option<i64>, end: Option<i64>) -> Vec<Written> {
    let newest: BTreeMap<_, f64> = written
        .iter()
        .filter(|(_, valid, ..)| {
            start.is_none_or(|start| start <= *valid) && end.is_none_or(|end| *valid < end)
        })
        .map(|&(series, valid, end, value)| ((series, valid, end), value))
        .collect();
    newest
        .into_iter()
        .map(|((series, valid, end), value)| (series, valid, end, value))
        .collect()
}

fn last_of_each(flat: &[Written]) -> Vec<Written> {
    let last: BTreeMap<Uuid, &Written> = flat.iter().map(|point| (point.0, point)).collect();
    last.into_values().copied().collect()
}

fn as_written(point: &Point) -> Written {
    let value = point.value.map(f64::from_bits);
    (
        point.series_id,
        point.valid,
        point.end,
        value.expect("a value"),
    )
}

async fn read_last(client: &Client, end: Option<i64>) -> Vec<Written> {
    let rows = client
        .query(
            "SELECT series_id, valid_time, valid_time_end, value
             FROM timedb.read_last(end_valid => $1) ORDER BY series_id",
            &[&end.map(Micros)],
        )
        .await
        .unwrap_or_else(|error| panic!("read_last to {end:?}: {error:?}"));
    let end = |end: Option<Micros>| end.map(|end| end.0);
    rows.iter()
        .map(|row| {
            (
                row.get(0),
                row.get::<_, Micros>(1).0,
                end(row.get(2)),
                row.get(3),
            )
        })
        .collect()
}

#[tokio::test]
async fn a_segment_of_any_width_is_found_from_its_first_instant_to_its_last() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    // A zone whose days are not all of one length.
    run(&client, "SET TIME ZONE 'Europe/Stockholm'").await;
    let mut written = Vec::new();
    for width in widths() {
        for first in [FIRST, LAST - width] {
            let value = written.len() as f64;
            written.extend(write(&client, first, width, value).await);
        }
    }
    // The series that has them all becomes few segments, the others have one each.
    compact(&client).await;
    let other = db.connect(Role::Superuser).await;
    let classes: Vec<i16> = other
        .query_one(
            "SELECT array_agg(DISTINCT span_class ORDER BY span_class) FROM timedb_internal.segments",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(classes, CLASSES.map(|class| class as i16));

    let mut edges: Vec<i64> = written
        .iter()
        .flat_map(|(_, valid, ..)| [valid - 1, *valid, valid + 1])
        .chain([EARLIEST])
        .collect();
    edges.sort_unstable();
    edges.dedup();
    for edge in edges {
        let edge = Some(edge);
        let next = edge.map(|edge| edge + 1);
        for (start, end) in [(edge, None), (None, edge), (edge, next), (None, None)] {
            let expected = flat(&written, start, end);
            let filter = Filter {
                range: [start, end, None, None],
                ..Filter::default()
            };
            let found = read(&client, Mode::Flat, &filter).await;
            let mut found: Vec<Written> = found.iter().map(as_written).collect();
            found.sort_by_key(|&(series, valid, end, _)| (series, valid, end));
            assert_eq!(found, expected, "from {start:?} to {end:?}");
            if start.is_none() {
                let last = read_last(&client, end).await;
                assert_eq!(last, last_of_each(&expected), "last to {end:?}");
            }
        }
    }
    let all = flat(&written, None, None);
    for (call, expected) in [
        ("read_flat(start_valid => '-infinity')", all.len()),
        ("read_flat(end_valid => 'infinity')", all.len()),
        ("read_flat(start_valid => 'infinity')", 0),
        ("read_flat(end_valid => '-infinity')", 0),
        (
            "read_last(end_valid => 'infinity')",
            last_of_each(&all).len(),
        ),
        ("read_last(end_valid => '-infinity')", 0),
    ] {
        let query = format!("SELECT count(*) FROM timedb.{call}");
        let found = count(&client, &query, &[]).await;
        assert_eq!(found, expected as i64, "{call}");
    }
    assert_eq!(all_changes(&client).await, written);
}

/// The change feed from its beginning, one point at a time: each answer begins within a segment.
async fn all_changes(client: &Client) -> Vec<Written> {
    let mut cursor: Option<String> = None;
    let mut all = Vec::new();
    loop {
        let row = client
            .query_opt(
                "SELECT cursor, series_id, valid_time, valid_time_end, value
                 FROM timedb.read_changes(cursor => $1, max_points => 1)",
                &[&cursor],
            )
            .await
            .unwrap_or_else(|error| panic!("behind {all:?}: {error:?}"));
        let Some(row) = row else {
            return all;
        };
        cursor = row.get(0);
        let end: Option<Micros> = row.get(3);
        let valid: Micros = row.get(2);
        all.push((row.get(1), valid.0, end.map(|end| end.0), row.get(4)));
    }
}

#[tokio::test]
async fn a_read_at_the_end_of_a_long_series_passes_by_its_beginning() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let upload = "WITH long AS (SELECT ARRAY(SELECT generate_series('2010-01-01Z'::timestamptz, '2018-01-01Z',
                                                                    interval '10 min')) AS times)
                  SELECT points FROM long, timedb.upload(times, array_fill(1::float8, ARRAY[cardinality(times)]),
                                                         ARRAY['long'])";
    assert!(count(&client, upload, &[]).await > 400_000);
    for call in ["read_last()", "read_flat(start_valid => '2017-12-31Z')"] {
        let read = format!("SELECT count(*) FROM timedb.{call}");
        run(&client, "BEGIN").await;
        assert!(count(&client, &read, &[]).await > 0);
        let fetched = "SELECT idx_tup_fetch FROM pg_stat_xact_all_tables
                       WHERE (schemaname, relname) = ('timedb_internal', 'segments')";
        let fetched = count(&client, fetched, &[]).await;
        run(&client, "ROLLBACK").await;
        assert!((1..10).contains(&fetched), "{call}: {fetched} segments");
    }
}
