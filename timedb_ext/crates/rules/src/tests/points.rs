//! Point-in-time reads against a naive model: every version looked at for every value that is asked for.

use crate::points::{PointAsked, PointFound, PointMatcher};
use proptest::prelude::*;
use timedb_segment::{Merged, NO_END};

/// valid_time, valid_time_end, known_time, value.
type Version = (i64, i64, i64, Option<f64>);

fn merged(versions: &[Version]) -> Merged {
    let ends: Vec<i64> = versions.iter().map(|v| v.1).collect();
    let nulls: Vec<bool> = versions.iter().map(|v| v.3.is_none()).collect();
    Merged {
        valid_time: versions.iter().map(|v| v.0).collect(),
        valid_time_end: ends.iter().any(|&end| end != NO_END).then_some(ends),
        known_time: versions.iter().map(|v| v.2).collect(),
        value: versions.iter().map(|v| v.3.unwrap_or(0.0)).collect(),
        nulls: nulls.contains(&true).then_some(nulls),
        ..Merged::default()
    }
}

/// What the values are, or the SQLSTATE and message of the error.
type Answer = Result<Vec<Option<PointFound>>, String>;

fn matched(versions: &[Version], chunk: usize, asked: &[PointAsked], max_age: i64) -> Answer {
    let mut sorted = asked.to_vec();
    sorted.sort_by_key(|asked| asked.valid_time);
    let mut answer = vec![None; asked.len()];
    let mut found = |place: usize, point| answer[place] = Some(point);
    let mut matcher = PointMatcher::new(&sorted, max_age);
    let all = versions
        .chunks(chunk)
        .try_for_each(|chunk| matcher.take(&merged(chunk), &mut found));
    let all = all.and_then(|()| matcher.finish(&mut found));
    all.map(|()| answer).map_err(|error| error.into_parts().1)
}

fn model(versions: &[Version], asked: &PointAsked, max_age: i64) -> Result<Option<PointFound>, ()> {
    let known = versions.iter().filter(|v| {
        v.2 <= asked.as_of
            && (asked.valid_time - max_age..=asked.valid_time).contains(&v.0)
            && asked.valid_time_end.is_none_or(|end| end == v.1)
    });
    let Some(last) = known.clone().map(|v| v.0).max() else {
        return Ok(None);
    };
    let known: Vec<_> = known.filter(|v| v.0 == last).collect();
    if known.iter().any(|v| v.1 != known[0].1) {
        return Err(());
    }
    let newest = known.iter().max_by_key(|v| v.2).expect("there is one");
    Ok(Some(PointFound {
        valid_time: newest.0,
        valid_time_end: newest.1,
        known_time: newest.2,
        value: newest.3,
    }))
}

fn versions(intervals: f64) -> impl Strategy<Value = Vec<Version>> {
    let end = prop::option::weighted(intervals, 1i64..3);
    let value = prop::option::weighted(0.8, (-9i32..9).prop_map(f64::from));
    let version = (0i64..20, end, 0i64..12, value);
    prop::collection::vec(version, 0..60).prop_map(|raw| {
        let versions = raw.into_iter();
        let mut versions: Vec<Version> = versions
            .map(|(t, length, known, v)| (t, length.map_or(NO_END, |l| t + l), known, v))
            .collect();
        versions.sort_by_key(|v| (v.0, v.1, v.2));
        versions.dedup_by_key(|v| (v.0, v.1, v.2));
        versions
    })
}

fn asked(ends: f64) -> impl Strategy<Value = Vec<PointAsked>> {
    let end = prop::option::weighted(ends, prop::option::of(1i64..3));
    prop::collection::vec((-2i64..22, end, -1i64..13), 0..40).prop_map(|raw| {
        let asked = raw.into_iter().enumerate();
        asked
            .map(|(place, (t, end, as_of))| PointAsked {
                valid_time: t,
                valid_time_end: end.map(|length| length.map_or(NO_END, |length| t + length)),
                as_of,
                place,
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

    #[test]
    fn each_value_is_the_one_that_was_known_by_its_own_cutoff(
        (versions, asked, max_age) in prop_oneof![
            (versions(1e-9), asked(1e-9), 0i64..8),
            (versions(0.1), asked(1e-9), 0i64..8),
            (versions(0.5), asked(0.9), Just(0i64)),
        ],
        chunk in 1usize..20,
    ) {
        let answer = matched(&versions, chunk, &asked, max_age);
        let expected: Vec<_> = asked.iter().map(|one| model(&versions, one, max_age)).collect();
        match answer {
            Ok(answer) => {
                let answer: Vec<_> = answer.into_iter().map(Ok).collect();
                prop_assert_eq!(answer, expected);
            }
            Err(message) => {
                let place = message.strip_prefix("row ").and_then(|rest| rest.split(':').next());
                let place: usize = place.and_then(|place| place.parse().ok()).expect("a row");
                prop_assert_eq!(expected[place - 1], Err(()), "{}", message);
            }
        }
    }
}

#[test]
fn a_null_is_found_and_nothing_is_not() {
    let versions = [(5, NO_END, 1, Some(1.0)), (5, NO_END, 3, None)];
    let asked = [0, 2, 9].map(|as_of| PointAsked {
        valid_time: 5,
        valid_time_end: None,
        as_of,
        place: [0, 9, 1, 9, 9, 9, 9, 9, 9, 2][as_of as usize],
    });
    let answer = matched(&versions, 1, &asked, 0).expect("one point");
    let values: Vec<_> = answer
        .iter()
        .map(|found| found.map(|found| found.value))
        .collect();
    assert_eq!(values, [None, Some(Some(1.0)), Some(None)]);
}

#[test]
fn several_points_at_one_time_are_refused_only_where_they_were_known() {
    let versions = [(5, NO_END, 1, Some(1.0)), (5, 7, 3, Some(2.0))];
    let at = |as_of, valid_time_end| {
        let asked = PointAsked {
            valid_time: 5,
            valid_time_end,
            as_of,
            place: 0,
        };
        let answer = matched(&versions, 9, &[asked], 0);
        answer.map(|answer| answer[0].and_then(|found| found.value))
    };
    assert_eq!(at(2, None), Ok(Some(1.0)));
    assert_eq!(at(3, Some(NO_END)), Ok(Some(1.0)));
    assert_eq!(at(3, Some(7)), Ok(Some(2.0)));
    assert_eq!(at(3, Some(8)), Ok(None));
    let refused = at(3, None).expect_err("two points");
    assert!(
        refused.starts_with("row 1: several points have the valid_time"),
        "{refused}"
    );
}

#[test]
fn the_ends_of_time_are_no_trouble() {
    let versions = [
        (i64::MIN + 1, NO_END, i64::MIN, Some(1.0)),
        (i64::MAX - 1, NO_END, 0, Some(2.0)),
    ];
    let asked = |valid_time| PointAsked {
        valid_time,
        valid_time_end: None,
        as_of: 0,
        place: 0,
    };
    for (t, value) in [(i64::MIN, None), (0, Some(1.0)), (i64::MAX - 1, Some(2.0))] {
        let answer = matched(&versions, 1, &[asked(t)], i64::MAX).expect("one point");
        assert_eq!(answer[0].and_then(|found| found.value), value, "{t}");
    }
}
