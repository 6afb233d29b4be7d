//! Point-in-time reads: for each value that is asked for, the version that was known by its own cut-off. One walk over
//! the segments of all series, in which only those segments are decoded that may hold a point that is asked for.
//!
//! Memory is bounded by what is asked for, and by the points of one series within `max_age`.

use super::moment;
use super::segments::{SegmentSearch, SegmentWalk, Start, Stretch, Visitor};
use crate::identity::{caller, nobody};
use crate::pg::error::Result;
use crate::pg::spi::{Home, connected};
use crate::series::{SeriesInfo, existing, units};
use std::ops::Range;
pub use timedb_rules::points::PointFound;
use timedb_rules::points::{PointAsked, PointMatcher};
use timedb_rules::upload::SeriesRef;
use timedb_segment::{Bounds, Filter, Merged, Mode, Points, SegmentKey};
use timedb_units::Conversion;

/// Searches in the index, about, and the gap between instants from which one more may pay, in microseconds.
const MOST_STRETCHES: usize = 1_024;
const LEAST_GAP: i64 = 86_400_000_000;

/// What a read asks for, row by row.
pub struct PointsRequest {
    /// The series, as they are named.
    pub series: Vec<SeriesRef>,
    /// For each row its place in `series`.
    pub series_index: Vec<u32>,
    pub valid_time: Vec<i64>,
    /// [`NO_END`](timedb_segment::NO_END) where a point without end is meant; None if it does not matter.
    pub valid_time_end: Option<Vec<i64>>,
    pub as_of: Vec<i64>,
    pub as_of_change: Option<i64>,
    /// How old a point may be, in microseconds.
    pub max_age: i64,
    /// The unit that values are converted to.
    pub unit: Option<String>,
}

/// What a read has found.
pub struct PointsAnswer {
    /// Ascending by id.
    pub series: Vec<SeriesInfo>,
    /// What was asked for, by series and valid_time.
    pub asked: Vec<PointAsked>,
    /// Which of these each series has.
    pub of_series: Vec<Range<usize>>,
    /// What each row of the request gets.
    pub found: Vec<Option<PointFound>>,
}

/// Reads; without a tenant there is no answer.
///
/// # Errors
/// 42704 for an unknown series, 22023 for a unit that does not fit, P0003 where several points share a valid_time,
/// XX001 for a damaged segment; as [`moment::reach`] for a read as of a change_time.
pub fn read(request: &PointsRequest) -> Result<Option<PointsAnswer>> {
    let Some(tenant) = caller::tenant() else {
        nobody::warn();
        return Ok(None);
    };
    connected(|| {
        let moment = moment::reach(&tenant, request.as_of_change)?;
        let (mut series, places) = existing(&request.series)?;
        let conversions = match &request.unit {
            Some(unit) => units::conversions(&mut series, unit)?,
            None => Vec::new(),
        };
        let (asked, of_series) = in_order(request, &places, series.len());
        let mut answer = PointsAnswer {
            found: vec![None; asked.len()],
            series,
            asked,
            of_series,
        };
        answer.find(&tenant, request, &conversions)?;
        moment.leave();
        Ok(Some(answer))
    })
}

/// What is asked for, by the place of its series and valid_time.
fn in_order(
    request: &PointsRequest,
    places: &[usize],
    series: usize,
) -> (Vec<PointAsked>, Vec<Range<usize>>) {
    let of_row = |row: usize| places[request.series_index[row] as usize];
    let mut of_series = vec![0..0; series];
    for row in 0..request.valid_time.len() {
        of_series[of_row(row)].end += 1;
    }
    let mut start = 0;
    for range in &mut of_series {
        // From here on the end is where the next row goes.
        let rows = range.end;
        *range = start..start;
        start += rows;
    }
    let nothing = PointAsked {
        valid_time: 0,
        valid_time_end: None,
        as_of: 0,
        place: 0,
    };
    let mut asked = vec![nothing; start];
    for row in 0..request.valid_time.len() {
        let range = &mut of_series[of_row(row)];
        asked[range.end] = PointAsked {
            valid_time: request.valid_time[row],
            valid_time_end: request.valid_time_end.as_ref().map(|ends| ends[row]),
            as_of: request.as_of[row],
            place: row,
        };
        range.end += 1;
    }
    for range in &of_series {
        pgrx::check_for_interrupts!();
        asked[range.clone()].sort_by_key(|asked| asked.valid_time);
    }
    (asked, of_series)
}

