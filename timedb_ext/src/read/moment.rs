//! The snapshots under which reads are made: one that has all writes up to a change_time, or the latest; and the time
//! up to which a snapshot has all writes.

use crate::pg::error::{Error, Result, SqlState};
use crate::pg::locks;
use crate::pg::spi::{Row, statements};
use crate::pg::time;
use pgrx::pg_sys;

statements! {
    // The latest writes say most about what had ended. The index on change_time gives them.
    SETTLED() -> (TIMESTAMP, XID) =
        c"SELECT settled_time, xmin FROM timedb.batches ORDER BY change_time DESC, batch_id DESC LIMIT 100";
    SUBSCRIBED() -> (INT4) =
        c"SELECT 1 FROM pg_subscription_rel AS s JOIN pg_class AS c ON c.oid = s.srrelid \
          WHERE c.relnamespace = 'timedb'::regnamespace LIMIT 1";
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
/// As [`locks::settle`]; 0A000 on a logical subscriber, 55P03 if the snapshot may lack a write from before `change_time`.
pub fn reach(tenant: &[u8; 16], change_time: Option<i64>) -> Result<Moment> {
    let Some(change_time) = change_time else {
        return Ok(Moment { pushed: false });
    };
    refuse_on_subscriber()?;
    let standby = on_standby();
    if standby || locks::snapshot_is_kept() {
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
/// 0A000 on a logical subscriber; XX000; the statements' own errors are raised.
pub fn settled(tenant: &[u8; 16]) -> Result<(Option<i64>, Moment)> {
    refuse_on_subscriber()?;
    if on_standby() || locks::snapshot_is_kept() {
        return Ok((settled_by_writes()?, Moment { pushed: false }));
    }
    // Before the snapshot: what ends in between may be in it, and is left for the next time.
    let settled = locks::settled(tenant);
    Ok((Some(settled), fresh()))
}

/// Refuses what rests on settled change times where a subscription writes timedb's tables: other writers' locks are on
/// the publisher, and so is the order of their commits. It cannot be known here up to when all writes have arrived.
fn refuse_on_subscriber() -> Result<()> {
    if SUBSCRIBED.run(true, &[], |_| Ok(()))? == 0 {
        return Ok(());
    }
    Err(Error::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        "changes and reads as of a change_time are not available on a logical subscriber",
    )
    .detail("Its timedb tables are filled by logical replication, so a write may arrive after one with a later change_time.")
    .hint("Ask the publisher, or a physical standby of it. When this database takes over, drop the subscription."))
}

fn on_standby() -> bool {
    // SAFETY: reads the server's own state.
    unsafe { pg_sys::RecoveryInProgress() }
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
    // What this transaction has written itself was noted later than its snapshot was taken.
    let of_another = |row: &Row| {
        Ok(match row.is_own(2)? {
            true => None,
            false => Some(row.instant(1)?),
        })
    };
    let noted = SETTLED.rows(true, &[], of_another)?;
    Ok(noted.into_iter().flatten().max())
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
