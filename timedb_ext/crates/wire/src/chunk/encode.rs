//! Writes a chunk of points or buckets, straight from the columns of its runs into one vector.

use std::collections::HashMap;
use std::hash::Hash;

use super::{Aggregate, Note, Series};
use crate::bytes::{self, put_length, put_text};
use crate::column::{Number, put_bits, put_column};
use crate::{HAS_BUCKETS, HAS_END, HAS_KNOWN, HAS_NOTES, HAS_NULLS, HAS_VERSIONS, NO_END};

/// A run of points of one series, on its way out. The columns that are written are as long as there are points.
#[derive(Debug)]
pub struct Run<'a, N> {
    /// Its series.
    pub series: Series<'a>,
    /// The instant that each value is about, or the start of its interval.
    pub valid_time: &'a [i64],
    /// The end of each interval, [`NO_END`] for a point without; None if none has an end.
    pub valid_time_end: Option<&'a [i64]>,
    /// The values; 0.0 where null.
    pub value: &'a [f64],
    /// Which values are null; None if none is.
    pub nulls: Option<&'a [bool]>,
    /// When each value was known; read only if that is reported.
    pub known_time: &'a [i64],
    /// When each version was written; this and everything after it is read only if versions are reported.
    pub change_time: &'a [i64],
    /// The id of each write.
    pub value_id: &'a [i64],
    /// The batch of each version.
    pub batch: &'a [[u8; 16]],
    /// What versions say besides their value; None if no version says anything.
    pub notes: Option<&'a [Option<N>]>,
}

/// Some buckets of one series, on their way out.
#[derive(Debug)]
pub struct BucketRun<'a> {
    /// The series.
    pub series: Series<'a>,
    /// Where each bucket starts.
    pub start: Vec<i64>,
    /// Where each bucket ends.
    pub end: Vec<i64>,
    /// How many values each bucket has.
    pub counts: &'a [i64],
    /// For each aggregate of the chunk what it is of each bucket, None without values; the count's entry is not read.
    pub numbers: Vec<&'a [Option<f64>]>,
}

/// What only the caller knows of versions; asked once for each batch and each note of a chunk.
pub trait VersionSource {
    /// A note as runs have it.
    type Note: Eq + Hash;

    /// The user who wrote a batch, if that is known.
    fn writer(&self, batch: &[u8; 16]) -> Option<[u8; 16]>;

    /// What a note says.
    fn note(note: &Self::Note) -> Note<'_>;
}

