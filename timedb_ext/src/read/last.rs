//! The last point of each series. The index says where to start looking, so that a long series costs as much as a
//! short one. If the filters leave nothing there, the search goes back in growing steps. Of many series without filters
//! it mostly suffices to look at the end of the index.

use super::segments::{SegmentSearch, SegmentWalk, Start, Stretch, Visitor};
use crate::pg::error::Result;
use crate::pg::spi::{Arg, Home, statements};
use crate::series::SeriesInfo;
use timedb_segment::{Bounds, Filter, Merged, Mode, index_class};

statements! {
    // Which of these series have segments of a class below this one.
    OF_OTHER_CLASSES(UUIDS, INT4S) -> (INT8) =
        c"SELECT s.ord FROM unnest($1, $2) WITH ORDINALITY AS s(series_id, span_class, ord) \
          WHERE (SELECT h.span_class FROM timedb_internal.segments AS h \
                 WHERE h.series_id = s.series_id ORDER BY h.span_class LIMIT 1) < s.span_class";
}

/// How many times further each step goes back than the one before it.
const GROWTH: i64 = 8;

/// From so many series on, a look at the end of the index is worth another pass over the log.
const MANY: usize = 512;

/// So many of them show whether it suffices.
const PROBED: usize = 64;

/// The last point of each of the series that has one in the range, with its place in `series`: the one
/// with the greatest (valid_time, valid_time_end), in its newest version. Call with SPI connected.
///
/// # Errors
/// XX001 for a damaged segment.
pub fn points(
    tenant: &[u8; 16],
    series: &[SeriesInfo],
    range: &Filter,
) -> Result<Vec<(usize, Merged)>> {
    let stretch = |series: &SeriesInfo| Stretch::of(series.id, range.start_valid, range.end_valid);
    let mut search: Vec<(usize, Stretch)> = series.iter().map(stretch).enumerate().collect();
    let mut found = Vec::new();
    if *range == Filter::default() && search.len() >= MANY {
        search = look_at_the_end(tenant, search, &mut found)?;
    }
    let mut back = 1;
    while !search.is_empty() {
        let mut step = Step::take(tenant, search, Start::Latest(back), range)?;
        found.append(&mut step.found);
        search = step.left;
        back = back.saturating_mul(GROWTH);
    }
    found.sort_unstable_by_key(|(place, _)| *place);
    Ok(found)
}

/// Finds the last points of series at the end of the index, if that suffices for most of the first ones. Returns those
/// that are left.
fn look_at_the_end(
    tenant: &[u8; 16],
    mut search: Vec<(usize, Stretch)>,
    found: &mut Vec<(usize, Merged)>,
) -> Result<Vec<(usize, Stretch)>> {
    let rest = search.split_off(PROBED.min(search.len()));
    let probed = search.len();
    let mut left = at_the_end(tenant, search, found)?;
    if left.len() * 2 > probed || rest.is_empty() {
        left.extend(rest);
    } else {
        left.append(&mut at_the_end(tenant, rest, found)?);
    }
    Ok(left)
}

/// Finds the last points of series whose segments are all of one class in the index, or one, and do not overlap
/// there. Returns the others.
fn at_the_end(
    tenant: &[u8; 16],
    search: Vec<(usize, Stretch)>,
    found: &mut Vec<(usize, Merged)>,
) -> Result<Vec<(usize, Stretch)>> {
    let mut step = Step::take(tenant, search, Start::Last, &Filter::default())?;
    step.passed.sort_unstable_by_key(|passed| passed.at);
    let series = step
        .passed
        .iter()
        .map(|passed| &step.search[passed.at].1.series);
    let classes = step.passed.iter().map(|passed| i32::from(passed.class));
    let args = [Arg::uuids(series), Arg::int4s(classes)];
    let mut left: Vec<usize> = match step.passed.is_empty() {
        true => Vec::new(),
        false => OF_OTHER_CLASSES.rows(true, &args, |row| Ok(row.int8(1)? as usize - 1))?,
    };
    for at in &mut left {
        *at = step.passed[*at].at;
    }
    left.append(&mut step.reaching);
    left.sort_unstable();
    let is_left = |place: usize| {
        left.binary_search_by_key(&place, |&at| step.search[at].0)
            .is_ok()
    };
    found.extend(step.found.into_iter().filter(|(place, _)| !is_left(*place)));
    Ok(left.iter().map(|&at| step.search[at]).collect())
}

/// One step back, for all series of which nothing has been found.
struct Step {
    /// Places of series, and what of them is left to look at.
    search: Vec<(usize, Stretch)>,
    found: Vec<(usize, Merged)>,
    /// As `search`, for the next step.
    left: Vec<(usize, Stretch)>,
    /// Where only the last segment of the index was read: those which are sure if there is no other class.
    passed: Vec<Passed>,
    /// Those that have another segment which may reach as far.
    reaching: Vec<usize>,
}

struct Passed {
    at: usize,
    /// In the index the class of its last segment.
    class: i16,
}

impl Step {
    fn take(
        tenant: &[u8; 16],
        search: Vec<(usize, Stretch)>,
        start: Start,
        range: &Filter,
    ) -> Result<Self> {
        let wanted = SegmentSearch {
            tenant: *tenant,
            stretches: search.iter().map(|(_, stretch)| *stretch).collect(),
            start,
            filter: *range,
            mode: Mode::Flat,
            start_change: None,
            with_known_time: true,
        };
        let mut step = Self {
            search,
            found: Vec::new(),
            left: Vec::new(),
            passed: Vec::new(),
            reaching: Vec::new(),
        };
        let mut walk = SegmentWalk::open(wanted, Home::here())?;
        while walk.step(&mut step)? {}
        Ok(step)
    }
}

impl Visitor for Step {
    fn pass(&mut self, at: usize, last: &Bounds, before: &Bounds) {
        let class =
            |of: &Bounds| index_class(of.max_valid.saturating_sub(of.min_valid), of.count as usize);
        // Those still before it begin no later, and are no longer than its class.
        let longest = 1_i64.checked_shl(u32::from(class(last).cast_unsigned() % 64));
        let reach = longest
            .filter(|&longest| longest > 0)
            .map_or(i64::MAX, |longest| before.min_valid.saturating_add(longest));
        if class(before) == class(last) && reach < last.max_valid {
            let class = class(last);
            self.passed.push(Passed { at, class });
        } else {
            self.reaching.push(at);
        }
    }

    fn take(&mut self, at: usize, walked: &Stretch, points: Merged) -> Result<()> {
        let (place, stretch) = self.search[at];
        let before = self.found.pop_if(|(found, _)| *found == place);
        if let Some(last) = last_of(&points).or(before.map(|(_, last)| last)) {
            self.found.push((place, last));
        } else if walked.start > stretch.start {
            // Nothing from there on, so what is before it is left to look at.
            let end = walked.start;
            self.left.push((place, Stretch { end, ..stretch }));
        }
        Ok(())
    }
}

/// The last of some points, alone.
fn last_of(points: &Merged) -> Option<Merged> {
    fn last<T: Copy>(column: &[T]) -> Option<Vec<T>> {
        column.last().map(|&one| vec![one])
    }
    Some(Merged {
        valid_time: last(&points.valid_time)?,
        valid_time_end: points.valid_time_end.as_deref().and_then(last),
        value: last(&points.value)?,
        nulls: points.nulls.as_deref().and_then(last),
        known_time: last(&points.known_time)?,
        ..Merged::default()
    })
}
