//! Buckets of a range that know the last value before it: they are those of a read that begins earlier.

use timedb_tests::random::Random;
use timedb_tests::times::{HOUR, START};
use timedb_tests::{Db, refusal, run};

use super::{Point, put, random_value, texts};

/// Start of a range: noon of the second day.
const NOON: &str = "start_valid => '2025-01-02 12:00Z', end_valid => '2025-01-02 15:00Z'";

#[tokio::test]
async fn the_value_before_the_range_fills_and_holds_where_it_is_asked_for() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(&client, "SELECT timedb.create_series('wind', 'MW')").await;
    let at = |hour: i64, value| (START + hour * HOUR, None, value);
    put(
        &client,
        "wind",
        START,
        &[at(2, Some(10.0)), at(37, Some(4.0))],
    )
    .await;
    put(&client, "late", START, &[at(37, Some(4.0))]).await;
    put(&client, "null", START, &[at(1, Some(7.0)), at(3, None)]).await;
    let until = |hour: i64, value| (START, Some(START + hour * HOUR), Some(value));
    put(&client, "over", START, &[until(37, 3.0)]).await;
    put(&client, "ended", START, &[until(20, 3.0)]).await;
    let rows = async |arguments: &str| {
        let query = format!(
            "SELECT (name, string_agg(concat(count, ':', avg, ':', time_weighted_avg), ' ' ORDER BY bucket))
             FROM timedb.read_buckets('1 hour', {NOON}, {arguments}) GROUP BY name ORDER BY name"
        );
        texts(&client, &query).await
    };
    let without = [
        "(ended,\"0:: 0:: 0::\")",
        "(late,\"0:: 1:4:4 0:4:4\")",
        "(null,\"0:: 0:: 0::\")",
        "(over,\"0:: 0:: 0::\")",
        "(wind,\"0:: 1:4:4 0:4:4\")",
    ];
    assert_eq!(rows("fill => 'last'").await, without);
    assert_eq!(rows("fill => 'last', look_before => false").await, without);
    // A null holds nothing, but gaps are filled over it; so they are after an interval that has ended.
    let with = [
        "(ended,\"0:3: 0:3: 0:3:\")",
        "(late,\"0:: 1:4:4 0:4:4\")",
        "(null,\"0:7: 0:7: 0:7:\")",
        "(over,\"0:3:3 0:3: 0:3:\")",
        "(wind,\"0:10:10 1:4:4 0:4:4\")",
    ];
    assert_eq!(rows("fill => 'last', look_before => true").await, with);
    let no_fill = ["(late,1:4:4)", "(wind,1:4:4)"];
    assert_eq!(rows("look_before => true").await, no_fill);
    let linear = rows("fill => 'linear', name => 'wind', look_before => true").await;
    assert_eq!(linear, ["(wind,\"0::10 1:4:4 0::4\")"]);
    // The same filters apply before the range.
    put(&client, "wind", START + HOUR, &[at(30, Some(1.0))]).await;
    let wind = "fill => 'null', name => 'wind', look_before => true";
    assert_eq!(rows(wind).await, ["(wind,\"0::1 1:4:4 0::4\")"]);
    for filter in [
        "as_of => '2025-01-01 00:59Z'",
        "end_known => '2025-01-01 01:00Z'",
        "min_lead => '30 hours'",
    ] {
        let rows = rows(&format!("{wind}, {filter}")).await;
        let expected = match filter.starts_with("min_lead") {
            true => "(wind,\"0:: 1:4:4 0::4\")",
            false => "(wind,\"0::10 1:4:4 0::4\")",
        };
        assert_eq!(rows, [expected], "{filter}");
    }
    let kilowatts = rows(&format!("{wind}, unit => 'kW'")).await;
    assert_eq!(kilowatts, ["(wind,\"0::1000 1:4000:4000 0::4000\")"]);
    let reversed =
        "SELECT * FROM timedb.read_buckets('1 hour', look_before => true, fill => 'last',
                        start_valid => '2025-01-03Z', end_valid => '2025-01-02Z')";
    assert_eq!(client.query(reversed, &[]).await.unwrap().len(), 0);
    for start in [
        "",
        ", start_valid => '-infinity'",
        ", start_valid => 'infinity'",
    ] {
        let query = format!(
            "SELECT count(*) FROM timedb.read_buckets('1 hour', look_before => true{start})"
        );
        let expected = if start.ends_with("'infinity'") {
            "0"
        } else {
            "8"
        };
        assert_eq!(texts(&client, &query).await, [expected], "{start}");
    }
    let damaged = "SELECT * FROM timedb.read_buckets('1 hour', look_before => 'perhaps')";
    assert_eq!(refusal(client.query(damaged, &[]).await).0, "22P02");
}

#[tokio::test]
async fn other_tenants_have_no_value_before_the_range() {
    let db = Db::new().await;
    let ours = db.login(db.a()).await;
    put(&ours, "wind", START, &[(START, None, Some(10.0))]).await;
    let theirs = db.login(db.b()).await;
    put(
        &theirs,
        "wind",
        START,
        &[(START + 37 * HOUR, None, Some(4.0))],
    )
    .await;
    let query = format!(
        "SELECT coalesce(avg, -1) FROM timedb.read_buckets('1 hour', {NOON}, fill => 'last', look_before => true)"
    );
    assert_eq!(texts(&ours, &query).await, ["10", "10", "10"]);
    assert_eq!(texts(&theirs, &query).await, ["-1", "4", "4"]);
}

#[tokio::test]
async fn random_ranges_have_the_buckets_of_a_read_that_begins_earlier() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let mut random = Random::new(20_250_102);
    for round in 0..40 {
        for series in ["wind", "load", "rain"] {
            let point = |random: &mut Random| -> Point {
                let start = START + i64::from(random.below(96)) * HOUR / 2;
                let length = i64::from(1 + random.below(12)) * HOUR / 2;
                let end = random.chance(20).then_some(start + length);
                let value = if series == "rain" && random.chance(60) {
                    None
                } else {
                    random_value(random)
                };
                (start, end, value)
            };
            let mut points: Vec<Point> = (0..1 + random.below(6))
                .map(|_| point(&mut random))
                .collect();
            points.sort_by_key(|p| (p.0, p.1));
            points.dedup_by_key(|p| (p.0, p.1));
            let known = START - i64::from(random.below(5)) * HOUR;
            put(&client, series, known, &points).await;
        }
        let (start, hours) = (random.below(47), 1 + random.below(20));
        let filter = match random.below(3) {
            0 => "",
            1 => ", as_of => '2024-12-31 22:00Z'",
            _ => ", min_lead => '3 hours'",
        };
        let fill = ["none", "null", "last"][random.below(3) as usize];
        let query = |from: &str, rest: &str| {
            format!(
                "SELECT b FROM timedb.read_buckets('1 hour', fill => '{fill}', start_valid => {from},
                     end_valid => (timestamptz '2025-01-01Z' + interval '{} hours'){filter}{rest}) AS b
                 WHERE b.bucket >= timestamptz '2025-01-01Z' + interval '{start} hours'",
                start + hours
            )
        };
        let from = format!("(timestamptz '2025-01-01Z' + interval '{start} hours')");
        let answer = texts(&client, &query(&from, ", look_before => true")).await;
        let expected = texts(&client, &query("'2024-12-31Z'", "")).await;
        assert_eq!(answer, expected, "round {round}: {from}, {fill}{filter}");
    }
}
