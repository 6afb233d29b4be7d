//! Cut-offs: of the days around a change of the clock, written out, and against a clock that is
//! read minute by minute.

use crate::support::{DAY, HOUR, MINUTE, Model, ZONES, at, text, zone};
use proptest::prelude::*;
use proptest::sample::select;
use timedb_calendar::{Bucket, Buckets, CalendarError, Cutoffs};

fn days(ahead: i32, time_of_day: i64, name: &str) -> Cutoffs {
    Cutoffs::days(ahead, time_of_day, zone(name)).expect("cut-offs")
}

#[test]
fn noon_of_the_day_before_is_noon_on_the_clock() {
    let mut noon = days(1, 12 * HOUR, "Europe/Stockholm");
    for (t, cutoff) in [
        ("2025-03-29T22:59:59Z", "2025-03-28T11:00:00Z"),
        ("2025-03-29T23:00:00Z", "2025-03-29T11:00:00Z"),
        ("2025-03-30T21:59:59Z", "2025-03-29T11:00:00Z"),
        ("2025-03-30T22:00:00Z", "2025-03-30T10:00:00Z"),
        ("2025-10-25T22:00:00Z", "2025-10-25T10:00:00Z"),
        ("2025-10-26T22:59:59Z", "2025-10-25T10:00:00Z"),
        ("2025-10-26T23:00:00Z", "2025-10-26T11:00:00Z"),
        ("2025-10-27T23:00:00Z", "2025-10-27T11:00:00Z"),
    ] {
        assert_eq!(text(noon.cutoff(at(t))), cutoff, "{t}");
    }
}

#[test]
fn a_window_is_a_local_day() {
    let mut noon = days(2, 12 * HOUR, "Europe/Stockholm");
    let (start, end, cutoff) = noon.window(at("2025-10-26T12:00Z"));
    assert_eq!(
        (text(start), end - start),
        ("2025-10-25T22:00:00Z".to_owned(), 25 * HOUR)
    );
    assert_eq!(text(cutoff), "2025-10-24T10:00:00Z");
}

#[test]
fn a_time_that_the_clock_skips_or_repeats_is_the_first_instant_not_before_it() {
    let mut half_past_two = days(0, 2 * HOUR + 30 * MINUTE, "Europe/Stockholm");
    assert_eq!(
        text(half_past_two.cutoff(at("2025-03-30T12:00Z"))),
        "2025-03-30T01:00:00Z"
    );
    assert_eq!(
        text(half_past_two.cutoff(at("2025-10-26T12:00Z"))),
        "2025-10-26T00:30:00Z"
    );
    // The day before 2011-12-31 did not happen in Apia.
    let mut noon = days(1, 12 * HOUR, "Pacific/Apia");
    assert_eq!(
        text(noon.cutoff(at("2011-12-30T12:00Z"))),
        "2011-12-30T10:00:00Z"
    );
}

#[test]
fn midnight_is_the_start_or_the_end_of_the_day() {
    let t = at("2025-10-26T12:00Z");
    let (start, end, cutoff) = days(0, 0, "Europe/Stockholm").window(t);
    assert_eq!(cutoff, start);
    assert_eq!(days(0, DAY, "Europe/Stockholm").cutoff(t), end);
    assert_eq!(days(1, DAY, "Europe/Stockholm").cutoff(t), start);
}

#[test]
fn even_windows_count_from_their_origin_in_both_directions() {
    let mut windows = Cutoffs::windows(10, 100, -30).expect("cut-offs");
    for (t, window) in [
        (10, (10, 110, -20)),
        (109, (10, 110, -20)),
        (110, (110, 210, 80)),
        (9, (-90, 10, -120)),
        (-91, (-190, -90, -220)),
    ] {
        assert_eq!(windows.window(t), window, "{t}");
        assert_eq!(windows.cutoff(t), window.2, "{t}");
    }
}

#[test]
fn senseless_cutoffs_are_refused() {
    assert_eq!(
        Cutoffs::windows(0, 0, 0).err(),
        Some(CalendarError::EmptyWindow)
    );
    assert_eq!(
        Cutoffs::windows(0, i64::MIN, 0).err(),
        Some(CalendarError::EmptyWindow)
    );
    let refused = |ahead, time| Cutoffs::days(ahead, time, zone("UTC")).err();
    assert_eq!(refused(-1, 0), Some(CalendarError::DaysAhead(-1)));
    assert_eq!(
        refused(i32::MAX, 0),
        Some(CalendarError::DaysAhead(i32::MAX))
    );
    assert_eq!(refused(0, -1), Some(CalendarError::TimeOfDay));
    assert_eq!(refused(0, DAY + 1), Some(CalendarError::TimeOfDay));
    assert_eq!(refused(3_652_425, DAY), None);
}

