//! What units measure: products of powers of base quantities, and their names. The base quantities are those of SI,
//! plus those that must not be mistaken for one another. Knows no units.

/// What nothing else is made of. After these come the currencies, one each.
#[derive(Clone, Copy)]
pub(crate) enum Base {
    Length,
    Mass,
    Time,
    Current,
    Temperature,
    Amount,
    Luminous,
    /// In SI a pure number; here, revolutions per minute are not hertz.
    Angle,
    Information,
    /// Tells apparent power, VA, from active power, W.
    Apparent,
    /// Tells reactive power, var, from active power.
    Reactive,
    /// Tells what a generator can do at most, Wp, from what it does.
    Peak,
    /// Tells emitted carbon dioxide from other masses.
    Carbon,
    /// Tells greenhouse gases that count as carbon dioxide from the gas itself.
    Equivalent,
}

/// How the base quantities are called where a dimension has no name.
pub(crate) const NAMES: [&str; 14] = [
    "length",
    "mass",
    "time",
    "current",
    "temperature",
    "amount of substance",
    "luminous intensity",
    "angle",
    "information",
    "apparent",
    "reactive",
    "peak",
    "CO2",
    "CO2 equivalent",
];

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

    const fn of(powers: &[(Base, i8)]) -> Self {
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

/// Defines quantities: name of the constant, name in words, unit in SI, exponents.
macro_rules! quantities {
    ($($constant:ident $name:literal $unit:literal $($base:ident $power:literal)*;)*) => {$(
        pub(crate) const $constant: Quantity = Quantity {
            name: $name,
            unit: $unit,
            dimension: Dimension::of(&[$((Base::$base, $power)),*]),
        };
    )*};
}

quantities! {
    NUMBER "dimensionless" "";
    LENGTH "length" "m" Length 1;
    AREA "area" "m2" Length 2;
    VOLUME "volume" "m3" Length 3;
    MASS "mass" "kg" Mass 1;
    TIME "time" "s" Time 1;
    FREQUENCY "frequency" "1/s" Time -1;
    SPEED "speed" "m/s" Length 1 Time -1;
    FORCE "force" "N" Mass 1 Length 1 Time -2;
    PRESSURE "pressure" "Pa" Mass 1 Length -1 Time -2;
    ENERGY "energy" "J" Mass 1 Length 2 Time -2;
    POWER "power" "W" Mass 1 Length 2 Time -3;
    APPARENT_POWER "apparent power" "VA" Mass 1 Length 2 Time -3 Apparent 1;
    APPARENT_ENERGY "apparent energy" "VA s" Mass 1 Length 2 Time -2 Apparent 1;
    REACTIVE_POWER "reactive power" "var" Mass 1 Length 2 Time -3 Reactive 1;
    REACTIVE_ENERGY "reactive energy" "var s" Mass 1 Length 2 Time -2 Reactive 1;
    PEAK_POWER "peak power" "Wp" Mass 1 Length 2 Time -3 Peak 1;
    TEMPERATURE "temperature" "K" Temperature 1;
    CURRENT "current" "A" Current 1;
    CHARGE "charge" "C" Current 1 Time 1;
    VOLTAGE "voltage" "V" Mass 1 Length 2 Time -3 Current -1;
    RESISTANCE "resistance" "ohm" Mass 1 Length 2 Time -3 Current -2;
    CONDUCTANCE "conductance" "S" Mass -1 Length -2 Time 3 Current 2;
    CAPACITANCE "capacitance" "F" Mass -1 Length -2 Time 4 Current 2;
    INDUCTANCE "inductance" "H" Mass 1 Length 2 Time -2 Current -2;
    FLUX "magnetic flux" "Wb" Mass 1 Length 2 Time -2 Current -1;
    FLUX_DENSITY "magnetic flux density" "T" Mass 1 Time -2 Current -1;
    ANGLE "angle" "rad" Angle 1;
    ANGULAR_SPEED "angular speed" "rad/s" Angle 1 Time -1;
    AMOUNT "amount of substance" "mol" Amount 1;
    LUMINOUS_INTENSITY "luminous intensity" "cd" Luminous 1;
    LUMINOUS_FLUX "luminous flux" "lm" Luminous 1 Angle 2;
    ILLUMINANCE "illuminance" "lx" Luminous 1 Angle 2 Length -2;
    INFORMATION "information" "bit" Information 1;
    CARBON "mass of CO2" "kgCO2" Mass 1 Carbon 1;
    EQUIVALENT "mass of CO2 equivalent" "kgCO2e" Mass 1 Equivalent 1;
}
