//! Authentication: from a key, or a proof of one, to the settings that say who the caller is (settings.rs).
//!
//! Keys are looked up through SPI as timedb_keeper, the functions' owner, with the caller's snapshot, and nothing is
//! written: it works in READ ONLY transactions and on a standby.

use crate::identity::bound;
use crate::identity::challenge;
use crate::identity::settings::{Access, Identity};
use crate::pg::error::{Error, Result, SqlState};
use crate::pg::spi::{self, Arg, statements};
use pgrx::pg_sys;
use std::ffi::CStr;
use timedb_key::proof::{self, Claim, Tag};
use timedb_wire::refused::Token;

const NO_KEY: &str = "invalid or inactive API key";

/// The tenant of a store without authentication.
const DEFAULT_TENANT: [u8; 16] = [0; 16];

statements! {
    // By a part of the hash: who reads along, and knows all of it, could take the mask off a proof.
    FIND_KEY(BYTEA) -> (BYTEA, UUID, UUID, UUID, TEXT) =
        c"SELECT k.key_hash, k.tenant_id, k.user_id, k.key_id, k.access \
          FROM timedb_internal.api_keys k \
          JOIN timedb_internal.users u ON u.tenant_id OPERATOR(pg_catalog.=) k.tenant_id \
                             AND u.user_id OPERATOR(pg_catalog.=) k.user_id \
          WHERE k.key_tag OPERATOR(pg_catalog.=) $1 AND u.active AND k.revoked_at IS NULL \
          AND (k.not_before IS NULL OR k.not_before OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp()) \
          AND (k.expires_at IS NULL OR k.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp())";
    STORE_IS_OPEN() -> (BOOL) =
        c"SELECT true FROM timedb_internal.settings s WHERE s.name OPERATOR(pg_catalog.=) 'auth_required' \
          AND s.value OPERATOR(pg_catalog.=) 'false'::pg_catalog.jsonb";
}

/// Whose key it is; without one the default tenant's, where the store is open.
///
/// # Errors
/// 28000 for a key that is not accepted, always with the same words; 55000 as [`refused`].
pub fn owner_of(key: Option<&str>) -> Result<Identity> {
    let key = match key {
        Some(key) if !key.is_empty() => key,
        _ => return without_key(),
    };
    if timedb_key::check(key).is_err() {
        return Err(refused(NO_KEY)?);
    }
    let hash = timedb_key::hash(key);
    find(&proof::tag(&hash), |stored| *stored == hash)
}

/// Whose key a proof is of.
///
/// # Errors
/// As [`owner_of`] and [`challenge::take`].
pub fn owner_who_proves(proof: Option<&[u8]>) -> Result<Identity> {
    let Some(claim) = Claim::parse(proof.unwrap_or_default()) else {
        return Err(refused(NO_KEY)?);
    };
    challenge::take(&claim)?;
    find(&claim.tag, |stored| claim.is_of(stored))
}

/// Whose key it is. Every reason to refuse a key is the same error, so that a guesser learns
/// nothing from it.
fn find(tag: &Tag, is_it: impl Fn(&[u8; 32]) -> bool) -> Result<Identity> {
    let mut found = None;
    let look = || {
        FIND_KEY.run(true, &[Arg::bytea(tag)], |row| {
            if row.bytea(1, |stored| Ok(stored.try_into().is_ok_and(&is_it)))? {
                found = Some(Identity {
                    tenant: Some(row.uuid(2)?),
                    user: Some(row.uuid(3)?),
                    key: Some(row.uuid(4)?),
                    access: row.text(5)?.as_deref().and_then(Access::parse),
                });
            }
            Ok(())
        })
    };
    bound::without(|| spi::connected(look))?;
    match found {
        Some(who) => Ok(who),
        None => Err(refused(NO_KEY)?),
    }
}

fn without_key() -> Result<Identity> {
    let look = || STORE_IS_OPEN.run(true, &[], |_| Ok(()));
    let open = bound::without(|| spi::connected(look))? > 0;
    if !open {
        return Err(refused("API key required")?);
    }
    Ok(Identity {
        tenant: Some(DEFAULT_TENANT),
        access: Some(Access::ReadWrite),
        ..Identity::NOBODY
    })
}

/// The error of a key that is not accepted.
///
/// # Errors
/// 55000 where no key could be: policies show keys to timedb_keeper by that name.
fn refused(message: &str) -> Result<Error> {
    // SAFETY: the owner of the function that runs, whom the catalog has a name of.
    let role = unsafe { CStr::from_ptr(pg_sys::GetUserNameFromId(pg_sys::GetUserId(), false)) };
    if role != c"timedb_keeper" {
        return Err(Error::new(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            "keys cannot be looked up: the function does not run as timedb_keeper",
        )
        .token(Token::NoKeys)
        .hint("timedb.isolation_problems() says what to repair."));
    }
    Ok(Error::new(
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        message,
    ))
}
