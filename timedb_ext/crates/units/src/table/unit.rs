//! What a unit of the table is, and the prefixes. The sets of them leave out what would be mistaken for something else:
//! nobody means femtotonnes by `ft`, and `TEUR` means thousands, not millions of millions.

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
    /// How many of the decimal ones and of the binary ones it consists of, and the set in words.
    fn set(self) -> (usize, usize, &'static str) {
        match self {
            Self::None => (0, 0, ""),
            Self::All => (DECIMAL.len(), 0, "all"),
            Self::Large => (10, 0, "k and up"),
            Self::Money => (2, 0, "k, M"),
            Self::Binary => (10, BINARY.len(), "k and up, Ki and up"),
        }
    }

    /// Each prefix of the set.
    pub(crate) fn each(self) -> impl Iterator<Item = &'static Prefix> {
        let (decimal, binary, _) = self.set();
        let decimal = DECIMAL.iter().take(decimal);
        decimal.chain(BINARY.iter().take(binary))
    }

    /// The set in words, for documentation; empty for none.
    pub(crate) fn in_words(self) -> &'static str {
        self.set().2
    }
}

const fn prefix(
    symbols: &'static [&'static str],
    name: &'static str,
    two: i32,
    ten: i32,
) -> Prefix {
    Prefix {
        symbols,
        name,
        factor: Factor::prefix(two, ten),
    }
}

/// From kilo on, then the others: the sets are the beginnings of it.
static DECIMAL: [Prefix; 24] = [
    prefix(&["k"], "kilo", 0, 3),
    prefix(&["M"], "mega", 0, 6),
    prefix(&["G"], "giga", 0, 9),
    prefix(&["T"], "tera", 0, 12),
    prefix(&["P"], "peta", 0, 15),
    prefix(&["E"], "exa", 0, 18),
    prefix(&["Z"], "zetta", 0, 21),
    prefix(&["Y"], "yotta", 0, 24),
    prefix(&["R"], "ronna", 0, 27),
    prefix(&["Q"], "quetta", 0, 30),
    prefix(&["h"], "hecto", 0, 2),
    prefix(&["da"], "deca", 0, 1),
    prefix(&["d"], "deci", 0, -1),
    prefix(&["c"], "centi", 0, -2),
    prefix(&["m"], "milli", 0, -3),
    // The micro sign, the Greek letter, and what replaces both on a keyboard.
    prefix(&["\u{b5}", "\u{3bc}", "u"], "micro", 0, -6),
    prefix(&["n"], "nano", 0, -9),
    prefix(&["p"], "pico", 0, -12),
    prefix(&["f"], "femto", 0, -15),
    prefix(&["a"], "atto", 0, -18),
    prefix(&["z"], "zepto", 0, -21),
    prefix(&["y"], "yocto", 0, -24),
    prefix(&["r"], "ronto", 0, -27),
    prefix(&["q"], "quecto", 0, -30),
];

static BINARY: [Prefix; 6] = [
    prefix(&["Ki"], "kibi", 10, 0),
    prefix(&["Mi"], "mebi", 20, 0),
    prefix(&["Gi"], "gibi", 30, 0),
    prefix(&["Ti"], "tebi", 40, 0),
    prefix(&["Pi"], "pebi", 50, 0),
    prefix(&["Ei"], "exbi", 60, 0),
];
