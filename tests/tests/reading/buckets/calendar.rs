//! Where buckets begin and end: days of 23 and 25 hours, weeks, months, quarters, years.

use timedb_tests::{Db, count, refusal};

use super::{generate, texts};

/// The clock is set forward on March 30 and back on October 26.
const DAYS: [(&str, &str, i64); 3] = [
    ("2025-03-30", "2025-03-31", 23),
    ("2025-10-26", "2025-10-27", 25),
    ("2025-06-01", "2025-06-02", 24),
];

#[tokio::test]
async fn days_of_23_and_25_hours_have_as_many_hours() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for (day, next, _) in DAYS {
        let (first, last) = (format!("'{day}Z'::timestamptz"), format!("'{next}Z'"));
        let series = format!("{first} - interval '1 day', {last}, interval '5 min'");
        generate(&client, "five minutes", &series, "1").await;
    }
    let buckets = async |day: &str, next: &str, bucket: &str| {
        let query = format!(
            "SELECT count(*) FROM timedb.read_buckets('{bucket}', 'Europe/Stockholm',
                 start_valid => timestamp '{day}' AT TIME ZONE 'Europe/Stockholm',
                 end_valid => timestamp '{next}' AT TIME ZONE 'Europe/Stockholm')"
        );
        count(&client, &query, &[]).await
    };
    for (day, next, hours) in DAYS {
        assert_eq!(buckets(day, next, "1 hour").await, hours, "{day}");
        assert_eq!(buckets(day, next, "15 min").await, 4 * hours, "{day}");
        assert_eq!(buckets(day, next, "2 hours").await, 12, "{day}");
        assert_eq!(buckets(day, next, "6 hours").await, 4, "{day}");
        assert_eq!(buckets(day, next, "1 day").await, 1, "{day}");
        assert_eq!(buckets(day, next, "24 hours").await, 1, "{day}");
    }
    let whole = "SELECT ((bucket_end - bucket)::text, count) FROM timedb.read_buckets('1 day', 'Europe/Stockholm')
                 WHERE bucket AT TIME ZONE 'Europe/Stockholm' IN ('2025-03-30', '2025-10-26', '2025-06-01')";
    assert_eq!(
        texts(&client, whole).await,
        [
            "(23:00:00,276)",
            "(\"1 day\",288)",
            "(\"1 day 01:00:00\",300)"
        ]
    );
}

#[tokio::test]
async fn months_quarters_weeks_and_years_begin_by_the_clock_of_the_zone() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let series = "timestamptz '2023-11-05Z', '2026-02-03Z', interval '7 hours'";
    generate(&client, "long", series, "1").await;
    for zone in [
        "UTC",
        "Europe/Stockholm",
        "America/New_York",
        "Asia/Kolkata",
    ] {
        for (bucket, unit) in [
            ("1 day", "day"),
            ("7 days", "week"),
            ("1 month", "month"),
            ("3 months", "quarter"),
            ("1 year", "year"),
        ] {
            let step = format!("interval '{bucket}'");
            let found = "(bucket, bucket_end, count)";
            let found = format!("SELECT {found} FROM timedb.read_buckets('{bucket}', '{zone}')");
            let expected = format!(
                "SELECT (b.start AT TIME ZONE '{zone}', (b.start + {step}) AT TIME ZONE '{zone}', n)
                 FROM (SELECT date_trunc('{unit}', valid_time AT TIME ZONE '{zone}') AS start, count(*) AS n
                       FROM timedb.read_flat() GROUP BY 1 ORDER BY 1) AS b"
            );
            let found = texts(&client, &found).await;
            assert_eq!(found, texts(&client, &expected).await, "{zone} {bucket}");
            assert!(found.len() > 2, "{zone} {bucket}");
        }
    }
}

#[tokio::test]
async fn no_bucket_lies_outside_the_range_and_none_comes_twice() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let series = "timestamptz '2025-10-20Z', '2025-11-02Z', interval '13 min'";
    generate(&client, "one", series, "1").await;
    generate(&client, "two", series, "2").await;
    for fill in ["none", "null", "last", "linear"] {
        for bucket in ["10 min", "1 hour", "3 hours", "1 day", "7 days", "1 month"] {
            let rows = format!(
                "timedb.read_buckets('{bucket}', 'Europe/Stockholm', '{fill}',
                     start_valid => '2025-10-24 10:17Z', end_valid => '2025-10-28 03:31Z')"
            );
            let wrong = format!(
                "SELECT count(*) FROM (
                     SELECT *, lag(bucket_end) OVER (PARTITION BY series_id ORDER BY place) AS before
                     FROM {rows} WITH ORDINALITY AS r(bucket, bucket_end, series_id, name, unit, labels,
                          count, avg, sum, min, max, first, last, time_weighted_avg, place)) AS r
                 WHERE bucket_end <= '2025-10-24 10:17Z' OR bucket >= '2025-10-28 03:31Z'
                    OR bucket >= bucket_end OR before > bucket OR before <> bucket AND '{fill}' <> 'none'"
            );
            assert_eq!(count(&client, &wrong, &[]).await, 0, "{fill} {bucket}");
            let points = format!("SELECT sum(count)::bigint FROM {rows}");
            let inside = "SELECT count(*) FROM timedb.read_flat(start_valid => '2025-10-24 10:17Z', end_valid => '2025-10-28 03:31Z')";
            assert_eq!(
                count(&client, &points, &[]).await,
                count(&client, inside, &[]).await,
                "{fill} {bucket}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_no_bucket_and_no_zone_is_refused() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for (arguments, part) in [
        ("'7 hours'", "divide"),
        ("'1 month 1 day'", "bucket"),
        ("'-1 hour'", "bucket"),
        ("'0'", "bucket"),
        ("'1000000 years'", "bucket"),
        ("NULL", "bucket must not be null"),
        ("'1 hour', 'Europe/Stokholm'", "Europe/Stokholm"),
        ("'1 hour', fill => 'zero'", "unknown fill \"zero\""),
        (
            "'1 hour', aggregates => '{median}'",
            "unknown aggregate \"median\"",
        ),
        ("'1 hour', aggregates => '{avg,NULL}'", "unknown aggregate"),
        ("'1 hour', min_lead => '1 month'", "min_lead"),
        ("'1 hour', labels => '[]'", "labels"),
    ] {
        let query = format!("SELECT * FROM timedb.read_buckets({arguments})");
        let (code, message) = refusal(client.query(&query, &[]).await);
        assert_eq!(code, "22023", "{arguments}");
        assert!(message.contains(part), "{arguments}: {message}");
    }
    let nulls = "SELECT count(*) FROM timedb.read_buckets('1 hour', NULL, NULL, NULL, NULL, NULL)";
    assert_eq!(count(&client, nulls, &[]).await, 0);
}
