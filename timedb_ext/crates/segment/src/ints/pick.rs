//! Reading single numbers of a column: of many versions of the same points, the newest are few.

use std::ops::ControlFlow;

use pco::data_types::Number;

use super::decode::{Form, Ints, ScaledPages, looked_up, sums};
use crate::pcodec::Pages;
use crate::{Column, SegmentError};

/// Takes those of numbers that stand at some positions, which ascend.
pub(crate) struct Picker<'a, T> {
    positions: &'a [usize],
    /// The position of the next number.
    at: usize,
    pub(crate) picked: Vec<T>,
}

impl<'a, T> Picker<'a, T> {
    pub(crate) fn new(positions: &'a [usize], at: usize) -> Self {
        Picker {
            positions,
            at,
            picked: Vec::with_capacity(positions.len()),
        }
    }

    /// Takes what is wanted of the next numbers.
    pub(crate) fn take<N: Copy>(&mut self, numbers: &[N], f: impl Fn(N) -> T) {
        while let Some(&position) = self.positions.get(self.picked.len())
            && let Some(&number) = numbers.get(position - self.at)
        {
            self.picked.push(f(number));
        }
        self.at += numbers.len();
    }

    /// As [`Self::take`], of a number that comes so often in a row.
    fn take_run(&mut self, number: T, count: usize)
    where
        T: Copy,
    {
        self.at += count;
        while (self.positions.get(self.picked.len())).is_some_and(|&position| position < self.at) {
            self.picked.push(number);
        }
    }
}

/// What `f` makes of the numbers at these positions, which ascend.
pub(crate) fn pick_pages<T: Number + Default, R>(
    pages: &Pages<'_, T>,
    positions: &[usize],
    f: impl Fn(T) -> R,
) -> Result<Vec<R>, SegmentError> {
    let (Some(&first), Some(&last)) = (positions.first(), positions.last()) else {
        return Ok(Vec::new());
    };
    let mut picker = Picker::new(positions, first);
    pages.read(first..last + 1, |numbers| {
        picker.take(numbers, &f);
        ControlFlow::Continue(())
    })?;
    Ok(picker.picked)
}

impl<T: Number + Default + Into<u64>> ScaledPages<'_, T> {
    fn pick(&self, positions: &[usize]) -> Result<Vec<i64>, SegmentError> {
        pick_pages(&self.pages, positions, |x| self.number(x))
    }
}

impl Ints<'_> {
    /// The numbers at these positions, which ascend.
    pub(crate) fn pick(&self, positions: &[usize]) -> Result<Column<i64>, SegmentError> {
        let (Some(&first), Some(&last)) = (positions.first(), positions.last()) else {
            return Ok(Column::Each(Vec::new()));
        };
        let range = first..last + 1;
        Ok(Column::Each(match &self.form {
            Form::Constant => return Ok(Column::Constant(self.a)),
            Form::Regular { .. } | Form::Packed(_) => positions
                .iter()
                .map(|&position| self.at(position))
                .collect(),
            Form::Deltas { b, deltas } => {
                let mut picker = Picker::new(positions, first);
                sums(self.a, *b, deltas, range, |number| {
                    picker.take_run(number, 1);
                });
                picker.picked
            }
            Form::Pco16(scaled) => scaled.pick(positions)?,
            Form::Pco32(scaled) => scaled.pick(positions)?,
            Form::Pco64(scaled) => scaled.pick(positions)?,
            Form::Runs(runs) => {
                let mut picker = Picker::new(positions, first);
                runs.each(range, |number, count| picker.take_run(number, count));
                picker.picked
            }
            Form::Dictionary { once, indexes } => match indexes.pick(positions)? {
                Column::Constant(index) => return Ok(Column::Constant(looked_up(once, index)?)),
                Column::Each(mut indexes) => {
                    for index in &mut indexes {
                        *index = looked_up(once, *index)?;
                    }
                    indexes
                }
            },
        }))
    }

    /// Where numbers come in runs: each that is not below `start` and below `end`, with the last position of its run.
    /// None if they are not written as runs; those of the column ascend.
    pub(crate) fn runs_between(
        &self,
        start: Option<i64>,
        end: Option<i64>,
    ) -> Option<(Vec<i64>, Vec<usize>)> {
        let Form::Runs(runs) = &self.form else {
            return None;
        };
        Some(runs.between(start, end))
    }
}
