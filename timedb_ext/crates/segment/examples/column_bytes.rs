//! The bytes that segments take for columns of values: `column_bytes FILE...`, each of little-endian
//! doubles. For scripts/bench_codec.py, which has public data and other codecs.

use std::error::Error;
use std::{env, fs};

use timedb_segment::{Column, MAX_POINTS, Points, SegmentKey, encode};

const HOUR: i64 = 3_600_000_000;
const START: i64 = 1_700_000_000_000_000 / HOUR * HOUR;

/// Prints a line for each file.
fn main() -> Result<(), Box<dyn Error>> {
    for file in env::args().skip(1) {
        let bytes = fs::read(&file).map_err(|error| format!("{file}: {error}"))?;
        let (doubles, []) = bytes.as_chunks() else {
            return Err(format!("{file} is not made of doubles").into());
        };
        let values: Vec<f64> = doubles
            .iter()
            .map(|&double| f64::from_le_bytes(double))
            .collect();
        let mut size = 0;
        for (place, values) in values.chunks(MAX_POINTS).enumerate() {
            size += segment_bytes(place * MAX_POINTS, values)?;
        }
        println!("{size}");
    }
    Ok(())
}

/// The bytes of hourly values that one upload wrote: with their times, and all else that a segment has.
fn segment_bytes(first: usize, values: &[f64]) -> Result<usize, Box<dyn Error>> {
    let key = SegmentKey {
        tenant: [1; 16],
        series: [2; 16],
    };
    let times = (first..first + values.len()).map(|hour| START + hour as i64 * HOUR);
    let points = Points {
        valid_time: times.collect(),
        valid_time_end: None,
        value: values.to_vec(),
        nulls: None,
        known_time: Column::Constant(START),
        change_time: Column::Constant(START),
        batch: None,
        notes: None,
    };
    Ok(encode(&key, &points)?.blob.len())
}
