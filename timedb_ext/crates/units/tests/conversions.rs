//! What values become: well-known conversions to the bit, a model that divides by hand, and there
//! and back again.

use proptest::prelude::*;
use timedb_units::{Conversion, Row, UnitError, table};

fn convert(value: f64, from: &str, to: &str) -> f64 {
    Conversion::between(from, to)
        .unwrap_or_else(|error| panic!("{error}"))
        .apply(value)
}

#[test]
fn well_known_conversions_are_right_to_the_bit_in_both_directions() {
    for (value, from, other, to) in [
        (1500.0, "kW", 1.5, "MW"),
        (1.1, "MW", 1100.0, "kW"),
        (7.0, "kW", 0.007, "MW"),
        (1.0, "kWh", 3.6, "MJ"),
        (0.1, "kWh", 0.36, "MJ"),
        (1.0, "Gcal", 4.184, "GJ"),
        (1.0, "MWh/h", 1.0, "MW"),
        (12.0, "MWh/d", 0.5, "MW"),
        (1.0, "MMBtu", 1.05505585262, "GJ"),
        (1.0, "toe", 41.868, "GJ"),
        (25.0, "degC", 298.15, "K"),
        (26.85, "degC", 300.0, "K"),
        (0.1, "degC", 32.18, "degF"),
        (-40.0, "degC", -40.0, "degF"),
        (0.0, "degF", 459.67 / 1.8, "K"),
        (300.0, "K", 26850.0 / 1000.0, "degC"),
        (20.5, "degC", 293650.0, "mK"),
        (36.0, "km/h", 10.0, "m/s"),
        (0.1, "m/s", 0.36, "km/h"),
        (1.0, "kn", 1.852, "km/h"),
        (1.0, "mph", 1.609344, "km/h"),
        (101.3, "kPa", 1013.0, "hPa"),
        (1013.25, "mbar", 1.0, "atm"),
        (1.0, "inHg", 25.4, "mmHg"),
        (0.07, "fraction", 7.0, "%"),
        (0.3, "%", 3000.0, "ppm"),
        (800.0, "W/m2", 0.8, "kW/m2"),
        (3.6, "m3/h", 1.0, "l/s"),
        (2.5, "l/m2", 2.5, "mm"),
        (3.6, "mm/h", 1e-6, "mm/ms"),
        (1.0, "mi", 1609.344, "m"),
        (12.0, "in", 1.0, "ft"),
        (1.0, "lb", 453.59237, "g"),
        (1.0, "bbl", 42.0, "gal"),
        (1.5, "ha", 15000.0, "m2"),
        (90.0, "min", 1.5, "h"),
        (1.0, "a", 365.25, "d"),
        (180.0, "deg", std::f64::consts::PI, "rad"),
        (1.0, "rev", 360.0, "deg"),
        (60.0, "rpm", 360.0, "deg/s"),
        (50.0, "Hz", 3000.0, "1/min"),
        (2.0, "Ah", 7200.0, "C"),
        (230.0, "V", 230.0, "W/A"),
        (1.0, "kVA", 0.001, "MVA"),
        (1.0, "kvarh", 3.6, "Mvar s"),
        (0.25, "EUR/kWh", 250.0, "EUR/MWh"),
        (0.1, "EUR/kWh", 10.0, "EURct/kWh"),
        (1.0, "kSEK", 1000.0, "SEK"),
        (437.0, "gCO2/kWh", 437.0, "kgCO2/MWh"),
        (0.437, "tCO2e/MWh", 437.0, "gCO2e/kWh"),
        (1.0, "KiB", 8192.0, "bit"),
        (35.3, "µg/m3", 0.0353, "mg/m3"),
        (1.0, "1/K", 1000.0, "1/kK"),
    ] {
        assert_eq!(convert(value, from, to), other, "{value} {from} in {to}");
        assert_eq!(convert(other, to, from), value, "{other} {to} in {from}");
    }
}

#[test]
fn equal_texts_are_the_identity_even_where_nobody_knows_the_unit() {
    let long = "x".repeat(1000);
    for (from, to) in [
        ("MW", " MW "),
        ("widgets", "widgets"),
        ("degC/h", "degC/h"),
        (&long, &long),
    ] {
        let same = Conversion::between(from, to).unwrap();
        assert!(same.is_identity());
        let nan = f64::from_bits(0x7ff8_0000_dead_beef);
        for value in [0.1, -0.0, f64::INFINITY, f64::MIN_POSITIVE, nan] {
            assert_eq!(same.apply(value).to_bits(), value.to_bits());
        }
    }
    assert!(
        Conversion::between("kWh", "kilowatt_hour")
            .unwrap()
            .is_identity()
    );
    assert!(!Conversion::between("degC", "K").unwrap().is_identity());
}

