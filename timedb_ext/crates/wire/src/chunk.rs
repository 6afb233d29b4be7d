//! A chunk of a read: points grouped by series, and what their rows contain. `versions` has what only versions have,
//! `buckets` the aggregates that take the place of values.

mod buckets;
mod encode;
mod versions;

pub use buckets::{Aggregate, AggregateColumn, AggregateValue};
pub use encode::{BucketRun, Run, VersionSource, encode_buckets, encode_points};
pub use versions::{Note, Versions};

use crate::bytes::Input;
use crate::column::{Bits, Column};
use crate::{
    HAS_BUCKETS, HAS_END, HAS_KNOWN, HAS_NOTES, HAS_NULLS, HAS_VERSIONS, Malformed, NO_END,
};

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

/// A series, with how many of the chunk's points are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesRun<'a> {
    /// The series.
    pub series: Series<'a>,
    /// The length of its run.
    pub points: usize,
}

/// A chunk whose columns remain in its bytes, each with one entry per point.
#[derive(Debug, Clone)]
pub struct Chunk<'a> {
    /// How the points are grouped by series.
    pub runs: Vec<SeriesRun<'a>>,
    /// How many points or buckets there are.
    pub points: usize,
    /// The instant that each value is about, or the start of its interval or bucket.
    pub valid_time: Column<'a, i64>,
    /// The end of each interval or bucket, [`NO_END`] for a point without.
    pub valid_time_end: Option<Column<'a, i64>>,
    /// What the points are.
    pub values: Values<'a>,
    /// When each value was known.
    pub known_time: Option<Column<'a, i64>>,
    /// What only versions say.
    pub versions: Option<Versions<'a>>,
}

/// What follows the times.
#[derive(Debug, Clone)]
pub enum Values<'a> {
    /// The values of points.
    Points {
        /// 0.0 where null.
        value: Column<'a, f64>,
        /// Which values are null.
        nulls: Option<Bits<'a>>,
    },
    /// The aggregates of buckets.
    Buckets(Vec<AggregateColumn<'a>>),
}

impl<'a> Chunk<'a> {
    /// Lays the columns over the bytes, checking every length.
    ///
    /// # Errors
    /// For bytes that are not a chunk.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (flags, mut input) = Input::open(bytes)?;
        let has = |flag| flags & flag != 0;
        let known_flags = match has(HAS_BUCKETS) {
            true => HAS_END | HAS_BUCKETS,
            false => HAS_END | HAS_NULLS | HAS_KNOWN | HAS_VERSIONS | HAS_NOTES,
        };
        if flags & !known_flags != 0 || (has(HAS_NOTES) && !has(HAS_VERSIONS)) {
            return Err(Malformed::Flags);
        }
        let (n_series, points) = (input.length()?, input.length()?);
        let runs = take_runs(&mut input, n_series, points)?;
        let valid_time = input.column(points)?;
        let valid_time_end = input.optional(has(HAS_END), |input| input.column(points))?;
        let values = match has(HAS_BUCKETS) {
            true => Values::Buckets(buckets::take(&mut input, points)?),
            false => Values::Points {
                value: input.column(points)?,
                nulls: input.optional(has(HAS_NULLS), |input| input.bits(points))?,
            },
        };
        let known_time = input.optional(has(HAS_KNOWN), |input| input.column(points))?;
        let versions = input.optional(has(HAS_VERSIONS), |input| {
            Versions::take(input, points, has(HAS_NOTES))
        })?;
        input.finish()?;
        Ok(Self {
            runs,
            points,
            valid_time,
            valid_time_end,
            values,
            known_time,
            versions,
        })
    }

    /// The end of an interval or bucket, if the point is one.
    #[inline]
    pub fn end(&self, index: usize) -> Option<i64> {
        let end = self.valid_time_end?.at(index);
        (end != NO_END).then_some(end)
    }

    /// The value of a point; `None` for a null, and of a bucket.
    #[inline]
    pub fn value(&self, index: usize) -> Option<f64> {
        match &self.values {
            Values::Points { value, nulls } => {
                let null = nulls.is_some_and(|nulls| nulls.at(index));
                (!null).then(|| value.at(index))
            }
            Values::Buckets(_) => None,
        }
    }
}

/// The bytes of an id and three lengths.
const LEAST_SERIES_BYTES: usize = 28;

/// The series, and the lengths of their runs.
fn take_runs<'a>(
    input: &mut Input<'a>,
    n_series: usize,
    points: usize,
) -> Result<Vec<SeriesRun<'a>>, Malformed> {
    if n_series > input.len() / LEAST_SERIES_BYTES {
        return Err(Malformed::SeriesCount);
    }
    let mut runs = Vec::with_capacity(n_series);
    for _ in 0..n_series {
        let series = Series {
            id: input.array()?,
            name: input.text()?,
            unit: input.text()?,
            labels: input.text()?,
        };
        runs.push(SeriesRun { series, points: 0 });
    }
    let lengths = input.column::<u32>(n_series)?;
    for (run, length) in runs.iter_mut().zip(lengths.iter()) {
        run.points = length as usize;
    }
    match lengths.iter().map(u64::from).sum::<u64>() == points as u64 {
        true => Ok(runs),
        false => Err(Malformed::RunLength),
    }
}
