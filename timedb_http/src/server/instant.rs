//! Instants as text and back: the formats that clients send, the one that they get. Microseconds since
//! 1970-01-01T00:00:00Z, years 1 to 9999, naive means UTC. `number` has those that come as numbers.

mod number;

use std::fmt;

pub(crate) use number::{TimeUnit, from_number, is_number};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// 0001-01-01T00:00:00Z.
const EARLIEST: i64 = -62_135_596_800 * MICROS_PER_SECOND;
/// 9999-12-31T23:59:59.999999Z.
const LATEST: i64 = 253_402_300_800 * MICROS_PER_SECOND - 1;

/// What is wrong with a text that should be an instant, in pydantic's words where it has some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(&'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

const TOO_SHORT: Malformed = Malformed("input is too short");
const EXTRA: Malformed = Malformed("unexpected extra characters at the end of the input");
const RANGE: Malformed = Malformed("years 1 to 9999 are accepted");
const INFINITE: Malformed = Malformed("infinity is not accepted");
/// "20250101" is a day to one and seconds to another.
const DIGITS: Malformed = Malformed("digits alone are not a time");
const ZONE: Malformed = Malformed("invalid timezone offset");

impl Malformed {
    /// Whether the text is digits, which a unit might make a time of.
    pub(crate) fn is_digits(self) -> bool {
        self == DIGITS
    }
}

/// Reads ISO 8601 in the forms that compatible clients use. Digits alone are none of them.
///
/// # Errors
/// What is wrong with the text.
pub fn parse(text: &str) -> Result<i64, Malformed> {
    read(text, false)
}

/// As [`parse`], for what has been a part of a URL: a plus that nobody escaped has become a space there, and
/// behind a time of day it can have been nothing else.
pub(crate) fn parse_in_query(text: &str) -> Result<i64, Malformed> {
    read(text, true)
}

fn read(text: &str, space_is_plus: bool) -> Result<i64, Malformed> {
    calendar(text.as_bytes(), space_is_plus).map_err(|malformed| {
        if is_number(text) {
            DIGITS
        } else if names_infinity(text) {
            INFINITE
        } else {
            malformed
        }
    })
}

fn names_infinity(text: &str) -> bool {
    let word = text.trim().trim_start_matches(['+', '-']);
    ["infinity", "inf", "nan"]
        .iter()
        .any(|name| word.eq_ignore_ascii_case(name))
}

fn in_range(micros: i64) -> Result<i64, Malformed> {
    if (EARLIEST..=LATEST).contains(&micros) {
        Ok(micros)
    } else {
        Err(RANGE)
    }
}

/// `YYYY-MM-DD`, optionally followed by a separator, a time of day and an offset.
fn calendar(bytes: &[u8], space_is_plus: bool) -> Result<i64, Malformed> {
    if bytes.len() < 10 {
        return Err(TOO_SHORT);
    }
    let year = number(&bytes[..4]).ok_or(Malformed("invalid character in year"))?;
    let month = number(&bytes[5..7]).ok_or(Malformed("invalid character in month"))?;
    let day = number(&bytes[8..10]).ok_or(Malformed("invalid character in day"))?;
    if bytes[4] != b'-' || bytes[7] != b'-' {
        return Err(Malformed("invalid date separator, expected `-`"));
    }
    if year == 0 {
        return Err(RANGE);
    }
    if !(1..=12).contains(&month) {
        return Err(Malformed("month value is outside expected range of 1-12"));
    }
    if day == 0 || day > days_in_month(year, month) {
        return Err(Malformed("day value is outside expected range"));
    }
    let midnight = days_from_civil(year, month, day) * MICROS_PER_DAY;
    let rest = match bytes.get(10) {
        None => return Ok(midnight),
        Some(b'T' | b't' | b' ' | b'_') => &bytes[11..],
        Some(_) if bytes[10..].iter().all(u8::is_ascii_digit) => return Err(EXTRA),
        Some(_) => {
            return Err(Malformed(
                "invalid datetime separator, expected `T`, `t`, `_` or space",
            ));
        }
    };
    let (time_of_day, rest) = clock(rest)?;
    in_range(midnight + time_of_day - offset(rest, space_is_plus)?)
}

/// Reads a time of day, in microseconds since midnight.
pub(crate) fn time_of_day(text: &str) -> Result<i64, Malformed> {
    match clock(text.trim().as_bytes())? {
        (micros, []) => Ok(micros),
        _ => Err(EXTRA),
    }
}

