//! Point-in-time reads: of each value that is asked for, the version that was known by its own cut-off. Sees the
//! versions of one series as they stream by in ascending order of valid_time, newest per known_time; knows neither
//! where they come from nor what an answer looks like.

use crate::error::{Error, Result, SqlState};
use crate::time;
use std::collections::VecDeque;
use timedb_segment::{Merged, NO_END};

/// A value that is asked for. Instants are Unix microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointAsked {
    /// The valid_time of the point.
    pub valid_time: i64,
    /// Its valid_time_end, [`NO_END`] for a point without; None where that does not matter.
    pub valid_time_end: Option<i64>,
    /// Only versions known by then count.
    pub as_of: i64,
    /// Its place in the request, counted from 0.
    pub place: usize,
}

/// The version that was known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PointFound {
    /// The valid_time of its point, which may be earlier than the one asked for.
    pub valid_time: i64,
    /// Its valid_time_end, [`NO_END`] for a point without.
    pub valid_time_end: i64,
    /// Since when it is known.
    pub known_time: i64,
    /// The value, unless it is null.
    pub value: Option<f64>,
}

/// Looks for the values that are asked for of one series.
pub struct PointMatcher<'a> {
    /// Ascending by valid_time; those that have been dealt with are gone.
    asked: &'a [PointAsked],
    max_age: i64,
    /// The times that may still be the answer. What comes later and was known no later than another one takes
    /// its place, so they ascend by valid_time and by the known_time from which on they count.
    candidates: VecDeque<PointVersions>,
    /// The time whose versions are coming.
    open: Option<PointVersions>,
}

/// All versions at one valid_time.
struct PointVersions {
    valid_time: i64,
    first_known: i64,
    /// By valid_time_end, then known_time.
    versions: Vec<PointFound>,
}

impl<'a> PointMatcher<'a> {
    /// A matcher for values ascending by valid_time. The latest point within `max_age` microseconds up to the
    /// valid_time is meant; with an age of 0, only the point at that very time.
    pub fn new(asked: &'a [PointAsked], max_age: i64) -> Self {
        debug_assert!(asked.is_sorted_by_key(|asked| asked.valid_time));
        Self {
            asked,
            max_age,
            candidates: VecDeque::new(),
            open: None,
        }
    }

    /// Takes the next versions of the series, with known_time; `found` gets those that are answers, with their places.
    ///
    /// # Errors
    /// P0003 where several points share the valid_time.
    pub fn take(
        &mut self,
        points: &Merged,
        found: &mut impl FnMut(usize, PointFound),
    ) -> Result<()> {
        for i in 0..points.len() {
            let valid_time = points.valid_time[i];
            if self
                .open
                .as_ref()
                .is_none_or(|open| open.valid_time != valid_time)
            {
                self.close();
                self.answer_before(valid_time, found)?;
            }
            let is_null = points.nulls.as_ref().is_some_and(|nulls| nulls[i]);
            let ends = points.valid_time_end.as_ref();
            let version = PointFound {
                valid_time,
                valid_time_end: ends.map_or(NO_END, |ends| ends[i]),
                known_time: points.known_time[i],
                value: (!is_null).then_some(points.value[i]),
            };
            let open = self.open.get_or_insert_with(|| PointVersions {
                valid_time,
                first_known: i64::MAX,
                versions: Vec::new(),
            });
            open.first_known = open.first_known.min(version.known_time);
            open.versions.push(version);
        }
        Ok(())
    }

    /// No versions follow.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn finish(mut self, found: &mut impl FnMut(usize, PointFound)) -> Result<()> {
        self.close();
        self.answer_before(i64::MAX, found)
    }

    /// Makes a candidate of the time whose versions have come.
    fn close(&mut self) {
        let Some(mut open) = self.open.take() else {
            return;
        };
        let order = |version: &PointFound| (version.valid_time_end, version.known_time);
        if !open.versions.is_sorted_by_key(order) {
            open.versions.sort_by_key(order);
        }
        while (self.candidates.back()).is_some_and(|last| last.first_known >= open.first_known) {
            self.candidates.pop_back();
        }
        self.candidates.push_back(open);
    }

    /// Answers what is asked for before an instant: no candidate for it is to come.
    fn answer_before(&mut self, end: i64, found: &mut impl FnMut(usize, PointFound)) -> Result<()> {
        while let Some((asked, rest)) = self.asked.split_first()
            && asked.valid_time < end
        {
            let oldest = asked.valid_time.saturating_sub(self.max_age);
            while (self.candidates.front()).is_some_and(|first| first.valid_time < oldest) {
                self.candidates.pop_front();
            }
            let known = self
                .candidates
                .partition_point(|one| one.first_known <= asked.as_of);
            let last = known
                .checked_sub(1)
                .and_then(|last| self.candidates.get(last));
            if let Some(version) = last.map(|last| last.known_by(asked)).transpose()?.flatten() {
                found(asked.place, version);
            }
            self.asked = rest;
        }
        Ok(())
    }
}

impl PointVersions {
    /// The newest version of the point that is meant.
    fn known_by(&self, asked: &PointAsked) -> Result<Option<PointFound>> {
        let mut newest: Option<&PointFound> = None;
        let mut rest = &self.versions[..];
        if let Some(end) = asked.valid_time_end {
            rest = &rest[rest.partition_point(|version| version.valid_time_end < end)..];
        }
        // Point by point: each has its versions by known_time.
        while let Some(first) = rest.first()
            && (asked.valid_time_end).is_none_or(|end| end == first.valid_time_end)
        {
            let end = first.valid_time_end;
            let (point, others) =
                rest.split_at(rest.partition_point(|one| one.valid_time_end == end));
            let known = point.partition_point(|version| version.known_time <= asked.as_of);
            if let Some(version) = known.checked_sub(1).and_then(|last| point.get(last)) {
                if let Some(other) = newest {
                    return Err(several_points(asked, other, version));
                }
                newest = Some(version);
            }
            rest = others;
        }
        Ok(newest.copied())
    }
}

fn several_points(asked: &PointAsked, one: &PointFound, other: &PointFound) -> Error {
    let end = |point: &PointFound| match point.valid_time_end {
        NO_END => "null".to_owned(),
        end => time::text(end),
    };
    Error::new(
        SqlState::TOO_MANY_ROWS,
        format!(
            "row {}: several points have the valid_time {}, which differ in valid_time_end ({}, {})",
            asked.place + 1,
            time::text(one.valid_time),
            end(one),
            end(other)
        ),
    )
    .hint("Give valid_time_end, null for the point without one.")
}
