//! Packed columns: how points travel between backend and client as one `bytea`, instead of rows.
//!
//! All integers are little-endian, instants are Unix microseconds, `str` is a u32 length and UTF-8.
//!
//! Upload (version 1): `u8 version, u8 flags, u16 0, u32 points, u32 series`, then each series
//! (`u8 0, str name, str labels, str unit, str description`, `u8 1, uuid` or `u8 2, uuid, str unit`), then
//! the columns `u32 series_index, i64 valid_time, [i64 valid_time_end], f64 value, [null bitmap],
//! [i64 known_time]`; a point whose known_time is `i64::MIN` has that of the batch.
//!
//! Chunk of a read (version 1): the same header with `u32 series, u32 points`, then each series
//! (`uuid, str name, str unit, str labels`), `u32 run_length` for each, then the columns
//! `i64 valid_time, [i64 valid_time_end], f64 value, [null bitmap], [i64 known_time], [versions]`. Points
//! stand grouped by series.
//!
//! Versions: `i64 change_time, i64 value_id`, then the batches (`u32 n`, n times `uuid batch, u8 1 if
//! known, uuid user`; `u32` place for each point) and, if any version has one, the notes (`u32 n`, n times
//! `u8 bits` and what the bits 1, 2, 4, 8 say: `str annotation`, `u32 n` times `str tag`, `str metadata`,
//! `uuid changed_by`; `u32` place for each point).
//!
//! A chunk of buckets has their starts as valid_time, their ends as valid_time_end, and for value and null
//! bitmap the aggregates: `u32 n`, n times `u8 aggregate, u8 1 if there are nulls`, `i64 count` or
//! `f64` for each bucket, `[null bitmap]`. Aggregates are numbered from 0: count, avg, sum, min, max, first,
//! last, time_weighted_avg.
//!
//! Flags: 1 valid_time_end, 2 nulls, 4 known_time, 8 versions, 16 notes, 32 buckets. An absent end is `i64::MIN`; null
//! bitmaps are LSB first, 1 means null.

mod buckets;
mod versions;

pub use buckets::pack_buckets;
pub use versions::{Versions, Writers};

use crate::pg::error::{Error, Result, SqlState};
use crate::series::{NamedSeries, SeriesInfo, SeriesList, SeriesRef};
use timedb_rules::labels::Labels;
use timedb_rules::limits;
use timedb_segment::{Merged, NO_END};

const VERSION: u8 = 1;
const HAS_END: u8 = 1;
const HAS_NULLS: u8 = 2;
const HAS_KNOWN: u8 = 4;
const HAS_VERSIONS: u8 = 8;
const HAS_NOTES: u8 = 16;
const HAS_BUCKETS: u8 = 32;

/// The columns of an upload, however they came in.
pub struct UploadColumns {
    pub series: Vec<SeriesRef>,
    /// For each point, its place in `series`.
    pub series_index: Vec<u32>,
    pub valid_time: Vec<i64>,
    pub valid_time_end: Option<Vec<i64>>,
    pub value: Vec<f64>,
    pub nulls: Option<Vec<bool>>,
    /// When each value was known; [`NO_KNOWN_TIME`] where the batch says it. None if it says it of all.
    pub known_time: Option<Vec<i64>>,
}

/// The known_time of a point that says none of its own.
pub const NO_KNOWN_TIME: i64 = i64::MIN;

impl UploadColumns {
    /// Keeps the points at the positions that `keep` accepts.
    pub fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        fn pick<T: Copy>(column: &mut Vec<T>, keep: &impl Fn(usize) -> bool) {
            let mut i = 0;
            column.retain(|_| {
                i += 1;
                keep(i - 1)
            });
        }
        pick(&mut self.series_index, &keep);
        pick(&mut self.valid_time, &keep);
        pick(&mut self.value, &keep);
        if let Some(ends) = &mut self.valid_time_end {
            pick(ends, &keep);
        }
        if let Some(nulls) = &mut self.nulls {
            pick(nulls, &keep);
        }
        if let Some(known) = &mut self.known_time {
            pick(known, &keep);
        }
    }

    /// Gives the points that say no known_time of their own that of the batch. A column that says nothing
    /// else goes.
    pub fn complete_known_time(&mut self, of_batch: i64) {
        let Some(known) = &mut self.known_time else {
            return;
        };
        for one in known.iter_mut().filter(|one| **one == NO_KNOWN_TIME) {
            *one = of_batch;
        }
        if known.iter().all(|&one| one == of_batch) {
            self.known_time = None;
        }
    }
}

