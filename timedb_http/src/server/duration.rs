//! Lengths of time as text: what clients write for `24h`, and the interval that the database gets.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use jiff::Span;
use tokio_postgres::types::{IsNull, ToSql, Type, accepts, to_sql_checked};

/// A PostgreSQL `interval`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interval {
    pub months: i32,
    pub days: i32,
    pub micros: i64,
}

/// Why a text is not a length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoLength {
    Unreadable,
    /// A capital M as a unit: minutes to some, months to others, and to ISO 8601 either.
    MinuteOrMonth,
}

/// Reads `24h`, `-12 hours`, `1 day 6h`, `15 min`, `3 months`, ISO 8601 such as `PT15M`, `36:00:00`, or a
/// number of seconds.
pub(crate) fn parse(text: &str) -> Result<Interval, NoLength> {
    let text = text.trim();
    if names_minute_or_month(text) {
        return Err(NoLength::MinuteOrMonth);
    }
    read(text).ok_or(NoLength::Unreadable)
}

/// Whether a unit is `M`, or `MS` as others abbreviate the start of a month. In ISO 8601 the place says which of
/// the two an M is.
fn names_minute_or_month(text: &str) -> bool {
    let unsigned = text.trim_start_matches(['+', '-']);
    if unsigned.starts_with(['P', 'p']) {
        return false;
    }
    let mut words = unsigned.split(|c: char| !c.is_alphabetic());
    words.any(|word| matches!(word, "M" | "MS"))
}

fn read(text: &str) -> Option<Interval> {
    if let Ok(seconds) = text.parse::<f64>() {
        let micros = (seconds * 1e6).round();
        // A double holds microseconds to the digit for longer than any length that makes sense.
        return (micros.abs() < 9e15).then_some(Interval {
            micros: micros as i64,
            ..Interval::default()
        });
    }
    let span: Span = text
        .parse()
        .or_else(|_| text.to_ascii_lowercase().parse())
        .ok()?;
    interval(span)
}

fn interval(span: Span) -> Option<Interval> {
    // Each unit of a span is at most some 20,000 years, so nothing here overflows.
    let micros = i64::from(span.get_hours()) * 3_600_000_000
        + span.get_minutes() * 60_000_000
        + span.get_seconds() * 1_000_000
        + span.get_milliseconds() * 1000
        + span.get_microseconds()
        + span.get_nanoseconds() / 1000;
    (span.get_nanoseconds() % 1000 == 0).then_some(Interval {
        months: i32::from(span.get_years()) * 12 + span.get_months(),
        days: span.get_weeks() * 7 + span.get_days(),
        micros,
    })
}

impl ToSql for Interval {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(self.micros);
        out.put_i32(self.days);
        out.put_i32(self.months);
        Ok(IsNull::No)
    }

    accepts!(INTERVAL);
    to_sql_checked!();
}

/// A time of day in microseconds since midnight, sent as `time`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeOfDay(pub i64);

impl ToSql for TimeOfDay {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(self.0);
        Ok(IsNull::No)
    }

    accepts!(TIME);
    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_that_clients_write_are_read() {
        let hours = |hours: i64| Interval {
            micros: hours * 3_600_000_000,
            ..Interval::default()
        };
        for (text, expected) in [
            ("24h", hours(24)),
            ("-12 hours", hours(-12)),
            ("-12h", hours(-12)),
            ("PT24H", hours(24)),
            ("-PT1H", hours(-1)),
            ("36:00:00", hours(36)),
            ("3600", hours(1)),
            ("-3600.0", hours(-1)),
            ("1H", hours(1)),
            ("60 min", hours(1)),
            ("0", hours(0)),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
        let days = |days| Interval {
            days,
            ..Interval::default()
        };
        assert_eq!(parse("1 day"), Ok(days(1)));
        assert_eq!(parse("1D"), Ok(days(1)));
        assert_eq!(parse("P1D"), Ok(days(1)));
        assert_eq!(parse("1 week"), Ok(days(7)));
        let mixed = Interval {
            months: 14,
            days: 3,
            micros: 1_500_000,
        };
        assert_eq!(parse("1 year 2 months 3 days 1.5s"), Ok(mixed));
        assert_eq!(
            parse("0.25"),
            Ok(Interval {
                micros: 250_000,
                ..Interval::default()
            })
        );
    }

    #[test]
    fn what_is_no_length_is_refused() {
        for text in [
            "",
            "soon",
            "h",
            "1 fortnight",
            "NaN",
            "inf",
            "1e300",
            "2025-01-01",
            "1 nanosecond",
        ] {
            assert_eq!(parse(text), Err(NoLength::Unreadable), "{text}");
        }
    }

    #[test]
    fn a_capital_m_is_nobody_knows_what() {
        for text in [
            "1M", "-1M", "3 M", "1h 15M", "1h15M", "15M30s", "+1M", "1MS", "1M, 2h",
        ] {
            assert_eq!(parse(text), Err(NoLength::MinuteOrMonth), "{text}");
        }
        let minutes = |minutes: i64| Interval {
            micros: minutes * 60_000_000,
            ..Interval::default()
        };
        let months = |months| Interval {
            months,
            ..Interval::default()
        };
        for (text, length) in [
            ("1m", minutes(1)),
            ("1min", minutes(1)),
            ("1 MIN", minutes(1)),
            ("PT1M", minutes(1)),
            ("-PT15M", minutes(-15)),
            ("P1M", months(1)),
            (
                "P1MT1M",
                Interval {
                    months: 1,
                    ..minutes(1)
                },
            ),
            ("1mo", months(1)),
            ("1 Month", months(1)),
        ] {
            assert_eq!(parse(text), Ok(length), "{text}");
        }
    }
}
