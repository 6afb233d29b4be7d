//! Merging the segments of one series: which version of a point is returned, as a stream whose memory is bounded by
//! what overlaps. Owns what is held back; `fold`, `pieces` and `rows` do the merging; `stamps`
//! reads what decides between versions, where it has not been read.

mod filter;
mod fold;
mod output;
mod pieces;
mod rows;
mod slice;
mod stamps;
#[cfg(test)]
mod tests;
mod unstamped;

use crate::pause::pause;
use crate::{BatchIds, Points};

pub use filter::Filter;
pub use output::Merged;
use output::{Output, Wanted};
pub use slice::Mode;
use slice::{Held, Slice};
pub use unstamped::{Damage, Unstamped};

/// Fewer fresh points than this are not worth a merge of their own.
const HOLD: usize = 1024;

/// A segment on its own isn't merged: a part of those points suffices for it to leave.
const LONE_PART: usize = 4;

/// From so many points held on, versions that can't be answered any more are thrown away.
const COMPACT: usize = 1 << 18;

/// Merges the segments of one series, pushed by ascending least valid_time.
pub struct Merger {
    mode: Mode,
    wanted: Wanted,
    filter: Filter,
    held: Vec<Held>,
    /// Points pushed since the last ones left, and how many of them to wait for.
    fresh: usize,
    hold: usize,
    /// Points held, including those that have left their segment.
    size: usize,
    /// The size from which versions are thrown away, now and at least.
    compact_at: usize,
    compact_from: usize,
}

impl Merger {
    /// A merger that has seen nothing.
    pub fn new(mode: Mode, filter: Filter) -> Merger {
        Merger {
            mode,
            wanted: Wanted::of(mode),
            filter,
            held: Vec::new(),
            fresh: 0,
            hold: HOLD,
            size: 0,
            compact_at: COMPACT,
            compact_from: COMPACT,
        }
    }

    /// Answers [`Mode::Flat`] with the known_time of each version too.
    pub fn with_known_time(mut self) -> Merger {
        self.wanted.known_time = true;
        self
    }

    /// Says whose points they are, from which the generated ids of batches follow; needed only for [`Mode::Versions`].
    pub fn of_tenant(mut self, tenant: [u8; 16]) -> Merger {
        self.wanted.tenant = tenant;
        self
    }

    /// Sets how many fresh points [`Merger::take_before`] waits for (a quarter of them if they come
    /// from one segment); 1024 unless told, with 0 everything that is final leaves at once.
    pub fn hold_back(mut self, points: usize) -> Merger {
        self.hold = points;
        self
    }

    /// Adds a segment. None of its points lies before what has been taken.
    ///
    /// # Errors
    /// If stamps of an earlier segment have to be read now, and can't be.
    pub fn push(&mut self, points: Points) -> Result<(), Damage> {
        self.push_either(points, None)
    }

    /// Adds what [`crate::decode_unstamped`] read without stamps, to a merger for [`Mode::Flat`] without known_times,
    /// whose filter keeps all versions of the segment ([`Filter::keeps_all_versions`]).
    ///
    /// # Errors
    /// If stamps have to be read now, and can't be.
    pub fn push_unstamped(&mut self, points: Points, unstamped: Unstamped) -> Result<(), Damage> {
        debug_assert!(self.mode == Mode::Flat && !self.wanted.known_time);
        self.push_either(points, Some(unstamped))
    }

    fn push_either(&mut self, points: Points, unstamped: Option<Unstamped>) -> Result<(), Damage> {
        debug_assert!(points.fits() && points.is_sorted());
        let (points, from) = self.filter.apply(points);
        if points.is_empty() {
            return Ok(());
        }
        let mut held = Held {
            unstamped: unstamped.map(Box::new),
            ..Held::new(points, from)
        };
        if self.mode == Mode::Flat && !held.strict {
            held = held.newest_of_each();
        }
        stamps::read_where_they_decide(&mut self.held, &mut held)?;
        self.fresh += held.points.len() - held.from;
        self.size += held.points.len();
        self.held.push(held);
        if self.size >= self.compact_at && self.mode != Mode::Versions {
            stamps::read_all(&mut self.held)?;
            self.compact();
        }
        Ok(())
    }

