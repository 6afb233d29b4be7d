//! Records that a key is in use: at most one write per key and minute, without ever waiting.

use crate::identity::caller;
use crate::pg::error::Result;
use crate::pg::spi::{self, Arg, statements};
use pgrx::pg_sys;
use std::cell::Cell;

/// `last_used_at` is behind by less than this, in microseconds.
const PRECISION: i64 = 60_000_000;

statements! {
    LAST_USE(UUID, UUID) -> (TIMESTAMP) =
        c"SELECT COALESCE(u.last_used_at, '-infinity') FROM timedb_internal.key_usage u \
          WHERE u.tenant_id OPERATOR(pg_catalog.=) $1 AND u.key_id OPERATOR(pg_catalog.=) $2";
    // Of two writers at once one finds the row locked and passes by; what it had to say, the other says.
    SET_LAST_USE(UUID, UUID, TIMESTAMP, TIMESTAMP) =
        c"UPDATE timedb_internal.key_usage u SET last_used_at = $3 \
          FROM (SELECT f.tenant_id, f.key_id FROM timedb_internal.key_usage f \
                WHERE f.tenant_id OPERATOR(pg_catalog.=) $1 AND f.key_id OPERATOR(pg_catalog.=) $2 \
                AND (f.last_used_at IS NULL OR f.last_used_at OPERATOR(pg_catalog.<=) $4) \
                FOR UPDATE SKIP LOCKED) AS free \
          WHERE u.tenant_id OPERATOR(pg_catalog.=) free.tenant_id AND u.key_id OPERATOR(pg_catalog.=) free.key_id";
}

thread_local! {
    // The key that this backend has last found to be noted, and when that was. Only what was read from
    // the table counts: a write of one's own may be rolled back.
    static NOTED: Cell<([u8; 16], i64)> = const { Cell::new(([0; 16], i64::MIN)) };
}

/// Notes that the key which authenticated is in use. Returns whether it wrote.
///
/// # Errors
/// XX000 when PostgreSQL does not run the statements; it raises its own errors.
pub fn report() -> Result<bool> {
    let who = caller::identity();
    let (Some(tenant), Some(key)) = (who.tenant, who.key) else {
        return Ok(false);
    };
    // SAFETY: these only read the transaction's state and the clock.
    let (can_write, now) = unsafe {
        // Under REPEATABLE READ the update could fail for a key's other sessions, and the caller with it.
        let can_write = !pg_sys::XactReadOnly
            && !pg_sys::RecoveryInProgress()
            && pg_sys::XactIsoLevel <= pg_sys::XACT_READ_COMMITTED as i32;
        (can_write, pg_sys::GetCurrentTimestamp())
    };
    let recent = now.saturating_sub(PRECISION);
    let (noted, at) = NOTED.get();
    if !can_write || (noted == key && at > recent) {
        return Ok(false);
    }
    spi::connected(|| {
        let (tenant, key_arg) = (Arg::uuid(&tenant), Arg::uuid(&key));
        let Some(at) = LAST_USE.row(true, &[tenant, key_arg], |row| row.int8(1))? else {
            return Ok(false);
        };
        if at > recent {
            NOTED.set((key, at));
            return Ok(false);
        }
        let arguments = [tenant, key_arg, Arg::int8(now), Arg::int8(recent)];
        Ok(SET_LAST_USE.execute(&arguments)? > 0)
    })
}
