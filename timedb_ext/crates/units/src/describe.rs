//! The names of dimensions.

use crate::dimension::*;
use crate::table;

/// What it is called: by name, as one quantity per another, or as a product of base quantities.
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
    let bases = NAMES
        .into_iter()
        .chain(table::money().map(|unit| unit.symbol()));
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
    table::units()
        .map(|unit| unit.quantity)
        .find(|quantity| quantity.dimension == *dimension)
        .map(|quantity| quantity.name)
}
