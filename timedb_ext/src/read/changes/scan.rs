//! The versions of writes, from the segments of their series.
//!
//! Writes that are read together share one pass over the segments of a series: with one pass per write, a point that
//! was written a thousand times would be examined a million times.

use super::writes::FeedBatch;
use crate::pg::error::Result;
use crate::pg::spi::Home;
use crate::read::segments::{SegmentSearch, SegmentWalk, Start, Stretch, Visitor};
use std::collections::HashMap;
use std::rc::Rc;
use timedb_segment::{Filter, Merged, Mode, NO_END, Note, Points, SegmentKey};

/// Stretches of series in one statement.
const STRETCHES: usize = 1_024;
/// Stretches of one series, at most: each costs a search in the index.
const MAX_STRETCHES: usize = 8;

/// One version of a point.
pub struct FeedChange {
    /// The place of its write.
    pub batch: usize,
    pub series: [u8; 16],
    pub valid_time: i64,
    /// [`NO_END`] for a point without.
    pub valid_time_end: i64,
    pub value: f64,
    pub null: bool,
    pub known_time: i64,
    pub change_time: i64,
    /// The batch that it says it belongs to: of a correction, that of the corrected value.
    pub of_batch: [u8; 16],
    pub note: Option<Rc<Note>>,
}

impl FeedChange {
    /// About how many bytes it takes in an answer, without its series.
    pub fn bytes(&self) -> usize {
        100 + self.note.as_ref().map_or(0, |note| {
            let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
            let tags: usize = note.tags.iter().map(|tag| tag.len() + 8).sum();
            text(&note.annotation) + text(&note.metadata) + tags
        })
    }
}

/// What is looked for, and what has been found.
struct Wanted {
    /// Writes by their change_time.
    writes: HashMap<i64, usize>,
    /// Only what comes after this point of the write.
    after: Option<([u8; 16], i64, i64)>,
    max_points: usize,
    max_bytes: usize,
    found: Vec<FeedChange>,
    found_bytes: usize,
}

/// The changes of one write, in order, up to a number of points and bytes. Call with SPI connected.
///
/// # Errors
/// XX001 for a damaged segment.
pub fn one(
    tenant: &[u8; 16],
    batch: &FeedBatch,
    max_points: usize,
    max_bytes: usize,
) -> Result<Vec<FeedChange>> {
    let batches = std::slice::from_ref(batch);
    Ok(read(tenant, batches, max_points, max_bytes)?.found)
}

/// All the changes of several writes, in order; `None` if there are more than so many points or bytes.
/// Call with SPI connected.
///
/// # Errors
/// XX001 for a damaged segment.
pub fn many(
    tenant: &[u8; 16],
    batches: &[FeedBatch],
    max_points: usize,
    max_bytes: usize,
) -> Result<Option<Vec<FeedChange>>> {
    let read = read(tenant, batches, max_points.saturating_add(1), max_bytes)?;
    if read.has_enough() {
        return Ok(None);
    }
    let mut found = read.found;
    // Series and points ascend within each write already.
    found.sort_by_key(|change| change.batch);
    Ok(Some(found))
}

/// Reads until it has enough, or all. The writes ascend by change_time.
fn read(
    tenant: &[u8; 16],
    batches: &[FeedBatch],
    max_points: usize,
    max_bytes: usize,
) -> Result<Wanted> {
    let (first, last) = (batches.first(), batches.last());
    let mut wanted = Wanted {
        writes: batches
            .iter()
            .map(|batch| batch.change_time)
            .zip(0..)
            .collect(),
        after: first.and_then(|first| first.after),
        max_points,
        max_bytes,
        found: Vec::new(),
        found_bytes: 0,
    };
    for part in stretches(batches).chunks(STRETCHES) {
        let search = SegmentSearch {
            tenant: *tenant,
            stretches: part.to_vec(),
            start: Start::Given,
            filter: Filter {
                end_change: last.map(|last| last.change_time.saturating_add(1)),
                ..Filter::default()
            },
            mode: Mode::Versions,
            start_change: first.map(|first| first.change_time),
            with_known_time: false,
        };
        let mut walk = SegmentWalk::open(search, Home::here())?;
        while !wanted.has_enough() && walk.step(&mut wanted)? {}
        if wanted.has_enough() {
            break;
        }
    }
    Ok(wanted)
}

