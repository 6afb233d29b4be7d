//! The snapshots under which reads are made: one that has all writes up to a change_time, or the latest; and the time
//! up to which a snapshot has all writes.

use super::subscriber;
use crate::pg::error::{Error, Result, SqlState};
use crate::pg::locks;
use crate::pg::spi::Statement;
use crate::pg::time;
use pgrx::pg_sys;

thread_local! {
    // The latest writes say most about what had ended. The index on change_time gives them.
    static SETTLED: Statement = const { Statement::new(
        c"SELECT settled_time, xmin FROM timedb.batches ORDER BY change_time DESC, batch_id DESC LIMIT 100",
        &[],
        &[pg_sys::TIMESTAMPTZOID, pg_sys::XIDOID],
    ) };
}

/// The snapshot that a read is made under; [`Moment::leave`] gives the caller's back.
#[must_use]
pub struct Moment {
    pushed: bool,
}

/// Switches to a snapshot that has every write up to `change_time` for good; keeps the caller's snapshot
/// without one. Call with SPI connected.
///
/// In READ COMMITTED on a primary it waits for writes in progress. Elsewhere the snapshot is fixed, and
/// its contents decide: each write has recorded up to when all others had ended.
///
/// # Errors
/// As [`locks::settle`] and [`subscriber::refuse`]; 55P03 if the snapshot may lack a write from before `change_time`.
pub fn reach(tenant: &[u8; 16], change_time: Option<i64>) -> Result<Moment> {
    let Some(change_time) = change_time else {
        return Ok(Moment { pushed: false });
    };
    subscriber::refuse()?;
    let standby = on_standby();
    if standby || keeps_snapshot() {
        let settled = settled_by_writes()?;
        if settled.is_some_and(|settled| change_time <= settled) {
            return Ok(Moment { pushed: false });
        }
        return Err(not_settled(change_time, settled, standby));
    }
    locks::settle(tenant, change_time)?;
    Ok(fresh())
}

/// Switches to the latest snapshot that the caller may have, and says up to which change_time it has
/// every write for good; `None` if that is unknown. Never waits. Call with SPI connected.
///
/// # Errors
/// As [`subscriber::refuse`]; XX000; the statement's own errors are raised.
pub fn settled(tenant: &[u8; 16]) -> Result<(Option<i64>, Moment)> {
    subscriber::refuse()?;
    if on_standby() || keeps_snapshot() {
        return Ok((settled_by_writes()?, Moment { pushed: false }));
    }
    // Before the snapshot: what ends in between may be in it, and is left for the next time.
    let settled = locks::settled(tenant);
    Ok((Some(settled), fresh()))
}

fn on_standby() -> bool {
    // SAFETY: reads the server's own state.
    unsafe { pg_sys::RecoveryInProgress() }
}

/// Whether the transaction has one snapshot from its beginning to its end.
fn keeps_snapshot() -> bool {
    // SAFETY: reads the backend's own state.
    unsafe { pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ as i32 }
}

fn fresh() -> Moment {
    // SAFETY: in READ COMMITTED this is a new snapshot; it is popped by `leave`, or by PostgreSQL on errors.
    unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot()) };
    Moment { pushed: true }
}

impl Moment {
    /// Goes back to the caller's snapshot; what was opened under this one keeps it.
    pub fn leave(self) {
        if self.pushed {
            // SAFETY: undoes the push of `reach`.
            unsafe { pg_sys::PopActiveSnapshot() };
        }
    }
}

fn settled_by_writes() -> Result<Option<i64>> {
    let mut latest = None;
    SETTLED.with(|s| {
        s.run(true, &[], |row| {
            // What this transaction has written itself was noted later than its snapshot was taken.
            if !row.is_own(2)? {
                latest = latest.max(Some(row.instant(1)?));
            }
            Ok(())
        })
    })?;
    Ok(latest)
}

fn not_settled(change_time: i64, settled: Option<i64>, standby: bool) -> Error {
    let place = if standby {
        "on this standby"
    } else {
        "in this transaction's snapshot"
    };
    let until = match settled {
        Some(settled) => format!("It is complete up to {}.", time::text(settled)),
        None => "It contains no write that shows up to when it is complete.".to_owned(),
    };
    Error::new(
        SqlState::LOCK_NOT_AVAILABLE,
        format!(
            "writes up to {} may be missing {place}",
            time::text(change_time)
        ),
    )
    .detail(until)
    .hint(if standby {
        "Use an earlier as_of_change, or ask the primary."
    } else {
        "Use an earlier as_of_change, or a READ COMMITTED transaction: the answer never changes."
    })
}
