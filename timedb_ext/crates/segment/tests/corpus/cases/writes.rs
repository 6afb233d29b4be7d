//! What writes leave: rows of the log, and chunks of batches.

use std::rc::Rc;

use serde_json::json;
use timedb_segment::{Batch, BatchKind, Column, LogKey, Note, Points, encode_log};

use super::{Case, LIST, MINUTE, T0, TENANT, each, minutes, noise, plain, values};
use crate::json;
use crate::stored::Stored;

/// A row of the log and what it is made of.
pub struct Row {
    batch: Batch,
    counts: Vec<u32>,
    points: Points,
    inline: bool,
    list: bool,
}

impl Row {
    pub fn case(self, name: &str) -> Case {
        let key = LogKey {
            tenant: TENANT,
            change_time: T0,
            points: self.points.len() as u32,
            list: self.list.then_some(LIST),
        };
        let blob = encode_log(&key, &self.batch, &self.counts, &self.points, self.inline)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut from = 0;
        let mut series = Vec::new();
        for (&count, id) in self.counts.iter().zip(self.batch.series.iter()) {
            let positions: Vec<usize> = (from..from + count as usize).collect();
            from += count as usize;
            if count > 0 {
                let points = json::points(&self.points.select(&positions), TENANT);
                series.push(json!([json::hex(id), points]));
            }
        }
        let list = (!self.inline && self.list).then(|| self.batch.series.to_vec());
        Case {
            name: format!("log_{name}"),
            stored: Stored::Log(key, list, blob),
            contents: json!({"batch": json::batch(&self.batch, TENANT), "series": series}),
        }
    }
}

fn a_batch(change_time: i64, series: usize) -> Batch {
    Batch {
        change_time,
        settled_time: change_time - 1,
        chosen_id: None,
        kind: BatchKind::Upload,
        user: None,
        workflow_id: None,
        batch_params: None,
        known_time: Some(change_time),
        start_time: change_time,
        finish_time: None,
        points: 0,
        skipped: 0,
        valid: None,
        series: (0..series).map(|i| [i as u8 + 1; 16]).collect(),
    }
}

/// A batch that says all that one can.
fn eloquent(change_time: i64, series: usize) -> Batch {
    Batch {
        chosen_id: Some([0xab; 16]),
        kind: BatchKind::Correction,
        user: Some([0xcd; 16]),
        workflow_id: Some("hourly ☂".to_owned()),
        batch_params: Some("{\"model\": \"v2\"}".to_owned()),
        known_time: None,
        start_time: change_time - 5_000_000,
        finish_time: Some(change_time - 1_000_000),
        points: 1000,
        skipped: 3,
        valid: Some((T0 - 1, T0 + MINUTE)),
        ..a_batch(change_time, series)
    }
}

