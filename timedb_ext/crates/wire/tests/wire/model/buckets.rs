//! Chunks of buckets.

use proptest::collection::vec;
use proptest::prelude::*;
use timedb_wire::{Aggregate, AggregateValue, BucketRun, Chunk, NO_END, Values, encode_buckets};

use super::{Group, groups};

/// A chunk of buckets.
#[derive(Debug, Clone, PartialEq)]
pub struct Buckets {
    pub aggregates: Vec<Aggregate>,
    pub groups: Vec<Group<Bucket>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    pub start: i64,
    pub end: i64,
    /// A number for each aggregate, the bits of those that are floats.
    pub numbers: Vec<Option<i64>>,
}

impl Buckets {
    pub fn pack(&self) -> Vec<u8> {
        let float = |bits: i64| f64::from_bits(bits.cast_unsigned());
        let counted = self
            .aggregates
            .iter()
            .position(|one| *one == Aggregate::Count);
        let of = |group: &Group<Bucket>| -> (Vec<i64>, Vec<Vec<Option<f64>>>) {
            let column = |at: usize| group.rows.iter().map(move |bucket| bucket.numbers[at]);
            let counts = counted.into_iter().flat_map(column);
            let numbers = |at| column(at).map(|number| number.map(float)).collect();
            (
                counts.map(Option::unwrap_or_default).collect(),
                (0..self.aggregates.len()).map(numbers).collect(),
            )
        };
        let columns: Vec<_> = self.groups.iter().map(of).collect();
        let runs = self.groups.iter().zip(&columns);
        let runs = runs.map(|(group, (counts, numbers))| BucketRun {
            series: group.series(),
            start: group.rows.iter().map(|bucket| bucket.start).collect(),
            end: group.rows.iter().map(|bucket| bucket.end).collect(),
            counts,
            numbers: numbers.iter().map(Vec::as_slice).collect(),
        });
        encode_buckets(&self.aggregates, &runs.collect::<Vec<_>>())
    }

    pub fn read(chunk: &Chunk<'_>) -> Self {
        let Values::Buckets(columns) = &chunk.values else {
            panic!("these are no buckets");
        };
        let row = |i: usize| Bucket {
            start: chunk.valid_time.at(i),
            end: chunk.end(i).unwrap_or(NO_END),
            numbers: columns
                .iter()
                .map(|column| match column.at(i) {
                    AggregateValue::Count(count) => Some(count),
                    AggregateValue::Number(number) => {
                        number.map(|number| number.to_bits().cast_signed())
                    }
                })
                .collect(),
        };
        Self {
            aggregates: columns.iter().map(|column| column.aggregate).collect(),
            groups: Group::read_all(chunk, row),
        }
    }
}

pub fn buckets() -> impl Strategy<Value = Buckets> {
    let aggregates = prop::sample::subsequence(&Aggregate::ALL[..], 0..=8).prop_shuffle();
    let number = proptest::option::weighted(0.8, any::<i64>());
    let bucket = (any::<i64>(), any::<i64>(), vec(number, 8));
    let groups = groups(bucket.prop_map(|(start, end, numbers)| Bucket {
        start,
        end,
        numbers,
    }));
    (aggregates, groups).prop_map(|(aggregates, mut groups)| {
        let count = aggregates.iter().position(|one| *one == Aggregate::Count);
        for bucket in groups.iter_mut().flat_map(|group| &mut group.rows) {
            bucket.numbers.truncate(aggregates.len());
            // A count is never null.
            if let Some(count) = count.and_then(|at| bucket.numbers.get_mut(at)) {
                count.get_or_insert_default();
            }
        }
        Buckets { aggregates, groups }
    })
}
