//! The record of what was done: `timedb.audit_events`.

use crate::pg::error::Result;
use crate::pg::spi::{Arg, statements};

statements! {
    RECORD(UUID, TEXT, TEXT) -> (INT4) =
        c"SELECT 1 FROM timedb_internal._record_event($1, $2, NULL, NULL, $3::pg_catalog.jsonb)";
}

/// Records an event of the tenant, with what there is to say about it as JSON. Call with SPI connected.
///
/// # Errors
/// XX000; the statement's own errors are raised.
pub fn record(tenant: &[u8; 16], event: &str, details: &serde_json::Value) -> Result<()> {
    let details = details.to_string();
    RECORD.execute(&[Arg::uuid(tenant), Arg::text(event), Arg::text(&details)])?;
    Ok(())
}
