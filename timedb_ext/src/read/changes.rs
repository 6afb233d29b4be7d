//! The change feed: the versions that were written, write after write, from a position on. Owns how much is read at
//! once; `writes` finds the writes, `scan` their versions, `position` is the cursor.
//!
//! Only writes up to the settled change_time are reported, so that none can appear before them later. Memory is
//! bounded by the points asked for, whatever a write or a segment contains.

mod scan;
mod writes;

use crate::pg::error::{Error, Result};
use crate::pg::spi::connected;
use crate::read::{Run, Runs, Writers, moment};
use crate::series::{SeriesFilter, SeriesInfo, find};
use scan::FeedChange;
use std::collections::{HashMap, HashSet};
use timedb_rules::{Position, Reached, ReachedPoint};
use timedb_segment::{Merged, NO_END};
use writes::{FeedBatch, WriteWalk};

/// The size of an answer in bytes, about, from which it holds no more changes: names, labels and notes can
/// be long. One change there may always be.
const MAX_BYTES: usize = 64 << 20;

/// What a feed is asked for.
pub struct FeedRequest {
    /// The changes after it are reported.
    pub start: Position,
    pub series: SeriesFilter,
    pub max_points: usize,
    /// Writes that are looked at, at most; where there are more, the answer may be empty and not the last.
    pub max_batches: usize,
}

/// Changes in their order, and where they end.
pub struct FeedAnswer {
    /// The writes, in order; a change has the place of its own.
    pub batches: Vec<FeedBatch>,
    pub changes: Vec<FeedChange>,
    /// Of each series of a change.
    pub series: HashMap<[u8; 16], SeriesInfo>,
    pub writers: Writers,
    pub position: Position,
    /// Whether there may already be more after the position.
    pub more: bool,
}

struct Feed<'a> {
    request: &'a FeedRequest,
    tenant: [u8; 16],
    answer: FeedAnswer,
    bytes: usize,
    full: bool,
}

/// Reads changes as this tenant, under one snapshot.
///
/// # Errors
/// 22023 for a malformed filter, XX001 for a damaged segment.
pub fn read(tenant: [u8; 16], request: &FeedRequest) -> Result<FeedAnswer> {
    connected(|| {
        let (settled, moment) = moment::settled(&tenant)?;
        let mut feed = Feed {
            request,
            tenant,
            answer: FeedAnswer {
                batches: Vec::new(),
                changes: Vec::new(),
                series: HashMap::new(),
                writers: Writers::default(),
                position: request.start,
                more: false,
            },
            bytes: 0,
            full: false,
        };
        if let Some(settled) = settled {
            feed.run(settled)?;
        }
        moment.leave();
        Ok(feed.answer)
    })
}