/// `HH:MM[:SS[.fraction]]`; gives the microseconds since midnight and what follows.
fn clock(bytes: &[u8]) -> Result<(i64, &[u8]), Malformed> {
    if bytes.len() < 5 {
        return Err(TOO_SHORT);
    }
    let hour = number(&bytes[..2]).ok_or(Malformed("invalid character in hour"))?;
    let minute = number(&bytes[3..5]).ok_or(Malformed("invalid character in minute"))?;
    if bytes[2] != b':' {
        return Err(Malformed("invalid time separator, expected `:`"));
    }
    if hour > 23 {
        return Err(Malformed("hour value is outside expected range of 0-23"));
    }
    if minute > 59 {
        return Err(Malformed("minute value is outside expected range of 0-59"));
    }
    let mut micros = (hour * 3600 + minute * 60) * MICROS_PER_SECOND;
    let mut rest = &bytes[5..];
    if let [b':', after @ ..] = rest {
        let second = after
            .get(..2)
            .and_then(number)
            .ok_or(Malformed("invalid character in second"))?;
        if second > 59 {
            return Err(Malformed("second value is outside expected range of 0-59"));
        }
        micros += second * MICROS_PER_SECOND;
        rest = &after[2..];
        if let [b'.' | b',', after @ ..] = rest {
            let digits = after.iter().take_while(|b| b.is_ascii_digit()).count();
            if digits == 0 {
                return Err(Malformed("second fraction value is missing"));
            }
            // More than six digits are cut, not rounded.
            let mut unit = MICROS_PER_SECOND / 10;
            for digit in &after[..digits.min(6)] {
                micros += i64::from(digit - b'0') * unit;
                unit /= 10;
            }
            rest = &after[digits..];
        }
    }
    Ok((micros, rest))
}

/// `Z`, `+HH`, `+HHMM`, `+HH:MM` or nothing, in microseconds east of UTC.
fn offset(bytes: &[u8], space_is_plus: bool) -> Result<i64, Malformed> {
    let (sign, digits) = match bytes {
        [] | [b'Z' | b'z'] => return Ok(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        [b' ', rest @ ..] if space_is_plus => (1, rest),
        _ => return Err(EXTRA),
    };
    let (hours, minutes) = match digits {
        [_, _] => (digits, &b"00"[..]),
        [_, _, _, _] => digits.split_at(2),
        [_, _, b':', _, _] => (&digits[..2], &digits[3..]),
        _ => return Err(ZONE),
    };
    let (hours, minutes) = number(hours).zip(number(minutes)).ok_or(ZONE)?;
    if hours > 23 || minutes > 59 {
        return Err(ZONE);
    }
    Ok(sign * (hours * 3600 + minutes * 60) * MICROS_PER_SECOND)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| sum * 10 + i64::from(digit))
    })
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date in the Gregorian calendar (Hinnant's algorithm: years begin in March).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date of a number of days since 1970-01-01.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// How the times of one answer are written, all of them alike: who reads a column of times takes the form of the
/// first one for that of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Precision {
    /// None has a fraction of a second.
    #[default]
    Seconds,
    /// Some have one, or may: all are written with six digits.
    Microseconds,
}

impl Precision {
    /// What these times need.
    pub(crate) fn of(times: impl IntoIterator<Item = i64>) -> Self {
        let mut times = times.into_iter();
        match times.any(|micros| micros % MICROS_PER_SECOND != 0) {
            true => Self::Microseconds,
            false => Self::Seconds,
        }
    }

    /// What both need.
    pub(crate) fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Microseconds => self,
            Self::Seconds => other(),
        }
    }
}

/// Writes instants as `2025-01-01T00:00:00+00:00`, keeping the last day's digits: rows mostly share their day.
pub(crate) struct Formatter {
    precision: Precision,
    day: i64,
    text: [u8; 32],
}

impl Formatter {
    pub(crate) fn new(precision: Precision) -> Self {
        Self {
            precision,
            day: i64::MIN,
            text: *b"0000-00-00T00:00:00.000000+00:00",
        }
    }

    /// Appends an instant. A fraction is never left out, whatever was said of the precision.
    pub(crate) fn write(&mut self, micros: i64, out: &mut Vec<u8>) {
        let day = micros.div_euclid(MICROS_PER_DAY);
        let within = micros.rem_euclid(MICROS_PER_DAY);
        if day != self.day {
            self.day = day;
            let (year, month, date) = civil_from_days(day);
            self.put(0, year / 100);
            self.put(2, year % 100);
            self.put(5, month);
            self.put(8, date);
        }
        let seconds = within / MICROS_PER_SECOND;
        self.put(11, seconds / 3600);
        self.put(14, seconds / 60 % 60);
        self.put(17, seconds % 60);
        let fraction = within % MICROS_PER_SECOND;
        if fraction == 0 && self.precision == Precision::Seconds {
            out.extend_from_slice(&self.text[..19]);
            out.extend_from_slice(b"+00:00");
        } else {
            self.put(20, fraction / 10_000);
            self.put(22, fraction / 100 % 100);
            self.put(24, fraction % 100);
            out.extend_from_slice(&self.text);
        }
    }

