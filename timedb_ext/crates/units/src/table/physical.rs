//! The units that are not money. Factors are exact. Where a name has several definitions, this uses the international
//! one (foot, acre, table BTU), the US gallon, the thermochemical calorie and the Julian year; docs/units.md says so.

use super::unit::{Prefixes, Unit};
use crate::dimension::{Base, Dimension, Quantity};
use crate::factor::{of, pi};

/// Lists quantities (constant, name, unit in SI, powers), and under each its units: symbols, names, prefixes, factor,
/// and the zero of a temperature scale, which can only be used alone.
macro_rules! units {
    ($($quantity:ident $name:literal $unit:literal $($base:ident $power:literal)*:
        $([$($symbol:literal),*] [$($spelling:literal),*] $prefixes:ident $factor:expr $(, zero $zero:literal)?;)*
    )*) => {
        $(pub(super) const $quantity: Quantity = Quantity {
            name: $name,
            unit: $unit,
            dimension: Dimension::of(&[$((Base::$base, $power)),*]),
        };)*

        pub(super) static UNITS: &[Unit] = &[$($(Unit {
            symbols: &[$($symbol),*],
            names: &[$($spelling),*],
            prefixes: Prefixes::$prefixes,
            quantity: $quantity,
            factor: $factor,
            zero_hundredths: 0 $(+ $zero)?,
        }),*),*];
    };
}