/// Reads a packed upload.
///
/// # Errors
/// 22P03 for bytes that are no packed upload, 54000 for too many points or series.
pub fn parse_upload(bytes: &[u8]) -> Result<UploadColumns> {
    let mut reader = Reader { bytes };
    let flags = reader.header()?;
    if flags & !(HAS_END | HAS_NULLS | HAS_KNOWN) != 0 {
        return Err(malformed("unknown flags"));
    }
    let points = reader.u32()? as usize;
    let n_series = reader.u32()? as usize;
    // Each series takes at least a byte: no allocation beyond what the bytes justify.
    if n_series > reader.bytes.len() {
        return Err(malformed("more series than bytes"));
    }
    limits::check_points(points)?;
    let mut series = SeriesList::with_capacity(n_series)?;
    for _ in 0..n_series {
        series.push(match reader.take(1)?[0] {
            0 => SeriesRef::Named(NamedSeries {
                name: reader.str()?.to_owned(),
                labels: Labels::parse(reader.str()?)?,
                unit: non_empty(reader.str()?),
                description: non_empty(reader.str()?),
            }),
            1 => SeriesRef::Id {
                id: reader.uuid()?,
                unit: None,
            },
            2 => SeriesRef::Id {
                id: reader.uuid()?,
                unit: non_empty(reader.str()?),
            },
            _ => return Err(malformed("unknown kind of series")),
        })?;
    }
    let series = series.into_vec();
    let series_index = reader.column(points, u32::from_le_bytes)?;
    let valid_time = reader.column(points, i64::from_le_bytes)?;
    let valid_time_end = match flags & HAS_END {
        0 => None,
        _ => Some(reader.column(points, i64::from_le_bytes)?),
    };
    let value = reader.column(points, f64::from_le_bytes)?;
    let nulls = match flags & HAS_NULLS {
        0 => None,
        _ => Some(reader.bitmap(points)?),
    };
    let known_time = match flags & HAS_KNOWN {
        0 => None,
        _ => Some(reader.column(points, i64::from_le_bytes)?),
    };
    if !reader.bytes.is_empty() {
        return Err(malformed("bytes after the last column"));
    }
    if series_index.iter().any(|&i| i as usize >= series.len()) {
        return Err(malformed("a point of a series that is not listed"));
    }
    Ok(UploadColumns {
        series,
        series_index,
        valid_time,
        valid_time_end,
        value,
        nulls,
        known_time,
    })
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn malformed(why: &str) -> Error {
    Error::new(
        SqlState::INVALID_BINARY_REPRESENTATION,
        format!("malformed packed columns: {why}"),
    )
}

/// A run of points of one series, on its way out.
pub struct Run<'a> {
    pub series: &'a SeriesInfo,
    pub points: Merged,
}

/// Packs runs into one chunk, with the columns of versions if `writers` are given.
pub fn pack_chunk(runs: &[Run], with_known: bool, writers: Option<&Writers>) -> Vec<u8> {
    let points: usize = runs.iter().map(|run| run.points.valid_time.len()).sum();
    let has_end = runs.iter().any(|run| run.points.valid_time_end.is_some());
    let has_nulls = runs.iter().any(|run| run.points.nulls.is_some());
    let mut flags = 0;
    for (bit, set) in [
        (HAS_END, has_end),
        (HAS_NULLS, has_nulls),
        (HAS_KNOWN, with_known),
        (HAS_VERSIONS, writers.is_some()),
        (HAS_NOTES, writers.is_some() && versions::has_notes(runs)),
    ] {
        flags |= if set { bit } else { 0 };
    }
    let mut out = Vec::with_capacity(64 + 96 * runs.len() + 41 * points);
    out.extend_from_slice(&[VERSION, flags, 0, 0]);
    out.extend_from_slice(&(runs.len() as u32).to_le_bytes());
    out.extend_from_slice(&(points as u32).to_le_bytes());
    for run in runs {
        put_series(&mut out, run.series);
    }
    for run in runs {
        out.extend_from_slice(&(run.points.valid_time.len() as u32).to_le_bytes());
    }
    for run in runs {
        put_i64(&mut out, &run.points.valid_time);
    }
    if has_end {
        for run in runs {
            match &run.points.valid_time_end {
                Some(ends) => put_i64(&mut out, ends),
                None => (0..run.points.valid_time.len())
                    .for_each(|_| out.extend_from_slice(&NO_END.to_le_bytes())),
            }
        }
    }
    for run in runs {
        out.extend(run.points.value.iter().flat_map(|v| v.to_le_bytes()));
    }
    if has_nulls {
        put_bitmap(&mut out, points, runs);
    }
    if with_known {
        runs.iter()
            .for_each(|run| put_i64(&mut out, &run.points.known_time));
    }
    if let Some(writers) = writers {
        versions::put(&mut out, runs, writers);
    }
    out
}

