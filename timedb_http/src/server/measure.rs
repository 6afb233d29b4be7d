//! Own code against the library that would do the same, on 100,000 rows (decision 16):
//! `cargo test --release -p timedb_http --lib measure -- --ignored --nocapture`. Times are the best of many, in turns.

use std::{
    cell::RefCell,
    fmt::Write as _,
    hint::black_box,
    time::{Duration, Instant},
};

use jiff::{
    Timestamp,
    fmt::{StdIoWrite, temporal::DateTimePrinter},
    tz::Offset,
};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use crate::formats::rows::{Chunk, FormatName, Mode, format};

use super::{
    body::read_upload,
    instant::{self, Formatter, Precision},
};

const SERIES: usize = 10;
const POINTS: usize = 10_000;
const ROUNDS: usize = 40;
const LABELS: &str = r#"{"kind":"air \"2m\"","site":"Oslo"}"#;

/// Prints the best time of each, and how it is to the first.
fn compare(title: &str, works: &mut [(&str, &mut dyn FnMut())]) {
    let mut best = vec![Duration::MAX; works.len()];
    for _ in 0..ROUNDS {
        for ((_, work), best) in works.iter_mut().zip(&mut best) {
            let start = Instant::now();
            work();
            *best = start.elapsed().min(*best);
        }
    }
    println!("{title}");
    for ((name, _), time) in works.iter().zip(&best) {
        let ratio = time.as_secs_f64() / best[0].as_secs_f64();
        println!(
            "  {name:<24}{:>8.2} ms{ratio:>7.2}",
            time.as_secs_f64() * 1e3
        );
    }
}

/// Quarters of an hour, each series the same ones.
fn times() -> Vec<i64> {
    let of_one = (0..POINTS as i64).map(|at| (1_735_689_600 + at * 900) * 1_000_000);
    of_one.cycle().take(SERIES * POINTS).collect()
}

/// Numbers with two digits behind the point, as sensors send them.
fn values() -> Vec<f64> {
    let mut state = 1u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as f64
    };
    (0..SERIES * POINTS)
        .map(|_| (next() % 4500.0 - 500.0).trunc() / 100.0)
        .collect()
}

fn texts(times: &[i64]) -> Vec<String> {
    let mut formatter = Formatter::new(Precision::Seconds);
    let text = |micros: &i64| {
        let mut out = Vec::new();
        formatter.write(*micros, &mut out);
        String::from_utf8(out).unwrap()
    };
    times.iter().map(text).collect()
}

fn name(series: usize) -> String {
    format!("temperature \"{series}\" ü")
}

/// What the extension packs.
fn chunk(times: &[i64], values: &[f64]) -> Vec<u8> {
    let number = |number: usize| (number as u32).to_le_bytes();
    let text = |text: &str| [&number(text.len())[..], text.as_bytes()].concat();
    let mut out = vec![1, 0, 0, 0];
    out.extend([number(SERIES), number(SERIES * POINTS)].concat());
    for series in 0..SERIES {
        out.extend(Uuid::from_u128(series as u128).as_bytes());
        out.extend([text(&name(series)), text("degC"), text(LABELS)].concat());
    }
    out.extend([number(POINTS); SERIES].concat());
    out.extend(times.iter().flat_map(|time| time.to_le_bytes()));
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    out
}

/// A row for serde; what is the same in all rows of a series is rendered once, as the server does.
#[derive(Serialize)]
struct SerdeRow<'a> {
    valid_time: SerdeTime<'a>,
    series_id: &'a str,
    value: Option<f64>,
    name: &'a RawValue,
    unit: &'a RawValue,
    labels: &'a RawValue,
}

struct SerdeTime<'a>(i64, &'a RefCell<(Formatter, Vec<u8>)>);

impl Serialize for SerdeTime<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (formatter, text) = &mut *self.1.borrow_mut();
        text.clear();
        formatter.write(self.0, text);
        serializer.serialize_str(std::str::from_utf8(text).unwrap())
    }
}

