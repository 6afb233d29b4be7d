//! Currencies. Each is a dimension of its own, because an exchange rate is a time series, not a unit.

use super::unit::{Prefixes, Unit};
use crate::dimension::{CURRENCIES, Dimension, Quantity};
use crate::factor::{Factor, of};

/// Lists the currencies: ISO 4217 code, and if there are any, other symbols and names.
macro_rules! currencies {
    ($($code:ident $([$($symbol:literal),*] [$($name:literal),*])?,)*) => {
        // The codes are upper case.
        #[allow(clippy::upper_case_acronyms)]
        enum Currency { $($code),* }

        pub(super) static UNITS: [Unit; CURRENCIES] = [$(Unit {
            symbols: &[stringify!($code), $($($symbol),*)?],
            names: &[$($($name),*)?],
            prefixes: Prefixes::Money,
            quantity: Quantity {
                name: concat!("money in ", stringify!($code)),
                unit: stringify!($code),
                dimension: Dimension::money(Currency::$code as usize),
            },
            factor: Factor::ONE,
            zero_hundredths: 0,
        }),*];
    };
}

currencies! {
    EUR ["€"] ["euro"], USD, GBP ["£"] [], CHF, SEK, NOK, DKK, ISK, PLN, CZK, HUF, RON,
    BGN, RSD, BAM, MKD, ALL, MDL, UAH, TRY, GEL, JPY, CNY, KRW, INR, SGD, HKD, AUD, NZD,
    CAD, MXN, BRL, CLP, ZAR, ILS, AED, SAR,
}

/// What prices are quoted in besides.
pub(super) static CENTS: [Unit; 2] = [
    Unit {
        symbols: &["EURct", "c€"],
        names: &["eurocent"],
        prefixes: Prefixes::None,
        factor: of(1, 100),
        ..UNITS[Currency::EUR as usize]
    },
    Unit {
        symbols: &["GBp"],
        names: &["pence"],
        prefixes: Prefixes::None,
        factor: of(1, 100),
        ..UNITS[Currency::GBP as usize]
    },
];