fn put_series(out: &mut Vec<u8>, series: &SeriesInfo) {
    out.extend_from_slice(&series.id);
    for text in [&series.name, &series.unit, &series.labels] {
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
}

fn put_i64(out: &mut Vec<u8>, column: &[i64]) {
    out.extend(column.iter().flat_map(|v| v.to_le_bytes()));
}

fn put_bitmap(out: &mut Vec<u8>, points: usize, runs: &[Run]) {
    let start = out.len();
    out.resize(start + points.div_ceil(8), 0);
    let mut at = 0;
    for run in runs {
        if let Some(nulls) = &run.points.nulls {
            for i in nulls
                .iter()
                .enumerate()
                .filter(|(_, null)| **null)
                .map(|(i, _)| at + i)
            {
                out[start + i / 8] |= 1 << (i % 8);
            }
        }
        at += run.points.valid_time.len();
    }
}

/// The columns of a chunk, for handing them out as rows.
pub struct Chunk {
    pub valid_time: Vec<i64>,
    pub valid_time_end: Option<Vec<i64>>,
    pub value: Vec<f64>,
    pub nulls: Option<Vec<bool>>,
    pub known_time: Option<Vec<i64>>,
    pub versions: Option<Versions>,
}

/// Reads a chunk that [`pack_chunk`] made; its series are skipped.
///
/// # Errors
/// 22P03 for bytes that are no chunk.
pub fn parse_chunk(bytes: &[u8]) -> Result<Chunk> {
    let mut reader = Reader { bytes };
    let flags = reader.header()?;
    let series = reader.u32()? as usize;
    let points = reader.u32()? as usize;
    for _ in 0..series {
        reader.uuid()?;
        for _ in 0..3 {
            reader.str()?;
        }
    }
    reader.column(series, u32::from_le_bytes)?;
    let valid_time = reader.column(points, i64::from_le_bytes)?;
    let optional = |reader: &mut Reader, bit| match flags & bit {
        0 => Ok(None),
        _ => reader.column(points, i64::from_le_bytes).map(Some),
    };
    let valid_time_end = optional(&mut reader, HAS_END)?;
    let value = reader.column(points, f64::from_le_bytes)?;
    let nulls = match flags & HAS_NULLS {
        0 => None,
        _ => Some(reader.bitmap(points)?),
    };
    let known_time = optional(&mut reader, HAS_KNOWN)?;
    let versions = match flags & HAS_VERSIONS {
        0 => None,
        _ => Some(Versions::parse(
            &mut reader,
            points,
            flags & HAS_NOTES != 0,
        )?),
    };
    Ok(Chunk {
        valid_time,
        valid_time_end,
        value,
        nulls,
        known_time,
        versions,
    })
}

/// What is left of the bytes; every method takes from the front, and fails where they end.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .bytes
            .split_at_checked(n)
            .ok_or_else(|| malformed("they end too early"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut fixed = [0; N];
        fixed.copy_from_slice(self.take(N)?);
        Ok(fixed)
    }

    /// Version and reserved bytes are checked, the flags returned.
    fn header(&mut self) -> Result<u8> {
        let [version, flags, a, b] = self.fixed()?;
        if version != VERSION || (a, b) != (0, 0) {
            return Err(malformed("unknown version"));
        }
        Ok(flags)
    }

    fn u32(&mut self) -> Result<u32> {
        self.fixed().map(u32::from_le_bytes)
    }

    fn uuid(&mut self) -> Result<[u8; 16]> {
        self.fixed()
    }

    fn str(&mut self) -> Result<&'a str> {
        let length = self.u32()? as usize;
        std::str::from_utf8(self.take(length)?).map_err(|_| malformed("text that is not UTF-8"))
    }

    fn column<T, const N: usize>(&mut self, n: usize, from: fn([u8; N]) -> T) -> Result<Vec<T>> {
        let bytes = self.take(
            n.checked_mul(N)
                .ok_or_else(|| malformed("too many points"))?,
        )?;
        pgrx::check_for_interrupts!();
        let (items, _) = bytes.as_chunks::<N>();
        Ok(items.iter().map(|item| from(*item)).collect())
    }

    fn bitmap(&mut self, n: usize) -> Result<Vec<bool>> {
        let bytes = self.take(n.div_ceil(8))?;
        Ok((0..n).map(|i| bytes[i / 8] >> (i % 8) & 1 == 1).collect())
    }
}
