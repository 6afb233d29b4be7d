//! The table of units: how each is written, which prefixes it takes, and what it is in SI units. Knows no compounds.

mod money;
mod physical;
mod prefixes;
mod unit;

use crate::dimension::TEMPERATURE;
use crate::factor::{Factor, of};

pub(crate) use prefixes::{Prefix, Prefixes};
pub(crate) use unit::Unit;

/// The units that have a zero of their own. They can only be used alone.
static SCALES: [Unit; 2] = [
    Unit {
        symbols: &["degC", "°C", "℃"],
        names: &["celsius", "degree_celsius"],
        prefixes: Prefixes::None,
        quantity: TEMPERATURE,
        factor: Factor::ONE,
        zero_hundredths: 27_315,
    },
    Unit {
        symbols: &["degF", "°F", "℉"],
        names: &["fahrenheit", "degree_fahrenheit"],
        prefixes: Prefixes::None,
        quantity: TEMPERATURE,
        factor: of(5, 9),
        zero_hundredths: 45_967,
    },
];

/// Every unit.
pub(crate) fn units() -> impl Iterator<Item = &'static Unit> {
    (physical::UNITS.iter())
        .chain(&SCALES)
        .chain(&money::UNITS)
        .chain(&money::CENTS)
}

/// The currencies, in the order of their dimensions.
pub(crate) fn money() -> impl Iterator<Item = &'static Unit> {
    money::UNITS.iter()
}
