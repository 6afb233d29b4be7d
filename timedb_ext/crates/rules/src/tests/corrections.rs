//! What an update says, and which version it means.

use crate::corrections::{Candidates, Edit, PointUpdate, parse, refuse_twice};
use crate::{Error, Result, SqlState};
use proptest::prelude::*;
use std::collections::HashSet;
use timedb_segment::{Merged, NO_END};

const TENANT: [u8; 16] = [7; 16];
const SERIES: [u8; 16] = [1; 16];
const ID: &str = "01010101-0101-0101-0101-010101010101";

/// Stands in for PostgreSQL: instants are microseconds as numbers.
fn read_instant(text: &str) -> Result<i64> {
    text.parse()
        .map_err(|_| Error::invalid(format!("\"{text}\" is not a point in time")))
}

fn updates(json: &str) -> Result<Vec<PointUpdate>> {
    parse(json, &TENANT, read_instant)
}

fn one(members: &str) -> Result<PointUpdate> {
    let mut all = updates(&format!(
        r#"[{{"series_id":"{ID}","valid_time":"0"{members}}}]"#
    ))?;
    Ok(all.remove(0))
}

fn refused<T>(result: Result<T>) -> (SqlState, String) {
    match result {
        Ok(_) => panic!("it is accepted"),
        Err(error) => {
            let (state, message, ..) = error.into_parts();
            (state, message)
        }
    }
}

/// Versions as a read gives them: (valid_time, end, known_time, change_time, batch).
fn run(versions: &[(i64, i64, i64, i64, u8)]) -> Merged {
    Merged {
        valid_time: versions.iter().map(|v| v.0).collect(),
        valid_time_end: Some(versions.iter().map(|v| v.1).collect()),
        value: versions.iter().map(|v| v.3 as f64).collect(),
        known_time: versions.iter().map(|v| v.2).collect(),
        change_time: versions.iter().map(|v| v.3).collect(),
        batch: versions.iter().map(|v| [v.4; 16]).collect(),
        ..Merged::default()
    }
}

fn meant(update: &PointUpdate, versions: &[(i64, i64, i64, i64, u8)]) -> Result<i64> {
    let updates = std::slice::from_ref(update);
    let mut candidates = Candidates::of(updates)?;
    candidates.take(&SERIES, &run(versions));
    let found = candidates.resolve(updates, &HashSet::from([SERIES]))?;
    Ok(found[0].stamp.change_time)
}

