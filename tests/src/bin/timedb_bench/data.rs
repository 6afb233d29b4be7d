//! The points that are measured, from a fixed seed, and a checksum to tell whether two sides hold
//! the same ones.

use std::f64::consts::TAU;
use std::fmt;
use std::ops::Range;

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
pub use timedb_tests::times::{DAY, HOUR, MINUTE, START};
use uuid::Uuid;

/// Series of the data set.
pub const SERIES: usize = 100;
/// Hourly points of each series.
pub const HOURS: usize = 10_000;

const SEED: u64 = 20_250_101;

/// What the values are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A daily wave with noise, rounded to two decimals.
    Decimals,
    /// Nothing but noise in all of a double's digits.
    Noise,
}

impl Kind {
    /// What the names of this data set's lines end in.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Decimals => "",
            Self::Noise => "_noise",
        }
    }
}

/// Hourly points of some series, series by series and ascending in time, as a bulk load has them.
/// That order is kind to a B-tree.
pub struct Data {
    /// What the values are like.
    pub kind: Kind,
    /// Position of the first series.
    pub first: usize,
    /// When each series begins, in microseconds since 1970.
    pub start: i64,
    /// Points of each series.
    pub hours: usize,
    /// The values, `hours` of the first series, then of the next.
    pub values: Vec<f64>,
}

/// One point, with its series by position.
#[derive(Clone, Copy)]
pub struct Point {
    /// Position of the series.
    pub series: usize,
    /// Microseconds since 1970.
    pub valid_time: i64,
    /// The value.
    pub value: f64,
}

impl Data {
    /// The same values each time.
    pub fn generate(kind: Kind) -> Self {
        Self::of(kind, 0..SERIES, HOURS)
    }

    /// Some series, as long as wanted; which ones decides their values.
    pub fn of(kind: Kind, series: Range<usize>, hours: usize) -> Self {
        let first = series.start;
        let mut random = Pcg64::seed_from_u64(SEED + first as u64);
        let mut values = Vec::with_capacity(series.len() * hours);
        for _ in series {
            let phase = TAU * uniform(&mut random);
            for hour in 0..hours {
                let noise = normal(&mut random);
                values.push(match kind {
                    Kind::Decimals => {
                        let t = TAU * hour as f64 / 24.0 + phase;
                        ((20.0 + 10.0 * t.sin() + noise) * 100.0).round() / 100.0
                    }
                    Kind::Noise => noise,
                });
            }
        }
        Self {
            kind,
            first,
            start: START,
            hours,
            values,
        }
    }

    /// The first hours of every series.
    pub fn head(&self, hours: usize) -> Self {
        let values = self
            .values
            .chunks(self.hours)
            .flat_map(|series| &series[..hours]);
        Self {
            kind: self.kind,
            first: self.first,
            start: self.start,
            hours,
            values: values.copied().collect(),
        }
    }

    /// How many points there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// The position of the series that the value at a place belongs to.
    pub fn series(&self, place: usize) -> usize {
        self.first + place / self.hours
    }

    /// All points in their order.
    pub fn points(&self) -> impl Iterator<Item = Point> {
        self.values.iter().enumerate().map(|(i, &value)| Point {
            series: self.series(i),
            valid_time: self.start + (i % self.hours) as i64 * HOUR,
            value,
        })
    }

    /// The checksum of the points that `wanted` lets through.
    pub fn checksum(&self, wanted: impl Fn(&Point) -> bool) -> Checksum {
        let mut sum = Checksum::default();
        for point in self.points().filter(wanted) {
            sum.add(point);
        }
        sum
    }
}

/// The name of a series.
pub fn series_name(series: usize) -> String {
    format!("series_{series:03}")
}

const PLAIN_SERIES: u128 = 0x0193_9c8f_0000_7000_8000_0000_0000_0000;

/// The id of a series in the plain table: ascending, as time-ordered ids are.
pub fn plain_series_id(series: usize) -> Uuid {
    Uuid::from_u128(PLAIN_SERIES + series as u128)
}

/// The position of a series by its id in the plain table.
pub fn plain_series_position(id: Uuid) -> Option<usize> {
    usize::try_from(id.as_u128().checked_sub(PLAIN_SERIES)?).ok()
}

/// Count, sum and a hash of points that does not depend on their order.
#[derive(Clone, Copy, Default)]
pub struct Checksum {
    /// How many points.
    pub count: u64,
    /// The sum of their values.
    pub sum: f64,
    hash: u64,
}

impl Checksum {
    /// Takes a point.
    pub fn add(&mut self, point: Point) {
        self.count += 1;
        self.sum += point.value;
        let mut word = (point.series as u64) << 52 ^ point.valid_time as u64;
        for part in [point.value.to_bits(), 0x9e37_79b9_7f4a_7c15] {
            word = (word ^ word >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93) ^ part;
        }
        self.hash = self.hash.wrapping_add(word ^ word >> 29);
    }

    /// Whether `count` and `sum` are this one's; the sum may have been added up in another order.
    pub fn agrees(&self, count: i64, sum: f64) -> bool {
        u64::try_from(count) == Ok(self.count)
            && (self.sum - sum).abs() <= 1e-9 * (self.count as f64 + self.sum.abs())
    }
}

/// Bit for bit the same points.
impl PartialEq for Checksum {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.hash == other.hash
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, sum, hash } = self;
        write!(f, "{count} points, sum {sum}, hash {hash:016x}")
    }
}

/// Always the same random numbers.
pub fn random() -> Pcg64 {
    Pcg64::seed_from_u64(SEED)
}

/// From 0 up to 1, without 1.
pub fn uniform(random: &mut Pcg64) -> f64 {
    (random.next_u64() >> 11) as f64 * 2f64.powi(-53)
}

/// Mean 0, deviation 1 (Box and Muller).
pub fn normal(random: &mut Pcg64) -> f64 {
    let radius = (-2.0 * (1.0 - uniform(random)).ln()).sqrt();
    radius * (TAU * uniform(random)).cos()
}
