//! Corrections.

use crate::pg::error::{Error, entry};
use crate::pg::json::{self, Jsonb};
use crate::pg::spi::connected;
use crate::write::corrections;
use pgrx::datum::AnyElement;
use pgrx::pg_sys;
use pgrx::prelude::*;

/// `timedb.update_values(...)`.
#[pg_extern(sql = false)]
fn update_values(
    updates: Option<AnyElement>,
    idempotency_key: Option<String>,
) -> Option<AnyElement> {
    let run = || {
        let updates = updates.ok_or_else(|| {
            Error::new(
                PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
                "updates must not be null",
            )
        })?;
        let updates = Jsonb::of_argument(&updates)?;
        corrections::check_size(updates)?;
        let json = updates.text();
        connected(|| corrections::update_values(&json, idempotency_key))
    };
    let answer = json::jsonb_datum(&entry(run));
    // SAFETY: the datum is a jsonb.
    answer.and_then(|datum| unsafe {
        AnyElement::from_polymorphic_datum(datum, false, pg_sys::JSONBOID)
    })
}
