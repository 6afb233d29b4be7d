//! Reads as of a past instant on either axis, and by lead time.

use std::time::{Duration, Instant};

use timedb_tests::rows::{Filter, MODES, Mode};
use timedb_tests::times::{HOUR, Micros, START};
use timedb_tests::{Db, count, refusal, run};
use tokio_postgres::Client;

use super::{forecast, values};

/// Three forecasts of one hour: known at 1 h, at 3 h, and the last one written known at 2 h. Their values are
/// 10 times that; returns also when each was written.
async fn three_forecasts() -> (Db, Client, Vec<i64>) {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for known in [1, 3, 2] {
        forecast(&client, "wind", known, &[known as f64 * 10.0]).await;
    }
    let rows = client
        .query(
            "SELECT change_time FROM timedb.batches ORDER BY change_time",
            &[],
        )
        .await
        .unwrap();
    let written = rows.iter().map(|row| row.get::<_, Micros>(0).0).collect();
    (db, client, written)
}

fn as_of(known: Option<i64>, change: Option<i64>) -> Filter {
    Filter {
        as_of: known.map(|known| START + known),
        as_of_change: change,
        ..Filter::default()
    }
}

#[tokio::test]
async fn as_of_counts_what_was_known_and_as_of_change_what_was_written() {
    let (_db, client, written) = three_forecasts().await;
    let [first, second, third] = written[..] else {
        panic!("three batches: {written:?}");
    };
    let none: &[f64] = &[];
    for (known, change, flat, all) in [
        (None, None, &[30.0][..], &[10.0, 20.0, 30.0][..]),
        (Some(2 * HOUR), None, &[20.0], &[10.0, 20.0]),
        (Some(2 * HOUR - 1), None, &[10.0], &[10.0]),
        (Some(3 * HOUR), None, &[30.0], &[10.0, 20.0, 30.0]),
        (Some(3 * HOUR - 1), None, &[20.0], &[10.0, 20.0]),
        (Some(HOUR - 1), None, none, none),
        (None, Some(first - 1), none, none),
        (None, Some(first), &[10.0], &[10.0]),
        (None, Some(second - 1), &[10.0], &[10.0]),
        (None, Some(second), &[30.0], &[10.0, 30.0]),
        (None, Some(third), &[30.0], &[10.0, 20.0, 30.0]),
        // What would have been answered after the second write about what was known at 2 h.
        (Some(2 * HOUR), Some(second), &[10.0], &[10.0]),
        (Some(2 * HOUR), Some(third), &[20.0], &[10.0, 20.0]),
        (Some(HOUR - 1), Some(third), none, none),
    ] {
        let filter = as_of(known, change);
        assert_eq!(
            values(&client, Mode::Flat, &filter).await,
            flat,
            "{filter:?}"
        );
        for mode in [Mode::Overlapping, Mode::Versions] {
            assert_eq!(
                values(&client, mode, &filter).await,
                all,
                "{mode:?} {filter:?}"
            );
        }
    }
    // The earlier of two ends counts.
    for (as_of, end_known, expected) in [(3, 2, 10.0), (1, 3, 10.0), (2, 3, 20.0)] {
        let query = "SELECT value::int8 FROM timedb.read_flat(as_of => $1, end_known => $2)";
        let ends = [as_of, end_known].map(|hour| Micros(START + hour * HOUR));
        assert_eq!(
            count(&client, query, &[&ends[0], &ends[1]]).await as f64,
            expected
        );
    }
}

#[tokio::test]
async fn as_of_may_be_any_instant_as_of_change_has_to_be_one_that_has_come() {
    let (_db, client, _) = three_forecasts().await;
    for (arguments, expected) in [
        ("as_of => 'infinity'", 3),
        ("as_of => '-infinity'", 0),
        ("as_of => '294276-12-31'", 3),
        ("as_of => '4713-01-01 BC'", 0),
        ("as_of => now() + interval '1 year'", 3),
        ("as_of_change => now()", 3),
        ("as_of_change => clock_timestamp()", 3),
        ("as_of_change => '0001-01-01Z'", 0),
        ("as_of => NULL, as_of_change => NULL", 3),
    ] {
        let query = format!("SELECT count(*) FROM timedb.read_versions({arguments})");
        assert_eq!(count(&client, &query, &[]).await, expected, "{arguments}");
    }
    for (as_of_change, word) in [
        ("'infinity'", "infinity"),
        ("'-infinity'", "infinity"),
        ("'10000-01-01Z'", "9999"),
        ("'4713-01-01 BC'", "years"),
        ("'9999-12-31Z'", "future"),
        ("clock_timestamp() + interval '1 minute'", "future"),
    ] {
        for mode in MODES {
            let query = format!(
                "SELECT * FROM timedb.read_{}(as_of_change => {as_of_change})",
                mode.name()
            );
            let (code, message) = refusal(client.query(&query, &[]).await);
            assert_eq!(code, "22008", "{query}: {message}");
            assert!(
                message.contains("as_of_change") && message.contains(word),
                "{query}: {message}"
            );
        }
    }
}