impl PointsAnswer {
    fn find(
        &mut self,
        tenant: &[u8; 16],
        request: &PointsRequest,
        conversions: &[Conversion],
    ) -> Result<()> {
        let max_age = request.max_age;
        let most = (MOST_STRETCHES / self.series.len().max(1)).max(1);
        let mut rows = Vec::new();
        for range in &self.of_series {
            cut(&self.asked, range, max_age, most, &mut rows);
        }
        let place_of = |rows: &Range<usize>| {
            self.of_series
                .partition_point(|range| range.end <= rows.start)
        };
        let stretch = |rows: &Range<usize>| {
            let asked = &self.asked[rows.clone()];
            let first = asked
                .first()
                .map(|first| first.valid_time.saturating_sub(max_age));
            let last = asked.last().map(|last| last.valid_time.saturating_add(1));
            Stretch::of(self.series[place_of(rows)].id, first, last)
        };
        let Some(as_of) = request.as_of.iter().max() else {
            return Ok(());
        };
        let search = SegmentSearch {
            tenant: *tenant,
            stretches: rows.iter().map(stretch).collect(),
            start: Start::Given,
            filter: Filter {
                end_known: Some(as_of.saturating_add(1)),
                end_change: request.as_of_change.map(|t| t.saturating_add(1)),
                ..Filter::default()
            },
            mode: Mode::Overlapping,
            start_change: None,
            with_known_time: true,
        };
        let mut visit = Visit {
            series: &self.series,
            asked: &self.asked,
            of_series: &self.of_series,
            conversions,
            max_age,
            places: rows.iter().map(place_of).collect(),
            rows,
            current: None,
            found: &mut self.found,
        };
        let mut walk = SegmentWalk::open(search, Home::here())?;
        while walk.step(&mut visit)? {}
        visit.finish()
    }
}

/// Cuts the rows of a series where the widest gaps are.
fn cut(
    asked: &[PointAsked],
    range: &Range<usize>,
    max_age: i64,
    most: usize,
    out: &mut Vec<Range<usize>>,
) {
    if range.is_empty() {
        return;
    }
    let oldest = |i: usize| asked[i].valid_time.saturating_sub(max_age);
    let gap = |i: usize| oldest(i).saturating_sub(asked[i - 1].valid_time);
    let mut cuts: Vec<usize> = (range.start + 1..range.end)
        .filter(|&i| gap(i) >= LEAST_GAP)
        .collect();
    if cuts.len() >= most {
        cuts.sort_unstable_by_key(|&i| std::cmp::Reverse(gap(i)));
        cuts.truncate(most - 1);
        cuts.sort_unstable();
    }
    let mut start = range.start;
    for end in cuts.into_iter().chain([range.end]) {
        out.push(start..end);
        start = end;
    }
}

/// The walk, stretch by stretch.
struct Visit<'a> {
    series: &'a [SeriesInfo],
    asked: &'a [PointAsked],
    of_series: &'a [Range<usize>],
    /// Of each series, if values are converted.
    conversions: &'a [Conversion],
    max_age: i64,
    /// What is asked for in each stretch, and the place of its series.
    rows: Vec<Range<usize>>,
    places: Vec<usize>,
    current: Option<(usize, PointMatcher<'a>)>,
    found: &'a mut Vec<Option<PointFound>>,
}

impl<'a> Visit<'a> {
    /// What is asked for of a series, as far as it may be found at an instant or later.
    fn from(&self, series: &[u8; 16], instant: i64) -> &'a [PointAsked] {
        let place = self.series.binary_search_by_key(series, |series| series.id);
        let range = place.map_or(0..0, |place| self.of_series[place].clone());
        let asked = &self.asked[range];
        &asked[asked.partition_point(|asked| asked.valid_time < instant)..]
    }

    fn finish(&mut self) -> Result<()> {
        match self.current.take() {
            Some((_, matcher)) => {
                matcher.finish(&mut |place, point| self.found[place] = Some(point))
            }
            None => Ok(()),
        }
    }
}

impl Visitor for Visit<'_> {
    fn range_in(&self, key: &SegmentKey, bounds: &Bounds) -> Option<Range<i64>> {
        let asked = self.from(&key.series, bounds.min_valid);
        let oldest = |asked: &PointAsked| asked.valid_time.saturating_sub(self.max_age);
        let near = asked.partition_point(|asked| oldest(asked) <= bounds.max_valid);
        let (first, last) = (asked.first()?, asked.get(near.checked_sub(1)?)?);
        Some(oldest(first)..last.valid_time.saturating_add(1))
    }

    fn select(&mut self, key: &SegmentKey, points: Points) -> Points {
        let times = &points.valid_time;
        let Some(&first) = times.first() else {
            return points;
        };
        let (mut kept, mut next) = (Vec::new(), 0);
        let mut asked = self.from(&key.series, first);
        while let Some(one) = asked.first() {
            let oldest = one.valid_time.saturating_sub(self.max_age);
            next += times[next..].partition_point(|&time| time < oldest);
            let n = times[next..].partition_point(|&time| time <= one.valid_time);
            kept.extend(next..next + n);
            next += n;
            // What is asked for before the next point has got all of its points.
            let Some(&time) = times.get(next) else { break };
            asked = &asked[asked.partition_point(|asked| asked.valid_time < time)..];
        }
        match kept.len() == points.len() {
            true => points,
            false => points.select(&kept),
        }
    }

    fn take(&mut self, place: usize, _: &Stretch, mut points: Merged) -> Result<()> {
        if self
            .current
            .as_ref()
            .is_none_or(|(current, _)| *current != place)
        {
            self.finish()?;
            let asked = &self.asked[self.rows[place].clone()];
            self.current = Some((place, PointMatcher::new(asked, self.max_age)));
        }
        if let Some(conversion) = self.conversions.get(self.places[place]) {
            units::convert(conversion, &mut points.value)?;
        }
        match &mut self.current {
            Some((_, matcher)) => {
                matcher.take(&points, &mut |place, point| self.found[place] = Some(point))
            }
            None => Ok(()),
        }
    }
}
