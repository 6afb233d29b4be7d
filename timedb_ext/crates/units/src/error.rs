//! Why a value can't be converted: an unknown unit, a text that is not a unit, or two different quantities.

use thiserror::Error;

/// Why there is no conversion between two units. It contains the units as they were given, cut off
/// after 128 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnitError {
    /// A unit, or a part of it, is not in the table.
    #[error("unknown unit {unit:?}")]
    Unknown {
        /// The whole unit.
        unit: String,
    },
    /// The text is not spelled as units are, or can be read in two ways.
    #[error("cannot read the unit {unit:?}: {reason}")]
    Unreadable {
        /// The whole unit.
        unit: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Both units are known and measure different things.
    #[error("cannot convert {from:?} ({from_quantity}) to {to:?} ({to_quantity})")]
    Incompatible {
        /// The unit to convert from.
        from: String,
        /// The unit to convert to.
        to: String,
        /// What `from` measures.
        from_quantity: String,
        /// What `to` measures.
        to_quantity: String,
    },
}
