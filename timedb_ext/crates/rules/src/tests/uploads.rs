//! What tells one upload from another, and what is left of one.

use crate::SqlState;
use crate::labels::Labels;
use crate::limits::{Call, MAX_SERIES, MAX_SERIES_BYTES};
use crate::upload::{AboutBatch, NamedSeries, SeriesList, SeriesRef, UploadColumns, fingerprint};
use proptest::prelude::*;
use timedb_segment::NO_END;
use timedb_wire::NO_KNOWN_TIME;

fn named(name: &str) -> SeriesRef {
    SeriesRef::Named(NamedSeries {
        name: name.to_owned(),
        ..NamedSeries::default()
    })
}

fn columns() -> UploadColumns {
    UploadColumns {
        series: vec![named("a"), named("b")],
        series_index: vec![0, 1, 0],
        valid_time: vec![1, 2, 3],
        valid_time_end: None,
        value: vec![1.0, 2.0, 0.0],
        nulls: Some(vec![false, false, true]),
        known_time: None,
    }
}

fn of(columns: &UploadColumns) -> [u8; 32] {
    fingerprint(columns, AboutBatch::default(), None, false)
}

#[test]
fn whatever_is_said_otherwise_makes_another_upload() {
    type Alter = fn(&mut UploadColumns);
    let alterations: [Alter; 12] = [
        |c| c.series[0] = named("c"),
        |c| c.series.swap(0, 1),
        |c| c.series.push(named("c")),
        |c| {
            c.series[0] = SeriesRef::Id {
                id: [1; 16],
                unit: None,
            }
        },
        |c| {
            c.series[0] = SeriesRef::Id {
                id: [1; 16],
                unit: Some("kW".to_owned()),
            }
        },
        |c| {
            c.series[0] = SeriesRef::Named(NamedSeries {
                name: "a".to_owned(),
                labels: Labels::parse(r#"{"x":"y"}"#).expect("they are labels"),
                ..NamedSeries::default()
            });
        },
        |c| c.series_index[0] = 1,
        |c| c.valid_time[0] = 0,
        |c| c.valid_time_end = Some(vec![NO_END, 5, NO_END]),
        // To the bit: 0 and -0 are two values.
        |c| c.value[2] = -0.0,
        |c| c.nulls = None,
        |c| c.known_time = Some(vec![1, 2, 3]),
    ];
    let mut seen = vec![of(&columns())];
    for alter in alterations {
        let mut altered = columns();
        alter(&mut altered);
        seen.push(of(&altered));
    }
    let about = |about| fingerprint(&columns(), about, None, false);
    let nothing = AboutBatch::default();
    seen.push(about(AboutBatch {
        instants: [Some(0), None, None],
        ..nothing
    }));
    seen.push(about(AboutBatch {
        instants: [None, Some(0), None],
        ..nothing
    }));
    seen.push(about(AboutBatch {
        workflow_id: Some(""),
        ..nothing
    }));
    seen.push(about(AboutBatch {
        batch_params: Some(""),
        ..nothing
    }));
    seen.push(fingerprint(&columns(), nothing, Some(&[0; 16]), false));
    seen.push(fingerprint(&columns(), nothing, None, true));
    let distinct: std::collections::HashSet<_> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len());
}

#[test]
fn a_column_that_says_nothing_is_the_same_as_none() {
    let mut with = columns();
    with.valid_time_end = Some(vec![NO_END; 3]);
    assert_eq!(of(&with), of(&columns()));
    let mut without = columns();
    without.nulls = None;
    let mut with = columns();
    with.nulls = Some(vec![false; 3]);
    assert_eq!(of(&with), of(&without));
}

/// Requests that were answered before are found again by it: it must not change from version to version.
#[test]
fn the_fingerprint_of_an_upload_stays_what_it_is() {
    let about = AboutBatch {
        instants: [Some(1), None, Some(2)],
        workflow_id: Some("w"),
        batch_params: Some("{}"),
    };
    let hash = fingerprint(&columns(), about, Some(&[9; 16]), true);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        hex,
        "7e41aa32b87d369be6ac5dd97972008a95159086d5582c99aa6cedfbdae3bf1f"
    );
}

#[test]
fn a_list_of_series_ends_at_its_limits() {
    let refused = SeriesList::with_capacity(MAX_SERIES + 1, Call::Read).err();
    let (state, ..) = refused.expect("it is too long").into_parts();
    assert_eq!(state, SqlState::PROGRAM_LIMIT_EXCEEDED);
    let mut list = SeriesList::default();
    let long = "x".repeat(MAX_SERIES_BYTES / 2);
    for place in 0..2 {
        assert_eq!(list.push(named(&long)).expect("there is room"), place);
    }
    assert!(list.push(named("x")).is_err());
    assert_eq!(list.into_vec().len(), 2);
}

proptest! {
    #[test]
    fn what_is_kept_of_the_columns_stays_together(keep in prop::collection::vec(any::<bool>(), 0..40)) {
        let n = keep.len();
        let mut columns = UploadColumns {
            series: vec![named("a")],
            series_index: vec![0; n],
            valid_time: (0..n as i64).collect(),
            valid_time_end: Some((0..n as i64).map(|i| i + 1).collect()),
            value: (0..n).map(|i| i as f64).collect(),
            nulls: Some((0..n).map(|i| i % 3 == 0).collect()),
            known_time: Some((0..n as i64).map(|i| i * 2).collect()),
        };
        columns.retain(|i| keep[i]);
        let kept: Vec<usize> = (0..n).filter(|&i| keep[i]).collect();
        prop_assert_eq!(columns.series_index.len(), kept.len());
        let ends = columns.valid_time_end.expect("it is there");
        let nulls = columns.nulls.expect("it is there");
        let known = columns.known_time.expect("it is there");
        for (place, i) in kept.into_iter().enumerate() {
            prop_assert_eq!(columns.valid_time[place], i as i64);
            prop_assert_eq!(ends[place], i as i64 + 1);
            prop_assert_eq!(columns.value[place], i as f64);
            prop_assert_eq!(nulls[place], i % 3 == 0);
            prop_assert_eq!(known[place], i as i64 * 2);
        }
    }

    #[test]
    fn points_without_a_known_time_get_that_of_the_batch(known in prop::collection::vec(prop::option::of(0_i64..3), 1..10)) {
        let mut columns = columns();
        columns.known_time = Some(known.iter().map(|k| k.unwrap_or(NO_KNOWN_TIME)).collect());
        columns.complete_known_time(1);
        let complete: Vec<i64> = known.iter().map(|k| k.unwrap_or(1)).collect();
        let says_something = complete.iter().any(|&k| k != 1);
        prop_assert_eq!(columns.known_time, says_something.then_some(complete));
    }
}
