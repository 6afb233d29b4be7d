//! Finds what one word of a unit means: a unit of the table, with or without a prefix. Knows nothing
//! of products, quotients and powers.

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
    symbol(word).or_else(|| {
        let lower = word.to_lowercase();
        name(&lower).or_else(|| name(lower.strip_suffix('s')?))
    })
}

fn symbol(word: &str) -> Option<Found> {
    let exact = table::units().find(|unit| unit.symbols.contains(&word));
    exact.map(alone).or_else(|| {
        table::units().find_map(|unit| {
            let prefix = unit.prefixes.each().find(|prefix| {
                let mut rests = (prefix.symbols.iter()).filter_map(|text| word.strip_prefix(text));
                rests.any(|rest| unit.symbols.contains(&rest))
            });
            prefix.map(|prefix| prefixed(unit, prefix))
        })
    })
}

fn name(word: &str) -> Option<Found> {
    let exact = table::units().find(|unit| unit.names.contains(&word));
    exact.map(alone).or_else(|| {
        table::units().find_map(|unit| {
            let prefix = unit.prefixes.each().find(|prefix| {
                let rest = word.strip_prefix(prefix.name);
                rest.is_some_and(|rest| unit.names.contains(&rest))
            });
            prefix.map(|prefix| prefixed(unit, prefix))
        })
    })
}

fn alone(unit: &'static Unit) -> Found {
    Found {
        unit,
        prefix: Factor::ONE,
    }
}

fn prefixed(unit: &'static Unit, prefix: &Prefix) -> Found {
    Found {
        unit,
        prefix: prefix.factor,
    }
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
