//! The walk over segments: finds those that may contain points of stretches of valid time, and decodes and merges
//! them, stretch by stretch. Does not know what else makes a point count, nor where points go: `Visitor` does.
//!
//! Memory is bounded by what overlaps in time.

mod classes;
mod logged;
mod query;
mod row;

use crate::pg::error::{Error, Result};
use crate::pg::spi::{Home, Query};
use crate::read::count::{count_segment, segments_read};
use crate::read::enough;
pub(super) use classes::span_classes;
use logged::Logged;
pub(super) use query::text;
pub use query::{SegmentSearch, Start, Stretch};
use row::SegmentRow;
pub use row::{bounds_of, damaged};
use std::mem;
use std::ops::Range;
use timedb_segment::{Bounds, Merged, Merger, Mode, Points, SegmentKey};

/// Segments fetched at a time: the first fetch small, so that small reads stay small.
const FIRST_FETCH: usize = 16;
const FETCH: usize = 128;
/// The same for who may have enough of a series soon; more while nothing of it is read.
const FEW: usize = 2;

/// Who walks: says which points count, and takes them.
pub trait Visitor {
    /// The range in which points of a segment count; `None` if none does.
    fn range_in(&self, _key: &SegmentKey, _bounds: &Bounds) -> Option<Range<i64>> {
        Some(i64::MIN..i64::MAX)
    }

    /// Whether [`Self::select`] chooses by what is known of each version.
    fn chooses_versions(&self) -> bool {
        false
    }

    /// Those of a segment's points that count.
    fn select(&mut self, _key: &SegmentKey, points: Points) -> Points {
        points
    }

    /// Takes the next points of the stretch at a place; `walked` is the part of it that is walked through. Each
    /// stretch that has segments ends with a call, if need be without points.
    fn take(&mut self, place: usize, walked: &Stretch, points: Merged) -> Result<()>;

    /// Is shown the segment before the one that is read, where only the last is ([`Start::Last`]).
    fn pass(&mut self, _place: usize, _last: &Bounds, _before: &Bounds) {}

    /// Whether it wants no more.
    fn has_enough(&self) -> bool {
        false
    }
}

/// A walk under way.
pub struct SegmentWalk {
    query: Query,
    limit: usize,
    few: usize,
    merging: Merging,
}

struct Merging {
    search: SegmentSearch,
    /// What the log holds, as far as it has not been merged.
    logged: Logged,
    current: Option<Current>,
}

/// The stretch whose segments are coming.
struct Current {
    place: usize,
    /// From where the walk starts in it.
    walked: Stretch,
    merger: Merger,
    /// The first of its segments.
    first: Option<Bounds>,
    /// Of the log, until it is their turn.
    logged: Option<Points>,
}

impl SegmentWalk {
    /// Starts a walk that may go on as long as `home` says. Call with SPI connected.
    ///
    /// # Errors
    /// XX000; the statement's own errors are raised.
    pub fn open(search: SegmentSearch, home: Home) -> Result<Self> {
        Ok(Self {
            query: query::open(&search, home)?,
            limit: FIRST_FETCH,
            few: FEW,
            merging: Merging {
                logged: Logged::default(),
                search,
                current: None,
            },
        })
    }

    /// Goes on for some segments, stretch by stretch in the order given. False: that was the end.
    ///
    /// # Errors
    /// XX001 for a damaged segment; as the visitor.
    pub fn step(&mut self, visitor: &mut impl Visitor) -> Result<bool> {
        pgrx::check_for_interrupts!();
        let few = enough::is_told() && self.merging.search.start == Start::Given;
        let limit = match few {
            false => mem::replace(&mut self.limit, FETCH),
            // What is fetched is read before anybody can say that it is enough.
            true => self.few,
        };
        let before = segments_read();
        let more = self.query.fetch(limit, |row| match visitor.has_enough() {
            // What is fetched already is let go unread.
            true => Ok(()),
            false => self.merging.add(&SegmentRow(row), visitor),
        })?;
        self.few = match segments_read() == before {
            true => (self.few * 2).min(FIRST_FETCH),
            false => FEW,
        };
        if !more {
            self.merging.finish(visitor)?;
            self.merging.finish_logged(None, visitor)?;
        }
        Ok(more)
    }
}