    /// Two digits at a place.
    fn put(&mut self, at: usize, number: i64) {
        self.text[at] = b'0' + (number / 10) as u8;
        self.text[at + 1] = b'0' + (number % 10) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEW_YEAR: i64 = 1_735_689_600_000_000;

    fn show(micros: i64) -> String {
        let mut out = Vec::new();
        Formatter::new(Precision::Seconds).write(micros, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_accepted_form_means_the_same_instant() {
        for text in [
            "2025-01-01T00:00:00Z",
            "2025-01-01T00:00:00z",
            "2025-01-01T00:00:00",
            "2025-01-01T00:00:00+00:00",
            "2025-01-01T02:00:00+02:00",
            "2025-01-01T02:00:00+0200",
            "2025-01-01T02:00:00+02",
            "2024-12-31T19:30:00-04:30",
            "2025-01-01 00:00:00",
            "2025-01-01 00:00",
            "2025-01-01T00:00",
            "2025-01-01T00:00Z",
            "2025-01-01",
            "2025-01-01T00:00:00.0000009Z",
        ] {
            assert_eq!(parse(text), Ok(NEW_YEAR), "{text}");
            assert_eq!(parse_in_query(text), Ok(NEW_YEAR), "{text}");
        }
        assert_eq!(
            parse("2025-01-01T00:00:00.1234567Z"),
            Ok(NEW_YEAR + 123_456)
        );
        assert_eq!(parse("2025-01-01T00:00:00.5Z"), Ok(NEW_YEAR + 500_000));
    }

    #[test]
    fn a_plus_that_has_become_a_space_is_read_where_it_can_be_nothing_else() {
        for text in [
            "2025-01-01T00:00:00 00:00",
            "2025-01-01T02:00:00 02:00",
            "2025-01-01 02:00:00 0200",
            "2025-01-01T02:00 02",
            "2025-01-01T00:00:00.0 00:00",
        ] {
            assert_eq!(parse_in_query(text), Ok(NEW_YEAR), "{text}");
            assert!(parse(text).is_err(), "{text}");
        }
        for text in [
            "2025-01-01T00:00:00 ",
            "2025-01-01T00:00:00  00:00",
            "2025-01-01T00:00:00 Z",
            "2025-01-01T00:00:00 1",
            "2025-01-01 00:00:00 24:00",
            "2025-01-01 ",
            "2025-01-01 02",
        ] {
            assert!(parse_in_query(text).is_err(), "{text}");
        }
    }

    #[test]
    fn digits_alone_are_no_time() {
        for text in [
            "20250101",
            "2025",
            "45658.0",
            "1735689600",
            "1735689600000",
            "-1",
            "1e9",
        ] {
            assert!(parse(text).unwrap_err().is_digits(), "{text}");
            assert!(parse_in_query(text).unwrap_err().is_digits(), "{text}");
        }
    }

    #[test]
    fn malformed_texts_are_refused() {
        for text in [
            "",
            "soon",
            "2025-13-01",
            "2025-02-29",
            "2025-02-30T00:00:00Z",
            "2025-01-01T24:00:00Z",
            "2025-01-01T00:60:00Z",
            "2025-01-01T00:00:60Z",
            "2025-01-01T00:00:00.Z",
            "2025-01-01T00:00:00+2",
            "2025-01-01T00:00:00+24:00",
            "2025-01-01T00:00:00ZZ",
            "2025-01-01x",
            "2025/01/01",
            "٢٠٢٥-01-01",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("infinity"), Err(INFINITE));
        assert_eq!(parse("-Infinity"), Err(INFINITE));
    }

    #[test]
    fn years_beyond_1_to_9999_are_refused() {
        assert_eq!(parse("0001-01-01T00:00:00Z"), Ok(EARLIEST));
        assert_eq!(parse("9999-12-31T23:59:59.999999Z"), Ok(LATEST));
        assert_eq!(parse("0000-06-01"), Err(RANGE));
        assert_eq!(parse("0001-01-01T00:00:00+01:00"), Err(RANGE));
        assert_eq!(parse("9999-12-31T23:59:59-01:00"), Err(RANGE));
        assert!(parse("10000-01-01").is_err());
    }

    #[test]
    fn instants_are_written_in_utc_with_microseconds_where_one_has_some() {
        assert_eq!(Precision::of([]), Precision::Seconds);
        assert_eq!(Precision::of([0, -1_000_000, NEW_YEAR]), Precision::Seconds);
        assert_eq!(Precision::of([NEW_YEAR, -1]), Precision::Microseconds);
        let mut out = Vec::new();
        Formatter::new(Precision::Microseconds).write(NEW_YEAR, &mut out);
        assert_eq!(out, b"2025-01-01T00:00:00.000000+00:00");
        assert_eq!(show(NEW_YEAR), "2025-01-01T00:00:00+00:00");
        assert_eq!(show(NEW_YEAR + 1), "2025-01-01T00:00:00.000001+00:00");
        assert_eq!(show(-1), "1969-12-31T23:59:59.999999+00:00");
        assert_eq!(show(EARLIEST), "0001-01-01T00:00:00+00:00");
        assert_eq!(show(LATEST), "9999-12-31T23:59:59.999999+00:00");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(micros in EARLIEST..=LATEST, next in EARLIEST..=LATEST) {
            let mut formatter = Formatter::new(Precision::of([micros]));
            for micros in [micros, next] {
                let mut out = Vec::new();
                formatter.write(micros, &mut out);
                prop_assert_eq!(parse(std::str::from_utf8(&out).unwrap()), Ok(micros));
            }
        }
    }
}
