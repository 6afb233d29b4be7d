//! The series of a chunk, and how many of its points or buckets each one has.

use crate::Malformed;
use crate::bytes::{Input, put_text};

/// What a reader learns about a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Series<'a> {
    /// Its id.
    pub id: &'a [u8; 16],
    /// Its name.
    pub name: &'a str,
    /// The unit of its values.
    pub unit: &'a str,
    /// The JSON text of an object.
    pub labels: &'a str,
}

impl<'a> Series<'a> {
    /// The bytes of an id and three lengths.
    const LEAST_BYTES: usize = 28;

    fn take(input: &mut Input<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            id: input.array()?,
            name: input.text()?,
            unit: input.text()?,
            labels: input.text()?,
        })
    }

    #[inline]
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.id);
        for text in [self.name, self.unit, self.labels] {
            put_text(out, text);
        }
    }
}

/// A series, with how many of the chunk's points are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesRun<'a> {
    /// The series.
    pub series: Series<'a>,
    /// The length of its run.
    pub points: usize,
}

/// The series, and the lengths of their runs.
pub(super) fn take<'a>(
    input: &mut Input<'a>,
    n_series: usize,
    points: usize,
) -> Result<Vec<SeriesRun<'a>>, Malformed> {
    if n_series > input.len() / Series::LEAST_BYTES {
        return Err(Malformed::SeriesCount);
    }
    let mut runs = Vec::with_capacity(n_series);
    for _ in 0..n_series {
        runs.push(SeriesRun {
            series: Series::take(input)?,
            points: 0,
        });
    }
    let lengths = input.column::<u32>(n_series)?;
    let mut left = points;
    for (run, length) in runs.iter_mut().zip(lengths.iter()) {
        run.points = length as usize;
        left = left.checked_sub(run.points).ok_or(Malformed::RunLength)?;
    }
    match left {
        0 => Ok(runs),
        _ => Err(Malformed::RunLength),
    }
}
