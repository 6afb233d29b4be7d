//! Points as segments: times, ends, nulls, values, batches and notes of every form.

use std::rc::Rc;

use timedb_segment::{Column, NO_END, Note, Points};

use super::{MINUTE, T0, each, minutes, noise, plain, rarely, values};

/// Each by its name.
pub fn all() -> Vec<(&'static str, Points)> {
    let of_values = |value: Vec<f64>| plain(minutes(value.len()), value);
    let of_times = |valid_time: Vec<i64>| {
        let n = valid_time.len();
        plain(valid_time, values(n, |i| i as f64))
    };
    let sums = |n: usize, step: fn(i64) -> i64| {
        let mut at = 0;
        let next = |i| {
            at += step(i);
            at
        };
        (0..n as i64).map(next).collect::<Vec<i64>>()
    };
    let with = |n: usize, change: &dyn Fn(&mut Points)| {
        let mut points = of_values(values(n, |i| (noise(i) % 1000) as f64 / 10.0));
        change(&mut points);
        points
    };
    let note = |i: i64| {
        (i % 3 != 0).then(|| {
            Rc::new(Note {
                annotation: (i % 2 == 0).then(|| format!("remark {} ☂", i % 4)),
                tags: ["checked", "mètre", ""][..(i % 4) as usize % 3]
                    .iter()
                    .map(|&tag| tag.to_owned())
                    .collect(),
                metadata: (i % 5 == 0).then(|| "{\"quality\": 3}".to_owned()),
                changed_by: Some([i as u8 % 3; 16]),
            })
        })
    };
    vec![
        ("one_point", of_values(vec![21.5])),
        ("one_null", with(1, &|p| p.nulls = Some(vec![true]))),
        (
            "minutes",
            of_values(values(48, |i| (noise(i) % 1000) as f64 / 100.0)),
        ),
        // Times.
        (
            "times_before_1970",
            of_times(vec![
                -62_135_596_800_000_000,
                -1,
                0,
                253_402_300_799_999_999,
            ]),
        ),
        (
            "times_constant",
            with(5, &|p| {
                p.valid_time = vec![T0; 5];
                p.known_time = each(5, |i| T0 - 10 + i);
            }),
        ),
        ("times_packed", of_times(vec![7, 1_000_003, 1_500_000])),
        (
            "times_packed_deltas",
            of_times(sums(60, |i| MINUTE + noise(i) % 1000)),
        ),
        (
            "times_pco16",
            of_times(sums(300, |i| {
                1_000_000 * (1 + i32::from(noise(i) % 16 == 0) as i64)
            })),
        ),
        (
            "times_pco32",
            of_times(sums(300, |i| MINUTE + noise(i) % 50)),
        ),
        (
            "times_pco64",
            of_times(sums(300, |i| 60 * MINUTE + rarely(i))),
        ),
        (
            "times_runs",
            with(64, &|p| {
                p.valid_time = (0..64)
                    .map(|i| noise(i / 8) % 1000 + i / 8 * 100_000)
                    .collect();
                p.known_time = each(64, |i| T0 + i);
            }),
        ),
        // Known and change times.
        (
            "change_packed",
            with(40, &|p| {
                p.change_time = each(40, |i| T0 + noise(i) % 5_000_000);
            }),
        ),
        (
            "change_regular",
            with(40, &|p| {
                p.change_time = each(40, |i| T0 + i * 1_000_003);
                p.known_time = each(40, |i| T0 - i * 17);
            }),
        ),
        (
            "change_dictionary",
            with(120, &|p| {
                let run = |i: i64| T0 + noise(i % 5) % 1_000_000_000_000;
                p.change_time = each(120, run);
                p.known_time = each(120, |i| run(i) - noise(i % 7) % 1_000_000_000);
            }),
        ),
        (
            "change_runs",
            with(120, &|p| {
                p.change_time = each(120, |i| T0 + noise(i / 17) % 1_000_000_000_000);
                p.known_time = each(120, |i| T0 - noise(i / 23) % 1_000_000_000_000);
            }),
        ),
        (
            "known_at_change",
            with(40, &|p| {
                let change = |i| T0 + noise(i) % 5_000_000;
                p.change_time = each(40, change);
                p.known_time = each(40, change);
            }),
        ),
        (
            "known_before_change",
            with(150, &|p| {
                let change = |i| T0 + noise(i) % 5_000_000_000;
                p.change_time = each(150, change);
                p.known_time = each(150, |i| change(i) - noise(i * 3) % 3 * 1000);
            }),
        ),
        (
            "known_pco",
            with(300, &|p| {
                p.change_time = each(300, |i| T0 + i * i * 1000 + noise(i) % 10);
                p.known_time = each(300, |i| T0 - i * i * 777 - noise(i * 5) % 60);
            }),
        ),
        // Ends.
        (
            "ends_of_hours",
            with(24, &|p| {
                p.valid_time_end = Some(p.valid_time.iter().map(|t| t + MINUTE).collect());
            }),
        ),
        (
            "ends_of_some",
            with(60, &|p| {
                let end = |(i, t): (usize, &i64)| match i % 3 {
                    0 => NO_END,
                    _ => t + 1 + noise(i as i64) % MINUTE,
                };
                p.valid_time_end = Some(p.valid_time.iter().enumerate().map(end).collect());
            }),
        ),
        (
            "ends_at_starts",
            with(20, &|p| {
                let end = |(i, t): (usize, &i64)| match i % 4 {
                    0 => NO_END,
                    1 => *t,
                    _ => t + noise(i as i64) % MINUTE,
                };
                p.valid_time_end = Some(p.valid_time.iter().enumerate().map(end).collect());
            }),
        ),
        (
            "ends_all_at_starts",
            with(8, &|p| p.valid_time_end = Some(p.valid_time.clone())),
        ),
        // Nulls.
        (
            "nulls_bitmap",
            with(45, &|p| {
                p.nulls = Some((0..45).map(|i| noise(i) % 2 == 0).collect())
            }),
        ),
        (
            "nulls_runs",
            with(90, &|p| {
                p.nulls = Some((0..90).map(|i| !(20..=70).contains(&i)).collect())
            }),
        ),
        ("nulls_only", with(30, &|p| p.nulls = Some(vec![true; 30]))),
        // Values.
        (
            "values_of_every_scale",
            of_values(values(16, |i| 1.0 / 10f64.powi(i as i32))),
        ),
        (
            "values_with_patches",
            of_values(values(64, |i| match i {
                5 => -0.0,
                40 => 5e-324,
                41 => f64::MAX,
                _ => (noise(i) % 100) as f64 / 100.0,
            })),
        ),
        ("values_constant", of_values(vec![1.0 / 3.0; 10])),
        ("values_constant_decimal", of_values(vec![-7.25; 10])),
        (
            "values_raw",
            of_values(vec![
                1.0 / 3.0,
                -2.0 / 3.0,
                f64::MIN_POSITIVE,
                -f64::MAX,
                1e300,
                -0.0,
            ]),
        ),
        (
            "values_large",
            of_values(values(20, |i| (noise(i) % (1 << 50)) as f64)),
        ),
        (
            "values_pco",
            of_values(values(100, |i| (i as f64 / 10.0).sin() * 1e-3)),
        ),
        (
            "values_pco_quant",
            of_values(values(300, |i| f64::from(noise(i) as f32 / 3e18))),
        ),
        (
            "values_pco_mult",
            of_values(values(300, |i| (noise(i) % 60_000) as f64 / 3.0)),
        ),
        (
            "values_decimal_pco16",
            of_values(values(300, |i| {
                (noise(i) % 300) as f64 / 10.0 * ((i % 3) as f64)
            })),
        ),
        (
            "values_decimal_pco32",
            of_values(values(300, |i| (i * 2000 + rarely(i)) as f64 / 100.0)),
        ),
        (
            "values_regular",
            of_values(values(30, |i| i as f64 * 2.5 - 3.0)),
        ),
        (
            "values_in_pages",
            of_values(values(1100, |i| (noise(i) % 256 + i) as f64 / 4.0)),
        ),
        (
            "values_pco_in_pages",
            of_values(values(1100, |i| {
                (noise(i) % 100_003) as f64 * std::f64::consts::PI
            })),
        ),
        // Batches.
        (
            "batch_of_all",
            with(6, &|p| p.batch = Some(Column::Constant([9; 16]))),
        ),
        (
            "batches",
            with(40, &|p| {
                p.batch = Some(Column::Each(
                    (0..40).map(|i| [noise(i) as u8 % 6; 16]).collect(),
                ));
            }),
        ),
        // Notes.
        (
            "notes",
            with(40, &|p| p.notes = Some((0..40).map(note).collect())),
        ),
        (
            "one_annotation",
            with(12, &|p| {
                let said = Note {
                    annotation: Some("the meter was being tested".to_owned()),
                    ..Note::default()
                };
                let mut notes = vec![None; 12];
                notes[7] = Some(Rc::new(said));
                p.notes = Some(notes);
            }),
        ),
        (
            "everything",
            with(50, &|p| {
                p.valid_time = (0..50).map(|i| T0 + i / 2 * MINUTE).collect();
                p.valid_time_end = Some((0..50).map(|i| T0 + i / 2 * MINUTE + MINUTE).collect());
                p.nulls = Some((0..50).map(|i| i % 7 == 3).collect());
                p.known_time = each(50, |i| T0 + i % 2 * 1000);
                p.change_time = each(50, |i| T0 + i % 2 * 5000 + 17);
                p.batch = Some(Column::Each((0..50).map(|i| [i as u8 % 2; 16]).collect()));
                p.notes = Some((0..50).map(note).collect());
            }),
        ),
    ]
}
