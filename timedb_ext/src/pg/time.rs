//! Instants at the boundary of the extension: PostgreSQL's epoch (2000) and Unix time (1970).
//!
//! Everything beyond this boundary, segments and packed columns alike, uses Unix microseconds.

pub use timedb_rules::time::*;

use crate::pg::error::{Error, Result, SqlState};
use pgrx::PgTryBuilder;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::pg_sys::{self, Datum};
use std::ffi::CString;

/// What PostgreSQL reads in a text as a `timestamptz`, in the session's time zone.
///
/// # Errors
/// 22007 and 22008 for what it does not read.
pub fn parse(text: &str) -> Result<i64> {
    let malformed = || {
        Error::new(
            SqlState::INVALID_DATETIME_FORMAT,
            format!("\"{text}\" is not a point in time"),
        )
    };
    let input = CString::new(text).map_err(|_| malformed())?;
    let (of, precision) = (Datum::from(0_u32), Datum::from(-1_i32));
    let arguments = [Datum::from(input.as_ptr()), of, precision].map(Some);
    let read = PgTryBuilder::new(|| {
        // SAFETY: timestamptz_in takes a C string, a type that it does not look at, and no precision.
        let instant = unsafe { pgrx::direct_function_call(pg_sys::timestamptz_in, &arguments) };
        instant.ok_or_else(malformed)
    });
    // The error is raised again as the caller's, who says where the text is.
    read.catch_others(|caught| match caught {
        CaughtError::PostgresError(error) | CaughtError::ErrorReport(error) => Err(Error::new(
            SqlState::of_packed(error.sql_error_code() as i32),
            error.message(),
        )),
        panic => panic.rethrow(),
    })
    .execute()
}
