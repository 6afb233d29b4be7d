//! A part of a segment is what the whole has in that range.

use proptest::prelude::*;
use timedb_segment::{Column, Points, Segment, decode, decode_range, encode};

use super::columns::columns;
use super::{HOUR, KEY, START, hourly, plain, walk};

/// Compares a range with the same part of the whole, bit for bit; returns how many points it has.
fn check(whole: &Points, segment: &Segment, start: Option<i64>, end: Option<i64>) -> usize {
    let part =
        decode_range(&KEY, &segment.bounds, &segment.blob, start, end).expect("decodes in part");
    let inside = |t: i64| start.is_none_or(|start| t >= start) && end.is_none_or(|end| t < end);
    let positions: Vec<usize> = (0..whole.len())
        .filter(|&i| inside(whole.valid_time[i]))
        .collect();
    let expected = whole.select(&positions);
    assert_eq!(part, expected, "{start:?} to {end:?}");
    let bits = |points: &Points| -> Vec<u64> { points.value.iter().map(|v| v.to_bits()).collect() };
    assert_eq!(bits(&part), bits(&expected), "{start:?} to {end:?}");
    positions.len()
}

/// Ranges that begin and end at points, beside them, nowhere and anywhere.
fn check_ranges(points: &Points, picks: &[(prop::sample::Index, i64, bool, i64)]) {
    let segment = encode(&KEY, points).expect("encodes");
    let whole = decode(&KEY, &segment.bounds, &segment.blob).expect("decodes");
    assert_eq!(check(&whole, &segment, None, None), points.len());
    let mut bounds = vec![None, Some(i64::MIN), Some(i64::MAX)];
    for &(index, beside, anywhere, other) in picks {
        let at = points.valid_time[index.index(points.len())].saturating_add(beside);
        bounds.push(Some(if anywhere { other } else { at }));
    }
    for &start in &bounds {
        for &end in &bounds {
            check(&whole, &segment, start, end);
        }
    }
}

fn picks() -> impl Strategy<Value = Vec<(prop::sample::Index, i64, bool, i64)>> {
    let pick = (
        any::<prop::sample::Index>(),
        -1i64..=1,
        prop::bool::weighted(0.1),
        any::<i64>(),
    );
    prop::collection::vec(pick, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn ranges_of_few_points((points, picks) in ((1usize..40).prop_flat_map(columns), picks())) {
        check_ranges(&points, &picks);
    }

    #[test]
    fn ranges_of_one_page((points, picks) in ((240usize..700).prop_flat_map(columns), picks())) {
        check_ranges(&points, &picks);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn ranges_of_several_pages((points, picks) in ((1020usize..2600).prop_flat_map(columns), picks())) {
        check_ranges(&points, &picks);
    }
}

/// Columns of several pages, and of pages of different lengths.
fn paged(n: usize, seed: u64) -> Points {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut at = START;
    let mut points = plain(hourly(n), walk(n, seed, 2));
    for time in &mut points.valid_time {
        at += random.i64(1..HOUR);
        *time = at;
    }
    let ends = points.valid_time.iter().map(|t| t + random.i64(0..HOUR));
    points.valid_time_end = Some(ends.collect());
    let nulls: Vec<bool> = (0..n).map(|i| i % 700 > 650 || random.u8(..) < 3).collect();
    for (value, null) in points.value.iter_mut().zip(&nulls) {
        match random.u8(..) {
            _ if *null => *value = 0.0,
            0..5 => *value = -0.0,
            5..7 => *value = random.f64(),
            _ => {}
        }
    }
    points.nulls = Some(nulls);
    let mut each = |step: i64| {
        let run = |i: usize| i as i64 / 48 * step;
        Column::Each((0..n).map(|i| run(i) + random.i64(0..step)).collect())
    };
    points.known_time = each(2);
    points.change_time = each(500);
    points.batch = Some(Column::Each((0..n).map(|i| [(i / 48) as u8; 16]).collect()));
    points
}

#[test]
fn pages_are_found_from_everywhere() {
    for (seed, n) in [1024, 1025, 1536, 1537, 2048, 3333, 4096]
        .into_iter()
        .enumerate()
    {
        let irregular = paged(n, seed as u64);
        let regular = Points {
            valid_time: hourly(n),
            valid_time_end: None,
            nulls: None,
            ..irregular.clone()
        };
        let noise = Points {
            value: irregular
                .valid_time
                .iter()
                .map(|t| (*t as f64).sin())
                .collect(),
            ..regular.clone()
        };
        for points in [irregular, regular, noise] {
            let segment = encode(&KEY, &points).expect("encodes");
            let whole = decode(&KEY, &segment.bounds, &segment.blob).expect("decodes");
            let times = &points.valid_time;
            for from in (0..n).step_by(127).chain([511, 512, 513, 1023, n - 1]) {
                for length in [1, 24, 256, 600] {
                    let to = (from + length).min(n);
                    let end = times.get(to).copied();
                    let found = check(&whole, &segment, Some(times[from]), end);
                    assert_eq!(found, to - from);
                }
            }
        }
    }
}

#[test]
fn ranges_without_points_are_empty() {
    let points = paged(2000, 1);
    let times = &points.valid_time;
    let segment = encode(&KEY, &points).expect("encodes");
    let whole = decode(&KEY, &segment.bounds, &segment.blob).expect("decodes");
    for (start, end) in [
        (None, Some(times[0])),
        (Some(times[1999] + 1), None),
        (Some(times[700]), Some(times[700])),
        (Some(times[1500]), Some(times[30])),
        (Some(times[700] + 1), Some(times[701])),
    ] {
        assert_eq!(check(&whole, &segment, start, end), 0);
    }
}
