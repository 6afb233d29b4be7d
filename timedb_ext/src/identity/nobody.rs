//! What an unauthenticated caller is told: reads are empty, as if there were no data. A warning says so. It is never
//! an error, because no rows is a correct answer.

use crate::identity::caller;
use pgrx::pg_sys::{self, panic::ErrorReport};
use pgrx::{PgLogLevel, PgSqlErrorCode, function_name};
use std::cell::Cell;

thread_local! {
    // When the statement began that was last warned.
    static WARNED: Cell<pg_sys::TimestampTz> = const { Cell::new(pg_sys::TimestampTz::MIN) };
}

/// Warns, once a statement, unless there is a tenant. Reads call it; returns whether there is one.
pub fn warn() -> bool {
    if caller::tenant().is_some() {
        return true;
    }
    // SAFETY: both read the backend's own state. A worker's leader warns.
    let (statement, worker) = unsafe {
        (
            pg_sys::GetCurrentStatementStartTimestamp(),
            pg_sys::ParallelWorkerNumber >= 0,
        )
    };
    if !worker && WARNED.replace(statement) != statement {
        ErrorReport::new(
            PgSqlErrorCode::ERRCODE_WARNING,
            "nobody is authenticated: timedb shows no rows",
            function_name!(),
        )
        .set_hint(
            "Call timedb.authenticate(key) in this transaction, or timedb.login(key) and COMMIT. A rollback undoes a login \
             made in its transaction, and DISCARD ALL, which pools send, ends it.",
        )
        .report(PgLogLevel::WARNING);
    }
    false
}

/// Says of a login inside a transaction block that a rollback undoes it: with many drivers every statement is
/// inside one, and any error ends it so.
pub fn tell_of_rollback() {
    // SAFETY: only reads the transaction's state.
    if unsafe { pg_sys::IsTransactionBlock() } {
        ErrorReport::new(
            PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
            "the login is undone if this transaction is rolled back, for instance after an error",
            function_name!(),
        )
        .set_hint("COMMIT before doing anything else.")
        .report(PgLogLevel::NOTICE);
    }
}
