//! A unit of the table.

use super::prefixes::Prefixes;
use crate::dimension::Quantity;
use crate::factor::Factor;

/// A unit that is not made of others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit {
    /// Written exactly so; the first is the usual one.
    pub symbols: &'static [&'static str],
    /// Written in lower or upper case and in the plural too. Here in lower case.
    pub names: &'static [&'static str],
    pub prefixes: Prefixes,
    pub quantity: Quantity,
    /// How many of the quantity's unit one of this is.
    pub factor: Factor,
    /// Where a temperature scale has its absolute zero, in hundredths of its degrees below its own;
    /// 0 for everything that starts at nothing.
    pub zero_hundredths: i32,
}

impl Unit {
    /// How it is usually written.
    pub(crate) fn symbol(&self) -> &'static str {
        self.symbols.first().copied().unwrap_or_default()
    }

    /// What one of it is, in words.
    pub(crate) fn meaning(&self) -> String {
        let factor = self.factor.text();
        let zero = f64::from(self.zero_hundredths) / 100.0;
        match (self.zero_hundredths, factor.as_str()) {
            (0, _) => format!("{factor} {}", self.quantity.unit)
                .trim_end()
                .to_owned(),
            (_, "1") => format!("K = {} + {zero}", self.symbol()),
            _ => format!("K = ({} + {zero}) × {factor}", self.symbol()),
        }
    }
}
