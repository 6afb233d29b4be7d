//! Who may touch a tenant's store: writers beside each other, and whoever deletes from it alone.
//!
//! A deletion and a write must not overlap: points of a series that has just been deleted would stay for ever, unseen.
//! Who compacts has the lock of the store, too. Nobody waits for the one lock with the other in hand, save a deletion, which
//! has the store alone: else they would wait for each other.

use super::{clock, log};
use crate::pg::error::{Error, Result, SqlState, uuid_text};
use crate::pg::locks;
use crate::pg::options::{self, Span};
use crate::pg::snapshot;
use crate::pg::spi::{Arg, Row, statements};
use pgrx::pg_sys::panic::CaughtError;
use pgrx::{PgSqlErrorCode, PgTryBuilder};
use std::panic::AssertUnwindSafe;

/// How long a deletion waits for writers, who wait for it meanwhile.
const PATIENCE: &str = "10s";

/// What stands for all series of a tenant in `timedb.holds`.
const EVERYTHING: [u8; 16] = [0; 16];

statements! {
    TENANT(UUID) -> (INT4) = c"SELECT 1 FROM timedb_internal.tenants WHERE tenant_id = $1";
    HELD(UUIDS) -> (UUID, TEXT) =
        c"SELECT series_id, reason FROM timedb.holds \
          WHERE series_id = ANY ($1) OR series_id = '00000000-0000-0000-0000-000000000000' \
          ORDER BY series_id LIMIT 1";
    ANY_HELD() -> (UUID, TEXT) = c"SELECT series_id, reason FROM timedb.holds ORDER BY series_id LIMIT 1";
}

/// Makes sure that nothing is deleted from the tenant's store until the transaction ends, before it writes to it. Call
/// with SPI connected, before anything is looked up.
///
/// # Errors
/// 28000 for a tenant that does not exist: it may have been deleted since the caller authenticated.
pub fn enter(tenant: &[u8; 16]) -> Result<()> {
    locks::hold_store(tenant);
    let args = [Arg::uuid(tenant)];
    let found = snapshot::under_latest(|| TENANT.row(true, &args, |row| row.int4(1)))?;
    match found {
        Some(_) => Ok(()),
        None => Err(Error::new(
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            format!("tenant \"{}\" does not exist", uuid_text(tenant)),
        )
        .hint("An administrator creates it with timedb.create_tenant().")),
    }
}

/// Makes the transaction the only one that writes to the tenant's store, or compacts it, until it ends.
///
/// # Errors
/// 25008 in a transaction that keeps one snapshot; 55000 where it has written for the tenant itself; 55P03 while others do
/// for longer than ten seconds.
pub fn take(tenant: &[u8; 16], what: &str) -> Result<()> {
    refuse_kept_snapshot(what)?;
    if clock::has_written(tenant) {
        return Err(Error::new(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("{what} cannot follow a write in the same transaction"),
        )
        .hint("Call it in a transaction of its own."));
    }
    let lock = || {
        options::during(|| {
            options::set_option(c"lock_timeout", PATIENCE, Span::Call)?;
            locks::take_store(tenant);
            locks::await_compaction(tenant);
            Ok(())
        })
    };
    // The transaction fails with the error that is returned: nothing needs to be rolled back here.
    PgTryBuilder::new(AssertUnwindSafe(lock))
        .catch_when(
            PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
            |_: CaughtError| {
                Err(Error::new(
                    SqlState::LOCK_NOT_AVAILABLE,
                    "a transaction that writes for the tenant, or compacts its store, has not ended",
                )
                .hint("Try again when it has ended."))
            },
        )
        .execute()
}

/// As [`enter`], for who says what the tenant keeps: a retention in progress has ended, and later ones know what is said.
///
/// # Errors
/// As [`enter`].
pub fn enter_rules(tenant: &[u8; 16]) -> Result<()> {
    claim_compaction(tenant);
    enter(tenant)
}

/// Claims the compaction of the tenant's store, and waits for whoever is at it, or deletes.
///
/// # Errors
/// 25008 in a transaction that keeps one snapshot.
pub fn await_compaction(tenant: &[u8; 16], what: &str) -> Result<()> {
    refuse_kept_snapshot(what)?;
    claim_compaction(tenant);
    Ok(())
}

fn claim_compaction(tenant: &[u8; 16]) {
    loop {
        locks::hold_store(tenant);
        if locks::try_compaction(tenant) {
            return;
        }
        locks::let_store_go(tenant);
        locks::await_compaction(tenant);
        if locks::try_hold_store(tenant) {
            return;
        }
        // Somebody deletes, or waits to.
        locks::let_compaction_go(tenant);
    }
}

/// The same without waiting: whether nobody is at it, or deletes.
///
/// # Errors
/// 25008 in a transaction that keeps one snapshot.
pub fn try_compaction(tenant: &[u8; 16], what: &str) -> Result<bool> {
    refuse_kept_snapshot(what)?;
    if !locks::try_hold_store(tenant) {
        return Ok(false);
    }
    let is_free = locks::try_compaction(tenant);
    if !is_free {
        locks::let_store_go(tenant);
    }
    Ok(is_free)
}

/// Refuses a transaction that would not see what it has to change.
///
/// # Errors
/// 25008.
pub fn refuse_kept_snapshot(what: &str) -> Result<()> {
    match locks::snapshot_is_kept() {
        false => Ok(()),
        true => Err(Error::new(
            SqlState::INAPPROPRIATE_ISOLATION_LEVEL,
            format!("{what} needs a READ COMMITTED transaction"),
        )
        .hint(
            "Call it outside a transaction block, or set the isolation level to READ COMMITTED.",
        )),
    }
}

/// Refuses to delete what is held: any of these series, or with `None` anything of the tenant.
///
/// # Errors
/// 55000.
pub fn refuse_held(series: Option<&[[u8; 16]]>) -> Result<()> {
    let of_row = |row: &Row| Ok((row.uuid(1)?, row.text(2)?));
    let held = snapshot::under_latest(|| match series {
        Some(series) => HELD.row(true, &[Arg::uuids(series.iter())], of_row),
        None => ANY_HELD.row(true, &[], of_row),
    })?;
    let Some((series, reason)) = held else {
        return Ok(());
    };
    let what = match series == EVERYTHING {
        true => "the data of this tenant is held".to_owned(),
        false => format!("series \"{}\" is held", uuid_text(&series)),
    };
    let error = Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, what)
        .hint("It can be deleted once an administrator has called timedb.release_hold().");
    Err(match reason {
        Some(reason) => error.detail(format!("The reason is: {reason}")),
        None => error,
    })
}

/// Checks that the log is empty, now that it has been folded.
///
/// # Errors
/// XX000.
pub fn expect_folded() -> Result<()> {
    match log::look(None, true)?.rows {
        0 => Ok(()),
        _ => Err(Error::internal("the log has not been folded")),
    }
}
