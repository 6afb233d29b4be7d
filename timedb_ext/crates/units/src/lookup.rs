//! Finds what one word of a unit means: a unit of the table, with or without a prefix. Knows nothing
//! of products, quotients and powers.

use std::slice::from_ref;

use crate::factor::Factor;
use crate::table::{self, Prefix, Unit};

/// A unit of the table, and the prefix before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub unit: &'static Unit,
    /// 1 without a prefix.
    pub prefix: Factor,
}

/// The meaning of a word. What is written exactly as in the table comes first, then a prefix with a
/// symbol (upper and lower case count: `mW` is no `MW`), then names.
pub(crate) fn lookup(word: &str) -> Option<Found> {
    let name = |word: &str| find(word, |unit| unit.names, |prefix| from_ref(&prefix.name));
    find(word, |unit| unit.symbols, |prefix| prefix.symbols).or_else(|| {
        let lower = word.to_lowercase();
        name(&lower).or_else(|| name(lower.strip_suffix('s')?))
    })
}

type Texts = &'static [&'static str];

/// Finds a word among these texts of the units or, before them, of their prefixes.
fn find(
    word: &str,
    units: fn(&'static Unit) -> Texts,
    prefixes: fn(&'static Prefix) -> Texts,
) -> Option<Found> {
    let exact = table::units().find(|unit| units(unit).contains(&word));
    let found = |unit, prefix| Found { unit, prefix };
    exact.map(|unit| found(unit, Factor::ONE)).or_else(|| {
        table::units().find_map(|unit| {
            let prefix = unit.prefixes.each().find(|prefix| {
                let mut rests =
                    (prefixes(prefix).iter()).filter_map(|text| word.strip_prefix(text));
                rests.any(|rest| units(unit).contains(&rest))
            });
            prefix.map(|prefix| found(unit, prefix.factor))
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Every way to write every unit with every prefix that it takes.
    fn spellings() -> Vec<(String, &'static Unit, Factor)> {
        let mut all = vec![];
        for unit in table::units() {
            for word in unit.symbols.iter().chain(unit.names) {
                all.push((String::from(*word), unit, Factor::ONE));
            }
            for prefix in unit.prefixes.each() {
                for symbol in unit.symbols {
                    for text in prefix.symbols {
                        all.push((format!("{text}{symbol}"), unit, prefix.factor));
                    }
                }
                for name in unit.names {
                    all.push((format!("{}{name}", prefix.name), unit, prefix.factor));
                }
            }
        }
        all
    }

    #[test]
    fn no_spelling_means_two_things_but_for_one_that_is_documented() {
        let mut meanings = BTreeMap::new();
        let mut double = vec![];
        for (word, unit, prefix) in spellings() {
            let meaning = (unit.symbol(), prefix.magnitude().round() as i32);
            if *meanings.entry(word.clone()).or_insert(meaning) != meaning {
                double.push(word);
            }
        }
        // Knots or kilotonnes: pint's knots, which come first in the table of exact spellings.
        assert_eq!(double, ["kt"]);
        assert_eq!(lookup("kt").unwrap().unit.symbol(), "kn");
        assert_eq!(lookup("kilotonne").unwrap().unit.symbol(), "t");
    }

    #[test]
    fn every_spelling_is_found_as_what_it_means() {
        for (word, unit, prefix) in spellings() {
            let found = lookup(&word).unwrap_or_else(|| panic!("{word} is not found"));
            if word != "kt" {
                assert_eq!(found.unit.symbol(), unit.symbol(), "{word}");
                assert_eq!(found.prefix, prefix, "{word}");
            }
        }
    }

    #[test]
    fn names_have_no_case_and_a_plural_and_symbols_have_not() {
        for word in ["Megawatt", "MEGAWATTS", "megawatt"] {
            assert_eq!(lookup(word).unwrap().unit.symbol(), "W", "{word}");
        }
        for word in [
            "kw", "KWH", "mwh", "kWs", "TEUR", "MBTU", "ton", "month", "hp", "ct",
        ] {
            assert!(lookup(word).is_none(), "{word}");
        }
    }
}
