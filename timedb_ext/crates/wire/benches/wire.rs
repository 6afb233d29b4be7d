//! Speed of packing and unpacking, printed as a table: `cargo bench -p timedb_wire`. Times are the best of many
//! repetitions on a warm cache.

use std::hint::black_box;
use std::time::{Duration, Instant};

use timedb_wire::{
    Chunk, Note, Run, Series, SeriesName, Upload, UploadReader, VersionSource, encode_points,
};

const POINTS: usize = 100_000;

/// The best time of many runs.
fn time<T>(mut work: impl FnMut() -> T) -> Duration {
    let begin = Instant::now();
    let mut best = Duration::MAX;
    while begin.elapsed() < Duration::from_millis(800) {
        let start = Instant::now();
        black_box(work());
        best = best.min(start.elapsed());
    }
    best
}

fn report(what: &str, bytes: usize, took: Duration) {
    println!(
        "{what:34} {bytes:9} bytes {:8.1} us",
        took.as_secs_f64() * 1e6
    );
}

struct Writers;

impl VersionSource for Writers {
    type Note = ();

    fn writer(&self, _: &[u8; 16]) -> Option<[u8; 16]> {
        None
    }

    fn note((): &()) -> Note<'_> {
        Note::default()
    }
}

fn main() {
    let times: Vec<i64> = (0..POINTS as i64).map(|i| i * 3_600_000_000).collect();
    let values: Vec<f64> = (0..POINTS).map(|i| i as f64 / 10.0).collect();
    let batches = vec![[3; 16]; POINTS];
    for n_series in [1, 1_000] {
        let each = POINTS / n_series;
        let runs = times
            .chunks(each)
            .zip(values.chunks(each))
            .zip(batches.chunks(each));
        let runs: Vec<Run<'_, ()>> = runs
            .map(|((times, value), batch)| Run {
                series: Series {
                    id: &[1; 16],
                    name: "wind",
                    unit: "MW",
                    labels: "{}",
                },
                valid_time: times,
                valid_time_end: None,
                value,
                nulls: None,
                known_time: times,
                change_time: times,
                value_id: times,
                batch,
                notes: None,
            })
            .collect();
        let of = |what: &str| format!("{what}, {n_series} series");
        let pack = || encode_points(&runs, false, None::<&Writers>);
        let bytes = pack();
        report(&of("pack points"), bytes.len(), time(pack));
        let decode = || {
            let chunk = Chunk::decode(&bytes).expect("it is one");
            let value = |i| chunk.value(i).unwrap_or(0.0) + chunk.valid_time.at(i) as f64;
            (0..chunk.points).map(value).sum::<f64>()
        };
        report(&of("read points"), bytes.len(), time(decode));
        let pack = || encode_points(&runs, true, Some(&Writers));
        report(&of("pack versions"), pack().len(), time(pack));
    }

    let index = vec![0; POINTS];
    let upload = Upload {
        series_index: &index,
        valid_time: &times,
        valid_time_end: None,
        value: &values,
        nulls: None,
        known_time: None,
    };
    let series = SeriesName::Id {
        id: [1; 16],
        unit: "",
    };
    let pack = || upload.encode([series].into_iter());
    let bytes = pack();
    report("pack an upload", bytes.len(), time(pack));
    let decode = || {
        let columns = UploadReader::open(&bytes).and_then(UploadReader::columns);
        let columns = columns.expect("it is one");
        (columns.valid_time.to_vec(), columns.value.to_vec())
    };
    report("copy an upload's columns", bytes.len(), time(decode));
}
