//! Instants at the edge of the extension: PostgreSQL's epoch (2000) against Unix time (1970).
//!
//! Everything behind this edge, segments and packed columns alike, is Unix microseconds.

use crate::pg::error::{Error, Result};
use pgrx::pg_sys::panic::CaughtError;
use pgrx::pg_sys::{self, Datum};
use pgrx::{PgSqlErrorCode, PgTryBuilder};
use std::ffi::CString;

/// Microseconds from the Unix epoch to PostgreSQL's.
const EPOCH_OFFSET: i64 = 946_684_800_000_000;

/// 0001-01-01T00:00:00Z.
pub const MIN_TIME: i64 = -62_135_596_800_000_000;
/// 9999-12-31T23:59:59.999999Z.
pub const MAX_TIME: i64 = 253_402_300_799_999_999;

/// PostgreSQL's `-infinity` and `infinity`.
pub const PG_MINUS_INFINITY: i64 = i64::MIN;
/// See [`PG_MINUS_INFINITY`].
pub const PG_INFINITY: i64 = i64::MAX;

/// Unix microseconds of a `timestamptz`. Its last years have none: they come out as far in the
/// future as can be, short of infinity.
#[inline]
pub fn from_pg(timestamp: i64) -> i64 {
    if timestamp == PG_INFINITY {
        return PG_INFINITY;
    }
    timestamp.saturating_add(EPOCH_OFFSET).min(PG_INFINITY - 1)
}

/// The `timestamptz` of Unix microseconds in range.
#[inline]
pub fn to_pg(time: i64) -> i64 {
    time.saturating_sub(EPOCH_OFFSET)
}

/// Unix microseconds of a `timestamptz` argument that will be stored.
///
/// # Errors
/// 22008 for an infinity or a year outside 1..9999.
pub fn stored_from_pg(timestamp: i64, what: &str) -> Result<i64> {
    if timestamp == PG_INFINITY || timestamp == PG_MINUS_INFINITY {
        return Err(Error::time(format!("{what} must not be infinity")));
    }
    check(from_pg(timestamp), what)
}

/// What PostgreSQL reads in a text as a `timestamptz`, in the session's time zone.
///
/// # Errors
/// 22007 and 22008 for what it does not read.
pub fn parse(text: &str) -> Result<i64> {
    let malformed = || {
        Error::new(
            PgSqlErrorCode::ERRCODE_INVALID_DATETIME_FORMAT,
            format!("\"{text}\" is not a point in time"),
        )
    };
    let input = CString::new(text).map_err(|_| malformed())?;
    let read = PgTryBuilder::new(|| {
        // SAFETY: timestamptz_in takes a C string, a type that it does not look at, and no precision.
        unsafe {
            pgrx::direct_function_call_as_datum(
                pg_sys::timestamptz_in,
                &[
                    Some(Datum::from(input.as_ptr())),
                    Some(Datum::from(0_u32)),
                    Some(Datum::from(-1_i32)),
                ],
            )
        }
        .map(|datum| datum.value() as i64)
        .ok_or_else(malformed)
    });
    // The error is raised again as the caller's, who says where the text stands.
    read.catch_others(|caught| match caught {
        CaughtError::PostgresError(error) | CaughtError::ErrorReport(error) => {
            Err(Error::new(error.sql_error_code(), error.message()))
        }
        panic => panic.rethrow(),
    })
    .execute()
}

/// Checks that Unix microseconds lie in the years that every client can read.
///
/// # Errors
/// 22008 for a year outside 1..9999.
pub fn check(time: i64, what: &str) -> Result<i64> {
    if (MIN_TIME..=MAX_TIME).contains(&time) {
        Ok(time)
    } else {
        Err(Error::time(format!(
            "{what} is outside the years 1 to 9999"
        )))
    }
}

/// The start of a range as the filters want it: `None` where the range is open to the past.
/// What starts at `infinity` is empty.
pub fn lower(timestamp: Option<i64>) -> Option<i64> {
    timestamp.filter(|&t| t != PG_MINUS_INFINITY).map(from_pg)
}

/// The end of a range as the filters want it: `None` where the range is open to the future.
/// What ends at `-infinity` is empty.
pub fn upper(timestamp: Option<i64>) -> Option<i64> {
    timestamp.filter(|&t| t != PG_INFINITY).map(from_pg)
}

/// The least and the greatest of the times.
pub fn extent(times: &[i64]) -> Option<(i64, i64)> {
    Some((*times.iter().min()?, *times.iter().max()?))
}

/// An instant as text for messages, e.g. `2025-01-01 00:00:00+00`.
pub fn text(time: i64) -> String {
    written(time, ' ', "+00", has_fraction(time))
}

/// An instant in ISO 8601 for answers, e.g. `2025-01-01T00:00:00+00:00`; `with_fraction` where some time of
/// the answer has a fraction of a second, so that all are alike.
pub fn iso(time: i64, with_fraction: bool) -> String {
    written(time, 'T', "+00:00", with_fraction)
}

/// Whether an instant is not at a full second.
pub fn has_fraction(time: i64) -> bool {
    time % 1_000_000 != 0
}

fn written(time: i64, separator: char, zone: &str, with_fraction: bool) -> String {
    let micros = time.rem_euclid(1_000_000);
    let seconds = time.div_euclid(1_000_000);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let fraction = if with_fraction {
        format!(".{micros:06}")
    } else {
        String::new()
    };
    format!(
        "{year:04}-{month:02}-{day:02}{separator}{:02}:{:02}:{:02}{fraction}{zone}",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

/// Year, month and day of a count of days since 1970-01-01, in the proleptic Gregorian calendar,
/// by PostgreSQL's own conversion of Julian days.
fn civil(days: i64) -> (i32, i32, i32) {
    let (mut year, mut month, mut day) = (0, 0, 0);
    let julian = i32::try_from(days + i64::from(pg_sys::UNIX_EPOCH_JDATE)).unwrap_or(0);
    // SAFETY: j2date only computes and writes the three integers it is given.
    unsafe { pg_sys::j2date(julian, &mut year, &mut month, &mut day) };
    (year, month, day)
}

/// Now, strictly after every earlier answer in this backend, so that two writes of one session
/// never share a change_time.
pub fn change_time() -> i64 {
    change_time_after(i64::MIN)
}

/// [`change_time`], and after an instant that is written already: the clock may stand behind it.
pub fn change_time_after(written: i64) -> i64 {
    use std::cell::Cell;
    thread_local!(static LAST: Cell<i64> = const { Cell::new(i64::MIN) });
    // SAFETY: reads the clock.
    let now = from_pg(unsafe { pg_sys::GetCurrentTimestamp() });
    LAST.with(|last| {
        let time = now
            .max(last.get().saturating_add(1))
            .max(written.saturating_add(1));
        last.set(time);
        time
    })
}
