//! The snapshots under which reads are made: one that has all writes up to a change_time, or the latest; and the time
//! up to which a snapshot has all writes.

use crate::pg::error::{Error, Result, SqlState};
use crate::pg::locks;
use crate::pg::spi::statements;
use crate::pg::time;
use crate::store::batches::chunk;
use crate::store::clock;
use crate::store::log::{Lists, batch_of};
use pgrx::pg_sys;

statements! {
    // The latest writes say most about what had ended. Rows of the log up to the last chunk are folded: dead ones are not
    // passed.
    LATEST() -> (TIMESTAMP, TIMESTAMP, INT4, BYTEA, UUID, BYTEA, XID) =
        c"(SELECT NULL::timestamptz, l.change_time, l.points, l.blob, l.list_id, t.series_ids, l.xmin \
           FROM timedb_internal.write_log AS l LEFT JOIN timedb_internal.series_lists AS t ON t.list_id = l.list_id \
           WHERE l.change_time > COALESCE((SELECT f.max_change FROM timedb_internal.batch_chunks AS f \
                                           ORDER BY f.max_change DESC LIMIT 1), '-infinity') \
           ORDER BY l.change_time DESC LIMIT 100) \
          UNION ALL \
          (SELECT c.min_change, c.max_change, c.count, c.blob, NULL::uuid, NULL::bytea, c.xmin \
           FROM timedb_internal.batch_chunks AS c ORDER BY c.max_change DESC LIMIT 1)";
    SUBSCRIBED() -> (INT4) =
        c"SELECT 1 FROM pg_subscription_rel AS s JOIN pg_class AS c ON c.oid = s.srrelid \
          WHERE c.relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) LIMIT 1";
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
/// As [`clock::settle`]; 0A000 on a logical subscriber, 55P03 if the snapshot may lack a write from before `change_time`.
pub fn reach(tenant: &[u8; 16], change_time: Option<i64>) -> Result<Moment> {
    let Some(change_time) = change_time else {
        return Ok(Moment { pushed: false });
    };
    refuse_on_subscriber()?;
    let standby = on_standby();
    if standby || locks::snapshot_is_kept() {
        let settled = settled_by_writes(tenant)?;
        if settled.is_some_and(|settled| change_time <= settled) {
            return Ok(Moment { pushed: false });
        }
        return Err(not_settled(change_time, settled, standby));
    }
    clock::settle(tenant, change_time)?;
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
        return Ok((settled_by_writes(tenant)?, Moment { pushed: false }));
    }
    // Before the snapshot: what ends in between may be in it, and is left for the next time.
    let settled = clock::settled(tenant)?;
    Ok((settled, fresh()))
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

fn settled_by_writes(tenant: &[u8; 16]) -> Result<Option<i64>> {
    let mut lists = Lists::default();
    // What this transaction has written itself was noted later than its snapshot was taken; what it has folded was
    // written by others before it.
    let noted = LATEST.rows(true, &[], |row| {
        Ok(match (row.optional_int8(1)?, row.is_own(7)?) {
            (Some(_), _) => chunk(row, tenant)?,
            (None, true) => Vec::new(),
            (None, false) => vec![batch_of(row, tenant, &mut lists)?],
        })
    })?;
    let settled = noted.iter().flatten().map(|batch| batch.settled_time);
    Ok(settled.max())
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
