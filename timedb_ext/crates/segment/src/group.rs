//! Groups the points of an upload by series and orders each series by time, without moving points that are already in
//! order.

use std::borrow::Cow;
use std::ops::Range;

use thiserror::Error;

use crate::NO_END;
use crate::pause::pause;

/// As many points are sorted in one go: it takes some tens of milliseconds.
const RUN: usize = 1 << 20;

/// The points of one series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The index of the series.
    pub series: u32,
    /// The positions of its points, in ascending order of (valid_time, valid_time_end, known_time).
    pub positions: Positions,
}

/// Positions of points in the columns of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Positions {
    /// They are adjacent and in order.
    Range(Range<usize>),
    /// One by one.
    List(Vec<u32>),
}

impl Positions {
    /// The number of points.
    pub fn len(&self) -> usize {
        match self {
            Positions::Range(range) => range.len(),
            Positions::List(list) => list.len(),
        }
    }

    /// Whether there is none; never so in what [`group_points`] returns.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The position of the `i`-th of these points.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn at(&self, i: usize) -> usize {
        match self {
            Positions::Range(range) => {
                assert!(i < range.len(), "a position beyond the range");
                range.start + i
            }
            Positions::List(list) => list[i] as usize,
        }
    }

    /// The entries of a column for these points; borrowed if they are adjacent.
    pub fn pick<'a, T: Copy>(&self, column: &'a [T]) -> Cow<'a, [T]> {
        match self {
            Positions::Range(range) => Cow::Borrowed(&column[range.clone()]),
            Positions::List(list) => list.iter().map(|&i| column[i as usize]).collect(),
        }
    }
}

/// Two versions of a point with the same times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("points {first} and {second} have the same series and times")]
pub struct Duplicate {
    /// The index of the series.
    pub series: u32,
    /// The position of the earlier one.
    pub first: usize,
    /// The position of the later one.
    pub second: usize,
}

/// The points of each series that has any, by ascending index of the series.
///
/// # Errors
/// If two points of a series have the same valid_time, valid_time_end and known_time. Without a column of the
/// last all have the same.
///
/// # Panics
/// If the columns differ in length, hold 2^32 points or more, or an index is not below `n_series`.
pub fn group_points(
    series_index: &[u32],
    n_series: usize,
    valid_time: &[i64],
    valid_time_end: Option<&[i64]>,
    known_time: Option<&[i64]>,
) -> Result<Vec<Group>, Duplicate> {
    let n = series_index.len();
    let fits = |times: Option<&[i64]>| times.is_none_or(|times| times.len() == n);
    assert!(fits(Some(valid_time)), "a series and a time for each point");
    assert!(fits(valid_time_end), "an end for each");
    assert!(fits(known_time), "a known_time for each");
    assert!(u32::try_from(n).is_ok(), "positions fit u32");
    let times = Times {
        start: valid_time,
        end: valid_time_end,
        known: known_time,
    };
    let mut groups = match blocks(series_index, n_series) {
        Some(groups) => groups,
        None => scattered(series_index, n_series),
    };
    pause();
    let mut looked_at = 0;
    for group in &mut groups {
        times.order(group)?;
        looked_at += group.positions.len();
        if looked_at >= RUN {
            looked_at = 0;
            pause();
        }
    }
    Ok(groups)
}

/// The groups, if the points of each series are adjacent.
fn blocks(series_index: &[u32], n_series: usize) -> Option<Vec<Group>> {
    let mut seen = vec![false; n_series];
    let mut groups = Vec::new();
    let mut start = 0;
    for block in series_index.chunk_by(|a, b| a == b) {
        let series = block[0];
        if std::mem::replace(&mut seen[series as usize], true) {
            return None;
        }
        let range = start..start + block.len();
        start = range.end;
        groups.push(Group {
            series,
            positions: Positions::Range(range),
        });
    }
    if !groups.is_sorted_by_key(|group| group.series) {
        groups.sort_unstable_by_key(|group| group.series);
    }
    Some(groups)
}

