//! One packed chunk of a read, version 1 (little-endian), as `timedb._read_packed` and `_read_buckets_packed`
//! give it. The bytes stay
//! where the database put them; columns are views.

mod aggregates;
mod versions;

use std::fmt;

use uuid::Uuid;

pub(crate) use aggregates::{Aggregate, Value};
pub(crate) use versions::Versions;

use crate::server::instant::Precision;

const HAS_END: u8 = 1;
const HAS_NULLS: u8 = 2;
const HAS_KNOWN: u8 = 4;
const HAS_VERSIONS: u8 = 8;
const HAS_NOTES: u8 = 16;
const HAS_BUCKETS: u8 = 32;

/// A chunk that is not what version 1 says: the extension and this server don't fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DamagedChunk;

impl fmt::Display for DamagedChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a packed chunk of the database is not of version 1")
    }
}

/// A series of a chunk's dictionary, with how many of the chunk's points are its own.
pub(crate) struct ChunkSeries<'a> {
    pub id: Uuid,
    pub name: &'a str,
    pub unit: &'a str,
    /// JSON text of an object.
    pub labels: &'a str,
    pub points: usize,
}

/// A column of 64-bit numbers.
#[derive(Clone, Copy)]
pub(crate) struct Column<'a>(&'a [[u8; 8]]);

impl Column<'_> {
    pub(crate) fn at(&self, index: usize) -> i64 {
        i64::from_le_bytes(self.0[index])
    }

    fn iter(&self) -> impl Iterator<Item = i64> {
        self.0.iter().map(|bytes| i64::from_le_bytes(*bytes))
    }
}

/// What stands for the end of a point that is no interval.
const NO_END: i64 = i64::MIN;

/// Points grouped by series, each column as long as the chunk.
pub(crate) struct Chunk<'a> {
    pub series: Vec<ChunkSeries<'a>>,
    pub points: usize,
    pub valid_time: Column<'a>,
    valid_time_end: Option<Column<'a>>,
    value: &'a [[u8; 8]],
    nulls: Option<&'a [u8]>,
    pub known_time: Option<Column<'a>>,
    pub versions: Option<Versions<'a>>,
    /// Of a chunk of buckets, which then has no values.
    pub aggregates: Option<Vec<Aggregate<'a>>>,
}

impl<'a> Chunk<'a> {
    /// Lays the columns over the bytes, checking every length.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, DamagedChunk> {
        let mut input = Input(bytes);
        let [version, flags, _, _] = input.array()?;
        if version != 1 || flags > 63 {
            return Err(DamagedChunk);
        }
        let n_series = input.length()?;
        let points = input.length()?;
        // No dictionary entry is shorter; a false count must not become an allocation.
        if n_series > bytes.len() / 28 {
            return Err(DamagedChunk);
        }
        let mut series = Vec::with_capacity(n_series);
        for _ in 0..n_series {
            series.push(ChunkSeries {
                id: Uuid::from_bytes(input.array()?),
                name: input.text()?,
                unit: input.text()?,
                labels: input.text()?,
                points: 0,
            });
        }
        let mut total = 0usize;
        for entry in &mut series {
            entry.points = input.length()?;
            total = total.checked_add(entry.points).ok_or(DamagedChunk)?;
        }
        if total != points {
            return Err(DamagedChunk);
        }
        let optional = |flag: u8, input: &mut Input<'a>| {
            (flags & flag != 0)
                .then(|| input.words(points).map(Column))
                .transpose()
        };
        let valid_time = Column(input.words(points)?);
        let valid_time_end = optional(HAS_END, &mut input)?;
        let is_buckets = flags & HAS_BUCKETS != 0;
        let aggregates = match is_buckets {
            true => Some(aggregates::parse(&mut input, points)?),
            false => None,
        };
        let value = match is_buckets {
            true => &[],
            false => input.words(points)?,
        };
        let nulls = match flags & HAS_NULLS {
            0 => None,
            _ => Some(input.take(points.div_ceil(8))?),
        };
        let known_time = optional(HAS_KNOWN, &mut input)?;
        let versions = match flags & HAS_VERSIONS {
            0 => None,
            _ => Some(Versions::parse(&mut input, points, flags & HAS_NOTES != 0)?),
        };
        if !input.0.is_empty() {
            return Err(DamagedChunk);
        }
        Ok(Self {
            series,
            points,
            valid_time,
            valid_time_end,
            value,
            nulls,
            known_time,
            versions,
            aggregates,
        })
    }

    /// The end of an interval, if the point is one.
    pub(crate) fn valid_time_end(&self, index: usize) -> Option<i64> {
        let end = self.valid_time_end?.at(index);
        (end != NO_END).then_some(end)
    }

    /// What the times of all rows need.
    pub(crate) fn precision(&self) -> Precision {
        let ends = self.valid_time_end.iter().flat_map(Column::iter);
        let known = self.known_time.iter().flat_map(Column::iter);
        let versions = self.versions.iter();
        // The last ones most likely have a fraction: then there is no more to look at.
        let change = versions.flat_map(|versions| versions.change_time.iter());
        Precision::of(change)
            .and(|| Precision::of(known))
            .and(|| Precision::of(self.valid_time.iter()))
            .and(|| Precision::of(ends.filter(|end| *end != NO_END)))
    }

    /// The value, or `None` for a stored null.
    pub(crate) fn value(&self, index: usize) -> Option<f64> {
        (!is_null(self.nulls, index)).then(|| f64::from_le_bytes(self.value[index]))
    }
}

fn is_null(nulls: Option<&[u8]>, index: usize) -> bool {
    nulls.is_some_and(|bits| bits[index / 8] >> (index % 8) & 1 == 1)
}

/// What is left of the bytes.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], DamagedChunk> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(DamagedChunk)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DamagedChunk> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(DamagedChunk)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn length(&mut self) -> Result<usize, DamagedChunk> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    fn text(&mut self) -> Result<&'a str, DamagedChunk> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| DamagedChunk)
    }

    /// A count of things of which each takes at least `size` bytes.
    fn count(&mut self, size: usize) -> Result<usize, DamagedChunk> {
        let count = self.length()?;
        match count <= self.0.len() / size {
            true => Ok(count),
            false => Err(DamagedChunk),
        }
    }

    /// Places among so many entries.
    fn places(&mut self, count: usize, entries: usize) -> Result<&'a [[u8; 4]], DamagedChunk> {
        let bytes = self.take(count.checked_mul(4).ok_or(DamagedChunk)?)?;
        let places = bytes.as_chunks::<4>().0;
        let inside = |place: &[u8; 4]| (u32::from_le_bytes(*place) as usize) < entries;
        match places.iter().all(inside) {
            true => Ok(places),
            false => Err(DamagedChunk),
        }
    }

    fn words(&mut self, count: usize) -> Result<&'a [[u8; 8]], DamagedChunk> {
        let bytes = self.take(count.checked_mul(8).ok_or(DamagedChunk)?)?;
        Ok(bytes.as_chunks::<8>().0)
    }
}
