//! The table of units: how each is written, which prefixes it takes, what it is in SI units, and how that is called.
//! Knows no compounds.

mod money;
mod physical;
mod unit;

use crate::dimension::{Dimension, NAMES};
use physical::*;

pub(crate) use unit::{Prefix, Unit};

/// Every unit.
pub(crate) fn units() -> impl Iterator<Item = &'static Unit> {
    (physical::UNITS.iter())
        .chain(&money::UNITS)
        .chain(&money::CENTS)
}

/// What a dimension is called: by name, as one quantity per another, or as a product of base quantities.
pub(crate) fn describe(dimension: &Dimension) -> String {
    if let Some(name) = name(dimension) {
        return name.to_owned();
    }
    for below in [
        TIME,
        AREA,
        LENGTH,
        VOLUME,
        MASS,
        ENERGY,
        POWER,
        PEAK_POWER,
        TEMPERATURE,
    ] {
        let above = dimension
            .times(&below.dimension, 1)
            .filter(|d| *d != Dimension::NONE);
        if let Some(above) = above.and_then(|above| name(&above)) {
            return format!("{above} per {}", below.name);
        }
    }
    let bases = (NAMES.iter().copied()).chain(money::UNITS.iter().map(Unit::symbol));
    let powers = bases
        .zip(dimension.exponents())
        .filter(|(_, exponent)| *exponent != 0);
    let powers = powers.map(|(base, exponent)| match exponent {
        1 => base.to_owned(),
        _ => format!("{base}^{exponent}"),
    });
    powers.collect::<Vec<_>>().join(" ")
}

fn name(dimension: &Dimension) -> Option<&'static str> {
    units()
        .map(|unit| unit.quantity)
        .find(|quantity| quantity.dimension == *dimension)
        .map(|quantity| quantity.name)
}