fn write_with_serde(times: &[i64], values: &[f64], out: &mut Vec<u8>) {
    let formatter = RefCell::new((Formatter::new(Precision::Seconds), Vec::new()));
    let unit = to_raw_value("degC").unwrap();
    let labels = RawValue::from_string(LABELS.to_owned()).unwrap();
    let columns = times.chunks(POINTS).zip(values.chunks(POINTS));
    for (series, (times, values)) in columns.enumerate() {
        let id = Uuid::from_u128(series as u128).to_string();
        let name = to_raw_value(&name(series)).unwrap();
        for (time, value) in times.iter().zip(values) {
            let row = SerdeRow {
                valid_time: SerdeTime(*time, &formatter),
                series_id: &id,
                value: Some(*value),
                name: &name,
                unit: &unit,
                labels: &labels,
            };
            if !out.is_empty() {
                out.push(b',');
            }
            serde_json::to_writer(&mut *out, &row).unwrap();
        }
    }
}

fn write(packed: &[u8], out: &mut Vec<u8>) {
    let chunk = Chunk::parse(packed).unwrap();
    let mut rows = (format(FormatName::Json).rows)(&Mode::Flat.into(), chunk.precision());
    let mut index = 0;
    for run in &chunk.columns.runs {
        let shared = rows.shared(&run.series);
        for _ in 0..run.points {
            rows.row(&chunk, index, &shared, out);
            index += 1;
        }
    }
}

#[test]
#[ignore = "prints times"]
fn instants() {
    let times = times();
    let texts = texts(&times);
    let read_all = |read: &dyn Fn(&str) -> i64| {
        let sum = |sum: i64, text: &String| sum.wrapping_add(read(text));
        black_box(texts.iter().fold(0, sum));
    };
    compare(
        "instants read",
        &mut [
            ("instant::parse", &mut || {
                read_all(&|text| instant::parse(text).unwrap())
            }),
            ("jiff", &mut || {
                read_all(&|text| text.parse::<Timestamp>().unwrap().as_microsecond());
            }),
        ],
    );
    let mut out = Vec::new();
    let mut write_all = |write: &mut dyn FnMut(i64, &mut Vec<u8>)| {
        out.clear();
        times.iter().for_each(|time| write(*time, &mut out));
        black_box(out.len());
    };
    let out = RefCell::new(&mut write_all);
    compare(
        "instants written",
        &mut [
            ("instant::Formatter", &mut || {
                let mut formatter = Formatter::new(Precision::Seconds);
                out.borrow_mut()(&mut |micros, out| formatter.write(micros, out));
            }),
            ("jiff", &mut || {
                const PRINTER: DateTimePrinter = DateTimePrinter::new();
                out.borrow_mut()(&mut |micros, out| {
                    let time = Timestamp::from_microsecond(micros).unwrap();
                    let offset = Offset::UTC;
                    PRINTER
                        .print_timestamp_with_offset(&time, offset, StdIoWrite(out))
                        .unwrap();
                });
            }),
            ("speedate", &mut || {
                let mut text = String::new();
                out.borrow_mut()(&mut |micros, out| {
                    text.clear();
                    let time = speedate::DateTime::from_timestamp(micros / 1_000_000, 0);
                    write!(text, "{}", time.unwrap()).unwrap();
                    out.extend_from_slice(text.as_bytes());
                });
            }),
        ],
    );
}

#[test]
#[ignore = "prints times"]
fn uploads() {
    let (times, values) = (times(), values());
    let mut body = r#"{"batch_start_time":"2025-01-01T00:00:00Z","value_rows":["#.to_owned();
    for (at, (time, value)) in texts(&times).iter().zip(&values).enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let series = at / POINTS;
        write!(
            body,
            r#"{comma}{{"valid_time":"{time}","value_key":"temperature_{series}","value":{value}}}"#
        )
        .unwrap();
    }
    body.push_str("]}");
    compare(
        "an upload read",
        &mut [
            ("read_upload", &mut || {
                black_box(read_upload(body.as_bytes(), None).unwrap());
            }),
            ("a tree of values alone", &mut || {
                black_box(serde_json::from_str::<serde_json::Value>(&body).unwrap());
            }),
        ],
    );
}

#[test]
#[ignore = "prints times"]
fn answers() {
    let (times, values) = (times(), values());
    let packed = chunk(&times, &values);
    let (mut own, mut serdes) = (Vec::new(), Vec::new());
    compare(
        "an answer written",
        &mut [
            ("rows", &mut || {
                own.clear();
                write(&packed, &mut own);
            }),
            ("serde's Serialize", &mut || {
                serdes.clear();
                write_with_serde(&times, &values, &mut serdes);
            }),
        ],
    );
    assert!(own == serdes);
}
