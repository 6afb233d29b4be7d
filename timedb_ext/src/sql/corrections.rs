//! Corrections.

use crate::pg::error::{Error, Result, SqlState, entry};
use crate::pg::json::{self, Jsonb};
use crate::pg::spi::connected;
use crate::write::corrections;
use pgrx::datum::AnyElement;
use pgrx::pg_sys;
use pgrx::prelude::*;
use timedb_rules::limits::{MAX_UPDATES, MAX_UPDATES_BYTES, too_many};

/// `timedb.update_values(...)`.
#[pg_extern(sql = false)]
fn update_values(
    updates: Option<AnyElement>,
    idempotency_key: Option<String>,
) -> Option<AnyElement> {
    let run = || {
        let updates = updates.ok_or_else(|| {
            Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, "updates must not be null")
        })?;
        let updates = Jsonb::of_argument(&updates)?;
        check_size(updates)?;
        let json = updates.text();
        connected(|| corrections::update_values(&json, idempotency_key))
    };
    let answer = json::jsonb_datum(&entry(run));
    // SAFETY: the datum is a jsonb.
    answer.and_then(|datum| unsafe {
        AnyElement::from_polymorphic_datum(datum, false, pg_sys::JSONBOID)
    })
}

const CALL: &str = "one call";
const SPLIT: &str = "Split them into several calls.";

/// Checks how much a request, a jsonb, asks for.
///
/// # Errors
/// 54000 for too many updates, and for too much of them.
fn check_size(updates: Jsonb) -> Result<()> {
    let bytes = updates.bytes();
    if bytes > MAX_UPDATES_BYTES {
        return Err(too_many(CALL, MAX_UPDATES_BYTES, "bytes", bytes, SPLIT));
    }
    match updates.array_length() {
        Some(n) if n > MAX_UPDATES => Err(too_many(CALL, MAX_UPDATES, "updates", n, SPLIT)),
        _ => Ok(()),
    }
}
