//! Buckets below a day on days on which clocks change, written out.

use timedb_calendar::{Bucket, Buckets};

use crate::support::{HOUR, MINUTE, at, starts, text, zone};

fn micros(length: i64) -> Bucket {
    Bucket::new(0, 0, length).expect("a bucket")
}

/// How many buckets a local day has, and that the days are whole buckets.
fn count(bucket: Bucket, name: &str, day_at_noon: &str) -> usize {
    let day = Bucket::new(0, 1, 0).expect("a bucket");
    let (start, end) = Buckets::new(day, zone(name)).containing(at(day_at_noon));
    let starts = starts(bucket, name, &text(start), &text(end));
    assert_eq!(starts.first(), Some(&text(start)));
    let (next, _) = Buckets::new(bucket, zone(name)).containing(end);
    assert_eq!(next, end);
    starts.len()
}

#[test]
fn a_day_of_25_hours_has_25_hours_and_100_quarters() {
    for (name, noon) in [
        ("Europe/Stockholm", "2025-10-26T11:00Z"),
        ("America/New_York", "2025-11-02T17:00Z"),
        ("America/Havana", "2025-11-02T17:00Z"),
    ] {
        assert_eq!(count(micros(HOUR), name, noon), 25, "{name}");
        assert_eq!(count(micros(15 * MINUTE), name, noon), 100, "{name}");
    }
}

#[test]
fn a_day_of_23_hours_has_23_hours_and_92_quarters() {
    for (name, noon) in [
        ("Europe/Stockholm", "2025-03-30T10:00Z"),
        ("America/New_York", "2025-03-09T16:00Z"),
        ("America/Havana", "2025-03-09T16:00Z"),
    ] {
        assert_eq!(count(micros(HOUR), name, noon), 23, "{name}");
        assert_eq!(count(micros(15 * MINUTE), name, noon), 92, "{name}");
    }
}

#[test]
fn each_day_has_12_times_two_hours_and_2_halves() {
    for noon in [
        "2025-03-30T10:00Z",
        "2025-10-26T11:00Z",
        "2025-06-01T10:00Z",
    ] {
        assert_eq!(count(micros(2 * HOUR), "Europe/Stockholm", noon), 12);
        assert_eq!(count(micros(12 * HOUR), "Europe/Stockholm", noon), 2);
    }
}

#[test]
fn two_hours_begin_at_even_hours_of_the_clock_in_stockholm() {
    assert_eq!(
        starts(
            micros(2 * HOUR),
            "Europe/Stockholm",
            "2025-03-29T23:00Z",
            "2025-03-30T06:00Z"
        ),
        [
            "2025-03-29T23:00:00Z",
            "2025-03-30T01:00:00Z",
            "2025-03-30T02:00:00Z",
            "2025-03-30T04:00:00Z"
        ],
    );
    assert_eq!(
        starts(
            micros(2 * HOUR),
            "Europe/Stockholm",
            "2025-10-25T22:00Z",
            "2025-10-26T05:00Z"
        ),
        [
            "2025-10-25T22:00:00Z",
            "2025-10-26T00:00:00Z",
            "2025-10-26T03:00:00Z"
        ],
    );
}

#[test]
fn ninety_minutes_begin_where_the_clock_skips_and_at_the_first_of_two() {
    // 01:30, then 03:00, which is also where 02:00 would be.
    assert_eq!(
        starts(
            micros(90 * MINUTE),
            "Europe/Stockholm",
            "2025-03-29T23:00Z",
            "2025-03-30T02:30Z"
        ),
        [
            "2025-03-29T23:00:00Z",
            "2025-03-30T00:30:00Z",
            "2025-03-30T01:00:00Z"
        ],
    );
    // 00:00, 01:30, 03:00: the last after an hour that comes twice.
    assert_eq!(
        starts(
            micros(90 * MINUTE),
            "Europe/Stockholm",
            "2025-10-25T22:00Z",
            "2025-10-26T03:30Z"
        ),
        [
            "2025-10-25T22:00:00Z",
            "2025-10-25T23:30:00Z",
            "2025-10-26T02:00:00Z"
        ],
    );
}

#[test]
fn buckets_that_the_clock_skips_do_not_exist() {
    // 40 minutes: 02:00 and 02:40 are both skipped, and 03:20 comes 20 minutes later.
    assert_eq!(
        starts(
            micros(40 * MINUTE),
            "Europe/Stockholm",
            "2025-03-30T00:20Z",
            "2025-03-30T02:00Z"
        ),
        [
            "2025-03-30T00:20:00Z",
            "2025-03-30T01:00:00Z",
            "2025-03-30T01:20:00Z"
        ],
    );
}

#[test]
fn hours_follow_the_clock_of_lord_howe_through_its_half_hour() {
    // From 02:00 (+10:30) to 02:30 (+11): the hour begun at 01:00 ends at 03:00.
    assert_eq!(
        starts(
            micros(HOUR),
            "Australia/Lord_Howe",
            "2025-10-04T13:30Z",
            "2025-10-04T17:30Z"
        ),
        [
            "2025-10-04T13:30:00Z",
            "2025-10-04T14:30:00Z",
            "2025-10-04T16:00:00Z",
            "2025-10-04T17:00:00Z"
        ],
    );
    // From 02:00 (+11) to 01:30 (+10:30): the hour begun at 01:00 ends at 02:00.
    assert_eq!(
        starts(
            micros(HOUR),
            "Australia/Lord_Howe",
            "2025-04-05T13:00Z",
            "2025-04-05T17:00Z"
        ),
        [
            "2025-04-05T13:00:00Z",
            "2025-04-05T14:00:00Z",
            "2025-04-05T15:30:00Z",
            "2025-04-05T16:30:00Z"
        ],
    );
    assert_eq!(
        count(
            micros(30 * MINUTE),
            "Australia/Lord_Howe",
            "2025-04-06T01:00Z"
        ),
        49
    );
    assert_eq!(
        count(
            micros(30 * MINUTE),
            "Australia/Lord_Howe",
            "2025-10-05T01:00Z"
        ),
        47
    );
}

#[test]
fn hours_of_kathmandu_begin_at_a_quarter_past() {
    assert_eq!(
        starts(
            micros(HOUR),
            "Asia/Kathmandu",
            "2025-01-01T00:00Z",
            "2025-01-01T01:30Z"
        ),
        [
            "2024-12-31T23:15:00Z",
            "2025-01-01T00:15:00Z",
            "2025-01-01T01:15:00Z"
        ],
    );
}