#[tokio::test]
async fn a_read_as_of_an_instant_that_is_about_to_come_waits_for_it() {
    let (_db, client, _) = three_forecasts().await;
    let started = Instant::now();
    let query = "SELECT count(*) FROM timedb.read_flat(as_of_change => clock_timestamp() + interval '0.3 s')";
    assert_eq!(count(&client, query, &[]).await, 1);
    assert!(started.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_read_as_of_a_change_time_has_the_writes_of_its_own_transaction() {
    let (_db, client, _) = three_forecasts().await;
    run(&client, "BEGIN").await;
    forecast(&client, "wind", 4, &[40.0]).await;
    let query = "SELECT value::int8 FROM timedb.read_flat(as_of_change => clock_timestamp())";
    assert_eq!(count(&client, query, &[]).await, 40);
    run(&client, "ROLLBACK").await;
    assert_eq!(count(&client, query, &[]).await, 30);
}

#[tokio::test]
async fn bounds_of_the_lead_time_include_both_ends() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    // Six hours as seen from the first of them and from the fourth.
    forecast(&client, "wind", 0, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).await;
    forecast(&client, "wind", 3, &[-3.0, -2.0, -1.0, 0.5, 1.5, 2.5]).await;
    let none: &[f64] = &[];
    for (min, max, flat, overlapping) in [
        (
            Some(HOUR),
            Some(2 * HOUR),
            &[1.0, 2.0, 1.5, 2.5][..],
            &[1.0, 2.0, 1.5, 2.5][..],
        ),
        (Some(HOUR + 1), Some(2 * HOUR), &[2.0, 2.5], &[2.0, 2.5]),
        (Some(HOUR), Some(2 * HOUR - 1), &[1.0, 1.5], &[1.0, 1.5]),
        // The newest forecast that was made at least three hours ahead.
        (Some(3 * HOUR), None, &[3.0, 4.0, 5.0], &[3.0, 4.0, 5.0]),
        (Some(0), Some(0), &[0.0, 0.5], &[0.0, 0.5]),
        // What was known after the instant that it is about.
        (None, Some(-1), &[-3.0, -2.0, -1.0], &[-3.0, -2.0, -1.0]),
        (Some(-2 * HOUR), Some(-HOUR), &[-2.0, -1.0], &[-2.0, -1.0]),
        (
            None,
            Some(0),
            &[-3.0, -2.0, -1.0, 0.5],
            &[0.0, -3.0, -2.0, -1.0, 0.5],
        ),
        (Some(6 * HOUR), None, none, none),
        (None, Some(-4 * HOUR), none, none),
        (Some(2 * HOUR), Some(HOUR), none, none),
        (Some(i64::MAX / 2), Some(i64::MIN / 2), none, none),
        (
            Some(i64::MIN / 2),
            None,
            &[-3.0, -2.0, -1.0, 0.5, 1.5, 2.5],
            &[],
        ),
    ] {
        let filter = Filter {
            lead: [min, max],
            ..Filter::default()
        };
        assert_eq!(
            values(&client, Mode::Flat, &filter).await,
            flat,
            "{filter:?}"
        );
        let found = values(&client, Mode::Overlapping, &filter).await;
        match (min, max) {
            (Some(min), None) if min < -HOUR => assert_eq!(found.len(), 12),
            _ => assert_eq!(found, overlapping, "{filter:?}"),
        }
    }
}

#[tokio::test]
async fn lead_times_are_told_and_their_bounds_are_lengths() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    forecast(&client, "wind", 1, &[0.0, 1.0, 2.5]).await;
    let query = "SELECT string_agg(lead_time::text, ' ' ORDER BY valid_time) FROM timedb.read_overlapping()";
    let row = client.query_one(query, &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "-01:00:00 00:00:00 01:00:00");
    let query = "SELECT count(*) FROM timedb.read_flat(min_lead => '-1 day 23 hours', max_lead => '1 day -24 hours')";
    assert_eq!(count(&client, query, &[]).await, 2);
    for (name, length, code) in [
        ("min_lead", "1 month", "22023"),
        ("max_lead", "1 year", "22023"),
        ("min_lead", "-1 month 30 days", "22023"),
        ("max_lead", "120000000 days", "22008"),
        ("min_lead", "-120000000 days", "22008"),
    ] {
        let query = format!("SELECT * FROM timedb.read_flat({name} => '{length}')");
        let (found, message) = refusal(client.query(&query, &[]).await);
        assert_eq!(found, code, "{query}: {message}");
        assert!(message.contains(name), "{query}: {message}");
    }
}