fn at_epoch(members: &str) -> PointUpdate {
    let mut update = one(&format!(r#","value":1{members}"#)).expect("it is an update");
    update.target.valid_time = 0;
    update
}

#[test]
fn an_update_means_the_newest_version_that_fits() {
    // The newest is the one with the greatest (known_time, change_time).
    let versions = [
        (0, NO_END, 10, 3, 1),
        (0, NO_END, 20, 1, 2),
        (0, NO_END, 20, 2, 2),
    ];
    assert_eq!(meant(&at_epoch(""), &versions).expect("there is one"), 2);
    let mut by_known_time = at_epoch("");
    by_known_time.target.known_time = Some(10);
    assert_eq!(meant(&by_known_time, &versions).expect("there is one"), 3);
    let mut by_batch = at_epoch("");
    by_batch.target.batch = Some([1; 16]);
    assert_eq!(meant(&by_batch, &versions).expect("there is one"), 3);
}

#[test]
fn a_point_and_an_interval_at_one_instant_are_ambiguous() {
    let versions = [(0, NO_END, 10, 1, 1), (0, 50, 10, 2, 1)];
    let (state, message) = refused(meant(&at_epoch(""), &versions));
    assert_eq!(state, SqlState::TOO_MANY_ROWS);
    assert!(message.contains("valid_time_end (null, "), "{message}");
    let mut the_point = at_epoch("");
    the_point.target.end = Some(NO_END);
    assert_eq!(meant(&the_point, &versions).expect("there is one"), 1);
    let mut the_interval = at_epoch("");
    the_interval.target.end = Some(50);
    assert_eq!(meant(&the_interval, &versions).expect("there is one"), 2);
}

#[test]
fn what_does_not_exist_is_told_with_its_place() {
    let (state, message) = refused(meant(&at_epoch(""), &[(1, NO_END, 10, 1, 1)]));
    assert_eq!(state, SqlState::UNDEFINED_OBJECT);
    assert!(message.starts_with("updates[0]: series"), "{message}");
}

#[test]
fn two_updates_of_one_version_are_refused_however_they_name_it() {
    let mut named = at_epoch("");
    named.target.known_time = Some(10);
    let both = [at_epoch(""), named];
    let mut candidates = Candidates::of(&both).expect("they name it differently");
    candidates.take(&SERIES, &run(&[(0, NO_END, 10, 1, 1)]));
    let found = candidates
        .resolve(&both, &HashSet::from([SERIES]))
        .expect("there is one");
    let (state, _) = refused(refuse_twice(&both, &found));
    assert_eq!(state, SqlState::CARDINALITY_VIOLATION);
    let same = [at_epoch(""), at_epoch("")];
    assert_eq!(
        refused(Candidates::of(&same)).0,
        SqlState::CARDINALITY_VIOLATION
    );
}

#[test]
fn what_an_update_leaves_out_stays_and_null_clears() {
    let edit = |members: &str| one(members).expect("it is an update").edit;
    let Edit {
        value,
        annotation,
        tags,
        metadata,
    } = edit(r#","value":null,"tags":[" B","a","b"]"#);
    assert_eq!((value, annotation), (Some(None), None));
    assert_eq!(tags.expect("they are given"), ["a", "b"]);
    assert_eq!(metadata, None);
    assert_eq!(edit(r#","annotation":"  ""#).annotation, Some(None));
    assert_eq!(edit(r#","metadata":null"#).metadata, Some(None));
}

#[test]
fn what_cannot_be_is_refused() {
    for (members, message) in [
        ("", "updates[0]: there is nothing to change"),
        (
            r#","value":"1""#,
            "updates[0]: value must be a number or null",
        ),
        (
            r#","value":1,"colour":2"#,
            "updates[0]: an update has no member \"colour\"",
        ),
        (
            r#","value":1,"valid_time_end":"0""#,
            "updates[0]: valid_time_end is not after valid_time",
        ),
        (
            r#","value":1,"known_time":"x""#,
            "updates[0]: known_time: \"x\" is not a point in time",
        ),
        (
            r#","metadata":[]"#,
            "updates[0]: metadata must be an object or null",
        ),
    ] {
        assert_eq!(refused(one(members)).1, message);
    }
    assert_eq!(
        refused(one(r#","value":1e999"#)).0,
        SqlState::NUMERIC_VALUE_OUT_OF_RANGE
    );
    let foreign = format!(r#","value":1,"tenant_id":"{ID}""#);
    assert_eq!(refused(one(&foreign)).0, SqlState::INSUFFICIENT_PRIVILEGE);
}

proptest! {
    #[test]
    fn any_text_is_updates_or_an_error(text in ".{0,200}") {
        let _ = updates(&text);
    }

    /// As a list of versions is searched without any index.
    #[test]
    fn the_version_that_is_meant_is_that_of_a_plain_search(
        versions in prop::collection::vec((0_i64..3, 0_i64..3, 0_i64..4, 0_u8..3), 1..12),
        known_time in prop::option::of(0_i64..4),
        batch in prop::option::of(0_u8..3),
        end in prop::option::of(0_i64..3),
    ) {
        let end_of = |end: i64| if end == 0 { NO_END } else { end * 100 };
        let versions: Vec<_> = versions.iter().zip(1..)
            .map(|(&(valid, end, known, batch), change)| (valid, end_of(end), known, change, batch))
            .collect();
        let mut update = at_epoch("");
        update.target.known_time = known_time;
        update.target.batch = batch.map(|batch| [batch; 16]);
        update.target.end = end.map(end_of);
        let fits: Vec<_> = versions.iter().filter(|v| {
            v.0 == 0
                && known_time.is_none_or(|known| v.2 == known)
                && batch.is_none_or(|batch| v.4 == batch)
                && end.is_none_or(|end| v.1 == end_of(end))
        }).collect();
        let ends: HashSet<i64> = fits.iter().map(|v| v.1).collect();
        match (ends.len(), meant(&update, &versions)) {
            (0, Err(error)) => prop_assert_eq!(error.into_parts().0, SqlState::UNDEFINED_OBJECT),
            (1, Ok(change_time)) => {
                let newest = fits.iter().map(|v| (v.2, v.3)).max().map(|newest| newest.1);
                prop_assert_eq!(Some(change_time), newest);
            }
            (2.., Err(error)) => prop_assert_eq!(error.into_parts().0, SqlState::TOO_MANY_ROWS),
            (ends, _) => prop_assert!(false, "{} ends", ends),
        }
    }
}
