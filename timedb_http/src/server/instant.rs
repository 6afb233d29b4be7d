//! Instants as text and back: the formats that clients send, which speedate parses, and the one that they get.
//! Microseconds since 1970-01-01T00:00:00Z, years 1 to 9999, naive means UTC. `number` handles those that arrive as
//! numbers.

mod number;

use speedate::{
    Date, DateTime, MicrosecondsPrecisionOverflowBehavior, ParseError, Time, TimeConfig,
};
use strum::EnumMessage;

pub(crate) use number::{TimeUnit, from_number, is_number};

/// As long as a date is.
const DATE: usize = 10;
/// As long as a date with the shortest time of day is.
const SHORTEST_TIME: usize = 16;
/// More than six digits of a second are cut, not rounded.
const CUT: TimeConfig = TimeConfig {
    microseconds_precision_overflow_behavior: MicrosecondsPrecisionOverflowBehavior::Truncate,
    unix_timestamp_offset: None,
};
const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// 0001-01-01T00:00:00Z.
const EARLIEST: i64 = -62_135_596_800 * MICROS_PER_SECOND;
/// 9999-12-31T23:59:59.999999Z.
const LATEST: i64 = 253_402_300_800 * MICROS_PER_SECOND - 1;

/// What is wrong with a text that should be an instant, in pydantic's words where it has some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(&'static str);

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
    calendar(text.as_bytes()).map_err(|malformed| told(text, malformed))
}

/// As [`parse`], for what has been a part of a URL: an unescaped plus has become a space there, and after a
/// time of day it can have been nothing else.
pub(crate) fn parse_in_query(text: &str) -> Result<i64, Malformed> {
    let mut bytes = text.as_bytes().to_vec();
    let mut zone = bytes.iter_mut().skip(SHORTEST_TIME);
    if let Some(space) = zone.find(|byte| **byte == b' ') {
        *space = b'+';
    }
    calendar(&bytes).map_err(|malformed| told(text, malformed))
}

/// What is told of a text that is no date: what it is instead, if that is known.
fn told(text: &str, malformed: Malformed) -> Malformed {
    if is_number(text) {
        DIGITS
    } else if names_infinity(text) {
        INFINITE
    } else if has_far_year(text) {
        RANGE
    } else {
        malformed
    }
}

/// Whether a date begins with more than four digits, or with a minus.
fn has_far_year(text: &str) -> bool {
    let text = text.trim();
    let year = text.strip_prefix(['+', '-']).unwrap_or(text);
    let rest = year.trim_start_matches(|char: char| char.is_ascii_digit());
    let digits = year.len() - rest.len();
    rest.starts_with('-') && (digits > 4 || (digits == 4 && text.starts_with('-')))
}

fn names_infinity(text: &str) -> bool {
    let word = text.trim().trim_start_matches(['+', '-']);
    ["infinity", "inf", "nan"]
        .iter()
        .any(|name| word.eq_ignore_ascii_case(name))
}

/// An instant, if it is one of the years 1 to 9999.
pub(crate) fn in_range(micros: i64) -> Result<i64, Malformed> {
    let is_in_range = (EARLIEST..=LATEST).contains(&micros);
    is_in_range.then_some(micros).ok_or(RANGE)
}

/// `YYYY-MM-DD`, optionally followed by a separator, a time of day and an offset.
fn calendar(bytes: &[u8]) -> Result<i64, Malformed> {
    let (rest, hours) = match bytes {
        // An offset of whole hours, as PostgreSQL writes it.
        [
            rest @ ..,
            sign @ (b'+' | b'-'),
            tens @ b'0'..=b'9',
            ones @ b'0'..=b'9',
        ] if rest.len() >= SHORTEST_TIME => {
            let hours = i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
            (rest, Some(if *sign == b'-' { -hours } else { hours }))
        }
        _ => (bytes, None),
    };
    let malformed = |error: ParseError| malformed(&error, bytes);
    if rest.len() <= DATE {
        let date = Date::parse_bytes_rfc3339(rest).map_err(malformed)?;
        return in_range(date.timestamp() * MICROS_PER_SECOND);
    }
    let found = DateTime::parse_bytes_rfc3339_with_config(rest, &CUT).map_err(malformed)?;
    if found.date.year == 0 {
        return Err(RANGE);
    }
    let seconds = found.timestamp_tz();
    let seconds = match (hours, found.time.tz_offset) {
        // U+2212 is not accepted as the sign of an offset.
        (None, _) if bytes.is_ascii() => seconds,
        (Some(hours @ -23..=23), None) => seconds - hours * 3600,
        (Some(_), None) => return Err(ZONE),
        _ => return Err(EXTRA),
    };
    in_range(seconds * MICROS_PER_SECOND + i64::from(found.time.microsecond))
}

