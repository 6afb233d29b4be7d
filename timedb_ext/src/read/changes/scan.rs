//! The versions of writes, out of the segments of their series.
//!
//! Writes that are read together share one pass over the segments of a series: with one for each write,
//! a point that was written a thousand times would be looked at a million times.

mod query;
mod stretches;

use super::walk::FeedBatch;
use crate::pg::error::Result;
use crate::pg::spi::Row;
use crate::read::damaged;
use crate::read::query::bounds;
use crate::read::value_id;
use std::collections::HashMap;
use std::rc::Rc;
use stretches::{Stretch, stretches};
use timedb_segment::{
    Filter, Merged, Merger, Mode, NO_END, Note, Points, SegmentKey, decode_range,
};

/// Segments fetched at a time.
const FETCH: usize = 64;
/// Stretches of series in one statement.
const STRETCHES: usize = 1_024;

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
    pub value_id: i64,
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

/// Changes, and how many bytes they take.
#[derive(Default)]
pub struct FoundChanges {
    pub changes: Vec<FeedChange>,
    bytes: usize,
}

/// Reads the versions of one tenant's writes.
pub struct Scan {
    tenant: [u8; 16],
}

/// What is looked for: writes by their change_time and value_id.
struct Wanted<'a> {
    writes: HashMap<(i64, i64), usize>,
    /// Only what stands behind this point of the write.
    after: Option<([u8; 16], i64, i64)>,
    max_points: usize,
    max_bytes: usize,
    stretches: &'a [Stretch],
}

impl Scan {
    /// A scan of one tenant's segments.
    pub fn new(tenant: [u8; 16]) -> Self {
        Self { tenant }
    }

    /// The changes of one write, in order, up to a number of points and bytes. Call with SPI connected.
    ///
    /// # Errors
    /// XX001 for a damaged segment.
    pub fn one(
        &self,
        batch: &FeedBatch,
        max_points: usize,
        max_bytes: usize,
    ) -> Result<FoundChanges> {
        let mut found = FoundChanges::default();
        let stretches: Vec<Stretch> = stretches(std::slice::from_ref(batch));
        for part in stretches.chunks(STRETCHES) {
            let wanted = Wanted {
                writes: HashMap::from([(key(batch), 0)]),
                after: batch.after,
                max_points,
                max_bytes,
                stretches: part,
            };
            if !self.read(&wanted, &mut found)? {
                break;
            }
        }
        Ok(found)
    }

    /// All the changes of several writes, in order; `None` if there are more than so many points or bytes.
    /// Call with SPI connected.
    ///
    /// # Errors
    /// XX001 for a damaged segment.
    pub fn many(
        &self,
        batches: &[FeedBatch],
        max_points: usize,
        max_bytes: usize,
    ) -> Result<Option<FoundChanges>> {
        let mut found = FoundChanges::default();
        let writes: HashMap<_, _> = batches.iter().map(key).zip(0..).collect();
        let stretches = stretches(batches);
        for part in stretches.chunks(STRETCHES) {
            let wanted = Wanted {
                writes: writes.clone(),
                after: None,
                max_points: max_points.saturating_add(1),
                max_bytes,
                stretches: part,
            };
            if !self.read(&wanted, &mut found)? {
                return Ok(None);
            }
        }
        // Series and points ascend within each write already.
        found.changes.sort_by_key(|change| change.batch);
        Ok(Some(found))
    }

    /// False: it has stopped, because that is enough.
    fn read(&self, wanted: &Wanted, found: &mut FoundChanges) -> Result<bool> {
        let mut query = query::open(wanted.stretches)?;
        let mut current: Option<(usize, Merger)> = None;
        loop {
            pgrx::check_for_interrupts!();
            let more = query.fetch(FETCH, |row| {
                // What is fetched already is let go unread.
                match wanted.has_enough(found) {
                    true => Ok(()),
                    false => self.take(row, wanted, &mut current, found),
                }
            })?;
            if wanted.has_enough(found) {
                return Ok(false);
            }
            if !more {
                break;
            }
        }
        if let Some((place, merger)) = current {
            wanted.add(place, merger.finish(), found);
        }
        Ok(!wanted.has_enough(found))
    }

    fn take(
        &self,
        row: &Row,
        wanted: &Wanted,
        current: &mut Option<(usize, Merger)>,
        found: &mut FoundChanges,
    ) -> Result<()> {
        // WITH ORDINALITY counts from 1.
        let place = row.int8(1)? as usize - 1;
        let stretch = &wanted.stretches[place];
        let bounds = bounds(row)?;
        let key = SegmentKey {
            tenant: self.tenant,
            series: stretch.series,
        };
        let (start, end) = (Some(stretch.first), Some(stretch.last.saturating_add(1)));
        let points = row.bytea(9, |blob| {
            decode_range(&key, &bounds, blob, start, end)
                .map_err(|e| damaged(row, &key, &e.to_string()))
        })?;
        let points = wanted.select(points);
        if points.is_empty() {
            return Ok(());
        }
        if let Some((before, merger)) = current.take_if(|(before, _)| *before != place) {
            wanted.add(before, merger.finish(), found);
        }
        let (_, merger) =
            current.get_or_insert_with(|| (place, Merger::new(Mode::Versions, Filter::default())));
        let done = merger.take_before(bounds.min_valid);
        merger.push(points);
        if let Some(done) = done {
            wanted.add(place, done, found);
        }
        Ok(())
    }
}

/// What tells a write's versions from others.
fn key(batch: &FeedBatch) -> (i64, i64) {
    (batch.change_time, value_id::of_batch(&batch.batch_id))
}

impl Wanted<'_> {
    fn has_enough(&self, found: &FoundChanges) -> bool {
        found.changes.len() >= self.max_points || found.bytes >= self.max_bytes
    }

    /// The versions of the writes.
    fn select(&self, mut points: Points) -> Points {
        if let (Some(change), Some(value_id)) =
            (points.change_time.constant(), points.value_id.constant())
        {
            if !self.writes.contains_key(&(change, value_id)) {
                points.truncate(0);
            }
            return points;
        }
        let write = |i| (points.change_time.get(i), points.value_id.get(i));
        let kept: Vec<usize> = (0..points.len())
            .filter(|&i| self.writes.contains_key(&write(i)))
            .collect();
        points.select(&kept)
    }

    /// Adds the points of a stretch, up to the number that is enough.
    fn add(&self, place: usize, run: Merged, found: &mut FoundChanges) {
        let series = self.stretches[place].series;
        let after = self.after.filter(|(of, ..)| *of == series);
        for i in 0..run.len() {
            if self.has_enough(found) {
                return;
            }
            let end = run.valid_time_end.as_ref().map_or(NO_END, |ends| ends[i]);
            let valid_time = run.valid_time[i];
            if after.is_some_and(|(_, time, last)| (valid_time, end) <= (time, last)) {
                continue;
            }
            let write = (run.change_time[i], run.value_id[i]);
            let Some(&batch) = self.writes.get(&write) else {
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
                change_time: write.0,
                value_id: write.1,
                of_batch: run.batch[i],
                note: run.notes.as_ref().and_then(|notes| notes[i].clone()),
            };
            found.bytes += change.bytes();
            found.changes.push(change);
        }
    }
}
