//! How units are written: variants that mean the same, texts that are refused, and a naive model of
//! compounds.

use proptest::prelude::*;
use timedb_units::{Conversion, UnitError, is_known, table};

#[test]
fn variants_of_a_spelling_mean_the_same() {
    for variants in [
        &[
            "MW",
            "megawatt",
            "Megawatts",
            "MEGAWATT",
            "1 MW",
            "(MW)",
            "J/µs",
            "MJ/s",
        ][..],
        &[
            "kWh",
            "kilowatt_hour",
            "kilowatt hour",
            "kilowatt-hour",
            "kilowatt hours",
            "kW h",
            "kW*h",
            "kW·h",
            "kW.h",
        ],
        &[
            "degC",
            "°C",
            "℃",
            "celsius",
            "Celsius",
            "degree_Celsius",
            "degree Celsius",
        ],
        &[
            "W/m2",
            "W/m^2",
            "W/m**2",
            "W/m²",
            "W m-2",
            "W.m-2",
            "W m⁻²",
            "W*m^-2",
            "watt / meter ** 2",
            "watt per meter^2",
            "watt/metre/m",
        ],
        &[
            "m/s",
            "meter/second",
            "meter / second",
            "metres per second",
            "m s-1",
            "m s^-1",
            "m·s⁻¹",
            "1/(s/m)",
        ],
        &["%", "percent", "Percent"],
        &["dimensionless", "", " ", "fraction", "1", "m/m", "pu"],
        &["l", "L", "liter", "litres", "dm3", "dm^3", "(dm)^3"],
        &["t", "tonne", "metric_ton", "metric ton", "Mg"],
        &["Mvar", "MVAr", "MVAR", "megavolt_ampere_reactive"],
        &["ohm", "Ω", "Ω", "V/A"],
        &["µm", "μm", "um", "micrometer"],
        &[
            "kgCO2/MWh",
            "kg CO2/MWh",
            "kg CO2 / megawatt hour",
            "gCO₂/kWh",
            "kg_CO2 per MWh",
        ],
        &[
            "EUR/MWh",
            "€/MWh",
            "euro/MWh",
            "euros per megawatt hour",
            "kEUR/GWh",
        ],
        &["W/m2/K", "W/(m2 K)", "W/(m^2*K)", "W m-2 K-1"],
        &[
            "kn",
            "knot",
            "knots",
            "kt",
            "nmi/h",
            "nautical mile per hour",
        ],
        &[
            "kWh/m2",
            "kilowatt_hour / meter ** 2",
            "kilowatt hour / m²",
            "kWh/m/m",
        ],
        &[
            "kWh/(m2 a)",
            "kWh m-2 a-1",
            "kWh/m2/year",
            "kWh per m2 per yr",
        ],
        &["h", "hr", "hour", "hours"],
        &["ft3", "foot^3", "feet ** 3"],
    ] {
        let (first, others) = variants.split_first().unwrap();
        for other in others {
            let same = Conversion::between(first, other).unwrap_or_else(|error| panic!("{error}"));
            assert!(same.is_identity() && is_known(other), "{first} {other}");
        }
    }
}

#[test]
fn a_text_that_can_be_read_in_two_ways_or_not_at_all_is_refused() {
    for (unit, why) in [
        ("W/m2 K", "parentheses"),
        ("kg/m*s", "parentheses"),
        ("degC/h", "used alone"),
        ("K*degF", "used alone"),
        ("degC2", "used alone"),
        ("15 min", "number"),
        ("MWh/15min", "number"),
        ("10 m", "number"),
        ("m0", "exponent"),
        ("m10", "exponent"),
        ("m^10", "exponent"),
        ("m¹²", "exponent"),
        ("m^1.1", "product or quotient"),
        ("1.0", "product or quotient"),
        ("m^1.5", "product or quotient"),
        ("m^", "exponent"),
        ("m2^2", "product or quotient"),
        ("m//s", "product or quotient"),
        ("m/", "product or quotient"),
        ("/s", "product or quotient"),
        ("(m", "product or quotient"),
        ("m)", "product or quotient"),
        ("(m)(s)", "product or quotient"),
        ("m²s", "product or quotient"),
        ("W-h", "product or quotient"),
        ("Qm9 Qm9", "too large"),
        ("psi9", "too large"),
        ("((((((((((m))))))))))", "nested too deeply"),
        (&"m".repeat(129), "128 bytes"),
    ] {
        assert!(!is_known(unit), "{unit}");
        let error = Conversion::between(unit, "m").unwrap_err();
        assert!(matches!(error, UnitError::Unreadable { .. }), "{error}");
        assert!(error.to_string().contains(why), "{unit}: {error}");
    }
    for unit in [
        "widgets", "Nm3", "Sm3/h", "hp", "ton", "month", "KW", "kwh", "TEUR", "dBm", "$/MWh",
        "barg", "per day",
    ] {
        let error = Conversion::between("m", unit).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("{unit:?}")), "{text}");
        assert!(!is_known(unit));
    }
}

