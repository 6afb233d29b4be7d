//! Whatever is encoded comes back bit for bit, and in the size that is promised.

mod columns;
mod log;
mod ranges;

use std::rc::Rc;

use proptest::prelude::*;
use timedb_segment::{
    BatchIds, Column, MAX_POINTS, Note, Points, SegmentError, SegmentKey, decode, encode,
};

use columns::columns;

const KEY: SegmentKey = SegmentKey {
    tenant: [1; 16],
    series: [2; 16],
};
const HOUR: i64 = 3_600_000_000;
const START: i64 = 1_700_000_000_000_000 / HOUR * HOUR;

fn plain(valid_time: Vec<i64>, value: Vec<f64>) -> Points {
    Points {
        valid_time,
        valid_time_end: None,
        value,
        nulls: None,
        known_time: Column::Constant(START),
        change_time: Column::Constant(START + 1_234_567),
        batch: Some(Column::Constant([3; 16])),
        notes: None,
    }
}

/// Encodes, decodes, compares every bit, and returns the length of the blob.
fn round_trip(points: &Points) -> usize {
    let segment = encode(&KEY, points).expect("encodes");
    let back = decode(&KEY, &segment.bounds, &segment.blob).expect("decodes");
    let n = points.len();
    assert_eq!(segment.bounds.count as usize, n);
    assert_eq!(back.valid_time, points.valid_time);
    assert_eq!(back.valid_time_end, points.valid_time_end);
    assert_eq!(back.nulls, points.nulls);
    for i in 0..n {
        let expected = if points.is_null(i) {
            0.0
        } else {
            points.value[i]
        };
        assert_eq!(back.value[i].to_bits(), expected.to_bits(), "value {i}");
    }
    assert_eq!(back.known_time.to_vec(n), points.known_time.to_vec(n));
    assert_eq!(back.change_time.to_vec(n), points.change_time.to_vec(n));
    let batches = |points: &Points| points.batch.as_ref().map(|c| c.to_vec(n));
    assert_eq!(batches(&back), batches(points));
    assert_eq!(back.notes, points.notes);
    for (column, (min, max)) in [
        (
            &points.known_time,
            (segment.bounds.min_known, segment.bounds.max_known),
        ),
        (
            &points.change_time,
            (segment.bounds.min_change, segment.bounds.max_change),
        ),
    ] {
        let all = column.to_vec(n);
        assert_eq!(
            (all.iter().min(), all.iter().max()),
            (Some(&min), Some(&max))
        );
    }
    segment.blob.len()
}

/// Compares points by what they have, whatever columns it stands in.
fn same(a: &Points, b: &Points) {
    let ids = BatchIds::of(KEY.tenant);
    assert_eq!(a.valid_time, b.valid_time);
    for i in 0..a.len() {
        let value = |points: &Points| (!points.is_null(i)).then(|| points.value[i].to_bits());
        assert_eq!(value(a), value(b), "value {i}");
        assert_eq!(a.end(i), b.end(i), "end {i}");
        assert_eq!(a.stamp(i), b.stamp(i), "stamp {i}");
        assert_eq!(a.batch(i, &ids), b.batch(i, &ids), "batch {i}");
        assert_eq!(a.note(i), b.note(i), "note {i}");
    }
}

fn hourly(n: usize) -> Vec<i64> {
    (0..n as i64).map(|i| START + i * HOUR).collect()
}

/// A random walk with that many decimals.
fn walk(n: usize, seed: u64, decimals: i32) -> Vec<f64> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut at = 2000i64;
    (0..n)
        .map(|_| {
            at += random.i64(-60..=60);
            at as f64 / 10f64.powi(decimals)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(250) })]

    #[test]
    fn arbitrary_points_come_back(points in (1usize..40).prop_flat_map(columns)) {
        round_trip(&points);
    }

    #[test]
    fn many_arbitrary_points_come_back(points in (240usize..700).prop_flat_map(columns)) {
        round_trip(&points);
    }
}

