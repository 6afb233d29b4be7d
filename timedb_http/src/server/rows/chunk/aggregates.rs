//! What a chunk of buckets says in the place of values: the columns of its aggregates.

use super::{DamagedChunk, Input, is_null};

/// The aggregates by their numbers, as members of a row.
const MEMBERS: [&[u8]; 8] = [
    b",\"count\":",
    b",\"avg\":",
    b",\"sum\":",
    b",\"min\":",
    b",\"max\":",
    b",\"first\":",
    b",\"last\":",
    b",\"time_weighted_avg\":",
];
const COUNT: usize = 0;

/// The column of an aggregate.
pub(crate) struct Aggregate<'a> {
    /// Its name as a member of a row, with a comma before it and a colon after it.
    pub member: &'static [u8],
    is_count: bool,
    values: &'a [[u8; 8]],
    nulls: Option<&'a [u8]>,
}

/// One aggregate of one bucket.
pub(crate) enum Value {
    /// How many values there are.
    Count(i64),
    /// A number; `None` without values.
    Number(Option<f64>),
}

impl Aggregate<'_> {
    pub(crate) fn at(&self, index: usize) -> Value {
        let bytes = self.values[index];
        match self.is_count {
            true => Value::Count(i64::from_le_bytes(bytes)),
            false => {
                Value::Number((!is_null(self.nulls, index)).then(|| f64::from_le_bytes(bytes)))
            }
        }
    }
}

/// The columns of so many buckets.
pub(super) fn parse<'a>(
    input: &mut Input<'a>,
    buckets: usize,
) -> Result<Vec<Aggregate<'a>>, DamagedChunk> {
    (0..input.count(2)?)
        .map(|_| {
            let [number, has_nulls] = input.array()?;
            let number = usize::from(number);
            let values = input.words(buckets)?;
            let nulls = match has_nulls {
                0 => None,
                _ => Some(input.take(buckets.div_ceil(8))?),
            };
            Ok(Aggregate {
                member: MEMBERS.get(number).ok_or(DamagedChunk)?,
                is_count: number == COUNT,
                values,
                nulls,
            })
        })
        .collect()
}
