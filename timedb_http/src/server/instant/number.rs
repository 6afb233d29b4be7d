//! Numbers as instants: only with a unit that the request names, and digit by digit, because a float of seconds has
//! lost microseconds.

use super::{Malformed, RANGE, in_range};

/// What the numbers of a request count since 1970-01-01T00:00:00Z.
/// The point is so many digits further to the right in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    Seconds = 6,
    Milliseconds = 3,
    Microseconds = 0,
    Nanoseconds = -3,
}

impl TimeUnit {
    /// The unit that a request calls so.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "s" => Some(Self::Seconds),
            "ms" => Some(Self::Milliseconds),
            "us" => Some(Self::Microseconds),
            "ns" => Some(Self::Nanoseconds),
            _ => None,
        }
    }
}

/// More digits than any instant in range has.
const MOST_DIGITS: i64 = 18;

/// Reads a number as JSON writes it. What is finer than a microsecond is cut, as further digits of a second
/// are; `None` for what is not a number.
pub(crate) fn from_number(text: &str, unit: TimeUnit) -> Option<Result<i64, Malformed>> {
    let number = Decimal::read(text)?;
    Some(number.shifted(unit as i64).ok_or(RANGE).and_then(in_range))
}

/// Whether a text is nothing but a number, as somebody writes one who means seconds, a year, or a day without
/// hyphens.
pub(crate) fn is_number(text: &str) -> bool {
    let text = text.trim();
    let digits = text.strip_prefix('+').unwrap_or(text);
    let first = digits.trim_start_matches('-').bytes().next();
    first.is_some_and(|byte| byte.is_ascii_digit() || byte == b'.') && digits.parse::<f64>().is_ok()
}

/// Digits, and how many of them come before the point.
struct Decimal<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    point: i64,
}

impl<'a> Decimal<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        (is_digits(whole) && fraction.is_none_or(is_digits)).then(|| Self {
            negative: text.starts_with('-'),
            whole: whole.as_bytes(),
            fraction: fraction.unwrap_or_default().as_bytes(),
            point: (whole.len() as i64).saturating_add(exponent),
        })
    }

    /// The number times ten to the power of `shift`, rounded towards the past; `None` if it is too large.
    fn shifted(&self, shift: i64) -> Option<i64> {
        let mut digits = self.whole.iter().chain(self.fraction).peekable();
        let mut point = self.point.saturating_add(shift);
        while digits.next_if(|digit| **digit == b'0').is_some() {
            point = point.saturating_sub(1);
        }
        if digits.peek().is_none() {
            return Some(0);
        }
        if point > MOST_DIGITS {
            return None;
        }
        let mut size = 0;
        for _ in 0..point.max(0) {
            let digit = digits.next().map_or(0, |digit| i64::from(digit - b'0'));
            size = size * 10 + digit;
        }
        let rest = digits.any(|digit| *digit != b'0');
        Some(match self.negative {
            true => -size - i64::from(rest),
            false => size,
        })
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn read_exponent(text: &str) -> Option<i64> {
    if !is_digits(text.strip_prefix(['+', '-']).unwrap_or(text)) {
        return None;
    }
    // What does not fit is as good as the most that does.
    let is_negative = text.starts_with('-');
    let most = if is_negative { -i64::MAX } else { i64::MAX };
    Some(text.parse().unwrap_or(most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str, unit: &str) -> Option<Result<i64, Malformed>> {
        from_number(text, TimeUnit::named(unit).unwrap())
    }

    #[test]
    fn every_digit_counts_in_every_unit() {
        let micros = 1_735_689_600_123_456;
        for (text, unit) in [
            ("1735689600.123456", "s"),
            ("1735689600.1234567", "s"),
            ("1.735689600123456e9", "s"),
            ("1735689600123456E-6", "s"),
            ("1735689600123.456", "ms"),
            ("1735689600123456", "us"),
            ("1735689600123456.9", "us"),
            ("1735689600123456000", "ns"),
            ("1735689600123456999", "ns"),
        ] {
            assert_eq!(read(text, unit), Some(Ok(micros)), "{text} {unit}");
        }
        for (text, unit, micros) in [
            ("0", "s", 0),
            ("-0", "ns", 0),
            ("0.000000e999999999999999999999", "s", 0),
            ("-1.5", "s", -1_500_000),
            ("-1", "ns", -1),
            ("-1500", "ns", -2),
            ("1e-400", "s", 0),
            ("1e3", "ms", 1_000_000),
            ("-62135596800", "s", super::super::EARLIEST),
            ("253402300799999999", "us", super::super::LATEST),
        ] {
            assert_eq!(read(text, unit), Some(Ok(micros)), "{text} {unit}");
        }
    }

    #[test]
    fn what_is_no_number_or_too_large_is_refused() {
        for text in [
            "", "-", "+1", "1.", ".5", "1e", "1e+", "e5", "1 ", "0x10", "1_000", "٣", "inf", "NaN",
            "1.2.3",
        ] {
            assert_eq!(read(text, "s"), None, "{text}");
        }
        for text in [
            "253402300800",
            "-62135596801",
            "1e300",
            "1e99999999999999999999",
            "99999999999999999999",
            "-1e18",
        ] {
            assert_eq!(read(text, "s"), Some(Err(RANGE)), "{text}");
        }
    }

    #[test]
    fn texts_of_digits_are_told_from_others() {
        for text in [
            "20250101",
            "2025",
            "45658.0",
            "-1",
            "+1",
            " 5 ",
            ".5",
            "1e9",
            "-.5",
            "1735689600",
        ] {
            assert!(is_number(text), "{text}");
        }
        for text in [
            "",
            "-",
            "2025-01-01",
            "inf",
            "NaN",
            "-infinity",
            "12:00",
            "1 2",
            "e5",
            "2025-01",
        ] {
            assert!(!is_number(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_mean_what_they_say(number in super::super::EARLIEST..=super::super::LATEST) {
            prop_assert_eq!(read(&number.to_string(), "us"), Some(Ok(number)));
            prop_assert_eq!(read(&format!("{number}e-3"), "ms"), Some(Ok(number)));
            let nanos = i128::from(number) * 1000 + 999;
            prop_assert_eq!(read(&nanos.to_string(), "ns"), Some(Ok(number)));
        }
    }
}