fn scattered(series_index: &[u32], n_series: usize) -> Vec<Group> {
    let mut counts = vec![0usize; n_series];
    for &series in series_index {
        counts[series as usize] += 1;
    }
    let mut lists: Vec<Vec<u32>> = counts.iter().map(|&n| Vec::with_capacity(n)).collect();
    for (i, &series) in series_index.iter().enumerate() {
        lists[series as usize].push(i as u32);
    }
    let groups = lists
        .into_iter()
        .enumerate()
        .filter(|(_, list)| !list.is_empty());
    groups
        .map(|(series, list)| Group {
            series: series as u32,
            positions: Positions::List(list),
        })
        .collect()
}

/// Sorts positions by key and position, with the keys next to them: looking them up would cost more.
fn sort_by_key<K: Ord>(list: &mut Vec<u32>, key: impl Fn(usize) -> K) {
    let mut keys: Vec<(K, u32)> = list.iter().map(|&i| (key(i as usize), i)).collect();
    sort(&mut keys, RUN);
    list.clear();
    list.extend(keys.into_iter().map(|(_, i)| i));
}

/// Sorts run by run, with a pause after each.
fn sort<T: Ord>(items: &mut [T], run: usize) {
    for run in items.chunks_mut(run) {
        run.sort_unstable();
        pause();
    }
    // The stable sort finds the runs and merges them, which takes a fraction of the time.
    if items.len() > run {
        items.sort();
        pause();
    }
}

#[derive(Clone, Copy)]
struct Times<'a> {
    start: &'a [i64],
    end: Option<&'a [i64]>,
    known: Option<&'a [i64]>,
}

