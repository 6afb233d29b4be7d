//! The units that are not money. Factors are exact. Where a name has several definitions, this uses the international
//! one (foot, acre, table BTU), the US gallon, the thermochemical calorie and the Julian year; docs/units.md says so.

use super::prefixes::Prefixes;
use super::unit::Unit;
use crate::dimension::*;
use crate::factor::{of, pi};

/// Lists units under what they measure: symbols, names, prefixes, factor.
macro_rules! units {
    ($($quantity:ident {
        $([$($symbol:literal),*] [$($name:literal),*] $prefixes:ident $factor:expr;)*
    })*) => {
        pub(super) static UNITS: &[Unit] = &[$($(Unit {
            symbols: &[$($symbol),*],
            names: &[$($name),*],
            prefixes: Prefixes::$prefixes,
            quantity: $quantity,
            factor: $factor,
            zero_hundredths: 0,
        }),*),*];
    };
}

units! {
    NUMBER {
        ["dimensionless", "", "pu"] ["fraction", "ratio", "count"] None of(1, 1);
        ["%"] ["percent"] None of(1, 100);
        ["‰"] ["permille"] None of(1, 1000);
        ["ppm"] [] None of(1, 1_000_000);
        ["ppb"] [] None of(1, 1_000_000_000);
    }
    LENGTH {
        ["m"] ["meter", "metre"] All of(1, 1);
        ["in"] ["inch", "inches"] None of(254, 10_000);
        ["ft"] ["foot", "feet"] None of(3048, 10_000);
        ["yd"] ["yard"] None of(9144, 10_000);
        ["mi"] ["mile"] None of(1_609_344, 1000);
        ["nmi"] ["nautical_mile"] None of(1852, 1);
    }
    AREA {
        ["ha"] ["hectare"] None of(10_000, 1);
        ["acre"] ["acre"] None of(40_468_564_224, 10_000_000);
    }
    VOLUME {
        ["l", "L"] ["liter", "litre"] All of(1, 1000);
        ["gal"] ["gallon", "us_gallon"] None of(3_785_411_784, 1_000_000_000_000);
        ["bbl"] ["barrel", "oil_barrel"] None of(158_987_294_928, 1_000_000_000_000);
    }
    MASS {
        ["g"] ["gram"] All of(1, 1000);
        ["t"] ["tonne", "metric_ton"] Large of(1000, 1);
        ["lb"] ["pound", "lbs"] None of(45_359_237, 100_000_000);
        ["oz"] ["ounce"] None of(28_349_523_125, 1_000_000_000_000);
    }
    TIME {
        ["s", "sec"] ["second"] All of(1, 1);
        ["min"] ["minute"] None of(60, 1);
        ["h", "hr"] ["hour"] None of(3600, 1);
        ["d"] ["day"] None of(86_400, 1);
        ["week"] ["week"] None of(604_800, 1);
        ["year", "yr", "a"] ["year"] None of(31_557_600, 1);
    }
    FREQUENCY {
        ["Hz"] ["hertz"] All of(1, 1);
    }
    SPEED {
        ["kn", "kt"] ["knot"] None of(1852, 3600);
        ["kph", "kmh"] [] None of(1000, 3600);
        ["mph"] [] None of(1_609_344, 3_600_000);
    }
    FORCE {
        ["N"] ["newton"] All of(1, 1);
    }
    PRESSURE {
        ["Pa"] ["pascal"] All of(1, 1);
        ["bar"] ["bar"] All of(100_000, 1);
        ["atm"] ["atmosphere"] None of(101_325, 1);
        ["psi"] ["psi"] None of(44_482_216_152_605, 6_451_600_000);
        ["mmHg"] [] None of(133_322_387_415, 1_000_000_000);
        ["inHg"] [] None of(3_386_388_640_341, 1_000_000_000);
    }
    ENERGY {
        ["J"] ["joule"] All of(1, 1);
        ["Wh"] ["watt_hour", "watthour"] All of(3600, 1);
        ["cal"] ["calorie"] All of(4184, 1000);
        ["BTU", "Btu"] ["british_thermal_unit"] None of(105_505_585_262, 100_000_000);
        ["kBTU", "kBtu"] [] None of(105_505_585_262, 100_000);
        ["MMBTU", "MMBtu"] [] None of(105_505_585_262, 100);
        ["therm"] ["therm"] None of(105_505_585_262, 1000);
        ["toe"] ["tonne_of_oil_equivalent"] Large of(41_868_000_000, 1);
    }
    POWER {
        ["W"] ["watt"] All of(1, 1);
    }
    APPARENT_POWER {
        ["VA"] ["volt_ampere", "voltampere"] All of(1, 1);
    }
    APPARENT_ENERGY {
        ["VAh"] ["volt_ampere_hour"] All of(3600, 1);
    }
    REACTIVE_POWER {
        ["var", "VAr", "VAR"] ["volt_ampere_reactive"] All of(1, 1);
    }
    REACTIVE_ENERGY {
        ["varh", "VArh", "VARh"] ["volt_ampere_reactive_hour"] All of(3600, 1);
    }
    PEAK_POWER {
        ["Wp"] ["watt_peak"] Large of(1, 1);
    }
    TEMPERATURE {
        ["K", "degK"] ["kelvin"] All of(1, 1);
    }
    CURRENT {
        ["A"] ["ampere", "amp"] All of(1, 1);
    }
    CHARGE {
        ["C"] ["coulomb"] All of(1, 1);
        ["Ah"] ["ampere_hour", "amp_hour"] All of(3600, 1);
    }
    VOLTAGE {
        ["V"] ["volt"] All of(1, 1);
    }
    RESISTANCE {
        // The Greek letter and the sign for ohms.
        ["ohm", "\u{3a9}", "\u{2126}"] ["ohm"] All of(1, 1);
    }
    CONDUCTANCE {
        ["S"] ["siemens"] All of(1, 1);
    }
    CAPACITANCE {
        ["F"] ["farad"] All of(1, 1);
    }
    INDUCTANCE {
        ["H"] ["henry"] All of(1, 1);
    }
    FLUX {
        ["Wb"] ["weber"] All of(1, 1);
    }
    FLUX_DENSITY {
        ["T"] ["tesla"] All of(1, 1);
    }
    ANGLE {
        ["rad"] ["radian"] All of(1, 1);
        ["deg", "°"] ["degree"] None pi(1, 180);
        ["rev"] ["revolution", "turn"] None pi(2, 1);
    }
    ANGULAR_SPEED {
        ["rpm"] ["revolutions_per_minute"] None pi(2, 60);
    }
    AMOUNT {
        ["mol"] ["mole"] All of(1, 1);
    }
    LUMINOUS_INTENSITY {
        ["cd"] ["candela"] All of(1, 1);
    }
    LUMINOUS_FLUX {
        ["lm"] ["lumen"] All of(1, 1);
    }
    ILLUMINANCE {
        ["lx"] ["lux"] All of(1, 1);
    }
    INFORMATION {
        ["bit"] ["bit"] Binary of(1, 1);
        ["B"] ["byte"] Binary of(8, 1);
    }
    CARBON {
        ["gCO2", "g_CO2", "gCO₂"] [] All of(1, 1000);
        ["tCO2", "t_CO2", "tCO₂"] [] Large of(1000, 1);
    }
    EQUIVALENT {
        ["gCO2e", "gCO2eq", "g_CO2e", "g_CO2eq"] [] All of(1, 1000);
        ["tCO2e", "tCO2eq", "t_CO2e", "t_CO2eq"] [] Large of(1000, 1);
    }
}
