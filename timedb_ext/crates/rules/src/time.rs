//! Instants: conversion between PostgreSQL's epoch (2000) and Unix time (1970), the years that can be stored, and
//! their text form.
//!
//! Everything beyond the boundary to PostgreSQL, segments and packed columns alike, uses Unix microseconds.

use crate::error::{Error, Result};
use jiff::{SignedDuration, civil::DateTime};

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

/// Checks that Unix microseconds lie in the years that every client can read.
///
/// # Errors
/// 22008 for a year outside 1..9999.
pub fn check(time: i64, what: &str) -> Result<i64> {
    match (MIN_TIME..=MAX_TIME).contains(&time) {
        true => Ok(time),
        false => Err(Error::time(format!(
            "{what} is outside the years 1 to 9999"
        ))),
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
    let time = civil(time, has_fraction(time)).replace('T', " ");
    format!("{time}+00")
}

/// An instant in ISO 8601 for answers, e.g. `2025-01-01T00:00:00+00:00`; `with_fraction` where some time of
/// the answer has a fraction of a second, so that all are alike.
pub fn iso(time: i64, with_fraction: bool) -> String {
    civil(time, with_fraction) + "+00:00"
}

/// Whether an instant is not at a full second.
pub fn has_fraction(time: i64) -> bool {
    time % 1_000_000 != 0
}

/// The instant in UTC, or the nearest one whose year can be written.
fn civil(time: i64, with_fraction: bool) -> String {
    let time = time.clamp(MIN_TIME, MAX_TIME);
    // Not as a timestamp of the library, whose last one comes some hours before the end of 9999.
    let written = DateTime::constant(1970, 1, 1, 0, 0, 0, 0)
        .saturating_add(SignedDuration::from_micros(time));
    let digits = if with_fraction { 6 } else { 0 };
    format!("{written:.digits$}")
}
