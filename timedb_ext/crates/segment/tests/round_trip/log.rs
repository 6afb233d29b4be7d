//! Rows of the log and chunks of batches come back as they were written, and damage does not.

use super::columns::columns;
use proptest::prelude::*;
use std::rc::Rc;
use timedb_segment::{
    Batch, BatchIds, BatchKind, Column, LogKey, LogRow, Points, decode_batches, encode_batches,
    encode_log,
};

const TENANT: [u8; 16] = [1; 16];

fn instant() -> impl Strategy<Value = i64> {
    prop_oneof![
        Just(1_764_000_000_000_000),
        0i64..4_000_000_000_000_000,
        any::<i64>()
    ]
}

fn text() -> impl Strategy<Value = Option<String>> {
    prop::option::weighted(0.3, prop_oneof![Just("{}".to_owned()), ".{0,12}"])
}

fn id() -> impl Strategy<Value = Option<[u8; 16]>> {
    prop::option::of((0u8..4).prop_map(|b| [b; 16]))
}

fn batch() -> impl Strategy<Value = Batch> {
    let times = (
        instant(),
        prop::option::of(instant()),
        instant(),
        prop::option::of(instant()),
        prop::option::of((instant(), instant())),
    );
    let counts = (0u64..5000, prop_oneof![Just(0u64), 0u64..9]);
    let series = prop_oneof![
        Just(vec![[7; 16], [8; 16]]),
        prop::collection::vec((0u8..9).prop_map(|b| [b; 16]), 0..6)
    ];
    (
        times,
        id(),
        id(),
        any::<bool>(),
        text(),
        text(),
        counts,
        series,
    )
        .prop_map(
            |(times, user, chosen_id, correction, workflow_id, batch_params, counts, series)| {
                let (settled_time, known_time, start_time, finish_time, valid) = times;
                Batch {
                    change_time: 0,
                    settled_time,
                    chosen_id,
                    kind: match correction {
                        true => BatchKind::Correction,
                        false => BatchKind::Upload,
                    },
                    user,
                    workflow_id,
                    batch_params,
                    known_time,
                    start_time,
                    finish_time,
                    points: counts.0,
                    skipped: counts.1,
                    valid,
                    series: Rc::from(series),
                }
            },
        )
}

/// Some batches, ascending.
fn batches() -> impl Strategy<Value = Vec<Batch>> {
    let steps = prop_oneof![1i64..3, 1i64..1_000_000_000];
    let each = prop::collection::vec((batch(), steps), 1..60);
    (each, 0i64..2_000_000_000_000_000, any::<bool>()).prop_map(|(each, mut at, plain)| {
        let at_once = |(batch, step): (Batch, i64)| {
            at += step;
            let mut batch = Batch {
                change_time: at,
                ..batch
            };
            if plain {
                batch.known_time = Some(at);
                batch.start_time = at;
            }
            batch
        };
        each.into_iter().map(at_once).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn chunks_of_batches_come_back(batches in batches(), flip in any::<prop::sample::Index>()) {
        let (bounds, mut blob) = encode_batches(&TENANT, &batches).expect("encodes");
        prop_assert_eq!(decode_batches(&TENANT, &bounds, &blob), Ok(batches));
        prop_assert!(decode_batches(&[2; 16], &bounds, &blob).is_err());
        let bit = flip.index(blob.len() * 8);
        blob[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(decode_batches(&TENANT, &bounds, &blob).is_err());
    }

    #[test]
    fn rows_of_the_log_come_back(
        mut parts in prop::collection::vec((0usize..6).prop_flat_map(|n| columns(n.max(1))), 1..9),
        batch in batch(),
        shared in any::<bool>(),
        flip in any::<prop::sample::Index>(),
    ) {
        let change_time = 1_764_000_000_000_000;
        let batch = Batch {
            change_time,
            series: (0..parts.len() as u8).map(|b| [b; 16]).collect(),
            ..batch
        };
        for part in &mut parts {
            part.change_time = Column::Constant(change_time);
            let mut order: Vec<usize> = (0..part.len()).collect();
            order.sort_by_key(|&i| (part.valid_time[i], part.end(i), part.stamp(i)));
            *part = part.select(&order);
        }
        let counts: Vec<u32> = parts.iter().map(|part| part.len() as u32).collect();
        let total: usize = parts.iter().map(Points::len).sum();
        let batch = match shared {
            true => Batch {
                points: total as u64,
                valid: parts
                    .iter()
                    .flat_map(|part| part.valid_time.iter().copied())
                    .map(|t| (t, t))
                    .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))),
                ..batch
            },
            false => Batch {
                points: batch.points + total as u64 + 1,
                ..batch
            },
        };
        let all = Points::concat(&parts, &BatchIds::of(TENANT));
        let key = LogKey {
            tenant: TENANT,
            change_time,
            points: all.len() as u32,
            list: shared.then_some([9; 16]),
        };
        let mut blob = encode_log(&key, &batch, &counts, &all, !shared).expect("encodes");
        let list = shared.then_some(&*batch.series);
        let row = LogRow::open(key, &blob, list).expect("opens");
        prop_assert_eq!(row.series(), &*batch.series);
        prop_assert_eq!(row.batch(), Ok(batch.clone()));
        for (place, part) in parts.iter().enumerate() {
            let back = row.points(row.positions(place)).expect("decodes");
            super::same(&back, part);
        }
        prop_assert_eq!(row.positions(parts.len()).len(), 0);
        let bit = flip.index(blob.len() * 8);
        blob[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(LogRow::open(key, &blob, list).is_err());
    }
}
