//! Units of measurement named by texts, and the conversion of values between them. Owns the table of units, the
//! spelling of compounds and the arithmetic; knows neither PostgreSQL nor series nor exchange rates. docs/units.md is
//! its reference.
#![forbid(unsafe_code)]

mod conversion;
mod cursor;
mod dimension;
mod error;
mod factor;
mod lookup;
mod parse;
mod table;

pub use conversion::Conversion;
pub use error::UnitError;
pub use parse::MAX_BYTES;

/// One unit of the table, for documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// How the unit is usually written.
    pub symbol: &'static str,
    /// What it measures.
    pub quantity: &'static str,
    /// What one of it is in SI units (or in its currency), or how a temperature becomes kelvin.
    pub factor: String,
    /// The other ways to write it: symbols, then names. An empty text is written as nothing.
    pub spellings: Vec<&'static str>,
    /// The prefixes that it takes, in words; empty when it takes none.
    pub prefixes: &'static str,
}

/// Whether the text is a unit that can be converted, alone or as a compound.
pub fn is_known(unit: &str) -> bool {
    parse::parse(unit.trim()).is_ok()
}

/// Every unit of the table, in the order of what they measure.
pub fn table() -> Vec<Row> {
    table::units()
        .map(|unit| Row {
            symbol: unit.symbol(),
            quantity: unit.quantity.name,
            factor: unit.meaning(),
            spellings: (unit.symbols.iter().chain(unit.names))
                .copied()
                .filter(|spelling| *spelling != unit.symbol())
                .collect(),
            prefixes: unit.prefixes.in_words(),
        })
        .collect()
}
