//! Size and speed of segments, printed as a table: `cargo bench -p timedb_segment`. Times are the
//! best of many repetitions on a warm cache.

use std::hint::black_box;
use std::time::{Duration, Instant};

use timedb_segment::aggregate::{Aggregator, Fill, Range};
use timedb_segment::group::group_points;
use timedb_segment::{
    Column, Filter, MAX_POINTS, Merged, Merger, Mode, Points, Segment, SegmentKey, decode,
    decode_range, encode,
};

const KEY: SegmentKey = SegmentKey {
    tenant: [1; 16],
    series: [2; 16],
};
const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const START: i64 = 1_700_000_000_000_000 / HOUR * HOUR;

/// The best time of many runs.
fn time<T>(mut work: impl FnMut() -> T) -> Duration {
    let begin = Instant::now();
    let mut best = Duration::MAX;
    while begin.elapsed() < Duration::from_millis(400) {
        let start = Instant::now();
        black_box(work());
        best = best.min(start.elapsed());
    }
    best
}

fn points(valid_time: Vec<i64>, value: Vec<f64>, known_time: i64) -> Points {
    Points {
        valid_time,
        valid_time_end: None,
        value,
        nulls: None,
        known_time: Column::Constant(known_time),
        change_time: Column::Constant(known_time + 3_456_789),
        batch: None,
        notes: None,
    }
}

fn regular(n: usize, step: i64) -> Vec<i64> {
    (0..n as i64).map(|i| START + i * step).collect()
}

/// A daily curve of 100 +- 30 with uniform noise of 20, two decimals: 11 bits that can't be saved.
fn load(n: usize, random: &mut fastrand::Rng) -> Vec<f64> {
    let day = |i: usize| (i as f64 / 24.0 * std::f64::consts::TAU).sin() * 3000.0;
    (0..n)
        .map(|i| (10_000.0 + day(i) + random.f64() * 2000.0).round() / 100.0)
        .collect()
}

/// A slow walk in tenths.
fn sensor(n: usize, random: &mut fastrand::Rng) -> Vec<f64> {
    let mut at = 215i64;
    (0..n)
        .map(|_| {
            at += [0, 0, 0, 0, 1, -1][random.usize(..6)];
            at as f64 / 10.0
        })
        .collect()
}

fn codec(name: &str, points: &Points) {
    let segment = encode(&KEY, points).expect("encodes");
    let n = points.len() as f64;
    let encoding = time(|| encode(&KEY, points));
    let decoding = time(|| decode(&KEY, &segment.bounds, &segment.blob));
    // Some 24 points after two thirds.
    let from = points.len() * 2 / 3;
    let start = points.valid_time.get(from).copied();
    let end = points.valid_time.get(from + 24).copied();
    let part = time(|| decode_range(&KEY, &segment.bounds, &segment.blob, start, end));
    println!(
        "{name:32} {:6} B {:7.3} B/value  encode {:7.2} us {:6.1} ns/value  decode {:7.2} us {:6.1} ns/value  24 points {:6.2} us",
        segment.blob.len(),
        segment.blob.len() as f64 / n,
        encoding.as_nanos() as f64 / 1000.0,
        encoding.as_nanos() as f64 / n,
        decoding.as_nanos() as f64 / 1000.0,
        decoding.as_nanos() as f64 / n,
        part.as_nanos() as f64 / 1000.0,
    );
}

fn codecs(random: &mut fastrand::Rng) {
    let n = MAX_POINTS;
    let hourly = || regular(n, HOUR);
    codec(
        "hourly, two decimals",
        &points(hourly(), load(n, random), START),
    );
    codec(
        "minute sensor",
        &points(regular(n, MINUTE), sensor(n, random), START),
    );
    codec(
        "random doubles",
        &points(hourly(), (0..n).map(|_| random.f64()).collect(), START),
    );
    let singles = (0..n).map(|_| f64::from(random.f32() * 100.0)).collect();
    codec("single precision", &points(hourly(), singles, START));
    codec(
        "run of 48",
        &points(regular(48, HOUR), load(48, random), START),
    );
    codec(
        "256 points",
        &points(regular(256, HOUR), load(256, random), START),
    );
    codec("one point", &points(vec![START], vec![12.34], START));
    let mut at = START;
    let irregular = (0..n)
        .map(|_| {
            at += random.i64(1..600) * 1_000_000 + random.i64(0..1_000_000);
            at
        })
        .collect();
    codec(
        "irregular microseconds",
        &points(irregular, sensor(n, random), START),
    );
    let mut rich = points(hourly(), load(n, random), START);
    rich.valid_time_end = Some(rich.valid_time.iter().map(|start| start + HOUR).collect());
    rich.nulls = Some((0..n).map(|_| random.u8(..) == 0).collect());
    codec("intervals with 0.4% nulls", &rich);
    let known: Vec<i64> = (0..n as i64).map(|i| START + i / 48 * HOUR).collect();
    let mut compacted = points(hourly(), load(n, random), START);
    compacted.change_time = Column::Each(
        known
            .iter()
            .map(|t| t + t / HOUR * 999_983 % HOUR)
            .collect(),
    );
    compacted.batch = Some(Column::Each((0..n).map(|i| [(i / 48) as u8; 16]).collect()));
    compacted.known_time = Column::Each(known);
    codec("compacted, many batches", &compacted);
}