impl Visitor for Wanted {
    /// The versions of the writes.
    fn select(&mut self, _: &SegmentKey, mut points: Points) -> Points {
        if let Some(change) = points.change_time.constant() {
            if !self.writes.contains_key(&change) {
                points.truncate(0);
            }
            return points;
        }
        let kept: Vec<usize> = (0..points.len())
            .filter(|&i| self.writes.contains_key(&points.change_time.get(i)))
            .collect();
        points.select(&kept)
    }

    /// Adds the points of a stretch, up to the number that is enough.
    fn take(&mut self, _: usize, walked: &Stretch, run: Merged) -> Result<()> {
        let series = walked.series;
        let after = self.after.filter(|(of, ..)| *of == series);
        for i in 0..run.len() {
            if self.has_enough() {
                break;
            }
            let end = run.valid_time_end.as_ref().map_or(NO_END, |ends| ends[i]);
            let valid_time = run.valid_time[i];
            if after.is_some_and(|(_, time, last)| (valid_time, end) <= (time, last)) {
                continue;
            }
            let change_time = run.change_time[i];
            let Some(&batch) = self.writes.get(&change_time) else {
                continue;
            };
            let change = FeedChange {
                batch,
                series,
                valid_time,
                valid_time_end: end,
                value: run.value[i],
                null: run.nulls.as_ref().is_some_and(|nulls| nulls[i]),
                known_time: run.known_time[i],
                change_time,
                of_batch: run.batch[i],
                note: run.notes.as_ref().and_then(|notes| notes[i].clone()),
            };
            self.found_bytes += change.bytes();
            self.found.push(change);
        }
        Ok(())
    }

    fn has_enough(&self) -> bool {
        self.found.len() >= self.max_points || self.found_bytes >= self.max_bytes
    }
}

/// The stretches that hold all versions of these writes, ascending by series and time; none overlaps
/// another.
fn stretches(batches: &[FeedBatch]) -> Vec<Stretch> {
    let mut each: Vec<Stretch> = batches
        .iter()
        .flat_map(|batch| {
            let (first, last) = batch.valid;
            batch.series.iter().map(move |&series| {
                let start = match batch.after {
                    Some((of, valid_time, _)) if of == series => first.max(valid_time),
                    _ => first,
                };
                Stretch::of(series, Some(start), Some(last.saturating_add(1)))
            })
        })
        .collect();
    each.sort_unstable_by_key(|stretch| (stretch.series, stretch.start));
    let mut all = Vec::with_capacity(each.len());
    for of_series in each.chunk_by(|a, b| a.series == b.series) {
        join(of_series, &mut all);
    }
    all
}

/// Joins stretches of one series: those that overlap, and then across the smaller gaps.
fn join(each: &[Stretch], all: &mut Vec<Stretch>) {
    let from = all.len();
    for stretch in each {
        match all[from..].last_mut() {
            Some(last) if stretch.start < last.end => last.end = last.end.max(stretch.end),
            _ => all.push(*stretch),
        }
    }
    if all.len() - from <= MAX_STRETCHES {
        return;
    }
    let apart: Vec<Stretch> = all.drain(from..).collect();
    let gap = |[a, b]: &[Stretch; 2]| b.start.saturating_sub(a.end);
    let mut gaps: Vec<i64> = apart.array_windows().map(gap).collect();
    gaps.sort_unstable_by(|a, b| b.cmp(a));
    // Gaps no wider than this are joined: fewer than MAX_STRETCHES are left.
    let widest = gaps.get(MAX_STRETCHES - 1).copied().unwrap_or(0);
    for stretch in &apart {
        match all[from..].last_mut() {
            Some(last) if stretch.start.saturating_sub(last.end) <= widest => {
                last.end = last.end.max(stretch.end);
            }
            _ => all.push(*stretch),
        }
    }
}
