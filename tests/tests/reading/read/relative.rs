//! Relative reads with tables small enough to follow: which forecast counts for which hour.

use timedb_tests::times::{HOUR, Micros, START};
use timedb_tests::{Db, count, run};
use tokio_postgres::Client;

/// Uploads one value for each of `hours` hours from `start` on, known at `known`.
async fn forecast(client: &Client, start: &str, hours: i32, known: &str, value: f64) {
    client
        .query_one(
            "SELECT points FROM timedb.upload(
                 ARRAY(SELECT $1::text::timestamptz + i * interval '1 hour' FROM generate_series(0, $2 - 1) AS i ORDER BY i),
                 array_fill($4::float8, ARRAY[$2]), '{wind}', known_time => $3::text::timestamptz)",
            &[&start, &hours, &known, &value],
        )
        .await
        .unwrap_or_else(|error| panic!("{start} {known}: {error:?}"));
}

/// How often in a row each value comes, in the order of time.
async fn runs(client: &Client, arguments: &str) -> Vec<(f64, usize)> {
    let query = format!("SELECT value FROM timedb.read_relative({arguments}) ORDER BY valid_time");
    let rows = client
        .query(&query, &[])
        .await
        .unwrap_or_else(|error| panic!("{query}: {error:?}"));
    let mut runs: Vec<(f64, usize)> = Vec::new();
    for row in rows {
        let value = row.get(0);
        match runs.last_mut() {
            Some((last, length)) if *last == value => *length += 1,
            _ => runs.push((value, 1)),
        }
    }
    runs
}

#[tokio::test]
async fn an_hour_uses_what_was_known_at_ten_of_the_local_day_before_also_when_clocks_change() {
    for (start, hours, known, expected) in [
        (
            // From 23:00 in Stockholm on. The 30th of March has 23 hours.
            "2025-03-29 22:00Z",
            50,
            [
                "2025-03-28 09:00:00Z",
                "2025-03-29 09:00:00Z",
                "2025-03-29 09:00:00.000001Z",
                "2025-03-30 08:00:00Z",
                "2025-03-30 08:00:00.000001Z",
            ],
            [(0.0, 1), (1.0, 23), (3.0, 24), (4.0, 2)],
        ),
        (
            // The 26th of October has 25.
            "2025-10-25 21:00Z",
            52,
            [
                "2025-10-24 08:00:00Z",
                "2025-10-25 08:00:00Z",
                "2025-10-25 08:00:00.000001Z",
                "2025-10-26 09:00:00Z",
                "2025-10-26 09:00:00.000001Z",
            ],
            [(0.0, 1), (1.0, 25), (3.0, 24), (4.0, 2)],
        ),
    ] {
        let db = Db::new().await;
        let client = db.login(db.a()).await;
        for (value, known) in known.iter().enumerate() {
            forecast(&client, start, hours, known, value as f64).await;
        }
        let found = runs(
            &client,
            "days_ahead => 1, time_of_day => '10:00', tz => 'Europe/Stockholm'",
        )
        .await;
        assert_eq!(found, expected, "{start}");
    }
}

#[tokio::test]
async fn a_day_is_one_of_utc_unless_a_zone_is_given_and_24_hours_are_its_end() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for (value, known) in [
        (0.0, "2025-01-01 12:00Z"),
        (1.0, "2025-01-02 00:00Z"),
        (2.0, "2025-01-02 00:00:00.000001Z"),
        (3.0, "2025-01-03 00:00Z"),
    ] {
        forecast(&client, "2025-01-02 00:00Z", 48, known, value).await;
    }
    for (arguments, expected) in [
        (
            "days_ahead => 0, time_of_day => '00:00'",
            vec![(1.0, 24), (3.0, 24)],
        ),
        (
            "days_ahead => 1, time_of_day => '24:00'",
            vec![(1.0, 24), (3.0, 24)],
        ),
        (
            "days_ahead => 1, time_of_day => '23:59:59.999999'",
            vec![(0.0, 24), (2.0, 24)],
        ),
        ("days_ahead => 0, time_of_day => '24:00'", vec![(3.0, 48)]),
        (
            "days_ahead => 1, time_of_day => '12:00', tz => 'UTC'",
            vec![(0.0, 24), (2.0, 24)],
        ),
        ("days_ahead => 1, time_of_day => '11:59'", vec![(2.0, 24)]),
        ("days_ahead => 2, time_of_day => '00:00'", vec![]),
        ("days_ahead => 3652425, time_of_day => '00:00'", vec![]),
        // What was known is cut off once more by as_of.
        (
            "days_ahead => 0, time_of_day => '24:00', as_of => '2025-01-02 00:00Z'",
            vec![(1.0, 48)],
        ),
    ] {
        assert_eq!(runs(&client, arguments).await, expected, "{arguments}");
    }
}

/// Four forecasts of 18 hours, known at -1 h and a microsecond later, at 5 h and at 11 h.
pub async fn four_forecasts() -> (Db, Client) {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for (value, known) in [
        (1.0, "2024-12-31 23:00Z"),
        (2.0, "2024-12-31 23:00:00.000001Z"),
        (3.0, "2025-01-01 05:00Z"),
        (4.0, "2025-01-01 11:00Z"),
    ] {
        forecast(&client, "2025-01-01 00:00Z", 18, known, value).await;
    }
    (db, client)
}