/// A zone and one of its changes of the clock since 1973.
fn changes() -> impl Strategy<Value = (&'static str, i64)> {
    (select(ZONES), any::<prop::sample::Index>()).prop_map(|(name, index)| {
        let mut changes =
            Model::new(name).changes(at("1973-01-01T00:00Z"), at("2040-01-01T00:00Z"));
        changes.push(at("2025-01-01T00:00Z"));
        (name, *index.get(&changes))
    })
}

fn kinds(name: &str, ahead: i32, time_of_day: i64) -> [Cutoffs; 2] {
    let windows = Cutoffs::windows(time_of_day, time_of_day + 1, i64::from(ahead) - DAY);
    [days(ahead, time_of_day, name), windows.expect("cut-offs")]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn days_are_those_of_the_buckets_and_cutoffs_those_of_the_clock(
        (name, change) in changes(),
        minutes in prop_oneof![-150i64..150, -7200i64..7200],
        ahead in 0..4i32,
        time_of_day in 0..=1440i64,
    ) {
        let t = change + minutes * MINUTE;
        let time_of_day = time_of_day * MINUTE;
        let (start, end, cutoff) = days(ahead, time_of_day, name).window(t);
        let day = Bucket::new(0, 1, 0).expect("a bucket");
        prop_assert_eq!((start, end), Buckets::new(day, zone(name)).containing(t));

        // The first minute at which the clock shows that time or a later one.
        let model = Model::new(name);
        let day = model.name((0, 0, DAY), t, MINUTE);
        let local = (day - i64::from(ahead)) * DAY + time_of_day;
        let from = t - i64::from(ahead + 3) * DAY;
        let first = (0..20_000).map(|n| from + n * MINUTE).find(|&t| model.local(t) >= local);
        prop_assert_eq!(Some(cutoff), first);
    }

    #[test]
    fn cutoffs_never_fall(
        (name, change) in changes(),
        ahead in 0..400i32,
        time_of_day in 0..=DAY,
        mut instants in prop::collection::vec(-5 * DAY..5 * DAY, 2..100),
    ) {
        instants.sort_unstable();
        for mut cutoffs in kinds(name, ahead, time_of_day) {
            let found: Vec<i64> = instants.iter().map(|t| cutoffs.cutoff(change + t)).collect();
            prop_assert!(found.is_sorted());
        }
    }

    #[test]
    fn cutoffs_never_fall_and_windows_hold_their_instants_anywhere(
        name in select(ZONES),
        ahead in 0..=3_652_425i32,
        time_of_day in 0..=DAY,
        mut instants in prop::collection::vec(any::<i64>(), 2..50),
    ) {
        instants.extend([i64::MIN, -(1 << 62), 1 << 62, i64::MAX]);
        instants.sort_unstable();
        for mut cutoffs in kinds(name, ahead, time_of_day) {
            let mut last = i64::MIN;
            for &t in &instants {
                let (start, end, cutoff) = cutoffs.window(t);
                prop_assert!(start <= t && (t < end || t == i64::MAX));
                prop_assert!(last <= cutoff);
                last = cutoff;
            }
        }
    }

    #[test]
    fn even_windows_are_right_with_any_numbers(
        t in any::<i64>(),
        origin in any::<i64>(),
        length in 1..=i64::MAX,
        offset in any::<i64>(),
    ) {
        let mut cutoffs = Cutoffs::windows(origin, length, offset).expect("cut-offs");
        let (start, end, cutoff) = cutoffs.window(t);
        prop_assert!(start <= t && (t < end || t == i64::MAX));
        if i64::MIN < start && end < i64::MAX {
            prop_assert_eq!(end - start, length);
            prop_assert_eq!((i128::from(start) - i128::from(origin)) % i128::from(length), 0);
        }
        if i64::MIN < start {
            prop_assert_eq!(cutoff, start.saturating_add(offset));
        }
    }
}
