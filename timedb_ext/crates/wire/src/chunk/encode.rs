//! Writes a chunk of points, straight from the columns of its runs into one vector.

use std::collections::HashMap;
use std::hash::Hash;

use super::series::Series;
use super::versions::Note;
use crate::bytes::{self, put_length};
use crate::column::{put_bits, put_column};
use crate::{HAS_END, HAS_KNOWN, HAS_NOTES, HAS_NULLS, HAS_VERSIONS, NO_END};

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
    let points: usize = runs.iter().map(|run| run.valid_time.len()).sum();
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
    let capacity = 64 + 96 * runs.len() + 41 * points;
    let mut out = bytes::begin(flags, [runs.len(), points], capacity);
    for run in runs {
        run.series.put(&mut out);
    }
    for run in runs {
        put_length(&mut out, run.valid_time.len());
    }
    for run in runs {
        put_column(&mut out, run.valid_time);
    }
    if has_end {
        for run in runs {
            match run.valid_time_end {
                Some(ends) => put_column(&mut out, ends),
                None => put_column(&mut out, &vec![NO_END; run.valid_time.len()]),
            }
        }
    }
    for run in runs {
        put_column(&mut out, run.value);
    }
    if has_nulls {
        let nulls = runs.iter().flat_map(|run| {
            let nulls = run.nulls;
            (0..run.valid_time.len()).map(move |i| nulls.is_some_and(|nulls| nulls[i]))
        });
        let set = nulls.enumerate().filter(|(_, null)| *null);
        put_bits(&mut out, points, set.map(|(at, _)| at));
    }
    if with_known_time {
        for run in runs {
            put_column(&mut out, run.known_time);
        }
    }
    if let Some(source) = versions {
        put_versions(&mut out, runs, source, has_notes);
    }
    out
}

/// Appends the columns of the versions.
fn put_versions<S: VersionSource>(
    out: &mut Vec<u8>,
    runs: &[Run<'_, S::Note>],
    source: &S,
    with_notes: bool,
) {
    for run in runs {
        put_column(out, run.change_time);
    }
    for run in runs {
        put_column(out, run.value_id);
    }
    let batches = runs.iter().flat_map(|run| run.batch);
    put_dictionary(out, batches, |out, batch| {
        out.extend_from_slice(*batch);
        let user = source.writer(batch);
        out.push(u8::from(user.is_some()));
        out.extend_from_slice(&user.unwrap_or_default());
    });
    if !with_notes {
        return;
    }
    let notes = runs.iter().flat_map(|run| {
        let notes = run.notes;
        (0..run.valid_time.len()).map(move |i| notes.and_then(|notes| notes[i].as_ref()))
    });
    put_dictionary(out, notes, |out, note| {
        note.map(S::note).unwrap_or_default().put(out);
    });
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
