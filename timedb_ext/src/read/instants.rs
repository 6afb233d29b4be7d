//! A read of single instants: which segments it needs, and which of their points.

use std::collections::HashMap;
use timedb_segment::{Bounds, Points};

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
    pub(super) fn within(&self, series: &[u8; 16], bounds: &Bounds) -> Option<(i64, i64)> {
        let instants = self.0.get(series)?;
        let first = least(instants, bounds.min_valid)?;
        let after = instants.partition_point(|&instant| instant <= bounds.max_valid);
        let last = *instants.get(after.checked_sub(1)?)?;
        (first <= last).then_some((first, last))
    }

    /// The points at the instants of the series.
    pub(super) fn select(&self, series: &[u8; 16], points: Points) -> Points {
        let instants = self.0.get(series).map_or(&[][..], Vec::as_slice);
        let wanted = |i: &usize| instants.binary_search(&points.valid_time[*i]).is_ok();
        let kept: Vec<usize> = (0..points.len()).filter(wanted).collect();
        match kept.len() == points.len() {
            true => points,
            false => points.select(&kept),
        }
    }
}

/// The least instant at or after another one.
fn least(instants: &[i64], from: i64) -> Option<i64> {
    let at = instants.partition_point(|&instant| instant < from);
    instants.get(at).copied()
}
