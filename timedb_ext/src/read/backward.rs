//! A read from the end: of each series its latest points first. It goes back in growing steps, a few series at a time,
//! so that whoever wants only some of the last points reads no more than those, of however long series.

use super::enough;
use super::segments::{SegmentSearch, SegmentWalk, Start, Stretch, Visitor};
use crate::pg::error::Result;
use crate::pg::spi::Home;
use std::collections::VecDeque;
use timedb_segment::{Filter, Merged, Mode};

/// How many times further each step goes back than the one before it, and how many segments of a class the longest does.
const GROWTH: i64 = 4;
const MOST_BACK: i64 = 64;
/// Stands for the first step, which goes back one.
const FIRST: i64 = 0;
/// About so many segments are read in one step.
const SEGMENTS: i64 = 128;

/// What is left of a read.
pub struct Backward {
    turns: VecDeque<Turn>,
    filter: Filter,
    mode: Mode,
    with_known_time: bool,
}

/// The next step of some series: the place of each, and what is left of it.
struct Turn {
    search: Vec<(usize, Stretch)>,
    back: i64,
}

/// The runs that a step has found, ascending within each series, and what it has left.
struct Found<'a> {
    search: &'a [(usize, Stretch)],
    runs: Vec<(usize, Vec<Merged>)>,
    left: Vec<(usize, Stretch)>,
}

impl Backward {
    /// A read of these stretches, of one series each.
    pub fn new(
        stretches: impl Iterator<Item = Stretch>,
        filter: Filter,
        mode: Mode,
        with_known_time: bool,
    ) -> Self {
        let mut read = Self {
            turns: VecDeque::new(),
            filter,
            mode,
            with_known_time,
        };
        read.add(stretches.enumerate().collect(), FIRST);
        read
    }

    /// Takes the next step and hands over what it finds: runs of descending valid_time, each with the place of its
    /// series. False: there is none. Call with SPI connected.
    ///
    /// # Errors
    /// XX001 for a damaged segment; as `take`.
    pub fn step(
        &mut self,
        tenant: [u8; 16],
        mut take: impl FnMut(usize, Merged) -> Result<()>,
    ) -> Result<bool> {
        let Some(Turn { mut search, back }) = self.turns.pop_front() else {
            return Ok(false);
        };
        search.retain(|(_, stretch)| !enough::of(&stretch.series));
        if search.is_empty() {
            return Ok(true);
        }
        let wanted = SegmentSearch {
            tenant,
            stretches: search.iter().map(|(_, stretch)| *stretch).collect(),
            start: Start::Latest(back.max(1)),
            filter: self.filter,
            mode: self.mode,
            start_change: None,
            with_known_time: self.with_known_time,
        };
        let mut found = Found {
            search: &search,
            runs: Vec::new(),
            left: Vec::new(),
        };
        let mut walk = SegmentWalk::open(wanted, Home::here())?;
        while walk.step(&mut found)? {}
        let Found { runs, left, .. } = found;
        for (place, runs) in runs {
            for mut run in runs.into_iter().rev() {
                reverse(&mut run);
                take(place, run)?;
            }
        }
        // The first step mostly finds one point, because the last segment has one where it ends.
        let next = match back {
            FIRST => 1,
            back => back.saturating_mul(GROWTH).min(MOST_BACK),
        };
        self.add(left, next);
        Ok(true)
    }

    /// Adds turns that are the next ones.
    fn add(&mut self, search: Vec<(usize, Stretch)>, back: i64) {
        let series = (SEGMENTS / back.max(1)).max(1) as usize;
        for part in search.chunks(series).rev() {
            self.turns.push_front(Turn {
                search: part.to_vec(),
                back,
            });
        }
    }
}

impl Visitor for Found<'_> {
    fn take(&mut self, at: usize, walked: &Stretch, points: Merged) -> Result<()> {
        let (place, stretch) = self.search[at];
        let is_left = self.left.last().is_some_and(|(left, _)| *left == place);
        if walked.start > stretch.start && !is_left {
            let end = walked.start;
            self.left.push((place, Stretch { end, ..stretch }));
        }
        if points.is_empty() {
            return Ok(());
        }
        match self.runs.last_mut() {
            Some((last, runs)) if *last == place => runs.push(points),
            _ => self.runs.push((place, vec![points])),
        }
        Ok(())
    }
}

/// Puts points into the opposite order.
fn reverse(points: &mut Merged) {
    points.valid_time.reverse();
    points.value.reverse();
    points.known_time.reverse();
    points.change_time.reverse();
    points.batch.reverse();
    points.valid_time_end.iter_mut().for_each(|c| c.reverse());
    points.nulls.iter_mut().for_each(|c| c.reverse());
    points.notes.iter_mut().for_each(|c| c.reverse());
}
