//! The prefixes, and the sets of them that units take. A set leaves out what would be mistaken for something else:
//! nobody means femtotonnes by `ft`, and `TEUR` means thousands, not millions of millions.

use crate::factor::Factor;

/// What goes before a unit and makes it larger or smaller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefix {
    /// Before symbols, written exactly so.
    pub symbols: &'static [&'static str],
    /// Before names.
    pub name: &'static str,
    pub factor: Factor,
}

/// The prefixes that a unit takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefixes {
    /// None at all.
    None,
    /// Those of SI.
    All,
    /// Those of SI from kilo on.
    Large,
    /// Kilo and mega.
    Money,
    /// Those of SI from kilo on, and the binary ones.
    Binary,
}

impl Prefixes {
    /// Each prefix of the set.
    pub(crate) fn each(self) -> impl Iterator<Item = &'static Prefix> {
        let (decimal, binary) = match self {
            Self::None => (0..0, 0),
            Self::All => (0..DECIMAL.len(), 0),
            Self::Large => (0..10, 0),
            Self::Money => (0..2, 0),
            Self::Binary => (0..10, BINARY.len()),
        };
        let decimal = DECIMAL.get(decimal).unwrap_or_default();
        decimal.iter().chain(BINARY.iter().take(binary))
    }

    /// The set in words, for documentation; empty for none.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::None => "",
            Self::All => "all",
            Self::Large => "k and up",
            Self::Money => "k, M",
            Self::Binary => "k and up, Ki and up",
        }
    }
}

const fn decimal(symbols: &'static [&'static str], name: &'static str, ten: i32) -> Prefix {
    let factor = Factor::prefix(0, ten);
    Prefix {
        symbols,
        name,
        factor,
    }
}

const fn binary(symbols: &'static [&'static str], name: &'static str, two: i32) -> Prefix {
    let factor = Factor::prefix(two, 0);
    Prefix {
        symbols,
        name,
        factor,
    }
}

/// From kilo on, then the others: the sets are the beginnings of it.
static DECIMAL: [Prefix; 24] = [
    decimal(&["k"], "kilo", 3),
    decimal(&["M"], "mega", 6),
    decimal(&["G"], "giga", 9),
    decimal(&["T"], "tera", 12),
    decimal(&["P"], "peta", 15),
    decimal(&["E"], "exa", 18),
    decimal(&["Z"], "zetta", 21),
    decimal(&["Y"], "yotta", 24),
    decimal(&["R"], "ronna", 27),
    decimal(&["Q"], "quetta", 30),
    decimal(&["h"], "hecto", 2),
    decimal(&["da"], "deca", 1),
    decimal(&["d"], "deci", -1),
    decimal(&["c"], "centi", -2),
    decimal(&["m"], "milli", -3),
    // The micro sign, the Greek letter, and what replaces both on a keyboard.
    decimal(&["\u{b5}", "\u{3bc}", "u"], "micro", -6),
    decimal(&["n"], "nano", -9),
    decimal(&["p"], "pico", -12),
    decimal(&["f"], "femto", -15),
    decimal(&["a"], "atto", -18),
    decimal(&["z"], "zepto", -21),
    decimal(&["y"], "yocto", -24),
    decimal(&["r"], "ronto", -27),
    decimal(&["q"], "quecto", -30),
];

static BINARY: [Prefix; 6] = [
    binary(&["Ki"], "kibi", 10),
    binary(&["Mi"], "mebi", 20),
    binary(&["Gi"], "gibi", 30),
    binary(&["Ti"], "tebi", 40),
    binary(&["Pi"], "pebi", 50),
    binary(&["Ei"], "exbi", 60),
];
