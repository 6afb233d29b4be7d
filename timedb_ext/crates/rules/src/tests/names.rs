//! Names, labels, texts, instants and SQLSTATEs.

use crate::labels::{self, Labels, MAX_LABELS_BYTES, MAX_NAME_BYTES};
use crate::{SqlState, text, time};
use proptest::collection::btree_map;
use proptest::prelude::*;

proptest! {
    #[test]
    fn labels_have_one_form_however_they_are_written(map in btree_map("[a-z]{1,8}", ".{0,20}", 0..8)) {
        let clean = map.iter().map(|(label, value)| (label.clone(), value.replace('\0', "")));
        let clean: Vec<(String, String)> = clean.collect();
        let write = |pairs: &[(String, String)]| {
            let pairs = pairs.iter().map(|(label, value)| {
                format!("{} : {}", serde_json::json!(label), serde_json::json!(value))
            });
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(" , "))
        };
        let mut turned = clean.clone();
        turned.reverse();
        let labels = Labels::parse(&write(&clean)).expect("they are labels");
        prop_assert_eq!(&Labels::parse(&write(&turned)).expect("they are labels"), &labels);
        prop_assert_eq!(&Labels::parse(&labels.json()).expect("they are labels"), &labels);
        let pairs: Vec<_> = labels.pairs().map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
        prop_assert_eq!(pairs, clean);
    }

    #[test]
    fn any_text_is_labels_or_an_error(text in ".{0,200}") {
        let _ = Labels::parse(&text);
    }

    #[test]
    fn the_head_of_a_value_is_its_first_64_characters(value in ".{0,200}") {
        let head: String = value.chars().take(64).collect();
        prop_assert_eq!(labels::value_head(&value), head);
    }

    #[test]
    fn every_instant_is_written_as_20_characters_at_least(instant in any::<i64>()) {
        let text = time::text(instant);
        prop_assert!(text.len() >= 22 && text.ends_with("+00"));
        prop_assert_eq!(time::iso(instant, true).len(), 32);
    }

    #[test]
    fn a_sqlstate_in_postgresqls_form_is_the_same_one(packed in 0_i32..1 << 30) {
        prop_assert_eq!(SqlState::of_packed(packed).packed(), packed);
    }

    #[test]
    fn what_a_name_may_hold_can_be_seen(name in "\\PC{1,20}") {
        // \PC: neither control characters nor unassigned ones.
        if text::check_name(&name, "a name").is_ok() {
            prop_assert!(name.chars().any(|c| !c.is_whitespace()));
        }
    }
}

#[test]
fn other_labels_or_another_name_are_another_series() {
    let labels = |json| Labels::parse(json).expect("they are labels");
    let same = labels::identity("a", &labels(r#"{"x":"1","y":"2"}"#));
    assert_eq!(same, labels::identity("a", &labels(r#"{"y":"2","x":"1"}"#)));
    for (name, json) in [
        ("b", r#"{"x":"1","y":"2"}"#),
        ("a", r#"{"x":"1"}"#),
        ("a", r#"{"x":"1y","z":"2"}"#),
        ("a", r#"{"x":"2","y":"1"}"#),
    ] {
        assert_ne!(labels::identity(name, &labels(json)), same, "{name} {json}");
    }
}

#[test]
fn what_is_not_labels_is_refused_by_name() {
    for (json, message) in [
        ("[]", "labels must be a JSON object"),
        (r#"{"a":1}"#, "label \"a\" must be a string"),
        (
            r#"{"":"x"}"#,
            "the name of a label must have 1 to 256 bytes",
        ),
        (
            r#"{"a":"\u0000"}"#,
            "the value of a label must not contain a NUL character",
        ),
    ] {
        let refused = Labels::parse(json).expect_err("it is none");
        assert_eq!(refused.into_parts().1, message);
    }
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(MAX_LABELS_BYTES));
    assert!(Labels::parse(&long).is_err());
}

#[test]
fn names_end_at_their_limit() {
    assert!(labels::check_new_name(&"x".repeat(MAX_NAME_BYTES)).is_ok());
    for name in [
        "x".repeat(MAX_NAME_BYTES + 1),
        String::new(),
        " ".to_owned(),
        "a\u{202e}b".to_owned(),
        "a\nb".to_owned(),
        "a\u{0}b".to_owned(),
        "\u{200b}".to_owned(),
    ] {
        assert!(labels::check_new_name(&name).is_err(), "{name:?}");
    }
    assert!(text::check_prose("two\nlines", "a text").is_ok());
    assert!(text::check_prose("a bell \u{7}", "a text").is_err());
}

#[test]
fn instants_are_written_as_postgresql_writes_them() {
    for (instant, text, iso) in [
        (0, "1970-01-01 00:00:00+00", "1970-01-01T00:00:00+00:00"),
        (
            -1,
            "1969-12-31 23:59:59.999999+00",
            "1969-12-31T23:59:59.999999+00:00",
        ),
        (
            time::MIN_TIME,
            "0001-01-01 00:00:00+00",
            "0001-01-01T00:00:00+00:00",
        ),
        (
            time::MAX_TIME,
            "9999-12-31 23:59:59.999999+00",
            "9999-12-31T23:59:59.999999+00:00",
        ),
        (
            951_782_400_000_000,
            "2000-02-29 00:00:00+00",
            "2000-02-29T00:00:00+00:00",
        ),
    ] {
        assert_eq!(time::text(instant), text);
        assert_eq!(time::iso(instant, time::has_fraction(instant)), iso);
    }
}

#[test]
fn sqlstates_are_those_of_postgresql() {
    // MAKE_SQLSTATE('2','2','0','2','3') of PostgreSQL's elog.h.
    assert_eq!(SqlState::INVALID_PARAMETER_VALUE.packed(), 50_856_066);
    assert_eq!(
        SqlState::of_packed(50_856_066),
        SqlState::INVALID_PARAMETER_VALUE
    );
}
