//! Span classes (how far back a read has to look for segments that reach into its window) and the
//! splitting of sorted points into segments.

use std::ops::Range;

use crate::MAX_POINTS;
use crate::bits::width_of;

/// Segments shorter than this never hurt a read: a gap below it is no reason to split.
const SMALL_GAP_US: i64 = 86_400_000_000;

/// A gap is remarkable from this many times the ordinary one.
const GAP_RATIO: i64 = 64;

/// A gap is remarkable from this part of the whole span; there can be no more than this many.
const SPAN_PART: i64 = 8;

/// There is at most one segment more than the count demands for so many points.
const POINTS_A_SPLIT: usize = 16;

/// The class of a span of valid times: the smallest c with `span_us <= 2^c`, 0 for no span.
pub fn span_class(span_us: i64) -> i16 {
    width_of(span_us.saturating_sub(1).max(0) as u64) as i16
}

/// The levels of segments, by how many points they have: those of the lower ones are merged into greater ones.
pub const LEVELS: [usize; 2] = [256, 2048];

/// Where a segment stands in the index of its series: its level, 64 places each, and in it the class of its span.
pub fn index_class(span_us: i64, count: usize) -> i16 {
    let level = LEVELS.iter().filter(|&&least| count >= least).count();
    level as i16 * 64 + span_class(span_us)
}

/// The segments that sorted points are written as: by [`MAX_POINTS`], and at gaps so large that a
/// few points would end up in a segment of a huge span.
pub fn split(valid_time_sorted: &[i64]) -> Vec<Range<usize>> {
    let mut splitter = Splitter {
        times: valid_time_sorted,
        budget: valid_time_sorted.len() / POINTS_A_SPLIT,
        ranges: Vec::with_capacity(valid_time_sorted.len().div_ceil(MAX_POINTS)),
    };
    if !valid_time_sorted.is_empty() {
        splitter.split(0..valid_time_sorted.len());
    }
    splitter.ranges
}

struct Splitter<'a> {
    times: &'a [i64],
    /// Splits at gaps that are still allowed.
    budget: usize,
    ranges: Vec<Range<usize>>,
}

impl Splitter<'_> {
    fn split(&mut self, range: Range<usize>) {
        let cuts = self.remarkable_gaps(&range);
        if !cuts.is_empty() {
            let mut start = range.start;
            for cut in cuts.into_iter().chain([range.end]) {
                self.split(start..cut);
                start = cut;
            }
        } else if range.len() > MAX_POINTS {
            let parts = range.len().div_ceil(MAX_POINTS);
            let bound = |part: usize| range.start + range.len() * part / parts;
            for part in 0..parts {
                self.split(bound(part)..bound(part + 1));
            }
        } else {
            self.ranges.push(range);
        }
    }

    /// The positions after which few, huge gaps lie, ascending.
    fn remarkable_gaps(&mut self, range: &Range<usize>) -> Vec<usize> {
        let times = &self.times[range.clone()];
        if times.len() < POINTS_A_SPLIT || self.budget == 0 {
            return Vec::new();
        }
        let gap = |i: usize| times[i].saturating_sub(times[i - 1]);
        let span = times[times.len() - 1].saturating_sub(times[0]);
        let least = (span / SPAN_PART).max(SMALL_GAP_US);
        let mut cuts: Vec<usize> = (1..times.len()).filter(|&i| gap(i) >= least).collect();
        if cuts.is_empty() {
            return cuts;
        }
        // The gap that nine in ten don't exceed: one far point among regular ones doesn't move it.
        let mut gaps: Vec<i64> = (1..times.len()).map(gap).collect();
        let ninth = (gaps.len() - 1) * 9 / 10;
        let ordinary = *gaps.select_nth_unstable(ninth).1;
        cuts.retain(|&i| gap(i) / GAP_RATIO >= ordinary);
        cuts.sort_unstable_by_key(|&i| std::cmp::Reverse(gap(i)));
        cuts.truncate(self.budget);
        self.budget -= cuts.len();
        cuts.sort_unstable();
        cuts.into_iter().map(|i| range.start + i).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;
    const YEAR: i64 = 8766 * HOUR;

    #[test]
    fn span_classes_are_powers_of_two() {
        for (span, class) in [
            (0, 0),
            (1, 0),
            (2, 1),
            (3, 2),
            (4, 2),
            (5, 3),
            (1 << 40, 40),
        ] {
            assert_eq!(span_class(span), class, "span {span}");
        }
        assert_eq!(span_class((1 << 40) + 1), 41);
        assert_eq!(span_class(i64::MAX), 63);
        for class in 1..=62 {
            assert_eq!(span_class(1 << class), class);
            assert_eq!(span_class((1 << class) + 1), class + 1);
        }
    }

    #[test]
    fn regular_points_are_split_by_count_only() {
        let times: Vec<i64> = (0..10_000).map(|i| i * HOUR).collect();
        let lengths: Vec<usize> = split(&times).iter().map(Range::len).collect();
        assert_eq!(lengths, [3333, 3333, 3334]);
        assert!(split(&[]).is_empty());
        assert_eq!(split(&times[..4096]), vec![0..4096]);
        assert_eq!(split(&times[..1]), vec![0..1]);
    }

    #[test]
    fn far_years_leave_the_bulk() {
        let mut times = vec![0, HOUR];
        times.extend((0..1000).map(|i| 6 * YEAR + i * HOUR));
        times.extend((0..500).map(|i| 9 * YEAR + i * HOUR));
        assert_eq!(split(&times), vec![0..2, 2..1002, 1002..1502]);
    }

    #[test]
    fn irregular_points_are_not_shredded() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut times = vec![0];
        for _ in 0..20_000 {
            // Exponential gaps with a mean of a day, and bursts of a hundred points a week apart.
            let gap = -(random.f64().max(1e-12)).ln() * 24.0 * HOUR as f64;
            times.push(times[times.len() - 1] + gap as i64);
        }
        assert_eq!(split(&times).len(), 5);
        let bursts: Vec<i64> = (0..4000)
            .map(|i| (i / 100) * 168 * HOUR + (i % 100) * 1_000_000)
            .collect();
        assert_eq!(split(&bursts).len(), 1);
    }

    #[test]
    fn splits_are_rare_and_complete_for_heavy_tails() {
        let mut random = fastrand::Rng::with_seed(2);
        for n in [2usize, 15, 16, 17, 40, 300, 5000] {
            let mut times = vec![0i64];
            for _ in 1..n {
                let gap = 2f64.powf(random.f64() * 48.0) as i64;
                times.push(times[times.len() - 1].saturating_add(gap));
            }
            let ranges = split(&times);
            assert!(
                ranges.len() <= n.div_ceil(MAX_POINTS) + n / 16,
                "{n}: {}",
                ranges.len()
            );
            assert_eq!(ranges.iter().map(Range::len).sum::<usize>(), n);
            assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
        }
    }
}
