//! What units measure: products of powers of base quantities. The base quantities are those of SI, plus those that must
//! not be mistaken for one another. Knows no units.

/// Lists the base quantities, each with what it is called where a dimension has no name.
macro_rules! bases {
    ($($(#[$doc:meta])* $base:ident $name:literal;)*) => {
        /// What nothing else is made of. After these come the currencies, one each.
        #[derive(Clone, Copy)]
        pub(crate) enum Base {
            $($(#[$doc])* $base),*
        }

        /// How the base quantities are called.
        pub(crate) const NAMES: &[&str] = &[$($name),*];
    };
}

bases! {
    Length "length";
    Mass "mass";
    Time "time";
    Current "current";
    Temperature "temperature";
    Amount "amount of substance";
    Luminous "luminous intensity";
    /// In SI a pure number; here, revolutions per minute are not hertz.
    Angle "angle";
    Information "information";
    /// Tells apparent power, VA, from active power, W.
    Apparent "apparent";
    /// Tells reactive power, var, from active power.
    Reactive "reactive";
    /// Tells what a generator can do at most, Wp, from what it does.
    Peak "peak";
    /// Tells emitted carbon dioxide from other masses.
    Carbon "CO2";
    /// Tells greenhouse gases that count as carbon dioxide from the gas itself.
    Equivalent "CO2 equivalent";
}

/// How many currencies there are; their table does not compile with another number of them.
pub(crate) const CURRENCIES: usize = 37;

const BASES: usize = NAMES.len() + CURRENCIES;

/// The exponent of each base quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dimension([i8; BASES]);

/// A dimension with a name and its unit in SI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quantity {
    pub name: &'static str,
    pub unit: &'static str,
    pub dimension: Dimension,
}

impl Dimension {
    /// That of a mere number.
    pub(crate) const NONE: Self = Self([0; BASES]);

    /// The product of these powers.
    pub(crate) const fn of(powers: &[(Base, i8)]) -> Self {
        let mut exponents = [0; BASES];
        let mut i = 0;
        while i < powers.len() {
            exponents[powers[i].0 as usize] = powers[i].1;
            i += 1;
        }
        Self(exponents)
    }

    /// That of money in the currency with this index.
    pub(crate) const fn money(currency: usize) -> Self {
        let mut exponents = [0; BASES];
        exponents[NAMES.len() + currency] = 1;
        Self(exponents)
    }

    /// `self * other^power`, or `None` when an exponent leaves its range.
    pub(crate) fn times(mut self, other: &Self, power: i8) -> Option<Self> {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.checked_add(theirs.checked_mul(power)?)?;
        }
        Some(self)
    }

    /// The exponents of the base quantities, in the order of [`NAMES`] and of the currencies.
    pub(crate) fn exponents(&self) -> [i8; BASES] {
        self.0
    }
}
