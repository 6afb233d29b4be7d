//! What the files of the corpus contain: a case for each way in which something is encoded, made of as few points as
//! take that way. A case whose file exists does not count any more; new cases go to the end.

mod segments;
mod writes;

use serde_json::{Value, json};
use timedb_segment::{Column, Points, SegmentKey, encode, encode_batches};

use crate::json;
use crate::stored::Stored;

pub struct Case {
    pub name: String,
    pub stored: Stored,
    pub contents: Value,
}

const TENANT: [u8; 16] = *b"\x01\x8f tenant of all";
const SERIES: [u8; 16] = *b"a series, of all";
const LIST: [u8; 16] = *b"a list of series";
const T0: i64 = 1_764_357_332_123_456;
const MINUTE: i64 = 60_000_000;

/// Points of these times and values, known and written at once.
fn plain(valid_time: Vec<i64>, value: Vec<f64>) -> Points {
    Points {
        valid_time,
        valid_time_end: None,
        value,
        nulls: None,
        known_time: Column::Constant(T0),
        change_time: Column::Constant(T0),
        batch: None,
        notes: None,
    }
}

fn minutes(n: usize) -> Vec<i64> {
    (0..n as i64)
        .map(|i| T0 / MINUTE * MINUTE + i * MINUTE)
        .collect()
}

fn each(n: usize, of: impl Fn(i64) -> i64) -> Column<i64> {
    Column::Each((0..n as i64).map(of).collect())
}

/// Numbers that look random, always the same ones.
fn noise(i: i64) -> i64 {
    let mut x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x ^ x >> 27) as i64 & i64::MAX
}

/// Mostly 0, else up to 100,000.
fn rarely(i: i64) -> i64 {
    match noise(i) % 12 {
        0 => noise(i * 7) % 100_000,
        _ => 0,
    }
}

fn values(n: usize, of: impl Fn(i64) -> f64) -> Vec<f64> {
    (0..n as i64).map(of).collect()
}

pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, points) in segments::all() {
        let key = SegmentKey {
            tenant: TENANT,
            series: SERIES,
        };
        let segment = encode(&key, &points).unwrap_or_else(|error| panic!("{name}: {error}"));
        cases.push(Case {
            name: format!("segment_{name}"),
            stored: Stored::Segment(key, segment.bounds, segment.blob),
            contents: json!({"points": json::points(&points, TENANT)}),
        });
    }
    for (name, row) in writes::log_rows() {
        cases.push(row.case(name));
    }
    for (name, batches) in writes::chunks() {
        let (bounds, blob) =
            encode_batches(&TENANT, &batches).unwrap_or_else(|error| panic!("{name}: {error}"));
        let contents: Vec<Value> = batches.iter().map(|one| json::batch(one, TENANT)).collect();
        cases.push(Case {
            name: format!("batches_{name}"),
            stored: Stored::Batches(TENANT, bounds, blob),
            contents: json!({"batches": contents}),
        });
    }
    cases
}