pub fn log_rows() -> Vec<(&'static str, Row)> {
    let points = |n: usize| {
        plain(
            vec![T0 / MINUTE * MINUTE; n],
            values(n, |i| (noise(i) % 500) as f64 / 10.0),
        )
    };
    let covering = |points: &Points, series: usize| Batch {
        points: points.len() as u64,
        valid: points
            .valid_time
            .iter()
            .min()
            .copied()
            .zip(points.valid_time.iter().max().copied()),
        ..a_batch(T0, series)
    };
    let row = |points: Points, counts: Vec<u32>| Row {
        batch: covering(&points, counts.len()),
        counts,
        points,
        inline: true,
        list: false,
    };
    let mut uneven = points(10);
    uneven.valid_time = [0, 5, 9, 1, 2, 3, 4, 7, 0, 1]
        .map(|m| T0 + m * MINUTE)
        .to_vec();
    let mut rich = uneven.clone();
    rich.nulls = Some((0..10).map(|i| i % 4 == 1).collect());
    rich.valid_time_end = Some(rich.valid_time.iter().map(|t| t + MINUTE).collect());
    rich.known_time = each(10, |i| T0 - i * 1000);
    rich.batch = Some(Column::Each((0..10).map(|i| [i as u8 % 3; 16]).collect()));
    let said = Note {
        annotation: Some("said".to_owned()),
        tags: vec!["a".to_owned(), "b".to_owned()],
        metadata: Some("{}".to_owned()),
        changed_by: Some([4; 16]),
    };
    rich.notes = Some(
        (0..10)
            .map(|i| (i % 2 == 0).then(|| Rc::new(said.clone())))
            .collect(),
    );
    let empty = || points(0);
    let mut many = points(300);
    many.valid_time = (0..300).map(|i| T0 + i % 5 * MINUTE).collect();
    let eloquent_row = Row {
        batch: eloquent(T0, 3),
        ..row(rich.clone(), vec![3, 5, 2])
    };
    vec![
        ("one_point", row(points(1), vec![1])),
        (
            "tick_with_list",
            Row {
                inline: false,
                list: true,
                ..row(points(20), vec![1; 20])
            },
        ),
        (
            "tick_with_new_list",
            Row {
                list: true,
                ..row(points(9), vec![1; 9])
            },
        ),
        ("uneven", row(uneven, vec![3, 0, 5, 0, 2])),
        ("rich", row(rich, vec![3, 5, 2])),
        ("eloquent", eloquent_row),
        (
            "points_in_segments",
            Row {
                batch: eloquent(T0, 2),
                ..row(empty(), Vec::new())
            },
        ),
        ("nothing", row(empty(), Vec::new())),
        (
            "forecast",
            row(
                plain(minutes(48), values(48, |i| (i as f64 / 7.0).sin())),
                vec![48],
            ),
        ),
        (
            "one_null",
            row(
                Points {
                    nulls: Some(vec![true]),
                    ..points(1)
                },
                vec![1],
            ),
        ),
        (
            "many",
            Row {
                inline: false,
                list: true,
                ..row(many, vec![5; 60])
            },
        ),
    ]
}

pub fn chunks() -> Vec<(&'static str, Vec<Batch>)> {
    let ticks = |n: i64, series: usize| -> Vec<Batch> {
        (0..n)
            .map(|i| Batch {
                points: series as u64,
                valid: Some((T0 + i * MINUTE, T0 + i * MINUTE)),
                ..a_batch(T0 + i * MINUTE + noise(i) % 5000, series)
            })
            .collect()
    };
    let mixed = (0..60).map(|i| {
        let change_time = T0 + i * i * 1_000_003;
        match i % 4 {
            0 => a_batch(change_time, 0),
            1 => Batch {
                user: Some([i as u8; 16]),
                ..eloquent(change_time, (i % 9) as usize)
            },
            2 => Batch {
                known_time: Some(change_time - noise(i) % 1000),
                start_time: change_time - noise(i) % 1_000_000,
                skipped: i as u64,
                chosen_id: Some(
                    noise(i)
                        .to_be_bytes()
                        .repeat(2)
                        .try_into()
                        .expect("16 bytes"),
                ),
                ..a_batch(change_time, 3)
            },
            _ => Batch {
                settled_time: i64::MIN,
                points: noise(i) as u64 % 100_000,
                valid: Some((noise(i), noise(i) + noise(i + 1) % 1000)),
                workflow_id: Some(format!("flow {}", i % 5)),
                ..a_batch(change_time, 1)
            },
        }
    });
    vec![
        ("one", vec![a_batch(T0, 1)]),
        ("one_eloquent", vec![eloquent(T0, 2)]),
        ("ticks", ticks(24, 6)),
        ("mixed", mixed.collect()),
        (
            "corrections",
            (0..20).map(|i| eloquent(T0 + i * 1000, 1)).collect(),
        ),
        (
            "deleted",
            (0..3)
                .map(|i| match i {
                    1 => eloquent(T0 + i * 1000, 1).deleted(),
                    _ => a_batch(T0 + i * 1000, 1),
                })
                .collect(),
        ),
    ]
}