#[tokio::test]
async fn windows_of_six_hours_use_what_was_known_an_hour_before_they_start() {
    let (_db, client) = four_forecasts().await;
    let read = async |rest: &str| {
        let arguments = format!("window_length => '6 hours', issue_offset => '-1 hour', {rest}");
        runs(&client, &arguments).await
    };
    let from_midnight = [(1.0, 6), (3.0, 6), (4.0, 6)];
    for start in [
        "2025-01-01 00:00Z",
        "2025-01-01 18:00Z",
        "2024-12-31 18:00Z",
        "2026-01-01 00:00Z",
        "0001-01-01 00:00Z",
        "9999-12-31 18:00Z",
    ] {
        let found = read(&format!("start_window => '{start}'")).await;
        assert_eq!(found, from_midnight, "{start}");
    }
    // From 2:00 on: nothing was known an hour before the window that has the first two hours.
    let from_two = [(2.0, 6), (3.0, 6), (4.0, 4)];
    assert_eq!(read("start_window => '2025-01-01 20:00Z'").await, from_two);
    assert_eq!(read("start_valid => '2025-01-01 02:00Z'").await, from_two);
    assert_eq!(
        read("start_valid => '2025-01-01 02:00Z', start_window => '2025-01-01 00:00Z'").await,
        [(1.0, 4), (3.0, 6), (4.0, 6)]
    );
    assert_eq!(
        read("start_valid => '2025-01-01 05:00Z', end_valid => '2025-01-01 07:00Z', start_window => '2030-01-01Z'").await,
        [(1.0, 1), (3.0, 1)]
    );
}

#[tokio::test]
async fn a_cut_off_may_lie_after_the_start_of_its_window_and_a_day_is_24_hours() {
    let (_db, client) = four_forecasts().await;
    for (arguments, expected) in [
        (
            "window_length => '6h', issue_offset => '0'",
            vec![(2.0, 6), (3.0, 6), (4.0, 6)],
        ),
        (
            "window_length => '6h', issue_offset => '5h'",
            vec![(3.0, 6), (4.0, 12)],
        ),
        ("window_length => '6h', issue_offset => '-1 day'", vec![]),
        (
            "window_length => '1 day', issue_offset => '11h'",
            vec![(4.0, 18)],
        ),
        (
            "window_length => '1 day', issue_offset => '10:59:59.999999'",
            vec![(3.0, 18)],
        ),
        (
            "window_length => '-1 day 48h', issue_offset => '11h'",
            vec![(4.0, 18)],
        ),
        (
            "window_length => '0.000001 s', issue_offset => '-1h'",
            vec![(1.0, 1), (2.0, 5), (3.0, 6), (4.0, 6)],
        ),
    ] {
        let arguments = format!("{arguments}, start_window => '2025-01-01 00:00Z'");
        assert_eq!(runs(&client, &arguments).await, expected, "{arguments}");
    }
}

#[tokio::test]
async fn rows_tell_when_what_they_use_was_known() {
    let (_db, client) = four_forecasts().await;
    let row = client
        .query_one(
            "SELECT * FROM timedb.read_relative(name => 'wind', start_valid => '2025-01-01 06:00Z',
                 end_valid => '2025-01-01 06:00:01Z', days_ahead => 0, time_of_day => '05:30')",
            &[],
        )
        .await
        .unwrap();
    let names: Vec<&str> = row
        .columns()
        .iter()
        .map(tokio_postgres::Column::name)
        .collect();
    assert_eq!(
        names,
        [
            "known_time",
            "valid_time",
            "valid_time_end",
            "series_id",
            "name",
            "unit",
            "labels",
            "value"
        ]
    );
    assert_eq!(row.get::<_, Micros>(0).0, START + 5 * HOUR);
    assert_eq!(row.get::<_, Micros>(1).0, START + 6 * HOUR);
    assert_eq!(row.get::<_, f64>("value"), 3.0);
}

#[tokio::test]
async fn windows_longer_than_time_itself_are_windows() {
    let (_db, client) = four_forecasts().await;
    // Everything lies in one window, whose cut-off is beyond all that is known, or before it.
    for (length, offset, expected) in [
        ("100000000 days", "100000000 days", vec![(4.0, 18)]),
        ("100000000 days", "-100000000 days", vec![]),
        ("1 microsecond", "100000000 days", vec![(4.0, 18)]),
        ("1 microsecond", "-100000000 days", vec![]),
    ] {
        for start in ["0001-01-01 00:00Z", "9999-12-31 23:59:59.999999Z"] {
            let arguments = format!(
                "window_length => '{length}', issue_offset => '{offset}', start_window => '{start}'"
            );
            assert_eq!(runs(&client, &arguments).await, expected, "{arguments}");
        }
    }
    run(&client, "SET TIME ZONE 'Asia/Tokyo'").await;
    let query = "SELECT count(*) FROM timedb.read_relative(days_ahead => 0, time_of_day => '00:00')
                 WHERE value = 2";
    assert_eq!(
        count(&client, query, &[]).await,
        18,
        "the session's zone means nothing"
    );
}
