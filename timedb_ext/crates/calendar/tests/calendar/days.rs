//! Days, weeks and months around changes of the clock, written out.

use timedb_calendar::{Bucket, Buckets};

use crate::support::{DAY, HOUR, at, starts, zone};

fn days(days: i32) -> Bucket {
    Bucket::new(0, days, 0).expect("a bucket")
}

fn months(months: i32) -> Bucket {
    Bucket::new(months, 0, 0).expect("a bucket")
}

#[test]
fn days_begin_at_midnight_or_when_the_clock_skips_it() {
    // Havana goes from 00:00 to 01:00 in spring, and from 01:00 to 00:00 in autumn.
    assert_eq!(
        starts(
            days(1),
            "America/Havana",
            "2025-03-08T12:00Z",
            "2025-03-11T00:00Z"
        ),
        [
            "2025-03-08T05:00:00Z",
            "2025-03-09T05:00:00Z",
            "2025-03-10T04:00:00Z"
        ],
    );
    assert_eq!(
        starts(
            days(1),
            "America/Havana",
            "2025-11-01T12:00Z",
            "2025-11-04T00:00Z"
        ),
        [
            "2025-11-01T04:00:00Z",
            "2025-11-02T04:00:00Z",
            "2025-11-03T05:00:00Z"
        ],
    );
    // Cairo goes from 24:00 to 01:00 on a Friday, and from 24:00 to 23:00 on a Thursday.
    assert_eq!(
        starts(
            days(1),
            "Africa/Cairo",
            "2024-04-25T12:00Z",
            "2024-04-27T00:00Z"
        ),
        [
            "2024-04-24T22:00:00Z",
            "2024-04-25T22:00:00Z",
            "2024-04-26T21:00:00Z"
        ],
    );
    assert_eq!(
        starts(
            days(1),
            "Africa/Cairo",
            "2024-10-31T12:00Z",
            "2024-11-02T00:00Z"
        ),
        [
            "2024-10-30T21:00:00Z",
            "2024-10-31T22:00:00Z",
            "2024-11-01T22:00:00Z"
        ],
    );
    // Beirut goes from 00:00 to 01:00.
    assert_eq!(
        starts(
            days(1),
            "Asia/Beirut",
            "2024-03-30T12:00Z",
            "2024-04-01T00:00Z"
        ),
        [
            "2024-03-29T22:00:00Z",
            "2024-03-30T22:00:00Z",
            "2024-03-31T21:00:00Z"
        ],
    );
}

#[test]
fn a_day_begins_at_the_first_of_two_midnights() {
    // St. John's went from 00:01 on Sunday to 23:01 on Saturday.
    assert_eq!(
        starts(
            days(1),
            "America/St_Johns",
            "2006-10-28T12:00Z",
            "2006-10-31T00:00Z"
        ),
        [
            "2006-10-28T02:30:00Z",
            "2006-10-29T02:30:00Z",
            "2006-10-30T03:30:00Z"
        ],
    );
}

#[test]
fn a_day_that_has_begun_goes_on_while_the_clock_shows_the_last_one_again() {
    let mut sundays = Buckets::new(days(1), zone("America/St_Johns"));
    let sunday = (at("2006-10-29T02:30Z"), at("2006-10-30T03:30Z"));
    // 00:00 and 00:00:59 on Sunday, 23:01 and 23:59 on Saturday, 00:00 on Sunday.
    for t in ["02:30:00", "02:30:59", "02:31:00", "03:29:00", "03:30:00"] {
        let t = at(&format!("2006-10-29T{t}Z"));
        assert_eq!(sundays.containing(t), sunday);
        assert_eq!(
            Buckets::new(days(1), zone("America/St_Johns")).containing(t),
            sunday
        );
    }
    assert_eq!(sundays.containing(sunday.0 - 1).1, sunday.0);
}

#[test]
fn apia_has_no_2011_12_30() {
    let six_hours = Bucket::new(0, 0, 6 * HOUR).expect("a bucket");
    assert_eq!(
        starts(
            days(1),
            "Pacific/Apia",
            "2011-12-29T12:00Z",
            "2012-01-01T00:00Z"
        ),
        [
            "2011-12-29T10:00:00Z",
            "2011-12-30T10:00:00Z",
            "2011-12-31T10:00:00Z"
        ],
    );
    assert_eq!(
        starts(
            six_hours,
            "Pacific/Apia",
            "2011-12-30T04:00Z",
            "2011-12-30T17:00Z"
        ),
        [
            "2011-12-30T04:00:00Z",
            "2011-12-30T10:00:00Z",
            "2011-12-30T16:00:00Z"
        ],
    );
    let mut weeks = Buckets::new(days(7), zone("Pacific/Apia"));
    let (start, end) = weeks.containing(at("2011-12-30T12:00Z"));
    assert_eq!(end - start, 6 * DAY);
}

#[test]
fn weeks_begin_on_monday_and_other_days_count_from_one() {
    assert_eq!(
        starts(
            days(7),
            "Europe/Stockholm",
            "2025-03-30T12:00Z",
            "2025-04-07T00:00Z"
        ),
        [
            "2025-03-23T23:00:00Z",
            "2025-03-30T22:00:00Z",
            "2025-04-06T22:00:00Z"
        ],
    );
    assert_eq!(
        starts(days(10), "UTC", "1999-12-30T00:00Z", "2000-01-14T00:00Z"),
        [
            "1999-12-24T00:00:00Z",
            "2000-01-03T00:00:00Z",
            "2000-01-13T00:00:00Z"
        ],
    );
}

#[test]
fn months_quarters_and_years_begin_at_midnight_of_the_first() {
    assert_eq!(
        starts(
            months(1),
            "Europe/Stockholm",
            "2024-02-10T00:00Z",
            "2024-05-01T00:00Z"
        ),
        [
            "2024-01-31T23:00:00Z",
            "2024-02-29T23:00:00Z",
            "2024-03-31T22:00:00Z",
            "2024-04-30T22:00:00Z"
        ],
    );
    assert_eq!(
        starts(
            months(3),
            "America/New_York",
            "2025-01-15T00:00Z",
            "2025-10-01T00:00Z"
        ),
        [
            "2025-01-01T05:00:00Z",
            "2025-04-01T04:00:00Z",
            "2025-07-01T04:00:00Z"
        ],
    );
    assert_eq!(
        starts(months(12), "UTC", "1999-06-01T00:00Z", "2001-01-01T00:00Z"),
        ["1999-01-01T00:00:00Z", "2000-01-01T00:00:00Z"],
    );
}

#[test]
fn days_of_kathmandu_begin_at_a_quarter_past_six_in_the_evening_of_utc() {
    assert_eq!(
        starts(
            days(1),
            "Asia/Kathmandu",
            "2025-01-01T00:00Z",
            "2025-01-02T00:00Z"
        ),
        ["2024-12-31T18:15:00Z", "2025-01-01T18:15:00Z"],
    );
}
