//! Merging against a model: a list of every version ever written.

use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::{Column, NO_END, Note};

mod compacted;

/// (valid_time, valid_time_end, known_time, change_time, the same again, value or null).
type Version = (i64, i64, i64, i64, i64, Option<i64>);

fn points(versions: &[Version], constant: bool) -> Points {
    fn each<T>(versions: &[Version], pick: impl Fn(&Version) -> T) -> Vec<T> {
        versions.iter().map(pick).collect()
    }
    let stamp = |pick: fn(&Version) -> i64| match constant {
        true => Column::of(each(versions, pick)),
        false => Column::Each(each(versions, pick)),
    };
    let ends = each(versions, |v| v.1);
    let nulls = each(versions, |v| v.5.is_none());
    Points {
        valid_time: each(versions, |v| v.0),
        valid_time_end: ends.iter().any(|&end| end != NO_END).then_some(ends),
        value: each(versions, |v| v.5.unwrap_or(0) as f64),
        nulls: nulls.contains(&true).then_some(nulls),
        known_time: stamp(|v| v.2),
        change_time: stamp(|v| v.3),
        batch: Some(Column::of(each(versions, |v| batch(v.4)))),
        notes: Some(each(versions, |v| note(v.4))),
    }
}

/// The batch and the note follow from the write, so that what comes out can be checked.
fn batch(value_id: i64) -> [u8; 16] {
    [value_id as u8; 16]
}

fn note(value_id: i64) -> Option<Rc<Note>> {
    (value_id % 3 == 0).then(|| {
        Rc::new(Note {
            annotation: Some(value_id.to_string()),
            ..Note::default()
        })
    })
}

fn model(versions: &[Version], mode: Mode, filter: &Filter) -> Vec<Version> {
    let inside = |t: i64, start: Option<i64>, end: Option<i64>| {
        start.is_none_or(|start| t >= start) && end.is_none_or(|end| t < end)
    };
    let mut newest: BTreeMap<(i64, i64, i64, i64, i64), Version> = BTreeMap::new();
    let mut sorted = versions.to_vec();
    sorted.sort_by_key(|v| (v.2, v.3, v.4));
    for v in sorted {
        if !inside(v.0, filter.start_valid, filter.end_valid)
            || !inside(v.2, filter.start_known, filter.end_known)
            || !inside(v.3, None, filter.end_change)
            || filter.min_lead.is_some_and(|min| v.0 - v.2 < min)
            || filter.max_lead.is_some_and(|max| v.0 - v.2 > max)
        {
            continue;
        }
        let key = match mode {
            Mode::Flat => (v.0, v.1, 0, 0, 0),
            Mode::Overlapping => (v.0, v.1, v.2, 0, 0),
            Mode::Versions => (v.0, v.1, v.2, v.3, v.4),
        };
        newest.insert(key, v);
    }
    newest.into_values().collect()
}

/// What was merged, with 0 for what the mode doesn't answer.
fn rows(merged: &Merged) -> Vec<Version> {
    (0..merged.len())
        .map(|i| {
            if let Some(&version) = merged.change_time.get(i) {
                assert_eq!(merged.batch[i], batch(version));
                let note_of = |notes: &crate::Notes| notes[i].clone();
                assert_eq!(merged.notes.as_ref().and_then(note_of), note(version));
            }
            let null = merged.nulls.as_ref().is_some_and(|nulls| nulls[i]);
            (
                merged.valid_time[i],
                merged
                    .valid_time_end
                    .as_ref()
                    .map_or(NO_END, |ends| ends[i]),
                merged.known_time.get(i).copied().unwrap_or(0),
                merged.change_time.get(i).copied().unwrap_or(0),
                merged.change_time.get(i).copied().unwrap_or(0),
                (!null).then_some(merged.value[i] as i64),
            )
        })
        .collect()
}

/// Pushes segments as a read does and collects what leaves, checking that it leaves in time.
fn stream(merger: Merger, mut segments: Vec<Points>, takes: &[bool]) -> Vec<Version> {
    let mut merger = merger;
    segments.sort_by_key(|segment| segment.valid_time[0]);
    let mut out = Vec::new();
    for (i, segment) in segments.into_iter().enumerate() {
        let next = segment.valid_time[0];
        if takes[i % takes.len()] {
            if let Some(merged) = merger.take_before(next) {
                assert!(merged.valid_time.iter().all(|&t| t < next) && !merged.is_empty());
                out.extend(rows(&merged));
            }
            if merger.hold == 0 {
                let held = merger.held.iter();
                assert!(
                    held.flat_map(|held| &held.points.valid_time[held.from..])
                        .all(|&t| t >= next)
                );
            }
        }
        merger.push(segment).expect("stamped");
    }
    out.extend(rows(&merger.finish()));
    out
}

fn check(
    versions: &[Version],
    segments: &[Points],
    takes: &[bool],
    filter: Filter,
    compact: usize,
) {
    for mode in [Mode::Flat, Mode::Overlapping, Mode::Versions] {
        let mut expected = model(versions, mode, &filter);
        for v in &mut expected {
            if mode != Mode::Versions {
                v.3 = 0;
                v.4 = 0;
            }
            if mode == Mode::Flat {
                v.2 = 0;
            }
        }
        for hold in [0, HOLD] {
            let mut merger = Merger::new(mode, filter).hold_back(hold);
            merger.compact_at = compact;
            merger.compact_from = compact;
            let answer = stream(merger, segments.to_vec(), takes);
            assert_eq!(answer, expected, "{mode:?}, hold {hold}, {filter:?}");
        }
    }
}

