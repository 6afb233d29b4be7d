//! Numbers that come in a row, each with how often.

use std::ops::Range;

use crate::{Column, SegmentError};

/// Runs of the same number.
pub(super) struct Runs {
    numbers: Vec<i64>,
    /// The position after each run.
    ends: Vec<usize>,
}

impl Runs {
    /// Runs of these numbers, with these lengths, of `n` in all.
    ///
    /// # Errors
    /// If they do not add up.
    pub(super) fn of(
        numbers: Vec<i64>,
        lengths: Column<i64>,
        n: usize,
    ) -> Result<Box<Self>, SegmentError> {
        let mut end = 0_usize;
        let ends: Option<Vec<usize>> = (0..numbers.len())
            .map(|i| {
                let length = usize::try_from(lengths.get(i)).ok()?;
                end = end
                    .checked_add(length)
                    .filter(|&end| length > 0 && end <= n)?;
                Some(end)
            })
            .collect();
        match ends {
            Some(ends) if end == n => Ok(Box::new(Runs { numbers, ends })),
            _ => Err(SegmentError::Damaged("runs do not add up")),
        }
    }

    /// Hands over each number, and how many of the positions have it.
    pub(super) fn each(&self, range: Range<usize>, mut each: impl FnMut(i64, usize)) {
        let first = self.ends.partition_point(|&end| end <= range.start);
        let mut at = range.start;
        for (&number, &end) in self.numbers[first..].iter().zip(&self.ends[first..]) {
            if at >= range.end {
                return;
            }
            let to = end.min(range.end);
            each(number, to - at);
            at = to;
        }
    }

    /// The position of the first of ascending numbers that is not below the bound.
    pub(super) fn position(&self, bound: i64) -> usize {
        match self.numbers.partition_point(|&number| number < bound) {
            0 => 0,
            run => self.ends[run - 1],
        }
    }

    /// Of ascending numbers those from `start` on and below `end`, with the last position of each.
    pub(super) fn between(&self, start: Option<i64>, end: Option<i64>) -> (Vec<i64>, Vec<usize>) {
        let numbers = &self.numbers;
        let from = start.map_or(0, |start| numbers.partition_point(|&number| number < start));
        let to = end.map_or(numbers.len(), |end| {
            numbers.partition_point(|&number| number < end)
        });
        let range = from..to.max(from);
        let last = self.ends[range.clone()].iter().map(|end| end - 1);
        (numbers[range].to_vec(), last.collect())
    }
}