/// Packs runs into one chunk, with the columns of versions if there is a source of what they say.
///
/// # Panics
/// With more series, points or bytes of a text than a u32 counts, and where columns of a run are of different lengths.
pub fn encode_points<S: VersionSource>(
    runs: &[Run<'_, S::Note>],
    with_known_time: bool,
    versions: Option<&S>,
) -> Vec<u8> {
    let has_end = runs.iter().any(|run| run.valid_time_end.is_some());
    let has_nulls = runs.iter().any(|run| run.nulls.is_some());
    let has_notes = versions.is_some() && runs.iter().any(|run| run.notes.is_some());
    let flags = bytes::flags([
        (HAS_END, has_end),
        (HAS_NULLS, has_nulls),
        (HAS_KNOWN, with_known_time),
        (HAS_VERSIONS, versions.is_some()),
        (HAS_NOTES, has_notes),
    ]);
    let series = runs.iter().map(|run| (&run.series, run.valid_time.len()));
    let mut out = begin(flags, series, 41);
    put_columns(&mut out, runs, |run| run.valid_time);
    if has_end {
        for run in runs {
            match run.valid_time_end {
                Some(ends) => put_column(&mut out, ends),
                None => put_column(&mut out, &vec![NO_END; run.valid_time.len()]),
            }
        }
    }
    put_columns(&mut out, runs, |run| run.value);
    if has_nulls {
        let nulls = runs.iter().flat_map(|run| {
            let nulls = run.nulls;
            (0..run.valid_time.len()).map(move |i| nulls.is_some_and(|nulls| nulls[i]))
        });
        put_bits(&mut out, nulls);
    }
    if with_known_time {
        put_columns(&mut out, runs, |run| run.known_time);
    }
    let Some(source) = versions else {
        return out;
    };
    put_columns(&mut out, runs, |run| run.change_time);
    put_columns(&mut out, runs, |run| run.value_id);
    let batches = runs.iter().flat_map(|run| run.batch);
    put_dictionary(&mut out, batches, |out, batch| {
        out.extend_from_slice(*batch);
        let user = source.writer(batch);
        out.push(u8::from(user.is_some()));
        out.extend_from_slice(&user.unwrap_or_default());
    });
    if has_notes {
        let notes = runs.iter().flat_map(|run| {
            let notes = run.notes;
            (0..run.valid_time.len()).map(move |i| notes.and_then(|notes| notes[i].as_ref()))
        });
        put_dictionary(&mut out, notes, |out, note| {
            note.map(S::note).unwrap_or_default().put(out);
        });
    }
    out
}

/// Packs runs of buckets into one chunk.
///
/// # Panics
/// With more series, buckets or bytes of a text than a u32 counts, and where a run has no column for an aggregate.
pub fn encode_buckets(aggregates: &[Aggregate], runs: &[BucketRun<'_>]) -> Vec<u8> {
    let series = runs.iter().map(|run| (&run.series, run.start.len()));
    let mut out = begin(HAS_END | HAS_BUCKETS, series, 9 * (2 + aggregates.len()));
    put_columns(&mut out, runs, |run| &run.start);
    put_columns(&mut out, runs, |run| &run.end);
    put_length(&mut out, aggregates.len());
    for (at, &aggregate) in aggregates.iter().enumerate() {
        out.push(aggregate as u8);
        if aggregate == Aggregate::Count {
            out.push(0);
            put_columns(&mut out, runs, |run| run.counts);
            continue;
        }
        let numbers = runs.iter().flat_map(|run| run.numbers[at]);
        let has_nulls = numbers.clone().any(Option::is_none);
        out.push(u8::from(has_nulls));
        let values = numbers.clone().map(|number| number.unwrap_or(0.0));
        out.extend(values.flat_map(Number::to_le));
        if has_nulls {
            put_bits(&mut out, numbers.map(Option::is_none));
        }
    }
    out
}

/// Starts a chunk with its series and the lengths of their runs, and reserves so many bytes for each point.
fn begin<'a>(
    flags: u8,
    runs: impl ExactSizeIterator<Item = (&'a Series<'a>, usize)> + Clone,
    bytes_per_point: usize,
) -> Vec<u8> {
    let points = runs.clone().map(|(_, points)| points).sum();
    let capacity = 64 + 96 * runs.len() + bytes_per_point * points;
    let mut out = bytes::begin(flags, [runs.len(), points], capacity);
    for (series, _) in runs.clone() {
        out.extend_from_slice(series.id);
        for text in [series.name, series.unit, series.labels] {
            put_text(&mut out, text);
        }
    }
    for (_, points) in runs {
        put_length(&mut out, points);
    }
    out
}

/// Appends a column that stands in the runs.
#[inline]
fn put_columns<R, T: Number>(out: &mut Vec<u8>, runs: &[R], column: impl Fn(&R) -> &[T]) {
    for run in runs {
        put_column(out, column(run));
    }
}

/// The different ones, and for each point its place among them.
fn put_dictionary<T: Copy + Eq + Hash>(
    out: &mut Vec<u8>,
    each: impl Iterator<Item = T>,
    put: impl Fn(&mut Vec<u8>, &T),
) {
    let mut places = HashMap::new();
    let mut entries = Vec::new();
    let mut last: Option<(T, u32)> = None;
    let indexes: Vec<u32> = each
        .map(|one| match last {
            Some((same, place)) if same == one => place,
            _ => {
                let place = *places.entry(one).or_insert_with(|| {
                    entries.push(one);
                    entries.len() as u32 - 1
                });
                last = Some((one, place));
                place
            }
        })
        .collect();
    put_length(out, entries.len());
    for entry in &entries {
        put(out, entry);
    }
    put_column(out, &indexes);
}
