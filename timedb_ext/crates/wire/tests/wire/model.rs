//! What travels, point by point, as the tests know it: made at random, packed by the crate, and read back through all that
//! it offers.

mod buckets;
mod points;
mod sent;

pub use buckets::{Bucket, Buckets, buckets};
pub use points::{OwnNote, Points, ReadPoint, Told, points};
pub use sent::{Name, Sent, SentPoint, sent};

use proptest::collection::vec;
use proptest::prelude::*;
use timedb_wire::{Chunk, Series};

pub type Id = [u8; 16];

/// A series, and its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Group<R> {
    pub id: Id,
    pub texts: [String; 3],
    pub rows: Vec<R>,
}

impl<R> Group<R> {
    pub fn series(&self) -> Series<'_> {
        let [name, unit, labels] = &self.texts;
        Series {
            id: &self.id,
            name,
            unit,
            labels,
        }
    }

    pub fn read_all(chunk: &Chunk<'_>, row: impl Fn(usize) -> R) -> Vec<Self> {
        let mut rows = 0..chunk.points;
        let groups = chunk.runs.iter().map(|run| {
            let Series {
                id,
                name,
                unit,
                labels,
            } = run.series;
            Self {
                id: *id,
                texts: [name, unit, labels].map(str::to_owned),
                rows: rows.by_ref().take(run.points).map(&row).collect(),
            }
        });
        let groups = groups.collect();
        assert!(rows.is_empty(), "the runs are all points");
        groups
    }
}

pub fn text() -> impl Strategy<Value = String> {
    proptest::string::string_regex(".{0,6}").expect("a pattern")
}

/// An instant, or often none.
pub fn or_none(none: i64) -> impl Strategy<Value = i64> {
    prop_oneof![Just(none), any::<i64>()]
}

/// Bits of a value: any at all, those of NaN among them.
pub fn value() -> impl Strategy<Value = Option<u64>> {
    proptest::option::weighted(0.8, any::<u64>())
}

pub fn groups<R: std::fmt::Debug>(
    row: impl Strategy<Value = R>,
) -> impl Strategy<Value = Vec<Group<R>>> {
    let group = (any::<Id>(), [text(), text(), text()], vec(row, 0..9));
    vec(
        group.prop_map(|(id, texts, rows)| Group { id, texts, rows }),
        0..5,
    )
}