#[test]
fn ordinary_data_has_the_promised_size() {
    let mut random = fastrand::Rng::with_seed(7);
    let bytes_a_value = |points: Points| round_trip(&points) as f64 / points.len() as f64;

    let day = |i: usize| (i as f64 / 24.0 * std::f64::consts::TAU).sin() * 300.0;
    let load =
        (0..MAX_POINTS).map(|i| (2000.0 + day(i) * 10.0 + random.f64() * 100.0).round() / 100.0);
    let size = bytes_a_value(plain(hourly(MAX_POINTS), load.collect()));
    assert!(size < 1.6, "hourly, two decimals: {size}");

    let minutes: Vec<i64> = (0..MAX_POINTS as i64)
        .map(|i| START + i * 60_000_000)
        .collect();
    let mut at = 215i64;
    let sensor = minutes.iter().map(|_| {
        at += [0, 0, 0, 0, 1, -1][random.usize(..6)];
        at as f64 / 10.0
    });
    let size = bytes_a_value(plain(minutes.clone(), sensor.collect()));
    assert!(size < 0.8, "minute sensor: {size}");

    let noise = minutes.iter().map(|_| random.f64());
    let size = bytes_a_value(plain(minutes.clone(), noise.collect()));
    assert!(size < 7.2, "random doubles: {size}");

    let size = round_trip(&plain(hourly(48), walk(48, 1, 2)));
    assert!(size < 120, "a run of 48 points: {size}");
    let size = round_trip(&plain(vec![START], vec![12.34]));
    assert!(size < 60, "one point: {size}");
    let size = round_trip(&plain(hourly(MAX_POINTS), vec![1.0 / 3.0; MAX_POINTS]));
    assert!(size < 80, "a constant: {size}");
}

#[test]
fn optional_columns_cost_little() {
    let base = plain(hourly(500), walk(500, 2, 1));
    let size = round_trip(&base);
    let ends = base.valid_time.iter().map(|start| start + HOUR).collect();
    let intervals = Points {
        valid_time_end: Some(ends),
        ..base.clone()
    };
    assert!(round_trip(&intervals) < size + 10);
    let mut nulls = vec![false; 500];
    nulls[100..150].fill(true);
    let mut holes = Points {
        nulls: Some(nulls),
        ..base.clone()
    };
    holes.value[100..150].fill(0.0);
    let with_holes = round_trip(&holes);
    assert!(with_holes < size + 10, "{with_holes} instead of {size}");
    let note = Rc::new(Note {
        annotation: Some("sensor replaced".to_owned()),
        tags: vec!["checked".to_owned()],
        metadata: Some(r#"{"by":"hand"}"#.to_owned()),
        changed_by: Some([7; 16]),
    });
    let mut notes = vec![None; 500];
    notes[100..200].fill(Some(note));
    let remarks = Points {
        notes: Some(notes),
        ..base.clone()
    };
    assert!(round_trip(&remarks) < size + 360);
    let mut patched = base;
    patched.value[77] = -0.0;
    patched.value[78] = 0.1 + 0.2;
    assert!(round_trip(&patched) < size + 25);
}

#[test]
fn unsound_points_are_refused() {
    let good = plain(hourly(10), vec![1.5; 10]);
    let refused = |points: Points| matches!(encode(&KEY, &points), Err(SegmentError::Invalid(_)));
    assert!(!refused(good.clone()));
    assert!(refused(plain(vec![], vec![])));
    assert!(refused(plain(hourly(10), vec![1.5; 9])));
    let mut swapped = good.clone();
    swapped.valid_time.swap(3, 4);
    assert!(refused(swapped));
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut wild = good.clone();
        wild.value[4] = value;
        assert!(refused(wild.clone()));
        // Behind a null anything may stand.
        wild.nulls = Some((0..10).map(|i| i == 4).collect());
        assert_eq!(
            encode(&KEY, &wild).map(|segment| segment.bounds.count),
            Ok(10)
        );
    }
    let short_nulls = Points {
        nulls: Some(vec![false; 3]),
        ..good.clone()
    };
    assert!(refused(short_nulls));
    assert!(refused(Points {
        notes: Some(vec![None; 9]),
        ..good.clone()
    }));
    assert!(refused(Points {
        batch: Some(Column::Each(vec![[1; 16]; 11])),
        ..good
    }));
    let many = (1 << 20) + 1;
    assert!(refused(plain(
        (0..many).collect(),
        vec![0.0; many as usize]
    )));
}