#[test]
fn what_only_looks_alike_is_not_converted() {
    for (from, to, message) in [
        (
            "MW",
            "degC",
            r#"cannot convert "MW" (power) to "degC" (temperature)"#,
        ),
        (
            "VA",
            "W",
            r#"cannot convert "VA" (apparent power) to "W" (power)"#,
        ),
        (
            "kvarh",
            "kWh",
            r#"cannot convert "kvarh" (reactive energy) to "kWh" (energy)"#,
        ),
        (
            "kWp",
            "kW",
            r#"cannot convert "kWp" (peak power) to "kW" (power)"#,
        ),
        (
            "rpm",
            "Hz",
            r#"cannot convert "rpm" (angular speed) to "Hz" (frequency)"#,
        ),
        (
            "EUR",
            "USD",
            r#"cannot convert "EUR" (money in EUR) to "USD" (money in USD)"#,
        ),
        (
            "EUR/MWh",
            "gCO2/kWh",
            r#"cannot convert "EUR/MWh" (money in EUR per energy) to "gCO2/kWh" (mass of CO2 per energy)"#,
        ),
        (
            "W/m2",
            "m3/h",
            r#"cannot convert "W/m2" (power per area) to "m3/h" (volume per time)"#,
        ),
        (
            "tCO2",
            "tCO2e",
            r#"cannot convert "tCO2" (mass of CO2) to "tCO2e" (mass of CO2 equivalent)"#,
        ),
        (
            "Pa s",
            "EUR/USD",
            r#"cannot convert "Pa s" (length^-1 mass time^-1) to "EUR/USD" (EUR USD^-1)"#,
        ),
    ] {
        assert_eq!(
            Conversion::between(from, to).unwrap_err().to_string(),
            message
        );
    }
}

#[test]
fn a_message_holds_only_the_beginning_of_a_long_text() {
    let long = "é".repeat(5000);
    let text = Conversion::between(&long, "m").unwrap_err().to_string();
    assert!(text.len() < 300 && text.contains("..."), "{text}");
}

/// How one factor of a compound is written.
fn power(symbol: &str, exponent: i8, style: usize) -> String {
    // Symbols that end in a digit are no words that an exponent can stick to.
    match style % 3 {
        0 if exponent == 1 => symbol.to_owned(),
        1 => format!("({symbol})**{exponent}"),
        _ => format!("{symbol} ^ {exponent}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn compounds_are_the_products_of_their_parts(
        parts in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), -3i8..=3, 0usize..3), 1..5),
        slash: bool,
    ) {
        let rows = table();
        let rows: Vec<_> = rows.iter().filter(|row| !row.factor.starts_with("K =") && !row.symbol.is_empty()).collect();
        let (mut text, mut coherent, mut expected) = (String::new(), String::from("1"), 1.0f64);
        for (index, prefixed, exponent, style) in parts {
            if exponent == 0 {
                continue;
            }
            let row = *index.get(&rows);
            let kilo = prefixed && !row.prefixes.is_empty() && row.symbol != "t";
            let symbol = format!("{}{}", if kilo { "k" } else { "" }, row.symbol);
            let (number, unit) = row.factor.split_once(' ').unwrap_or((&row.factor, "1"));
            let number: f64 = match number.split_once('/') {
                Some(("π", den)) => std::f64::consts::PI / den.parse::<f64>().unwrap(),
                Some((num, den)) => num.parse::<f64>().unwrap() / den.parse::<f64>().unwrap(),
                None if number == "2π" => std::f64::consts::TAU,
                None => number.parse().unwrap(),
            };
            let factor = number * if kilo { 1000.0 } else { 1.0 };
            expected *= factor.powi(i32::from(exponent));
            let written = if slash && !text.is_empty() {
                format!(" / {}", power(&symbol, -exponent, style))
            } else {
                format!("{}{}", if text.is_empty() { "" } else { " * " }, power(&symbol, exponent, style))
            };
            text.push_str(&written);
            let exponent = format!("({unit})^{exponent}");
            coherent.push_str(&format!("*{exponent}"));
        }
        let conversion = match Conversion::between(&text, &coherent) {
            Ok(conversion) => conversion,
            // Powers of acres and pounds have many digits.
            Err(UnitError::Unreadable { reason, .. }) if reason.contains("too large") || reason.contains("128") => return Ok(()),
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        let found = conversion.apply(1.0);
        prop_assert!((found / expected - 1.0).abs() < 1e-12, "1 {} is {} {}, not {}", text, found, coherent, expected);
    }

    #[test]
    fn no_text_panics(a: String, b: String) {
        let _ = Conversion::between(&a, &b).map(|conversion| conversion.apply(1.5));
    }

    #[test]
    fn no_text_that_looks_like_a_unit_panics(a in "[mskWhgdegCEUR%°µ²³⁻⁰/*^(). 0-9_-]{0,30}", b in "[(]{0,140}m?[)]{0,140}") {
        for unit in [&a, &b] {
            match Conversion::between(unit, "kWh") {
                Ok(conversion) => prop_assert!(is_known(unit) && conversion.apply(1.0) > 0.0),
                Err(UnitError::Incompatible { .. }) => prop_assert!(is_known(unit)),
                Err(_) => prop_assert!(!is_known(unit)),
            }
        }
    }
}
