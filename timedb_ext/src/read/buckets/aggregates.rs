//! The aggregates by their names, in SQL, in packed columns and as columns of an aggregation.

use timedb_segment::aggregate::Buckets;

/// An aggregate of the values of a bucket; its number stands in packed columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
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
    /// All of them, in the order of the columns of `read_buckets`.
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

    /// Its name in SQL.
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

    /// Its values; none for the count, and none of a sum that has overflowed.
    pub(super) fn column(self, buckets: &Buckets) -> &[Option<f64>] {
        match self {
            Self::Count => &[],
            Self::Avg => &buckets.avg,
            Self::Sum => buckets.sum().unwrap_or_default(),
            Self::Min => &buckets.min,
            Self::Max => &buckets.max,
            Self::First => &buckets.first,
            Self::Last => &buckets.last,
            Self::TimeWeightedAvg => &buckets.time_weighted_avg,
        }
    }
}