fn merge(segments: &[Points], mode: Mode, taking: bool) -> usize {
    let mut merger = Merger::new(mode, Filter::default());
    let mut count = 0;
    for segment in segments.iter().cloned() {
        if taking && let Some(merged) = merger.take_before(segment.valid_time[0]) {
            count += merged.len();
        }
        merger.push(segment).expect("has its stamps");
    }
    count + merger.finish().len()
}

fn merges(random: &mut fastrand::Rng) {
    let run = |i: i64, shift: i64, random: &mut fastrand::Rng| {
        let known = START + i * HOUR;
        let times = (0..48).map(|h| known + shift + h * HOUR).collect();
        points(times, load(48, random), known)
    };
    let runs: Vec<Points> = (0..8760).map(|i| run(i, 0, random)).collect();
    let ragged: Vec<Points> = (0..8760)
        .map(|i| run(i, i % 3 * (HOUR / 3), random))
        .collect();
    let blobs: Vec<Segment> = runs
        .iter()
        .map(|run| encode(&KEY, run).expect("encodes"))
        .collect();
    let decode_all = || -> Vec<Points> {
        let decode = |s: &Segment| decode(&KEY, &s.bounds, &s.blob).expect("decodes");
        blobs.iter().map(decode).collect()
    };
    println!(
        "\n8760 hourly runs of 48 hours (cloning them takes {:?})",
        time(|| runs.to_vec())
    );
    println!("decode                           {:?}", time(decode_all));
    let read = |mode: Mode| {
        let mut merger = Merger::new(mode, Filter::default());
        let mut count = 0;
        for s in &blobs {
            count += merger
                .take_before(s.bounds.min_valid)
                .map_or(0, |merged| merged.len());
            let points = decode(&KEY, &s.bounds, &s.blob).expect("decodes");
            merger.push(points).expect("has its stamps");
        }
        count + merger.finish().len()
    };
    for mode in [Mode::Flat, Mode::Overlapping, Mode::Versions] {
        println!("decode and merge {mode:?}: {:?}", time(|| read(mode)));
    }
    for mode in [Mode::Flat, Mode::Overlapping, Mode::Versions] {
        for taking in [false, true] {
            let points = merge(&runs, mode, taking);
            let took = time(|| merge(&runs, mode, taking));
            println!("merge {mode:?}, taking {taking}: {took:?} to {points} points");
        }
    }
    let points = merge(&ragged, Mode::Flat, true);
    let took = time(|| merge(&ragged, Mode::Flat, true));
    println!("merge Flat, three grids: {took:?} to {points} points");
}

fn groups() {
    println!("\ngrouping 100,000 points");
    for (name, n_series) in [("100 series", 100u32), ("10,000 series", 10_000)] {
        let n = 100_000u32;
        let each = n / n_series;
        let blocks: Vec<u32> = (0..n).map(|i| i / each).collect();
        let times: Vec<i64> = (0..n).map(|i| i64::from(i % each) * HOUR).collect();
        let mixed: Vec<u32> = (0..n).map(|i| i % n_series).collect();
        let mixed_times: Vec<i64> = (0..n).map(|i| i64::from(i / n_series) * HOUR).collect();
        let shuffled: Vec<i64> = (0..n)
            .map(|i| i64::from(i % 7919) * HOUR + i64::from(i))
            .rev()
            .collect();
        for (order, series, times) in [
            ("contiguous", &blocks, &times),
            ("interleaved", &mixed, &mixed_times),
            ("out of order", &mixed, &shuffled),
        ] {
            let took = time(|| group_points(series, n_series as usize, times, None, None).is_ok());
            println!("{name}, {order}: {took:?}");
        }
    }
}

/// Minutes, in chunks of a segment's size.
fn aggregates(random: &mut fastrand::Rng) {
    let (chunks, each) = (256, MAX_POINTS as i64);
    println!("\naggregating {} points", chunks * each);
    let chunk = |c: i64, random: &mut fastrand::Rng| Merged {
        valid_time: (c * each..(c + 1) * each)
            .map(|i| START + i * MINUTE)
            .collect(),
        value: load(MAX_POINTS, random),
        ..Merged::default()
    };
    let plain: Vec<Merged> = (0..chunks).map(|c| chunk(c, random)).collect();
    let mut rich = plain.clone();
    for merged in &mut rich {
        let ends = merged.valid_time.iter().map(|start| start + MINUTE);
        merged.valid_time_end = Some(ends.collect());
        merged.nulls = Some((0..merged.len()).map(|_| random.u8(..) == 0).collect());
    }
    for (kind, points) in [("instants", &plain), ("intervals with nulls", &rich)] {
        for minutes in [1, 60, 1440] {
            let length = minutes * MINUTE;
            let bucket_of = |t: i64| {
                let start = t - t.rem_euclid(length);
                (start, start + length)
            };
            let took = time(|| {
                let mut aggregator =
                    Aggregator::new(bucket_of, Range::default(), Fill::None, usize::MAX);
                let mut count = 0;
                for merged in points {
                    aggregator.push(merged).expect("few buckets");
                    count += aggregator.take().len();
                }
                count + aggregator.finish().expect("few buckets").len()
            });
            let rate = (chunks * each) as f64 / took.as_secs_f64() / 1e6;
            println!("{kind}, buckets of {minutes} points: {took:?}, {rate:.0} million points/s");
        }
    }
}

fn main() {
    let mut random = fastrand::Rng::with_seed(42);
    codecs(&mut random);
    merges(&mut random);
    groups();
    aggregates(&mut random);
}
