//! Who may write: the first check of every function that writes.

use crate::identity::bound;
use crate::identity::caller;
use crate::identity::key_use;
use crate::pg::error::{Error, Result, SqlState};
use pgrx::pg_sys;

/// The tenant that this transaction may write for; its key is noted as in use.
///
/// # Errors
/// 25006 in a read-only transaction or on a standby, 28000 without a tenant, 42501 with a
/// read-only key.
pub fn writable_tenant(what: &str) -> Result<[u8; 16]> {
    // SAFETY: reads the backend's own state.
    let read_only = unsafe { pg_sys::XactReadOnly || pg_sys::RecoveryInProgress() };
    if read_only {
        return Err(Error::new(
            SqlState::READ_ONLY_SQL_TRANSACTION,
            format!("cannot execute {what} in a read-only transaction"),
        ));
    }
    let tenant = caller::tenant().ok_or_else(|| {
        Error::new(
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            "no tenant: call timedb.authenticate(key) first",
        )
        .hint("authenticate() lasts for one transaction: call it between BEGIN and COMMIT.")
    })?;
    if caller::access_is_read_only() {
        let (what, hint) = match bound::is_bound(&caller::identity()) {
            true => (
                "this role is bound to its user for reading only",
                "An administrator changes that with timedb.bind_role(access => 'read_write'); or authenticate with a key.",
            ),
            false => (
                "this API key is read-only",
                "Use a key with read_write access.",
            ),
        };
        return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, what).hint(hint));
    }
    key_use::report()?;
    Ok(tenant)
}
