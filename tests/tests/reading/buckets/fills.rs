//! What stands in buckets without values, and which buckets there are then.

use timedb_tests::times::{HOUR, START};
use timedb_tests::{Db, count, run};

use super::{put, texts};

#[tokio::test]
async fn gaps_are_filled_as_asked() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let at = |hour: i64, value| (START + hour * HOUR, None, value);
    let points = [
        at(1, Some(10.0)),
        at(2, None),
        at(4, Some(40.0)),
        (START + 4 * HOUR + 1, None, Some(60.0)),
    ];
    put(&client, "wind", START, &points).await;
    let avg = async |arguments: &str| {
        let query = format!("SELECT avg FROM timedb.read_buckets('1 hour', fill => {arguments})");
        texts(&client, &query).await
    };
    // The bucket of the null has no value, and is there.
    assert_eq!(avg("NULL").await, ["10", "null", "50"]);
    assert_eq!(avg("'none'").await, ["10", "null", "50"]);
    assert_eq!(avg("'null'").await, ["10", "null", "null", "50"]);
    assert_eq!(avg("'last'").await, ["10", "10", "10", "50"]);
    let line = avg("'linear'").await;
    assert_eq!([&line[0], &line[3]], ["10", "50"]);
    let between: Vec<f64> = line[1..3].iter().map(|x| x.parse().unwrap()).collect();
    assert!((between[0] - 70.0 / 3.0).abs() < 1e-9, "{line:?}");
    assert!((between[1] - 110.0 / 3.0).abs() < 1e-9, "{line:?}");
    let range = ", start_valid => '2025-01-01Z', end_valid => '2025-01-01 06:30Z'";
    assert_eq!(
        avg(&format!("'null'{range}")).await,
        ["null", "10", "null", "null", "50", "null", "null"]
    );
    assert_eq!(
        avg(&format!("'last'{range}")).await,
        ["null", "10", "10", "10", "50", "60", "60"]
    );
    assert_eq!(
        avg(&format!("'linear'{range}")).await[5..],
        ["null", "null"]
    );
    assert_eq!(avg(&format!("'none'{range}")).await, ["10", "null", "50"]);
    let counts = "SELECT (count, sum) FROM timedb.read_buckets('1 hour', fill => 'last')";
    assert_eq!(
        texts(&client, counts).await,
        ["(1,10)", "(0,)", "(0,)", "(2,100)"]
    );
}

#[tokio::test]
async fn a_series_without_a_point_in_the_range_has_all_of_its_buckets() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(&client, "SELECT timedb.create_series('empty')").await;
    put(&client, "wind", START, &[(START, None, Some(1.0))]).await;
    run(&client, "SELECT timedb.create_series('another')").await;
    let day = "start_valid => '2025-01-02Z', end_valid => '2025-01-03Z'";
    for (arguments, expected) in [
        ("fill => 'null'", 1),
        // Without a start it is the first point that says where buckets begin.
        ("fill => 'last', end_valid => '2025-01-03Z'", 48),
        (&format!("fill => 'null', {day}") as &str, 3 * 24),
        (&format!("fill => 'last', {day}"), 3 * 24),
        (&format!("fill => 'linear', {day}, name => 'empty'"), 24),
        (&format!("fill => 'null', {day}, name => 'nothing'"), 0),
        (&format!("fill => 'none', {day}"), 0),
        (&format!("fill => 'null', {day}, as_of => '2000-01-01'"), 72),
        (
            &format!("fill => 'null', {day}, start_known => '2001-01-01', as_of => '2000-01-01'"),
            72,
        ),
        (
            "fill => 'null', start_valid => '2025-01-03Z', end_valid => '2025-01-02Z'",
            0,
        ),
        (
            "fill => 'null', start_valid => '2025-01-03Z', end_valid => '2025-01-03Z'",
            0,
        ),
    ] {
        let query = format!("SELECT count(*) FROM timedb.read_buckets('1 hour', {arguments})");
        assert_eq!(count(&client, &query, &[]).await, expected, "{arguments}");
    }
    let values = format!(
        "SELECT count(*) FROM timedb.read_buckets('1 hour', fill => 'last', {day})
         WHERE avg IS NOT NULL OR count <> 0 OR time_weighted_avg IS NOT NULL OR sum IS NOT NULL"
    );
    assert_eq!(count(&client, &values, &[]).await, 0);
}

#[tokio::test]
async fn series_come_one_after_the_other_with_their_own_gaps() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for (name, hours) in [("one", [0, 3]), ("two", [1, 2]), ("three", [0, 5])] {
        let points = hours.map(|hour| (START + hour * HOUR, None, Some(hour as f64)));
        put(&client, name, START, &points).await;
    }
    let filled = "SELECT string_agg(coalesce(last::text, '-'), ' ' ORDER BY bucket)
                  FROM timedb.read_buckets('1 hour', fill => 'last', end_valid => '2025-01-01 06:00Z')
                  GROUP BY series_id ORDER BY series_id";
    assert_eq!(
        texts(&client, filled).await,
        ["0 0 0 3 3 3", "1 2 2 2 2", "0 0 0 0 0 5"]
    );
    let wrong = "SELECT count(*) FROM (
                     SELECT (series_id, bucket) < lag((series_id, bucket)) OVER (ORDER BY n) AS wrong
                     FROM (SELECT *, row_number() OVER () AS n FROM timedb.read_buckets('1 hour', fill => 'null')) AS r
                 ) AS r WHERE wrong";
    assert_eq!(count(&client, wrong, &[]).await, 0);
}
