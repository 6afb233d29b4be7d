//! Buckets divide all of time, and are those of a clock that is read step by step.

use crate::support::{DAY, HOUR, MINUTE, Model, SECOND, ZONES, at, check, zone};
use proptest::prelude::*;
use proptest::sample::select;
use timedb_calendar::{Bucket, Buckets};

type Fields = (i32, i32, i64);

fn fields() -> impl Strategy<Value = Fields> {
    let minutes = select(vec![
        1, 5, 10, 15, 20, 30, 40, 48, 60, 72, 80, 90, 120, 144, 180, 240, 288, 360, 480, 720, 1440,
    ]);
    prop_oneof![
        4 => minutes.prop_map(|minutes| (0, 0, minutes * MINUTE)),
        1 => prop_oneof![Just(1), Just(7), 2..40].prop_map(|days| (0, days, 0)),
        1 => prop_oneof![Just(1), Just(3), Just(12), 2..40].prop_map(|months| (months, 0, 0)),
    ]
}

/// A zone and an instant on a whole minute, mostly a few hours around a change of its clock.
fn instants() -> impl Strategy<Value = (&'static str, i64)> {
    (
        select(ZONES),
        any::<prop::sample::Index>(),
        -4320i64..4320,
        0..8,
        100..9990i64,
    )
        .prop_map(|(name, index, minutes, kind, year)| {
            // By 1973 every zone's offset is in whole minutes.
            let changes =
                Model::new(name).changes(at("1973-01-01T00:00Z"), at("2040-01-01T00:00Z"));
            let around = match (kind, changes.is_empty()) {
                (0, _) | (_, true) => at(&format!("{:04}-03-29T01:00Z", year.max(1980))),
                (1, _) => {
                    let from = at(&format!("{:04}-01-01T00:00Z", year.max(1980)));
                    let late = Model::new(name).changes(from, from + 400 * DAY);
                    late.first().copied().unwrap_or(from)
                }
                _ => *index.get(&changes),
            };
            (
                name,
                around + minutes / if kind == 2 { 1 } else { 30 } * MINUTE,
            )
        })
}

fn buckets(fields: Fields, name: &str) -> Buckets {
    let bucket = Bucket::new(fields.0, fields.1, fields.2).expect("a bucket");
    Buckets::new(bucket, zone(name))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn buckets_are_those_of_the_clock((name, t) in instants(), fields in fields()) {
        let mut buckets = buckets(fields, name);
        let (start, end) = check(&mut buckets, fields, name, t, MINUTE);
        let (before, until) = check(&mut buckets, fields, name, start - MINUTE, MINUTE);
        prop_assert!(before < until);
        prop_assert_eq!(until, start);
        let (from, after) = check(&mut buckets, fields, name, end, MINUTE);
        prop_assert_eq!(from, end);
        prop_assert!(from < after);
    }

    #[test]
    fn what_was_asked_before_does_not_matter(
        (name, t) in instants(),
        fields in fields(),
        jumps in prop::collection::vec(-4 * DAY..4 * DAY, 1..60),
    ) {
        let mut used = buckets(fields, name);
        let mut t = t;
        for jump in jumps {
            t += jump;
            let found = used.containing(t);
            prop_assert_eq!(found, buckets(fields, name).containing(t));
            prop_assert!(found.0 <= t && t < found.1);
        }
    }

    #[test]
    fn one_bucket_ends_where_the_next_begins_wherever_it_is(
        t in any::<i64>(),
        name in select(ZONES),
        fields in prop_oneof![
            fields(),
            select(vec![(0, 0, 1), (0, 0, 3), (0, 0, 25 * SECOND), (0, 0, 27 * SECOND)]),
            (1..=120_000).prop_map(|months| (months, 0, 0)),
            (1..=3_652_425).prop_map(|days| (0, days, 0)),
        ],
        near in any::<bool>(),
    ) {
        // Half of the instants lie within the years that anybody uses.
        let t = if near { t % at("9999-12-30T00:00Z") } else { t };
        let mut buckets = buckets(fields, name);
        let (start, end) = buckets.containing(t);
        prop_assert!(start <= t && (t < end || t == i64::MAX));
        prop_assert_eq!(buckets.containing(start), (start, end));
        prop_assert_eq!(buckets.containing(end - 1), (start, end));
        if start > i64::MIN {
            let before = buckets.containing(start - 1);
            prop_assert_eq!(before.1, start);
            prop_assert!(before.0 < start);
        }
        if end < i64::MAX {
            let after = buckets.containing(end);
            prop_assert_eq!(after.0, end);
            prop_assert!(end < after.1);
        }
    }
}

#[test]
fn old_changes_by_odd_seconds_are_those_of_the_clock() {
    for name in ["America/Juneau", "Africa/Monrovia", "Asia/Manila"] {
        let changes = Model::new(name).changes(at("1800-01-01T00:00Z"), at("1973-01-01T00:00Z"));
        for &change in changes.first().into_iter().chain(changes.last()) {
            for fields in [(0, 0, 15 * MINUTE), (0, 0, HOUR), (0, 0, 2 * HOUR)] {
                let mut buckets = buckets(fields, name);
                let (start, _) = check(&mut buckets, fields, name, change, SECOND);
                assert_eq!(buckets.containing(start - 1).1, start);
            }
        }
    }
}

#[test]
fn the_ends_of_time_are_in_a_bucket() {
    for name in ["UTC", "Europe/Stockholm", "Pacific/Kiritimati"] {
        for fields in [
            (0, 0, 1),
            (0, 0, HOUR),
            (0, 0, 2 * HOUR),
            (0, 1, 0),
            (1, 0, 0),
            (120_000, 0, 0),
        ] {
            let mut buckets = buckets(fields, name);
            let (start, end) = buckets.containing(i64::MIN);
            assert!(start == i64::MIN && end > start);
            let (start, end) = buckets.containing(i64::MAX);
            assert!(start < end && end == i64::MAX);
        }
    }
}

#[test]
fn the_years_1_and_9999_have_their_days() {
    let mut days = buckets((0, 1, 0), "UTC");
    for t in [
        at("0001-01-01T00:00Z"),
        at("9999-12-30T00:00Z"),
        at("9999-12-30T00:00Z") + DAY,
    ] {
        assert_eq!(days.containing(t), (t, t + DAY));
        assert_eq!(days.containing(t + DAY - 1), (t, t + DAY));
    }
    let mut years = buckets((12, 0, 0), "UTC");
    let last = at("9999-01-01T00:00Z");
    assert_eq!(
        years.containing(at("9999-12-30T00:00Z") + DAY),
        (last, last + 365 * DAY)
    );
}
