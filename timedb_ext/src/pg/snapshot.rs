//! Snapshots other than the caller's under which statements are run. Queries that are opened under one keep it.

use crate::pg::error::Result;
use pgrx::pg_sys;

/// Runs `f` under a snapshot that has what is committed by now and what this transaction's earlier commands wrote,
/// also in the leader of a parallel query, where a command may not end. Above READ COMMITTED it is the
/// transaction's one snapshot.
///
/// # Errors
/// Whatever `f` returns.
pub fn under_fresh<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    // SAFETY: a snapshot of the transaction's own.
    unsafe { under(pg_sys::GetTransactionSnapshot(), f) }
}

/// [`under_fresh`], and with what this transaction has written up to now. Call with SPI connected.
///
/// # Errors
/// Whatever `f` returns.
pub fn under_own<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    // SAFETY: makes the transaction's own writes visible to snapshots from here on.
    unsafe { pg_sys::CommandCounterIncrement() };
    under_fresh(f)
}

/// Runs `f` under a snapshot that has everything committed by now, whatever the isolation level, and what this
/// transaction has written. Call with SPI connected.
///
/// # Errors
/// Whatever `f` returns.
pub fn under_latest<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    // SAFETY: as in `under_own`; the snapshot is PostgreSQL's latest.
    unsafe {
        pg_sys::CommandCounterIncrement();
        under(pg_sys::GetLatestSnapshot(), f)
    }
}

/// # Safety
/// The snapshot is one that PostgreSQL has just given.
unsafe fn under<T>(snapshot: pg_sys::Snapshot, f: impl FnOnce() -> Result<T>) -> Result<T> {
    // SAFETY: the snapshot is popped below, or by PostgreSQL where `f` raises an error.
    unsafe {
        pg_sys::PushActiveSnapshot(snapshot);
        let result = f();
        pg_sys::PopActiveSnapshot();
        result
    }
}