impl Feed<'_> {
    fn run(&mut self, settled: i64) -> Result<()> {
        let request = self.request;
        let filter = &request.series;
        let selected: Option<HashSet<[u8; 16]>> = match filter.is_open() {
            true => None,
            false => {
                let series = find(filter)?;
                let ids = series.iter().map(|series| series.id).collect();
                self.answer.series = series.into_iter().map(|info| (info.id, info)).collect();
                Some(ids)
            }
        };
        let end = Position::behind_instant(settled);
        if selected.as_ref().is_some_and(HashSet::is_empty) {
            self.answer.position = request.start.max(end);
            return Ok(());
        }
        let mut writes = WriteWalk::open(
            self.tenant,
            request.start,
            settled,
            selected,
            request.max_batches,
        )?;
        while !self.full {
            let group = writes.next_group(self.wanted())?;
            if group.is_empty() {
                break;
            }
            self.take(group)?;
        }
        if !self.full {
            self.answer.more = writes.has_more();
            let reached = match self.answer.more {
                true => writes.passed(),
                false => end,
            };
            self.answer.position = self.answer.position.max(reached);
        }
        Ok(())
    }

    fn wanted(&self) -> usize {
        self.request
            .max_points
            .saturating_sub(self.answer.changes.len())
    }

    /// Adds the changes of these writes, as far as there is room.
    fn take(&mut self, group: Vec<FeedBatch>) -> Result<()> {
        let wanted = self.wanted();
        let room = MAX_BYTES.saturating_sub(self.bytes);
        if let [one] = group.as_slice() {
            let found = scan::one(&self.tenant, one, wanted, room)?;
            return self.add(group, found);
        }
        match scan::many(&self.tenant, &group, 2 * wanted, room)? {
            Some(found) => self.add(group, found),
            // They hold more than they were thought to.
            None => {
                let mut first = group;
                let second = first.split_off(first.len() / 2);
                self.take(first)?;
                match self.full {
                    true => Ok(()),
                    false => self.take(second),
                }
            }
        }
    }

    fn add(&mut self, group: Vec<FeedBatch>, found: Vec<FeedChange>) -> Result<()> {
        self.look_up_series(&found)?;
        let answer = &mut self.answer;
        let before = answer.batches.len();
        for change in found {
            if self.full {
                break;
            }
            let series = answer.series.get(&change.series);
            self.bytes += change.bytes() + series.map_or(0, SeriesInfo::bytes);
            answer.position = group[change.batch].behind(&change);
            answer.changes.push(FeedChange {
                batch: before + change.batch,
                ..change
            });
            self.full = answer.changes.len() >= self.request.max_points || self.bytes >= MAX_BYTES;
        }
        answer.more = self.full;
        if !self.full
            && let Some(last) = group.last()
        {
            answer.position = Position::behind_batch(last.change_time, last.batch_id);
        }
        for batch in &group {
            answer.writers.insert(batch.batch_id, batch.user);
        }
        answer.batches.extend(group);
        Ok(())
    }

    fn look_up_series(&mut self, found: &[FeedChange]) -> Result<()> {
        let known = &self.answer.series;
        let mut unknown: Vec<[u8; 16]> = found
            .iter()
            .map(|change| change.series)
            .filter(|id| !known.contains_key(id))
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        if unknown.is_empty() {
            return Ok(());
        }
        let series = find(&SeriesFilter::of_ids(unknown))?;
        let series = series.into_iter().map(|info| (info.id, info));
        self.answer.series.extend(series);
        Ok(())
    }
}

impl FeedBatch {
    /// The position after one of its changes.
    pub fn behind(&self, change: &FeedChange) -> Position {
        let point = ReachedPoint::Point(change.series, change.valid_time, change.valid_time_end);
        Position {
            change_time: self.change_time,
            place: Reached::Batch(self.batch_id, point),
        }
    }
}

/// Changes that follow each other in one write and one series, together; writers who are not known yet are
/// looked up.
///
/// # Errors
/// XX000 for a change of a series that is not among them.
pub fn runs<'a>(
    changes: &[FeedChange],
    series: &'a HashMap<[u8; 16], SeriesInfo>,
    writers: &'a mut Writers,
    tenant: &[u8; 16],
) -> Result<Runs<'a>> {
    let runs: Vec<Run> = changes
        .chunk_by(|a, b| (a.batch, a.series) == (b.batch, b.series))
        .map(|changes| {
            let series = changes.first().and_then(|first| series.get(&first.series));
            Ok(Run {
                series: series.ok_or_else(|| Error::internal("changes of an unknown series"))?,
                points: merged(changes),
            })
        })
        .collect::<Result<_>>()?;
    connected(|| writers.look_up(tenant, &runs))?;
    Ok(Runs {
        runs,
        with_known_time: true,
        writers: Some(writers),
    })
}

fn merged(changes: &[FeedChange]) -> Merged {
    fn each<T>(changes: &[FeedChange], of: impl Fn(&FeedChange) -> T) -> Vec<T> {
        changes.iter().map(of).collect()
    }
    let any = |has: fn(&FeedChange) -> bool| changes.iter().any(has);
    Merged {
        valid_time: each(changes, |change| change.valid_time),
        valid_time_end: any(|change| change.valid_time_end != NO_END)
            .then(|| each(changes, |change| change.valid_time_end)),
        value: each(changes, |change| change.value),
        nulls: any(|change| change.null).then(|| each(changes, |change| change.null)),
        known_time: each(changes, |change| change.known_time),
        change_time: each(changes, |change| change.change_time),
        batch: each(changes, |change| change.of_batch),
        notes: any(|change| change.note.is_some())
            .then(|| each(changes, |change| change.note.clone())),
    }
}
