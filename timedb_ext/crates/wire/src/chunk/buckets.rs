//! Buckets: what a chunk of them has instead of values, namely the columns of its aggregates.

use crate::Malformed;
use crate::bytes::Input;
use crate::column::{Bits, Column};

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
    pub const ALL: [Self; 8] = {
        use Aggregate::*;
        [Count, Avg, Sum, Min, Max, First, Last, TimeWeightedAvg]
    };

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
            nulls: input.optional(has_nulls != 0, |input| input.bits(buckets))?,
        });
    }
    Ok(columns)
}
