//! The aggregates by their names, in SQL, in packed columns and as columns of an aggregation.

use crate::error::{Error, Result};
use crate::limits::{MAX_AGGREGATES, too_many};
use pgrx::datum::Array;
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

    fn name(self) -> &'static str {
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

/// The aggregates with these names, each of them once; all where nothing is said.
///
/// # Errors
/// 22023 for a name that is none of an aggregate, 54000 for too many.
pub(super) fn chosen(names: Option<Array<&str>>) -> Result<Vec<Aggregate>> {
    let Some(names) = names else {
        return Ok(Aggregate::ALL.to_vec());
    };
    if names.len() > MAX_AGGREGATES {
        return Err(too_many(
            "a read",
            MAX_AGGREGATES,
            "aggregates",
            names.len(),
            "Name each of them once.",
        ));
    }
    let mut chosen = Vec::new();
    for name in names.iter() {
        let name = name.unwrap_or("NULL");
        let aggregate = Aggregate::ALL.into_iter().find(|a| a.name() == name);
        let aggregate = aggregate.ok_or_else(|| {
            Error::invalid(format!("unknown aggregate \"{name}\"")).hint(
                "The aggregates are count, avg, sum, min, max, first, last and time_weighted_avg.",
            )
        })?;
        if !chosen.contains(&aggregate) {
            chosen.push(aggregate);
        }
    }
    Ok(chosen)
}