impl Merging {
    fn add(&mut self, row: &SegmentRow, visitor: &mut impl Visitor) -> Result<()> {
        const ORDER: &str = "segments are not in the order of their series";
        let Some(place) = row.place()? else {
            return match self.current {
                Some(_) => Err(Error::internal(ORDER)),
                None => self.logged.add(row, &self.search),
            };
        };
        match &self.current {
            Some(current) if current.place > place => return Err(Error::internal(ORDER)),
            Some(current) if current.place < place => self.finish(visitor)?,
            _ => {}
        }
        if self.current.is_none() {
            self.finish_logged(Some(place), visitor)?;
            self.begin(place, row.start()?);
        }
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        let bounds = row.bounds()?;
        if let (Start::Last, Some(last)) = (self.search.start, &current.first) {
            visitor.pass(place, last, &bounds);
            return Ok(());
        }
        current.first.get_or_insert(bounds);
        current.add_logged(bounds.min_valid, &self.search, visitor)?;
        let walked = &current.walked;
        let key = SegmentKey {
            tenant: self.search.tenant,
            series: walked.series,
        };
        let Some(range) = visitor.range_in(&key, &bounds) else {
            return Ok(());
        };
        let range = walked.start.max(range.start)..walked.end.min(range.end);
        count_segment();
        let newest = self.search.mode == Mode::Flat
            && self.search.filter.keeps_all_versions(&bounds)
            && !visitor.chooses_versions();
        let (points, unstamped) = match newest {
            true => row.decode_newest(&key, &bounds, range, self.search.with_known_time)?,
            false => (row.decode(&key, &bounds, range)?, None),
        };
        let points = visitor.select(&key, points);
        if points.is_empty() {
            return Ok(());
        }
        let done = current.merger.take_before(bounds.min_valid);
        let pushed = match unstamped {
            Some(unstamped) => current.merger.push_unstamped(points, unstamped),
            None => current.merger.push(points),
        };
        pushed.map_err(|damage| damaged(damage.segment_id, &key, &damage.why))?;
        match done {
            Some(done) => visitor.take(place, walked, done),
            None => Ok(()),
        }
    }

    /// Begins the walk through a stretch, from an instant on.
    fn begin(&mut self, place: usize, start: i64) {
        let search = &self.search;
        let stretch = search.stretches[place];
        let merger = Merger::new(search.mode, search.filter).of_tenant(search.tenant);
        self.current = Some(Current {
            place,
            walked: Stretch {
                start: stretch.start.max(start),
                ..stretch
            },
            merger: match search.with_known_time {
                true => merger.with_known_time(),
                false => merger,
            },
            first: None,
            logged: self.logged.take(place, search.tenant),
        });
    }

    /// Walks through the stretches before a place of which only the log holds points.
    fn finish_logged(&mut self, before: Option<usize>, visitor: &mut impl Visitor) -> Result<()> {
        while let Some(place) = self.logged.first_before(before) {
            self.begin(place, i64::MIN);
            self.finish(visitor)?;
        }
        Ok(())
    }

    /// Ends the stretch whose segments have come.
    fn finish(&mut self, visitor: &mut impl Visitor) -> Result<()> {
        let Some(mut current) = self.current.take() else {
            return Ok(());
        };
        current.add_logged(i64::MAX, &self.search, visitor)?;
        visitor.take(current.place, &current.walked, current.merger.finish())
    }
}

impl Current {
    /// Adds the points of the log, if it is their turn: before a segment that begins at an instant.
    fn add_logged(
        &mut self,
        min_valid: i64,
        search: &SegmentSearch,
        visitor: &mut impl Visitor,
    ) -> Result<()> {
        let is_turn =
            |points: &mut Points| points.valid_time.first().is_some_and(|&t| t <= min_valid);
        let Some(points) = self.logged.take_if(is_turn) else {
            return Ok(());
        };
        let key = SegmentKey {
            tenant: search.tenant,
            series: self.walked.series,
        };
        let bounds = Bounds::of(&points).map_err(|e| Error::internal(e.to_string()))?;
        let Some(range) = visitor.range_in(&key, &bounds) else {
            return Ok(());
        };
        let points = points.between(
            self.walked.start.max(range.start),
            self.walked.end.min(range.end),
        );
        let points = visitor.select(&key, points);
        if points.is_empty() {
            return Ok(());
        }
        // What comes next may begin as early as this did before some of it was left out.
        let done = self.merger.take_before(bounds.min_valid);
        self.merger
            .push(points)
            .map_err(|damage| damaged(damage.segment_id, &key, &damage.why))?;
        match done {
            Some(done) => visitor.take(self.place, &self.walked, done),
            None => Ok(()),
        }
    }
}