/// Reads a time of day, in microseconds since midnight.
pub(crate) fn time_of_day(text: &str) -> Result<i64, Malformed> {
    let bytes = text.trim().as_bytes();
    match Time::parse_bytes_with_config(bytes, &CUT) {
        Ok(time) if time.tz_offset.is_none() => {
            Ok(i64::from(time.total_seconds()) * MICROS_PER_SECOND + i64::from(time.microsecond))
        }
        Ok(_) => Err(EXTRA),
        Err(error) => match malformed(&error, bytes) {
            ZONE => Err(EXTRA),
            other => Err(other),
        },
    }
}

/// What speedate finds wrong with a text, in the words of this API.
fn malformed(error: &ParseError, bytes: &[u8]) -> Malformed {
    let digits = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_digit);
    match error {
        ParseError::InvalidCharTzSign | ParseError::ExtraCharacters => EXTRA,
        ParseError::InvalidCharTzHour
        | ParseError::InvalidCharTzMinute
        | ParseError::OutOfRangeTzMinute
        | ParseError::OutOfRangeTz => match bytes.is_ascii() {
            true => ZONE,
            false => EXTRA,
        },
        ParseError::InvalidCharDateTimeSep if digits(&bytes[DATE..]) => EXTRA,
        // Digits are checked before what separates them.
        ParseError::InvalidCharDateSep if !digits(&bytes[5..7]) => {
            Malformed("invalid character in month")
        }
        ParseError::InvalidCharDateSep if !digits(&bytes[8..10]) => {
            Malformed("invalid character in day")
        }
        ParseError::SecondFractionMissing => Malformed("second fraction value is missing"),
        // Those are pydantic's words, which come from there.
        other => Malformed(other.get_documentation().unwrap_or("it is malformed")),
    }
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
pub enum Precision {
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
pub struct Formatter {
    precision: Precision,
    day: i64,
    text: [u8; 32],
}

impl Formatter {
    /// For times that need this precision.
    pub fn new(precision: Precision) -> Self {
        Self {
            precision,
            day: i64::MIN,
            text: *b"0000-00-00T00:00:00.000000+00:00",
        }
    }

    /// Appends an instant. A fraction is never left out, whatever was said of the precision.
    pub fn write(&mut self, micros: i64, out: &mut Vec<u8>) {
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
    fn what_is_wrong_with_a_text_is_told() {
        for (text, told) in [
            ("2025-1-1", "input is too short"),
            ("2025-01-01T12", "input is too short"),
            ("soon and not later", "invalid character in year"),
            ("20250101T000000Z", "invalid character in day"),
            ("2025/01/01", "invalid date separator, expected `-`"),
            (
                "2025-13-01",
                "month value is outside expected range of 1-12",
            ),
            ("2025-02-29", "day value is outside expected range"),
            (
                "2025-01-01x12:00",
                "invalid datetime separator, expected `T`, `t`, `_` or space",
            ),
            (
                "2025-01-01T24:00",
                "hour value is outside expected range of 0-23",
            ),
            ("2025-01-01T00:00:00.Z", "second fraction value is missing"),
            ("2025-01-01T00:00+24", "invalid timezone offset"),
            ("2025-01-01T00:00+2", "invalid timezone offset"),
            (
                "2025-01-01T00:00Z+02",
                "unexpected extra characters at the end of the input",
            ),
            (
                "2025-01-01T00:00\u{2212}02:00",
                "unexpected extra characters at the end of the input",
            ),
            (
                "2025-01-0112",
                "unexpected extra characters at the end of the input",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), told, "{text}");
        }
        let of_day = |text| time_of_day(text).map_err(|malformed| malformed.to_string());
        assert_eq!(of_day(" 12:00:00.5 "), Ok(43_200_500_000));
        let extra = "unexpected extra characters at the end of the input";
        for text in ["12:00Z", "12:00+02:00", "12:00+"] {
            assert_eq!(of_day(text), Err(extra.to_owned()), "{text}");
        }
    }

    #[test]
    fn years_beyond_1_to_9999_are_refused() {
        assert_eq!(parse("0001-01-01T00:00:00Z"), Ok(EARLIEST));
        assert_eq!(parse("9999-12-31T23:59:59.999999Z"), Ok(LATEST));
        assert_eq!(parse("0000-06-01"), Err(RANGE));
        for far in [
            "300000-01-01T00:00:00Z",
            "+10000-01-01",
            "-0001-01-01",
            " -2025-01-01",
        ] {
            assert_eq!(parse(far), Err(RANGE), "{far}");
        }
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
