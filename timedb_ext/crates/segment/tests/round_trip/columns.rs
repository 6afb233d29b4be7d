//! Arbitrary points: every kind of column, in the order of a segment.

use std::rc::Rc;

use proptest::prelude::*;
use timedb_segment::{Column, NO_END, Note, Notes, Points};

use super::HOUR;

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![-5i64..5, (-4i64..4).prop_map(|i| i * HOUR), any::<i64>()]
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => (-100_000i64..100_000).prop_map(|i| i as f64 / 100.0),
        2 => (any::<i32>(), 0i32..20).prop_map(|(i, e)| f64::from(i) / 10f64.powi(e)),
        1 => any::<f64>().prop_map(|v| if v.is_finite() { v } else { -0.0 }),
        1 => prop::sample::select(vec![0.0, -0.0, f64::MIN_POSITIVE, 5e-324, -5e-324, f64::MAX, f64::MIN, 1e15, 2f64.powi(51), 2f64.powi(53), 0.1 + 0.2]),
    ]
}

fn stamps(n: usize) -> BoxedStrategy<Column<i64>> {
    prop_oneof![
        any::<i64>().prop_map(Column::Constant),
        prop::collection::vec(time(), n).prop_map(Column::Each),
        prop::collection::vec(0i64..3, n).prop_map(Column::Each),
    ]
    .boxed()
}

fn note() -> impl Strategy<Value = Note> {
    let text = || prop::option::of(".{0,12}");
    let tags = prop::collection::vec("[a-z\u{e9}]{1,6}", 0..3);
    let id = prop::option::of((0u8..3).prop_map(|id| [id; 16]));
    (text(), tags, text(), id).prop_map(|(annotation, tags, metadata, changed_by)| Note {
        annotation,
        tags,
        metadata,
        changed_by,
    })
}

/// Notes of some points, of which none is empty.
fn notes(n: usize) -> impl Strategy<Value = Option<Notes>> {
    let each = prop::collection::vec(prop::option::weighted(0.3, note()), n);
    prop::option::weighted(0.3, each).prop_map(|notes| {
        let notes = notes.unwrap_or_default().into_iter();
        let notes: Notes = notes
            .map(|note| note.filter(|note| !note.is_empty()).map(Rc::new))
            .collect();
        notes.iter().any(Option::is_some).then_some(notes)
    })
}

/// That many points.
pub fn columns(n: usize) -> impl Strategy<Value = Points> {
    let starts = prop_oneof![
        prop::collection::vec(time(), n),
        prop::collection::vec(0i64..(n as i64 / 2 + 1), n),
        (time(), 0i64..HOUR).prop_map(move |(start, step)| {
            (0..n as i64)
                .map(|i| start.saturating_add(i * step))
                .collect::<Vec<_>>()
        }),
    ];
    let ends = prop_oneof![
        Just(Column::Constant(NO_END)),
        time().prop_map(Column::Constant),
        prop::collection::vec(prop_oneof![Just(NO_END), time()], n).prop_map(Column::Each),
    ];
    let values = prop_oneof![
        prop::collection::vec(value(), n),
        prop::collection::vec((0i32..500).prop_map(|i| f64::from(i) / 10.0), n),
        prop::collection::vec(
            any::<f64>().prop_map(|v| if v.is_finite() { v } else { 1.0 }),
            n
        ),
    ];
    let nulls = prop::option::of(prop_oneof![
        prop::collection::vec(any::<bool>(), n),
        prop::collection::vec(prop::bool::weighted(0.01), n),
        Just(vec![true; n]),
    ]);
    let batch = prop::option::of(prop_oneof![
        any::<[u8; 16]>().prop_map(Column::Constant),
        prop::collection::vec((0u8..4).prop_map(|b| [b; 16]), n).prop_map(Column::Each),
    ]);
    let stamps = (stamps(n), stamps(n), any::<bool>());
    (starts, ends, values, nulls, stamps, batch, notes(n)).prop_map(
        move |(starts, ends, value, nulls, (known, change_time, at_once), batch, notes)| {
            let ends = match ends {
                Column::Constant(NO_END) => None,
                // A constant is a length here.
                Column::Constant(length) => Some(
                    starts
                        .iter()
                        .map(|start| start.wrapping_add(length))
                        .collect(),
                ),
                Column::Each(ends) => Some(ends),
            };
            // What is known when it is written has a form of its own.
            let known_time = if at_once { change_time.clone() } else { known };
            let points = Points {
                valid_time: starts,
                valid_time_end: ends,
                value,
                nulls,
                known_time,
                change_time,
                batch,
                notes,
            };
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by_key(|&i| (points.valid_time[i], points.end(i), points.stamp(i)));
            points.select(&order)
        },
    )
}
