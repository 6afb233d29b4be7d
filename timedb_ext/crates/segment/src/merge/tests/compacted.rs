//! Merging what compaction leaves: segments that hold many versions of each point.

use super::*;
use crate::{Newest, Segment, SegmentKey, decode, decode_unstamped, encode};

const KEY: SegmentKey = SegmentKey {
    tenant: [1; 16],
    series: [2; 16],
};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    /// Forecasts after compaction: segments of many runs each.
    #[test]
    fn merged_forecasts_merge_like_the_list(
        runs in prop::collection::vec((0i64..6, 1i64..20, 0i64..30, 0i64..3, 0usize..9), 1..60),
        takes in prop::collection::vec(any::<bool>(), 1..8),
        filter in filters(),
        compact in 1usize..2000,
    ) {
        let mut parts: BTreeMap<usize, Vec<Version>> = BTreeMap::new();
        let mut all = Vec::new();
        for (r, &(start, length, known, change, part)) in runs.iter().enumerate() {
            let run = (0..length).map(|i| {
                let change = change * 1000 + r as i64;
                let valid = part as i64 * 3 + start + i;
                (valid, NO_END, known, change, change, Some(r as i64 * 100 + i))
            });
            all.extend(run.clone());
            parts.entry(part).or_default().extend(run);
        }
        let segments: Vec<Points> = parts
            .into_values()
            .map(|mut part| {
                part.sort();
                points(&part, false)
            })
            .collect();
        check(&all, &segments, &takes, filter, compact);
    }

    /// The same, read from segments as a flat read does: without stamps where that can wait.
    #[test]
    fn stamps_are_read_where_they_decide(
        runs in prop::collection::vec((0i64..6, 4i64..20, 0i64..60, 0i64..3, 0usize..9), 10..90),
        as_known in any::<bool>(),
        filter in filters(),
        hold in prop::sample::select(vec![0, 60, HOLD]),
        compact in 100usize..2000,
    ) {
        // As a scheduler writes them, or known in any order.
        let filter = Filter {
            start_known: filter.start_known,
            end_known: filter.end_known.map(|known| known * 3),
            end_change: filter.end_change.map(|change| change * 10),
            ..Filter::default()
        };
        let mut parts: BTreeMap<usize, Vec<Version>> = BTreeMap::new();
        let mut all = Vec::new();
        for (r, &(start, length, known, change, part)) in runs.iter().enumerate() {
            let (known, change) = match as_known {
                true => (known, change * 1000 + r as i64),
                false => (part as i64 * 7 + known / 9, part as i64 * 1000 + r as i64),
            };
            let run = (0..length).map(|i| {
                let valid = part as i64 * 5 + start + i;
                // Far apart, so that they are written as runs.
                let valid = valid * (valid + 37) * 1_000_003;
                (valid, NO_END, known, change, change, Some(r as i64 * 100 + i))
            });
            all.extend(run.clone());
            parts.entry(part).or_default().extend(run);
        }
        let mut segments: Vec<Segment> = parts
            .into_values()
            .map(|mut part| {
                part.sort();
                encode(&KEY, &points(&part, false)).expect("points in order")
            })
            .collect();
        segments.sort_by_key(|segment| segment.bounds.min_valid);
        let mut merger = Merger::new(Mode::Flat, filter).hold_back(hold);
        merger.compact_at = compact;
        merger.compact_from = compact;
        let mut out = Vec::new();
        for (id, Segment { bounds, blob, .. }) in (0..).zip(segments) {
            let newest = match filter.keeps_all_versions(&bounds) {
                true => decode_unstamped(&KEY, &bounds, &blob, None, None),
                false => decode(&KEY, &bounds, &blob).map(Newest::Stamped),
            };
            if let Some(merged) = merger.take_before(bounds.min_valid) {
                out.extend(rows(&merged));
            }
            match newest.expect("sound") {
                Newest::Stamped(points) => merger.push(points),
                Newest::Unstamped(points) => merger.push_unstamped(points, Unstamped {
                    segment_id: id,
                    key: KEY,
                    bounds,
                    blob,
                }),
            }
            .expect("sound");
        }
        out.extend(rows(&merger.finish()));
        let mut expected = model(&all, Mode::Flat, &filter);
        for version in &mut expected {
            (version.2, version.3, version.4) = (0, 0, 0);
        }
        assert_eq!(out, expected);
    }
}