#[test]
fn what_is_too_large_is_infinite_and_only_that() {
    assert_eq!(convert(1e306, "MW", "kW"), f64::INFINITY);
    assert_eq!(convert(-1e308, "MW", "W"), f64::NEG_INFINITY);
    assert_eq!(convert(1e308, "m/s", "km/h"), f64::INFINITY);
    // The product on the way is too large, the result is not.
    let speed = convert(1.7e308, "km/h", "m/s");
    assert!((speed / 1.7e308 - 1.0 / 3.6).abs() < 1e-15);
    assert!(convert(1.7e308, "degF", "degC").is_finite());
    assert!(convert(f64::NAN, "degC", "K").is_nan());
    assert_eq!(
        convert(f64::NEG_INFINITY, "degC", "degF"),
        f64::NEG_INFINITY
    );
    assert_eq!(convert(-0.0, "MW", "kW").to_bits(), (-0.0f64).to_bits());
}

/// The factor of a row as a fraction, when it is one.
fn fraction(row: &Row) -> Option<(u128, u128)> {
    let text = row.factor.split(' ').next()?;
    let (num, den) = text.split_once('/').unwrap_or((text, "1"));
    let (whole, decimals) = num.split_once('.').unwrap_or((num, ""));
    let num = format!("{whole}{decimals}").parse().ok()?;
    Some((
        num,
        den.parse::<u128>().ok()? * 10u128.pow(decimals.len() as u32),
    ))
}

/// `num / den` by long division, to 30 digits after the point.
fn divide(num: u128, den: u128) -> f64 {
    let mut text = format!("{}.", num / den);
    let mut rest = num % den;
    for _ in 0..30 {
        rest *= 10;
        text.push_str(&(rest / den).to_string());
        rest %= den;
    }
    text.parse().unwrap()
}

fn pairs() -> Vec<(Row, Row)> {
    let rows = table();
    let mut pairs = vec![];
    for from in &rows {
        for to in rows.iter().filter(|to| to.quantity == from.quantity) {
            pairs.push((from.clone(), to.clone()));
        }
    }
    pairs
}

fn common(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { common(b, a % b) }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decimals_become_what_long_division_gives(digits in 0u32..1_000_000_000, decimals in 0u32..=6) {
        let value: f64 = format!("{digits}e-{decimals}").parse().unwrap();
        for (from, to) in pairs() {
            let (Some(a), Some(b)) = (fraction(&from), fraction(&to)) else { continue };
            let (num, den) = (a.0 * b.1, a.1 * b.0);
            let factor = common(num, den);
            let (num, den) = (num / factor, den / factor);
            // Beyond these, numbers on the way are no doubles, and the result is merely close.
            if num >= 1 << 53 || den >= (1 << 53) / 1_000_000 {
                continue;
            }
            let expected = divide(u128::from(digits) * num, den * 10u128.pow(decimals));
            let found = convert(value, from.symbol, to.symbol);
            prop_assert_eq!(found, expected, "{} {} in {}", value, from.symbol, to.symbol);
        }
    }

    #[test]
    fn there_and_back_again_is_where_it_began(value in -1e12f64..1e12, small in -100f64..100.0) {
        for (from, to) in pairs() {
            for value in [value, small] {
                let there = Conversion::between(from.symbol, to.symbol).unwrap();
                let back = Conversion::between(to.symbol, from.symbol).unwrap();
                // A zero that is elsewhere costs the digits below it.
                let size = if from.quantity == "temperature" { value.abs().max(500.0) } else { value.abs() };
                for back in [back, there.invert()] {
                    let found = back.apply(there.apply(value));
                    let error = (found - value).abs();
                    prop_assert!(
                        error <= size * 4.0 * f64::EPSILON,
                        "{} {} by way of {} is {}", value, from.symbol, to.symbol, found
                    );
                }
            }
        }
    }

    #[test]
    fn no_value_panics_and_only_no_number_gives_none(value: f64, a in any::<prop::sample::Index>()) {
        let pairs = pairs();
        let (from, to) = a.get(&pairs);
        let found = convert(value, from.symbol, to.symbol);
        prop_assert_eq!(found.is_nan(), value.is_nan());
    }
}

#[test]
fn units_of_different_quantities_are_refused_by_name() {
    let rows = table();
    for from in &rows {
        for to in rows.iter().filter(|to| to.quantity != from.quantity) {
            let error = Conversion::between(from.symbol, to.symbol).unwrap_err();
            let UnitError::Incompatible { .. } = error else {
                panic!("{error}");
            };
            let text = error.to_string();
            for (unit, quantity) in [(from.symbol, from.quantity), (to.symbol, to.quantity)] {
                assert!(text.contains(&format!("{unit:?} ({quantity})")), "{text}");
            }
        }
    }
}