fn filters() -> impl Strategy<Value = Filter> {
    let bound = || prop::option::weighted(0.3, -2i64..22);
    let lead = || prop::option::weighted(0.2, -20i64..20);
    let change = prop::option::weighted(0.3, (-1i64..7).prop_map(|t| t * 1000));
    let bounds = (bound(), bound(), bound(), bound(), change, lead(), lead());
    bounds.prop_map(
        |(start_valid, end_valid, start_known, end_known, end_change, min_lead, max_lead)| Filter {
            start_valid,
            end_valid,
            start_known,
            end_known,
            end_change,
            min_lead,
            max_lead,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    /// Any versions in any segments.
    #[test]
    fn arbitrary_segments_merge_like_the_list(
        raw in prop::collection::vec((0i64..20, 0i64..4, 0i64..20, 0i64..5, 0usize..12, any::<bool>()), 1..120),
        constant in any::<bool>(),
        takes in prop::collection::vec(any::<bool>(), 1..8),
        filter in filters(),
        compact in 1usize..200,
    ) {
        let mut parts: BTreeMap<usize, Vec<Version>> = BTreeMap::new();
        let mut all = Vec::new();
        for (i, &(valid, length, known, change, part, null)) in raw.iter().enumerate() {
            let end = if length == 0 { NO_END } else { valid + length };
            // No two writes have the same change_time.
            let change = change * 1000 + i as i64 * 7 % 1000;
            let version = (valid, end, known, change, change, (!null).then_some(i as i64));
            all.push(version);
            parts.entry(part).or_default().push(version);
        }
        let segments: Vec<Points> = parts
            .into_values()
            .map(|mut part| {
                part.sort();
                points(&part, constant)
            })
            .collect();
        check(&all, &segments, &takes, filter, compact);
    }

    /// Runs as forecasts write them: one stamp each, mostly on one grid.
    #[test]
    fn forecast_runs_merge_like_the_list(
        runs in prop::collection::vec((0i64..20, 1i64..12, 0i64..20, 0i64..3, 0u8..10), 1..25),
        interval in any::<bool>(),
        takes in prop::collection::vec(any::<bool>(), 1..8),
        filter in filters(),
        compact in 1usize..200,
    ) {
        let mut all = Vec::new();
        let mut segments = Vec::new();
        for (r, &(start, length, known, change, odd)) in runs.iter().enumerate() {
            let step = if odd == 0 { 2 } else { 1 };
            let run: Vec<Version> = (0..length)
                .map(|i| {
                    let valid = start + i * step;
                    let end = if interval || odd == 1 { valid + 1 } else { NO_END };
                    let change = change * 1000 + r as i64;
                    (valid, end, known, change, change, Some(r as i64 * 100 + i))
                })
                .collect();
            segments.push(points(&run, true));
            all.extend(run);
        }
        check(&all, &segments, &takes, filter, compact);
    }
}

#[test]
fn aligned_runs_take_the_quick_way() {
    let runs: Vec<Held> = (0..10)
        .map(|r| {
            let run: Vec<Version> = (r..r + 5).map(|t| (t, NO_END, r, 0, 0, Some(r))).collect();
            Held::new(points(&run, true), 0)
        })
        .collect();
    let slices: Vec<Slice<'_>> = runs
        .iter()
        .map(|held| Slice {
            held,
            from: 0,
            to: held.points.len(),
        })
        .collect();
    let pieces = fold::newest(&slices).expect("one grid");
    let lengths: Vec<usize> = pieces.iter().map(|piece| piece.to - piece.from).collect();
    assert_eq!(lengths, [1, 1, 1, 1, 1, 1, 1, 1, 1, 5]);
}

#[test]
fn a_single_segment_goes_straight_through() {
    let run: Vec<Version> = (0..2000).map(|t| (t, NO_END, 0, 0, 0, Some(t))).collect();
    for (start_valid, end_known, from) in
        [(None, None, 0), (Some(0), Some(1), 0), (Some(5), None, 5)]
    {
        let points = points(&run, end_known.is_none());
        let address = points.value.as_ptr();
        let filter = Filter {
            start_valid,
            end_known,
            ..Filter::default()
        };
        let mut merger = Merger::new(Mode::Flat, filter);
        merger.push(points).expect("stamped");
        let merged = merger.take_before(5000).expect("all of it");
        assert_eq!(
            (merged.value.as_ptr(), merged.len()),
            (address, 2000 - from)
        );
        assert_eq!(merged.valid_time[0], from as i64);
        assert!(merger.take_before(6000).is_none());
        assert!(merger.finish().is_empty());
    }
}

#[test]
fn segments_one_after_the_other_leave_one_by_one() {
    let mut merger = Merger::new(Mode::Flat, Filter::default());
    for s in 0..10 {
        let run: Vec<Version> = (0..500)
            .map(|t| (s * 500 + t, NO_END, 0, 0, 0, Some(t)))
            .collect();
        let points = points(&run, true);
        let address = points.value.as_ptr();
        merger.push(points).expect("stamped");
        let merged = merger.take_before((s + 1) * 500).expect("all of it");
        assert_eq!((merged.value.as_ptr(), merged.len()), (address, 500));
    }
    assert!(merger.finish().is_empty());
}

#[test]
fn memory_does_not_grow_with_versions_of_the_same_points() {
    let mut merger = Merger::new(Mode::Flat, Filter::default());
    for r in 0..1000 {
        let run: Vec<Version> = (0..1000).map(|t| (t, NO_END, r, 0, 0, Some(r))).collect();
        merger.push(points(&run, true)).expect("stamped");
        assert!(merger.size <= COMPACT);
        assert!(merger.take_before(0).is_none());
    }
    let merged = merger.finish();
    assert_eq!(merged.value, vec![999.0; 1000]);
}
