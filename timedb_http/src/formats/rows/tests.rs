//! Rows as clients see them: key order, number and time formats, order; and chunks that are damaged.

mod agree;

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Chunk, FormatName, Mode, format, write_ordered, write_placed};

/// One point of a test, in every column.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub valid_time: i64,
    pub end: Option<i64>,
    pub value: Option<f64>,
    pub known: i64,
    pub change: i64,
}

pub(super) fn point(valid_time: i64, value: f64) -> Point {
    Point {
        valid_time,
        end: None,
        value: Some(value),
        known: 0,
        change: 0,
    }
}

fn text(text: &str, out: &mut Vec<u8>) {
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

/// Packs a chunk as the extension does.
pub(super) fn pack(series: &[(u128, &str, &str, Vec<Point>)], flags: u8) -> Vec<u8> {
    let points: Vec<&Point> = series.iter().flat_map(|s| &s.3).collect();
    let mut out = vec![1, flags, 0, 0];
    out.extend((series.len() as u32).to_le_bytes());
    out.extend((points.len() as u32).to_le_bytes());
    for (id, name, labels, _) in series {
        out.extend(Uuid::from_u128(*id).as_bytes());
        text(name, &mut out);
        text("dimensionless", &mut out);
        text(labels, &mut out);
    }
    for (_, _, _, points) in series {
        out.extend((points.len() as u32).to_le_bytes());
    }
    out.extend(points.iter().flat_map(|p| p.valid_time.to_le_bytes()));
    if flags & 1 != 0 {
        out.extend(
            points
                .iter()
                .flat_map(|p| p.end.unwrap_or(i64::MIN).to_le_bytes()),
        );
    }
    out.extend(
        points
            .iter()
            .flat_map(|p| p.value.unwrap_or(0.0).to_le_bytes()),
    );
    if flags & 2 != 0 {
        let mut bits = vec![0u8; points.len().div_ceil(8)];
        for (at, point) in points.iter().enumerate() {
            bits[at / 8] |= u8::from(point.value.is_none()) << (at % 8);
        }
        out.extend(bits);
    }
    if flags & 4 != 0 {
        out.extend(points.iter().flat_map(|p| p.known.to_le_bytes()));
    }
    if flags & 8 != 0 {
        out.extend(points.iter().flat_map(|p| p.change.to_le_bytes()));
        out.extend(points.iter().flat_map(|_| 7i64.to_le_bytes()));
        out.extend(1u32.to_le_bytes());
        out.extend([1; 16]);
        out.push(1);
        out.extend([2; 16]);
        out.extend(points.iter().flat_map(|_| 0u32.to_le_bytes()));
    }
    if flags & 16 != 0 {
        // Of one point there is one note, for a dictionary is no longer than its column.
        let notes = points.len().min(2) as u32;
        out.extend(notes.to_le_bytes());
        out.extend((1..notes).map(|_| 0));
        out.push(15);
        text("checked \"twice\"", &mut out);
        out.extend(2u32.to_le_bytes());
        text("a", &mut out);
        text("b", &mut out);
        text("{\"k\": 1}", &mut out);
        out.extend([3; 16]);
        out.extend((0..points.len()).flat_map(|i| ((i as u32 + 1) % notes).to_le_bytes()));
    }
    out
}

fn json(packed: &[Vec<u8>], mode: Mode) -> String {
    let packed = packed.iter().map(Vec::as_slice);
    String::from_utf8(write_ordered(packed, &mode.into(), format(FormatName::Json)).unwrap())
        .unwrap()
}

const NEW_YEAR: i64 = 1_735_689_600_000_000;

#[test]
fn a_flat_row_is_what_clients_know() {
    let chunk = pack(
        &[(1, "temperature_a", "{}", vec![point(NEW_YEAR, 20.0)])],
        0,
    );
    assert_eq!(
        json(&[chunk], Mode::Flat),
        concat!(
            r#"{"count":1,"data":[{"valid_time":"2025-01-01T00:00:00+00:00","#,
            r#""series_id":"00000000-0000-0000-0000-000000000001","value":20.0,"#,
            r#""name":"temperature_a","unit":"dimensionless","labels":{}}]}"#
        )
    );
    assert_eq!(json(&[], Mode::Flat), r#"{"count":0,"data":[]}"#);
}

#[test]
fn a_version_has_all_its_times_and_an_end_when_it_has_one() {
    let mut version = point(NEW_YEAR, 0.1);
    version.end = Some(NEW_YEAR + 1);
    version.value = None;
    let row = |flags: u8, said: &str| {
        let series = [(1, "ü\"", r#"{"a": "b c"}"#, vec![version.clone()])];
        let expected = [
            r#"{"count":1,"data":[{"known_time":"1970-01-01T00:00:00.000000+00:00","#,
            r#""change_time":"1970-01-01T00:00:00.000000+00:00","valid_time":"2025-01-01T00:00:00.000000+00:00","#,
            r#""valid_time_end":"2025-01-01T00:00:00.000001+00:00","#,
            r#""series_id":"00000000-0000-0000-0000-000000000001","value":null,"#,
            r#""name":"ü\"","unit":"dimensionless","labels":{"a":"b c"},"#,
            r#""batch_id":"01010101-0101-0101-0101-010101010101","value_id":7,"#,
            said,
            "}]}",
        ];
        assert_eq!(
            json(&[pack(&series, flags)], Mode::Versions),
            expected.concat()
        );
    };
    row(
        15,
        r#""changed_by":"02020202-0202-0202-0202-020202020202","annotation":null,"tags":null,"metadata":null"#,
    );
    row(
        31,
        r#""changed_by":"03030303-0303-0303-0303-030303030303","annotation":"checked \"twice\"","tags":["a","b"],"metadata":{"k":1}"#,
    );
}

#[test]
fn all_times_of_an_answer_are_alike_over_all_chunks() {
    let at = |valid_time: i64, known: i64, end: Option<i64>| Point {
        known,
        end,
        ..point(valid_time, 1.0)
    };
    let whole = at(NEW_YEAR, 0, Some(NEW_YEAR + 1_000_000));
    for (other, flags, fraction) in [
        (whole.clone(), 7, false),
        (at(NEW_YEAR, 0, None), 7, false),
        (at(NEW_YEAR + 1, 0, None), 7, true),
        (at(NEW_YEAR, -1, None), 7, true),
        (at(NEW_YEAR, 0, Some(NEW_YEAR + 1)), 7, true),
        // What is not written does not count.
        (at(NEW_YEAR, -1, None), 3, false),
    ] {
        let chunks = [
            pack(&[(1, "a", "{}", vec![whole.clone(), whole.clone()])], flags),
            pack(&[(2, "b", "{}", vec![other])], flags),
        ];
        let answer = json(&chunks, Mode::Relative);
        let times = answer.matches("+00:00").count();
        let with_fraction = answer.matches(".000").count() + answer.matches(".999999").count();
        assert_eq!(with_fraction, if fraction { times } else { 0 }, "{answer}");
    }
}

#[test]
fn an_overlapping_row_ends_with_its_lead_time_in_seconds() {
    let early = Point {
        known: NEW_YEAR - 5_400_500_000,
        ..point(NEW_YEAR, 1.0)
    };
    let answer = json(
        &[pack(&[(1, "a", "{}", vec![early])], 4)],
        Mode::Overlapping,
    );
    assert!(
        answer.ends_with(r#""labels":{},"lead_time":5400.5}]}"#),
        "{answer}"
    );
}

#[test]
fn rows_stand_by_time_then_series_over_all_chunks() {
    let known = |valid_time, known| Point {
        known,
        ..point(valid_time, known as f64)
    };
    let first = pack(
        &[
            (1, "a", "{}", vec![known(1, 9), known(5, 1)]),
            (2, "b", "{}", vec![known(1, 2)]),
        ],
        4,
    );
    let second = pack(&[(2, "b", "{}", vec![known(5, 1)])], 4);
    let order = |mode| -> Vec<(String, f64)> {
        let answer: Value =
            serde_json::from_str(&json(&[first.clone(), second.clone()], mode)).unwrap();
        let rows = answer["data"].as_array().unwrap();
        rows.iter()
            .map(|row| {
                (
                    row["name"].as_str().unwrap().to_owned(),
                    row["value"].as_f64().unwrap(),
                )
            })
            .collect()
    };
    let row = |name: &str, value: f64| (name.to_owned(), value);
    let by_time = [row("a", 9.0), row("b", 2.0), row("a", 1.0), row("b", 1.0)];
    assert_eq!(order(Mode::Flat), by_time);
    let by_known_time = [row("a", 1.0), row("b", 1.0), row("b", 2.0), row("a", 9.0)];
    assert_eq!(order(Mode::Overlapping), by_known_time);
}

#[test]
fn points_asked_for_stand_at_their_places_and_those_not_found_say_so() {
    let at = |value: f64, known: i64| Point {
        known,
        ..point(NEW_YEAR, value)
    };
    let mut missing = at(0.0, i64::MIN);
    missing.value = None;
    let of_a = vec![at(1.0, 0), missing];
    let chunk = pack(&[(1, "a", "{}", of_a), (2, "b", "{}", vec![at(3.0, 0)])], 6);
    let placed = |places: &[i32]| write_placed(&chunk, places, format(FormatName::Json));
    let answer: Value = serde_json::from_slice(&placed(&[2, 0, 1]).unwrap()).unwrap();
    let told = |row: usize| {
        let row = &answer["data"][row];
        ["known_time", "value", "name", "found"].map(|member| row[member].clone())
    };
    let epoch = json!("1970-01-01T00:00:00+00:00");
    assert_eq!(
        told(0),
        [Value::Null, Value::Null, json!("a"), json!(false)]
    );
    assert_eq!(
        told(1),
        [epoch.clone(), json!(3.0), json!("b"), json!(true)]
    );
    assert_eq!(told(2), [epoch, json!(1.0), json!("a"), json!(true)]);
    for places in [&[0, 1][..], &[0, 1, 3], &[0, 1, 1], &[0, 1, -1]] {
        assert!(placed(places).is_err(), "{places:?}");
    }
}

#[test]
fn a_damaged_chunk_is_an_error_at_every_length() {
    let mut version = point(NEW_YEAR, 1.0);
    version.value = None;
    let whole = pack(&[(1, "a", "{}", vec![version.clone(), version])], 31);
    assert!(Chunk::parse(&whole).is_ok());
    for end in 0..whole.len() {
        assert!(Chunk::parse(&whole[..end]).is_err(), "{end}");
    }
    let longer = [&whole[..], &[0]].concat();
    assert!(Chunk::parse(&longer).is_err());
    let mut newer = whole;
    newer[0] = 2;
    assert!(Chunk::parse(&newer).is_err());
}

proptest! {
    #[test]
    fn what_is_written_parses_back(
        points in proptest::collection::vec(
            (-62_135_596_800_000_000i64..253_402_300_800_000_000, any::<f64>(), any::<bool>()), 0..40),
        name in ".*",
    ) {
        let mut points: Vec<Point> = points
            .into_iter()
            .filter(|(_, value, _)| value.is_finite())
            .map(|(time, value, null)| Point { value: (!null).then_some(value), ..point(time, 0.0) })
            .collect();
        points.sort_by_key(|p| p.valid_time);
        let answer: Value =
            serde_json::from_str(&json(&[pack(&[(7, &name, "{}", points.clone())], 2)], Mode::Flat)).unwrap();
        let rows = answer["data"].as_array().unwrap();
        prop_assert_eq!(rows.len(), points.len());
        for (row, point) in rows.iter().zip(&points) {
            let time = crate::instant::parse(row["valid_time"].as_str().unwrap());
            prop_assert_eq!(time.ok(), Some(point.valid_time));
            prop_assert_eq!(row["value"].as_f64().map(f64::to_bits), point.value.map(f64::to_bits));
            prop_assert_eq!(row["name"].as_str(), Some(name.as_str()));
        }
    }
}
