//! A database that receives timedb's tables by logical replication. Other writers' locks are on the publisher, and so
//! is the order of their commits: it cannot be known here up to when all writes have arrived.

use crate::pg::error::{Error, Result, SqlState};
use crate::pg::spi::Statement;
use pgrx::pg_sys;

thread_local! {
    static SUBSCRIBED: Statement = const { Statement::new(
        c"SELECT 1 FROM pg_subscription_rel AS s JOIN pg_class AS c ON c.oid = s.srrelid \
          WHERE c.relnamespace = 'timedb'::regnamespace LIMIT 1",
        &[],
        &[pg_sys::INT4OID],
    ) };
}

/// Refuses what rests on settled change times where a subscription writes timedb's tables. Call with SPI connected.
///
/// # Errors
/// 0A000 there; the statement's own errors are raised.
pub fn refuse() -> Result<()> {
    if SUBSCRIBED.with(|s| s.run(true, &[], |_| Ok(())))? == 0 {
        return Ok(());
    }
    Err(Error::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        "changes and reads as of a change_time are not available on a logical subscriber",
    )
    .detail("Its timedb tables are filled by logical replication, so a write may arrive after one with a later change_time.")
    .hint("Ask the publisher, or a physical standby of it. When this database takes over, drop the subscription."))
}