    /// The points before `valid_time`, which are final if every segment still to come starts
    /// there or later. None if there are none, or so few that they better wait for more: then
    /// they leave with a later call or with [`Merger::finish`].
    pub fn take_before(&mut self, valid_time: i64) -> Option<Merged> {
        let wait_for = match self.held.len() {
            1 => self.hold / LONE_PART,
            _ => self.hold,
        };
        if self.fresh < wait_for {
            return None;
        }
        let merged = self.take(|held| {
            let times = &held.points.valid_time;
            // Most segments leave as a whole or not at all.
            match times[times.len() - 1] < valid_time {
                true => times.len(),
                false => held.from + times[held.from..].partition_point(|&t| t < valid_time),
            }
        });
        self.fresh = 0;
        (!merged.is_empty()).then_some(merged)
    }

    /// All points that have not left yet.
    pub fn finish(mut self) -> Merged {
        self.take(|held| held.points.len())
    }

    /// The points up to a position in each segment, which leave.
    fn take(&mut self, to: impl Fn(&Held) -> usize) -> Merged {
        let ends: Vec<usize> = self.held.iter().map(to).collect();
        let mut leaving = (0..ends.len()).filter(|&i| ends[i] > self.held[i].from);
        if let (Some(only), None) = (leaving.next(), leaving.next())
            && ends[only] == self.held[only].points.len()
            && (self.held[only].strict || self.mode == Mode::Versions)
        {
            let Held { points, from, .. } = self.held.remove(only);
            self.size -= points.len();
            return output::whole(points, from, self.wanted);
        }
        let merged = {
            let slices = self.slices(&ends);
            let mut output = Output::new(self.mode, self.wanted, &slices);
            merge(&slices, self.mode, &mut output);
            output.finish()
        };
        let mut ends = ends.into_iter();
        self.held.retain_mut(|held| {
            held.from = ends.next().unwrap_or(held.from);
            held.from < held.points.len()
        });
        self.size = self.held.iter().map(|held| held.points.len()).sum();
        merged
    }

    fn slices(&self, ends: &[usize]) -> Vec<Slice<'_>> {
        let mut slices: Vec<Slice<'_>> = self
            .held
            .iter()
            .zip(ends)
            .map(|(held, &to)| Slice {
                held,
                from: held.from,
                to,
            })
            .filter(|slice| slice.from < slice.to)
            .collect();
        // What begins in the middle begins later than its segment did.
        slices.sort_by_key(Slice::first);
        slices
    }

    /// Keeps of what is held only the versions that can still be answered.
    fn compact(&mut self) {
        let ends: Vec<usize> = self.held.iter().map(|held| held.points.len()).collect();
        let points = rows::survivors(&self.slices(&ends), self.mode);
        self.size = points.len();
        self.compact_at = self.compact_from.max(2 * self.size);
        self.held = vec![Held::new(points, 0)];
    }
}

/// All versions of all parts, none of which is empty, in the order of a segment: what a segment is made of that takes
/// their place. The tenant is whose they are.
pub fn combine(parts: Vec<Points>, tenant: [u8; 16]) -> Points {
    let mut held: Vec<Held> = parts.into_iter().map(|part| Held::new(part, 0)).collect();
    held.sort_by_key(|held| held.points.valid_time[0]);
    let slices: Vec<Slice<'_>> = held
        .iter()
        .map(|held| Slice {
            held,
            from: 0,
            to: held.points.len(),
        })
        .collect();
    rows::merge(&slices, Mode::Versions).points(&BatchIds::of(tenant))
}

/// Merges slices that ascend by their first valid_time, one overlapping cluster after the other.
fn merge(slices: &[Slice<'_>], mode: Mode, output: &mut Output) {
    let mut start = 0;
    while start < slices.len() {
        let mut last = slices[start].last();
        let mut end = start + 1;
        while end < slices.len() && slices[end].first() <= last {
            last = last.max(slices[end].last());
            end += 1;
        }
        merge_cluster(&slices[start..end], mode, output);
        pause();
        start = end;
    }
}

fn merge_cluster(cluster: &[Slice<'_>], mode: Mode, output: &mut Output) {
    if let [only] = cluster
        && (only.held.strict || mode == Mode::Versions)
    {
        output.slice(only);
    } else if let Some(pieces) = match mode {
        Mode::Flat => fold::newest(cluster),
        _ => pieces::of(cluster, mode),
    } {
        for piece in &pieces {
            output.slice(piece);
        }
    } else {
        output.rows(&rows::merge(cluster, mode));
    }
}