units! {
    NUMBER "dimensionless" "":
        ["dimensionless", "", "pu"] ["fraction", "ratio", "count"] None of(1, 1);
        ["%"] ["percent"] None of(1, 100);
        ["‰"] ["permille"] None of(1, 1000);
        ["ppm"] [] None of(1, 1_000_000);
        ["ppb"] [] None of(1, 1_000_000_000);
    LENGTH "length" "m" Length 1:
        ["m"] ["meter", "metre"] All of(1, 1);
        ["in"] ["inch", "inches"] None of(254, 10_000);
        ["ft"] ["foot", "feet"] None of(3048, 10_000);
        ["yd"] ["yard"] None of(9144, 10_000);
        ["mi"] ["mile"] None of(1_609_344, 1000);
        ["nmi"] ["nautical_mile"] None of(1852, 1);
    AREA "area" "m2" Length 2:
        ["ha"] ["hectare"] None of(10_000, 1);
        ["acre"] ["acre"] None of(40_468_564_224, 10_000_000);
    VOLUME "volume" "m3" Length 3:
        ["l", "L"] ["liter", "litre"] All of(1, 1000);
        ["gal"] ["gallon", "us_gallon"] None of(3_785_411_784, 1_000_000_000_000);
        ["bbl"] ["barrel", "oil_barrel"] None of(158_987_294_928, 1_000_000_000_000);
    MASS "mass" "kg" Mass 1:
        ["g"] ["gram"] All of(1, 1000);
        ["t"] ["tonne", "metric_ton"] Large of(1000, 1);
        ["lb"] ["pound", "lbs"] None of(45_359_237, 100_000_000);
        ["oz"] ["ounce"] None of(28_349_523_125, 1_000_000_000_000);
    TIME "time" "s" Time 1:
        ["s", "sec"] ["second"] All of(1, 1);
        ["min"] ["minute"] None of(60, 1);
        ["h", "hr"] ["hour"] None of(3600, 1);
        ["d"] ["day"] None of(86_400, 1);
        ["week"] ["week"] None of(604_800, 1);
        ["year", "yr", "a"] ["year"] None of(31_557_600, 1);
    FREQUENCY "frequency" "1/s" Time -1:
        ["Hz"] ["hertz"] All of(1, 1);
    SPEED "speed" "m/s" Length 1 Time -1:
        ["kn", "kt"] ["knot"] None of(1852, 3600);
        ["kph", "kmh"] [] None of(1000, 3600);
        ["mph"] [] None of(1_609_344, 3_600_000);
    FORCE "force" "N" Mass 1 Length 1 Time -2:
        ["N"] ["newton"] All of(1, 1);
    PRESSURE "pressure" "Pa" Mass 1 Length -1 Time -2:
        ["Pa"] ["pascal"] All of(1, 1);
        ["bar"] ["bar"] All of(100_000, 1);
        ["atm"] ["atmosphere"] None of(101_325, 1);
        ["psi"] ["psi"] None of(44_482_216_152_605, 6_451_600_000);
        ["mmHg"] [] None of(133_322_387_415, 1_000_000_000);
        ["inHg"] [] None of(3_386_388_640_341, 1_000_000_000);
    ENERGY "energy" "J" Mass 1 Length 2 Time -2:
        ["J"] ["joule"] All of(1, 1);
        ["Wh"] ["watt_hour", "watthour"] All of(3600, 1);
        ["cal"] ["calorie"] All of(4184, 1000);
        ["BTU", "Btu"] ["british_thermal_unit"] None of(105_505_585_262, 100_000_000);
        ["kBTU", "kBtu"] [] None of(105_505_585_262, 100_000);
        ["MMBTU", "MMBtu"] [] None of(105_505_585_262, 100);
        ["therm"] ["therm"] None of(105_505_585_262, 1000);
        ["toe"] ["tonne_of_oil_equivalent"] Large of(41_868_000_000, 1);
    POWER "power" "W" Mass 1 Length 2 Time -3:
        ["W"] ["watt"] All of(1, 1);
    APPARENT_POWER "apparent power" "VA" Mass 1 Length 2 Time -3 Apparent 1:
        ["VA"] ["volt_ampere", "voltampere"] All of(1, 1);
    APPARENT_ENERGY "apparent energy" "VA s" Mass 1 Length 2 Time -2 Apparent 1:
        ["VAh"] ["volt_ampere_hour"] All of(3600, 1);
    REACTIVE_POWER "reactive power" "var" Mass 1 Length 2 Time -3 Reactive 1:
        ["var", "VAr", "VAR"] ["volt_ampere_reactive"] All of(1, 1);
    REACTIVE_ENERGY "reactive energy" "var s" Mass 1 Length 2 Time -2 Reactive 1:
        ["varh", "VArh", "VARh"] ["volt_ampere_reactive_hour"] All of(3600, 1);
    PEAK_POWER "peak power" "Wp" Mass 1 Length 2 Time -3 Peak 1:
        ["Wp"] ["watt_peak"] Large of(1, 1);
    TEMPERATURE "temperature" "K" Temperature 1:
        ["K", "degK"] ["kelvin"] All of(1, 1);
        ["degC", "°C", "℃"] ["celsius", "degree_celsius"] None of(1, 1), zero 27_315;
        ["degF", "°F", "℉"] ["fahrenheit", "degree_fahrenheit"] None of(5, 9), zero 45_967;
    CURRENT "current" "A" Current 1:
        ["A"] ["ampere", "amp"] All of(1, 1);
    CHARGE "charge" "C" Current 1 Time 1:
        ["C"] ["coulomb"] All of(1, 1);
        ["Ah"] ["ampere_hour", "amp_hour"] All of(3600, 1);
    VOLTAGE "voltage" "V" Mass 1 Length 2 Time -3 Current -1:
        ["V"] ["volt"] All of(1, 1);
    RESISTANCE "resistance" "ohm" Mass 1 Length 2 Time -3 Current -2:
        // The Greek letter and the sign for ohms.
        ["ohm", "\u{3a9}", "\u{2126}"] ["ohm"] All of(1, 1);
    CONDUCTANCE "conductance" "S" Mass -1 Length -2 Time 3 Current 2:
        ["S"] ["siemens"] All of(1, 1);
    CAPACITANCE "capacitance" "F" Mass -1 Length -2 Time 4 Current 2:
        ["F"] ["farad"] All of(1, 1);
    INDUCTANCE "inductance" "H" Mass 1 Length 2 Time -2 Current -2:
        ["H"] ["henry"] All of(1, 1);
    FLUX "magnetic flux" "Wb" Mass 1 Length 2 Time -2 Current -1:
        ["Wb"] ["weber"] All of(1, 1);
    FLUX_DENSITY "magnetic flux density" "T" Mass 1 Time -2 Current -1:
        ["T"] ["tesla"] All of(1, 1);
    ANGLE "angle" "rad" Angle 1:
        ["rad"] ["radian"] All of(1, 1);
        ["deg", "°"] ["degree"] None pi(1, 180);
        ["rev"] ["revolution", "turn"] None pi(2, 1);
    ANGULAR_SPEED "angular speed" "rad/s" Angle 1 Time -1:
        ["rpm"] ["revolutions_per_minute"] None pi(2, 60);
    AMOUNT "amount of substance" "mol" Amount 1:
        ["mol"] ["mole"] All of(1, 1);
    LUMINOUS_INTENSITY "luminous intensity" "cd" Luminous 1:
        ["cd"] ["candela"] All of(1, 1);
    LUMINOUS_FLUX "luminous flux" "lm" Luminous 1 Angle 2:
        ["lm"] ["lumen"] All of(1, 1);
    ILLUMINANCE "illuminance" "lx" Luminous 1 Angle 2 Length -2:
        ["lx"] ["lux"] All of(1, 1);
    INFORMATION "information" "bit" Information 1:
        ["bit"] ["bit"] Binary of(1, 1);
        ["B"] ["byte"] Binary of(8, 1);
    CARBON "mass of CO2" "kgCO2" Mass 1 Carbon 1:
        ["gCO2", "g_CO2", "gCO₂"] [] All of(1, 1000);
        ["tCO2", "t_CO2", "tCO₂"] [] Large of(1000, 1);
    EQUIVALENT "mass of CO2 equivalent" "kgCO2e" Mass 1 Equivalent 1:
        ["gCO2e", "gCO2eq", "g_CO2e", "g_CO2eq"] [] All of(1, 1000);
        ["tCO2e", "tCO2eq", "t_CO2e", "t_CO2eq"] [] Large of(1000, 1);
}
