//! Turns an error of the library into one of PostgreSQL.
//!
//! Code returns `Result`; the functions that PostgreSQL calls run their body in [`entry`], the only place where an
//! error becomes a PostgreSQL `ERROR`.

use pgrx::pg_sys::panic::{CaughtError, ErrorReport, ErrorReportWithLevel};
use pgrx::{PgLogLevel, PgSqlErrorCode, function_name};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use timedb_wire::refused::ROUTINE;

pub use timedb_rules::{Error, Result, SqlState, uuid_text};

fn raise(error: Error) -> ! {
    let (state, message, detail, hint) = error.into_parts();
    let code = PgSqlErrorCode::from(state.packed());
    let mut report = ErrorReport::new(code, message, ROUTINE);
    if let Some(detail) = detail {
        report = report.set_detail(detail);
    }
    if let Some(hint) = hint {
        report = report.set_hint(hint);
    }
    report.report(PgLogLevel::ERROR);
    unreachable!("reporting at level ERROR does not return")
}

/// Runs the body of a function that PostgreSQL calls: an `Err` becomes a PostgreSQL `ERROR`, and so does a
/// panic. What a panic says can hold whatever lay in memory, so that the client gets one fixed sentence, and
/// only the server's log the rest. Call it in the shims only, with nothing left to drop.
pub fn entry<T>(body: impl FnOnce() -> Result<T>) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => raise(error),
        Err(payload) => {
            if is_of_postgres(&*payload) {
                resume_unwind(payload);
            }
            log_panic(&*payload);
            raise(
                Error::internal("timedb met an internal error")
                    .hint("The server's log has the details. Please report this."),
            )
        }
    }
}

/// Runs the body of a callback, as [`entry`] runs that of a function.
pub fn shielded<T>(body: impl FnOnce() -> T) -> T {
    entry(|| Ok(body()))
}

/// Whether what unwinds is an error that PostgreSQL or [`raise`] has raised, and not a panic.
fn is_of_postgres(payload: &(dyn Any + Send)) -> bool {
    payload
        .downcast_ref::<CaughtError>()
        .is_some_and(|caught| !matches!(caught, CaughtError::RustPanic { .. }))
        || payload.is::<ErrorReportWithLevel>()
        || payload.is::<ErrorReport>()
}

fn log_panic(payload: &(dyn Any + Send)) {
    let caught = payload
        .downcast_ref::<CaughtError>()
        .and_then(|caught| match caught {
            CaughtError::RustPanic { payload, .. } => Some(&**payload),
            _ => None,
        });
    let payload = caught.unwrap_or(payload);
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("of an unknown kind");
    ErrorReport::new(
        PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        format!("timedb: panic: {text}"),
        function_name!(),
    )
    .report(PgLogLevel::LOG_SERVER_ONLY);
}