impl Times<'_> {
    fn at(self, i: usize) -> (i64, i64, i64) {
        let end = self.end.map_or(NO_END, |end| end[i]);
        (self.start[i], end, self.known.map_or(0, |known| known[i]))
    }

    /// Puts a group into the order of time.
    fn order(self, group: &mut Group) -> Result<(), Duplicate> {
        let series = group.series;
        if let Positions::Range(range) = &group.positions {
            // Strictly ascending times are in order and unique, whatever the ends are.
            let mut pairs = self.start[range.clone()].array_windows();
            if pairs.all(|[a, b]| a < b)
                || (range.start + 1..range.end).all(|i| self.at(i - 1) < self.at(i))
            {
                return Ok(());
            }
            group.positions = Positions::List(range.clone().map(|i| i as u32).collect());
        }
        let Positions::List(list) = &mut group.positions else {
            return Ok(());
        };
        let at = |i: u32| self.at(i as usize);
        if !list.is_sorted_by(|&a, &b| at(a) < at(b)) {
            // By position last, so that a duplicate names the earlier point first.
            match (self.end, self.known) {
                (None, None) => sort_by_key(list, |i| self.start[i]),
                _ => sort_by_key(list, |i| self.at(i)),
            }
        }
        match list.array_windows().find(|&&[a, b]| at(a) == at(b)) {
            Some(&[first, second]) => Err(Duplicate {
                series,
                first: first as usize,
                second: second as usize,
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(groups: &[Group]) -> Vec<(u32, Vec<usize>)> {
        let list = |positions: &Positions| match positions {
            Positions::Range(range) => range.clone().collect(),
            Positions::List(list) => list.iter().map(|&i| i as usize).collect(),
        };
        groups
            .iter()
            .map(|group| (group.series, list(&group.positions)))
            .collect()
    }

    #[test]
    fn points_in_order_are_not_moved() {
        let groups =
            group_points(&[1, 1, 0, 0, 0], 4, &[1, 2, 1, 2, 3], None, None).expect("unique");
        let ranges: Vec<_> = groups
            .iter()
            .map(|group| (group.series, group.positions.clone()))
            .collect();
        assert_eq!(
            ranges,
            [(0, Positions::Range(2..5)), (1, Positions::Range(0..2))]
        );
        assert!(matches!(
            groups[0].positions.pick(&[1, 2, 3, 4, 5]),
            Cow::Borrowed([3, 4, 5])
        ));
        assert_eq!(group_points(&[], 3, &[], None, None), Ok(vec![]));
    }

    #[test]
    fn points_are_grouped_and_sorted() {
        let groups =
            group_points(&[2, 0, 2, 0, 2], 3, &[9, 4, 7, 3, 8], None, None).expect("unique");
        assert_eq!(lists(&groups), [(0, vec![3, 1]), (2, vec![2, 4, 0])]);
        assert_eq!(&*groups[1].positions.pick(&[9, 4, 7, 3, 8]), [7, 8, 9]);
        // Backwards in one block.
        let groups = group_points(&[0, 0, 0], 1, &[3, 2, 1], None, None).expect("unique");
        assert_eq!(lists(&groups), [(0, vec![2, 1, 0])]);
    }

    #[test]
    fn items_are_sorted_across_runs() {
        let mut random = fastrand::Rng::with_seed(3);
        for n in [0, 1, 9, 10, 11, 100, 1009] {
            let items: Vec<u32> = (0..n).map(|_| random.u32(..50)).collect();
            let (mut sorted, mut expected) = (items.clone(), items);
            sort(&mut sorted, 10);
            expected.sort_unstable();
            assert_eq!(sorted, expected);
        }
    }

    #[test]
    fn ends_tell_points_apart() {
        let ends = [NO_END, 20, 30];
        let groups = group_points(&[0, 0, 0], 1, &[10, 10, 10], Some(&ends), None).expect("unique");
        assert_eq!(groups[0].positions, Positions::Range(0..3));
        let groups = group_points(&[0, 0, 0], 1, &[10, 10, 10], Some(&[30, NO_END, 20]), None);
        assert_eq!(lists(&groups.expect("unique")), [(0, vec![1, 2, 0])]);
    }

    #[test]
    fn known_times_tell_versions_apart_and_order_them() {
        let grouped = |known: &[i64], ends: Option<&[i64]>| {
            group_points(&[0, 0, 0], 1, &[10, 10, 9], ends, Some(known))
        };
        assert_eq!(
            lists(&grouped(&[7, 6, 8], None).expect("unique")),
            [(0, vec![2, 1, 0])]
        );
        let duplicate = Duplicate {
            series: 0,
            first: 0,
            second: 1,
        };
        assert_eq!(grouped(&[7, 7, 8], None), Err(duplicate));
        let ends = [NO_END, 20, NO_END];
        assert_eq!(
            lists(&grouped(&[7, 7, 8], Some(&ends)).expect("unique")),
            [(0, vec![2, 0, 1])]
        );
        let in_order = group_points(&[0, 0], 1, &[10, 10], None, Some(&[1, 2])).expect("unique");
        assert_eq!(in_order[0].positions, Positions::Range(0..2));
    }

    #[test]
    fn duplicates_are_named_in_order() {
        let duplicate = |series, first, second| {
            Err(Duplicate {
                series,
                first,
                second,
            })
        };
        assert_eq!(
            group_points(&[0, 0], 1, &[5, 5], None, None),
            duplicate(0, 0, 1)
        );
        assert_eq!(
            group_points(&[0, 1, 0, 1], 2, &[5, 6, 7, 6], None, None),
            duplicate(1, 1, 3)
        );
        assert_eq!(
            group_points(&[0, 0, 0], 1, &[5, 4, 5], None, None),
            duplicate(0, 0, 2)
        );
        let ends = [9, 8, 9];
        assert_eq!(
            group_points(&[0, 0, 0], 1, &[5, 5, 5], Some(&ends), None),
            duplicate(0, 0, 2)
        );
        assert!(group_points(&[0, 1], 2, &[5, 5], None, None).is_ok());
    }
}
