//! The walk over segments: finds those that may contain points of stretches of valid time, and decodes and merges
//! them, stretch by stretch. Does not know what else makes a point count, nor where points go: `Visitor` does.
//!
//! Memory is bounded by what overlaps in time.

mod query;

use crate::pg::error::{Error, Result};
use crate::pg::spi::{Home, Query};
use query::SegmentRow;
pub use query::{SegmentSearch, Start, Stretch};
use std::mem;
use std::ops::Range;
use timedb_segment::{Bounds, Merged, Merger, Points, SegmentKey};

/// Segments fetched at a time: the first fetch small, so that small reads stay small.
const FIRST_FETCH: usize = 16;
const FETCH: usize = 128;

/// Who walks: says which points count, and takes them.
pub trait Visitor {
    /// The range in which points of a segment count; `None` if none does.
    fn range_in(&self, _key: &SegmentKey, _bounds: &Bounds) -> Option<Range<i64>> {
        Some(i64::MIN..i64::MAX)
    }

    /// Those of a segment's points that count.
    fn select(&mut self, _key: &SegmentKey, points: Points) -> Points {
        points
    }

    /// Takes the next points of the stretch at a place; `walked` is the part of it that is walked through. Each
    /// stretch that has segments ends with a call, if need be without points.
    fn take(&mut self, place: usize, walked: &Stretch, points: Merged) -> Result<()>;

    /// Whether it wants no more.
    fn has_enough(&self) -> bool {
        false
    }
}

/// A walk under way.
pub struct SegmentWalk {
    query: Query,
    limit: usize,
    merging: Merging,
}

struct Merging {
    search: SegmentSearch,
    current: Option<Current>,
}

/// The stretch whose segments are coming.
struct Current {
    place: usize,
    /// From where the walk starts in it.
    walked: Stretch,
    merger: Merger,
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
            merging: Merging {
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
        let limit = mem::replace(&mut self.limit, FETCH);
        let more = self.query.fetch(limit, |row| match visitor.has_enough() {
            // What is fetched already is let go unread.
            true => Ok(()),
            false => self.merging.add(&SegmentRow(row), visitor),
        })?;
        if !more {
            self.merging.finish(visitor)?;
        }
        Ok(more)
    }
}

impl Merging {
    fn add(&mut self, row: &SegmentRow, visitor: &mut impl Visitor) -> Result<()> {
        let place = row.place()?;
        match &self.current {
            Some(current) if current.place > place => {
                return Err(Error::internal(
                    "segments are not in the order of their series",
                ));
            }
            Some(current) if current.place < place => self.finish(visitor)?,
            _ => {}
        }
        let SegmentSearch {
            tenant,
            stretches,
            filter,
            mode,
            with_known_time,
            ..
        } = &self.search;
        let current = match &mut self.current {
            Some(current) => current,
            none => {
                let stretch = stretches[place];
                let merger = Merger::new(*mode, *filter);
                none.insert(Current {
                    place,
                    walked: Stretch {
                        start: stretch.start.max(row.start()?),
                        ..stretch
                    },
                    merger: match with_known_time {
                        true => merger.with_known_time(),
                        false => merger,
                    },
                })
            }
        };
        let walked = &current.walked;
        let key = SegmentKey {
            tenant: *tenant,
            series: walked.series,
        };
        let bounds = row.bounds()?;
        let Some(range) = visitor.range_in(&key, &bounds) else {
            return Ok(());
        };
        let range = walked.start.max(range.start)..walked.end.min(range.end);
        let points = visitor.select(&key, row.decode(&key, &bounds, range)?);
        if points.is_empty() {
            return Ok(());
        }
        let done = current.merger.take_before(bounds.min_valid);
        current.merger.push(points);
        match done {
            Some(done) => visitor.take(place, walked, done),
            None => Ok(()),
        }
    }

    /// Ends the stretch whose segments have come.
    fn finish(&mut self, visitor: &mut impl Visitor) -> Result<()> {
        match self.current.take() {
            Some(Current {
                place,
                walked,
                merger,
            }) => visitor.take(place, &walked, merger.finish()),
            None => Ok(()),
        }
    }
}
