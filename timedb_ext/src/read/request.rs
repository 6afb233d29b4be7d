//! What a read asks for: series and ranges, or single instants, of which it says which segments and points they need.

use crate::series::SeriesFilter;
use std::collections::HashMap;
use std::rc::Rc;
use timedb_calendar::Cutoffs;
use timedb_segment::{Bounds, Filter, Mode, Points};

/// What a read asks for.
pub struct ReadRequest {
    pub mode: Mode,
    pub series: SeriesFilter,
    pub range: Filter,
    /// Only points at these instants, within the range.
    pub instants: Option<Rc<Instants>>,
    /// The read is one as of this change_time, which `range` has as its end.
    pub as_of_change: Option<i64>,
    /// Of each point only versions count that were known by the cut-off of its window.
    pub cutoffs: Option<Cutoffs>,
    /// The read is one as of the change_time up to which all writes have ended when it begins.
    pub as_settled: bool,
    /// Only what stands here or behind: of a series from a valid time on, and all of those after it.
    pub from: Option<([u8; 16], i64)>,
    /// Of each series only its last point is answered.
    pub last_only: bool,
    /// Of each series the last points come first, and of several series not one after the other.
    pub backward: bool,
    /// Series are found and listed even if no point can be in the range.
    pub list_all: bool,
    /// Whether the known_time of each version is answered.
    pub with_known_time: bool,
    /// The unit that values are converted to.
    pub unit: Option<String>,
}

impl ReadRequest {
    /// Everything of some series.
    pub fn new(mode: Mode, series: SeriesFilter) -> Self {
        Self {
            mode,
            series,
            range: Filter::default(),
            instants: None,
            as_of_change: None,
            cutoffs: None,
            as_settled: false,
            from: None,
            last_only: false,
            backward: false,
            list_all: false,
            with_known_time: mode != Mode::Flat,
            unit: None,
        }
    }

    /// Makes it a read as of a change_time.
    pub fn set_as_of_change(&mut self, change_time: i64) {
        self.as_of_change = Some(change_time);
        self.range.end_change = Some(change_time.saturating_add(1));
        self.as_settled = false;
    }

    /// Whether a series stands at `from` or behind it.
    pub fn reaches(&self, series: &[u8; 16]) -> bool {
        self.from.is_none_or(|(first, _)| *series >= first)
    }

    /// From where the valid times of a series are read.
    pub fn start_of(&self, series: &[u8; 16]) -> Option<i64> {
        let from = self.from.filter(|(first, _)| first == series);
        // None is less than any.
        self.range
            .start_valid
            .max(from.map(|(_, valid_time)| valid_time))
    }

    /// Whether no point can be in the range: one that is reversed or of no length.
    pub fn is_empty(&self) -> bool {
        let Filter {
            start_valid,
            end_valid,
            start_known,
            end_known,
            min_lead,
            max_lead,
            ..
        } = self.range;
        let nothing = |start: Option<i64>, end: Option<i64>| matches!((start, end), (Some(s), Some(e)) if e <= s);
        nothing(start_valid, end_valid)
            || nothing(start_known, end_known)
            || matches!((min_lead, max_lead), (Some(min), Some(max)) if max < min)
    }

    /// The versions that were known by the cut-off of their window.
    pub fn before_cutoffs(&mut self, points: Points) -> Points {
        let Some(cutoffs) = &mut self.cutoffs else {
            return points;
        };
        let in_time = |&i: &usize| points.known_time.get(i) <= cutoffs.cutoff(points.valid_time[i]);
        let kept: Vec<usize> = (0..points.len()).filter(in_time).collect();
        only(points, &kept)
    }
}

/// The instants that are read of each series.
#[derive(Debug, Default)]
pub struct Instants(HashMap<[u8; 16], Vec<i64>>);

impl Instants {
    /// From (series, valid_time) in any order.
    pub fn of(wanted: impl Iterator<Item = ([u8; 16], i64)>) -> Self {
        let mut by_series: HashMap<[u8; 16], Vec<i64>> = HashMap::new();
        for (series, valid_time) in wanted {
            by_series.entry(series).or_default().push(valid_time);
        }
        for instants in by_series.values_mut() {
            instants.sort_unstable();
            instants.dedup();
        }
        Self(by_series)
    }

    /// The series that have an instant in a range, which includes its end.
    pub fn series_in(&self, first: i64, last: i64) -> Vec<[u8; 16]> {
        let has = |instants: &[i64]| least(instants, first).is_some_and(|instant| instant <= last);
        let series = self.0.iter().filter(|(_, instants)| has(instants));
        series.map(|(series, _)| *series).collect()
    }

    /// Stretches that hold all instants, few enough for a scan of the index each, and without the widest
    /// gaps between instants: (first, last), ascending.
    pub fn stretches(&self, most: usize, least_gap: i64) -> Vec<(i64, i64)> {
        let mut all: Vec<i64> = self.0.values().flatten().copied().collect();
        all.sort_unstable();
        all.dedup();
        let gap = |i: usize| all[i].saturating_sub(all[i - 1]);
        let mut cuts: Vec<usize> = (1..all.len()).filter(|&i| gap(i) >= least_gap).collect();
        cuts.sort_unstable_by_key(|&i| std::cmp::Reverse(gap(i)));
        cuts.truncate(most.saturating_sub(1));
        cuts.push(all.len());
        cuts.sort_unstable();
        let mut start = 0;
        let mut stretches = Vec::with_capacity(cuts.len());
        for cut in cuts {
            let stretch = &all[start..cut];
            if let (Some(&first), Some(&last)) = (stretch.first(), stretch.last()) {
                stretches.push((first, last));
            }
            start = cut;
        }
        stretches
    }

    /// The first and the last instant of the series that a segment may hold; None if it holds none.
    pub fn within(&self, series: &[u8; 16], bounds: &Bounds) -> Option<(i64, i64)> {
        let instants = self.0.get(series)?;
        let first = least(instants, bounds.min_valid)?;
        let after = instants.partition_point(|&instant| instant <= bounds.max_valid);
        let last = *instants.get(after.checked_sub(1)?)?;
        (first <= last).then_some((first, last))
    }

    /// The points at the instants of the series.
    pub fn select(&self, series: &[u8; 16], points: Points) -> Points {
        let instants = self.0.get(series).map_or(&[][..], Vec::as_slice);
        let wanted = |i: &usize| instants.binary_search(&points.valid_time[*i]).is_ok();
        let kept: Vec<usize> = (0..points.len()).filter(wanted).collect();
        only(points, &kept)
    }
}

/// The points at these positions, ascending, without copying where they are all.
fn only(points: Points, kept: &[usize]) -> Points {
    match kept.len() == points.len() {
        true => points,
        false => points.select(kept),
    }
}

/// The least instant at or after another one.
fn least(instants: &[i64], from: i64) -> Option<i64> {
    let at = instants.partition_point(|&instant| instant < from);
    instants.get(at).copied()
}
