//! Buckets: what a chunk of them has instead of values, namely the columns of its aggregates.

use super::series::Series;
use crate::bytes::{self, Input, put_length};
use crate::column::{Bits, Column, Number, put_bits, put_column};
use crate::{HAS_BUCKETS, HAS_END, Malformed};

/// An aggregate of the values of a bucket; its number is what travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "they are called what they are")]
pub enum Aggregate {
    Count,
    Avg,
    Sum,
    Min,
    Max,
    First,
    Last,
    TimeWeightedAvg,
}

impl Aggregate {
    /// All of them by their numbers, which is the order of the columns of `read_buckets`.
    pub const ALL: [Self; 8] = [
        Self::Count,
        Self::Avg,
        Self::Sum,
        Self::Min,
        Self::Max,
        Self::First,
        Self::Last,
        Self::TimeWeightedAvg,
    ];

    /// Its name in SQL and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Avg => "avg",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::First => "first",
            Self::Last => "last",
            Self::TimeWeightedAvg => "time_weighted_avg",
        }
    }
}

/// Some buckets of one series, on their way out.
#[derive(Debug)]
pub struct BucketRun<'a> {
    /// The series.
    pub series: Series<'a>,
    /// Where each bucket starts.
    pub start: Vec<i64>,
    /// Where each bucket ends.
    pub end: Vec<i64>,
    /// A column for each aggregate of the chunk.
    pub columns: Vec<BucketColumn<'a>>,
}

/// An aggregate of each bucket of a run.
#[derive(Debug, Clone, Copy)]
pub enum BucketColumn<'a> {
    /// Of [`Aggregate::Count`].
    Counts(&'a [i64]),
    /// Of the others: None without values.
    Numbers(&'a [Option<f64>]),
}

impl<'a> BucketColumn<'a> {
    fn counts(self) -> &'a [i64] {
        match self {
            Self::Counts(counts) => counts,
            Self::Numbers(_) => &[],
        }
    }

    fn numbers(self) -> &'a [Option<f64>] {
        match self {
            Self::Counts(_) => &[],
            Self::Numbers(numbers) => numbers,
        }
    }
}

/// Packs runs into one chunk.
///
/// # Panics
/// With more series, buckets or bytes of a text than a u32 counts, and where a run has no column for an aggregate.
pub fn encode_buckets(aggregates: &[Aggregate], runs: &[BucketRun<'_>]) -> Vec<u8> {
    let buckets: usize = runs.iter().map(|run| run.start.len()).sum();
    let capacity = 64 + 96 * runs.len() + 9 * (2 + aggregates.len()) * buckets;
    let flags = HAS_END | HAS_BUCKETS;
    let mut out = bytes::begin(flags, [runs.len(), buckets], capacity);
    for run in runs {
        run.series.put(&mut out);
    }
    for run in runs {
        put_length(&mut out, run.start.len());
    }
    for run in runs {
        put_column(&mut out, &run.start);
    }
    for run in runs {
        put_column(&mut out, &run.end);
    }
    put_length(&mut out, aggregates.len());
    for (at, &aggregate) in aggregates.iter().enumerate() {
        let columns = runs.iter().map(|run| run.columns[at]);
        out.push(aggregate as u8);
        match aggregate {
            Aggregate::Count => {
                out.push(0);
                columns.for_each(|column| put_column(&mut out, column.counts()));
            }
            _ => {
                let numbers = columns.flat_map(BucketColumn::numbers);
                put_numbers(&mut out, numbers, buckets);
            }
        }
    }
    out
}

fn put_numbers<'a>(
    out: &mut Vec<u8>,
    numbers: impl Iterator<Item = &'a Option<f64>> + Clone,
    buckets: usize,
) {
    let has_nulls = numbers.clone().any(Option::is_none);
    out.push(u8::from(has_nulls));
    let values = numbers.clone().map(|number| number.unwrap_or(0.0));
    out.extend(values.flat_map(Number::to_le));
    if has_nulls {
        let nulls = numbers.enumerate().filter(|(_, number)| number.is_none());
        put_bits(out, buckets, nulls.map(|(at, _)| at));
    }
}

/// The column of an aggregate, within its chunk.
#[derive(Debug, Clone, Copy)]
pub struct AggregateColumn<'a> {
    /// Which one.
    pub aggregate: Aggregate,
    /// Integers of counts, else floats.
    values: Column<'a, i64>,
    nulls: Option<Bits<'a>>,
}

/// One aggregate of one bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AggregateValue {
    /// How many values there are.
    Count(i64),
    /// A number; None without values.
    Number(Option<f64>),
}

impl AggregateColumn<'_> {
    /// What it is of a bucket.
    #[inline]
    pub fn at(&self, index: usize) -> AggregateValue {
        let value = self.values.at(index);
        match self.aggregate {
            Aggregate::Count => AggregateValue::Count(value),
            _ => {
                let null = self.nulls.is_some_and(|nulls| nulls.at(index));
                let number = f64::from_bits(value.cast_unsigned());
                AggregateValue::Number((!null).then_some(number))
            }
        }
    }
}

/// The columns of so many buckets.
pub(super) fn take<'a>(
    input: &mut Input<'a>,
    buckets: usize,
) -> Result<Vec<AggregateColumn<'a>>, Malformed> {
    let n = input.length()?;
    if n > Aggregate::ALL.len() {
        return Err(Malformed::Aggregate);
    }
    let mut columns = Vec::with_capacity(n);
    for _ in 0..n {
        let [number, has_nulls] = *input.array()?;
        let aggregate = Aggregate::ALL.get(usize::from(number));
        columns.push(AggregateColumn {
            aggregate: *aggregate.ok_or(Malformed::Aggregate)?,
            values: input.column(buckets)?,
            nulls: input.nulls(has_nulls != 0, buckets)?,
        });
    }
    Ok(columns)
}