/// A segment of forecasts, each of which was known and written at these times.
fn forecasts(times: std::ops::Range<i64>, stamps: &[(i64, i64)]) -> Segment {
    let stamps = || stamps.iter().copied();
    let mut versions: Vec<Version> = times
        .flat_map(|time| {
            let valid = time * (time + 37) * 1_000_003;
            stamps()
                .map(move |(known, change)| (valid, NO_END, known, change, change, Some(change)))
        })
        .collect();
    versions.sort();
    encode(&KEY, &points(&versions, false)).expect("points in order")
}

fn push(merger: &mut Merger, segment_id: i64, segment: &Segment) -> Result<(), Damage> {
    let (bounds, blob) = (segment.bounds, segment.blob.clone());
    match decode_unstamped(&KEY, &bounds, &blob, None, None).expect("sound") {
        Newest::Stamped(_) => panic!("they are written as runs"),
        Newest::Unstamped(points) => merger.push_unstamped(
            points,
            Unstamped {
                segment_id,
                key: KEY,
                bounds,
                blob,
            },
        ),
    }
}

#[test]
fn only_stamps_that_decide_are_read() {
    let first = forecasts(0..40, &[(1, 10), (2, 20), (3, 30)]);
    let later = forecasts(20..60, &[(3, 40), (4, 50)]);
    let crossing = forecasts(30..70, &[(2, 60), (5, 45)]);
    let apart = forecasts(80..120, &[(2, 70), (4, 80)]);
    let mut merger = Merger::new(Mode::Flat, Filter::default());
    let unread = |merger: &Merger| -> Vec<bool> {
        merger
            .held
            .iter()
            .map(|held| held.unstamped.is_some())
            .collect()
    };
    push(&mut merger, 1, &first).expect("nothing to read");
    push(&mut merger, 2, &later).expect("nothing to read");
    assert_eq!(unread(&merger), [true, true]);
    push(&mut merger, 3, &crossing).expect("sound");
    assert_eq!(unread(&merger), [false, false, false]);
    push(&mut merger, 4, &apart).expect("nothing to read");
    assert_eq!(unread(&merger), [false, false, false, true]);
}

#[test]
fn stamps_that_cannot_be_read_name_their_segment() {
    let mut merger = Merger::new(Mode::Flat, Filter::default());
    let mut one = forecasts(0..40, &[(1, 10), (5, 20), (3, 30)]);
    let other = forecasts(20..60, &[(3, 40), (4, 50)]);
    let newest = decode_unstamped(&KEY, &one.bounds, &one.blob, None, None).expect("sound");
    one.blob[9] ^= 1;
    let Newest::Unstamped(points) = newest else {
        panic!("they are written as runs");
    };
    let unstamped = Unstamped {
        segment_id: 7,
        key: KEY,
        bounds: one.bounds,
        blob: one.blob,
    };
    merger
        .push_unstamped(points, unstamped)
        .expect("nothing to read");
    let damage = push(&mut merger, 8, &other).expect_err("its checksum is wrong");
    assert_eq!(damage.segment_id, 7);
}

#[test]
fn merged_forecasts_take_turns_in_pieces() {
    let segment = |first: i64| {
        let versions = (first..first + 20).flat_map(|valid| {
            let known = (first..first + 9).filter(move |known| known % 2 == first % 2);
            known.map(move |known| (valid, NO_END, known, known, known, Some(valid)))
        });
        Held::new(points(&versions.collect::<Vec<_>>(), false), 0)
    };
    let held = [segment(0), segment(10)];
    let slices = held.each_ref().map(|held| Slice {
        held,
        from: 0,
        to: held.points.len(),
    });
    let pieces = pieces::of(&slices, Mode::Overlapping).expect("few turns");
    // 10 times of the first alone with the first turn, 9 turns of each, and the rest of the second.
    assert_eq!(pieces.len(), 20);
    let total: usize = pieces.iter().map(Slice::len).sum();
    assert_eq!(total, 2 * held[0].points.len());
    // Slice by slice in other turns: too short.
    let held: Vec<Held> = (0..8)
        .map(|slice| {
            let versions = (0..100).map(|t| (t, NO_END, slice, slice, slice, Some(t)));
            Held::new(points(&versions.collect::<Vec<_>>(), false), 0)
        })
        .collect();
    let slices: Vec<Slice<'_>> = (held.iter())
        .map(|held| Slice {
            held,
            from: 0,
            to: 100,
        })
        .collect();
    assert!(pieces::of(&slices, Mode::Overlapping).is_none());
}
