//! What a tenant's store must hold: what has been acknowledged.

use std::collections::HashMap;

/// Series of live ticks, one point a second each.
pub const LIVE: u16 = 50;
/// Series of bulk, behind them.
pub const BULK: u16 = 4;

/// The name of a tenant's series; no name of another tenant's is a part of it.
pub fn name(tenant: usize, series: u16) -> String {
    format!("{}{series}", mark(tenant))
}

/// What all names of a tenant's series begin with.
pub fn mark(tenant: usize) -> String {
    format!("soak{tenant}x")
}

/// A value that only this tenant has.
pub fn value(tenant: usize, part: u32) -> f64 {
    tenant as f64 * 1e9 + f64::from(part % 1_000_000_000)
}

/// The acknowledged points.
#[derive(Default)]
pub struct Model {
    values: HashMap<(u16, i64), f64>,
    /// Points that corrections choose from.
    live: Vec<(u16, i64)>,
    versions: u64,
}

impl Model {
    /// A version of a point that was written; valid_time in microseconds since 1970.
    pub fn write(&mut self, series: u16, valid_time: i64, value: f64) {
        self.versions += 1;
        let before = self.values.insert((series, valid_time), value);
        if before.is_none() && series < LIVE {
            self.live.push((series, valid_time));
        }
    }

    /// A point that was written, if there is one: one of many, as `number` says.
    pub fn some_point(&self, number: u64) -> Option<(u16, i64)> {
        let count = u64::try_from(self.live.len())
            .ok()
            .filter(|&count| count > 0)?;
        let at = usize::try_from(number % count).ok()?;
        self.live.get(at).copied()
    }

    /// All versions of all points.
    pub fn versions(&self) -> u64 {
        self.versions
    }

    /// The points of a series with their latest values.
    pub fn series(&self, series: u16) -> HashMap<i64, f64> {
        let points = self.values.iter().filter(|((of, _), _)| *of == series);
        points.map(|((_, time), value)| (*time, *value)).collect()
    }
}
