//! Authentication: from a key, or the proof of one, to the settings that say who the caller is (settings.rs).
//!
//! Looking up goes through SPI as timedb_keeper, the functions' owner, with the caller's snapshot
//! and nothing written: it works in READ ONLY transactions and on a standby.

use crate::error::{Error, Result, entry};
use crate::key_use;
use crate::settings::{self, Access, Identity, Span};
use crate::spi::{self, Arg, Statement};
use pgrx::pg_sys::{self, panic::ErrorReport};
use pgrx::prelude::*;
use pgrx::{PgLogLevel, PgSqlErrorCode, Uuid, function_name};
use std::ffi::CStr;
use timedb_key::proof::{self, Claim, Tag};

mod challenge;
mod new_key;

/// What PostgreSQL itself logs of parameters.
const OWN_LOG: [(&CStr, &str); 2] = [
    (c"log_parameter_max_length", "0"),
    (c"log_parameter_max_length_on_error", "0"),
];

/// What prints parameters, or constants of plans, elsewhere.
const OTHER_LOGS: [(&CStr, &str); 6] = [
    (c"debug_print_parse", "off"),
    (c"debug_print_rewritten", "off"),
    (c"debug_print_plan", "off"),
    (c"pgaudit.log_parameter", "off"),
    (c"auto_explain.log_verbose", "off"),
    (c"auto_explain.log_parameter_max_length", "0"),
];

const NO_KEY: &str = "invalid or inactive API key";

/// The tenant of a store without authentication.
const DEFAULT_TENANT: [u8; 16] = [0; 16];

thread_local! {
    // By a part of the hash: who reads along, and knows all of it, could take the mask off a proof.
    static FIND_KEY: Statement = const {
        Statement::new(
            c"SELECT k.key_hash, k.tenant_id, k.user_id, k.key_id, k.access \
              FROM timedb.api_keys k \
              JOIN timedb.users u ON u.tenant_id OPERATOR(pg_catalog.=) k.tenant_id \
                                 AND u.user_id OPERATOR(pg_catalog.=) k.user_id \
              WHERE k.key_tag OPERATOR(pg_catalog.=) $1 AND u.active AND k.revoked_at IS NULL \
              AND (k.not_before IS NULL OR k.not_before OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp()) \
              AND (k.expires_at IS NULL OR k.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp())",
            &[pg_sys::BYTEAOID],
            &[pg_sys::BYTEAOID, pg_sys::UUIDOID, pg_sys::UUIDOID, pg_sys::UUIDOID, pg_sys::TEXTOID],
        )
    };
    static STORE_IS_OPEN: Statement = const {
        Statement::new(
            c"SELECT true FROM timedb.settings s WHERE s.name OPERATOR(pg_catalog.=) 'auth_required' \
              AND s.value OPERATOR(pg_catalog.=) 'false'::pg_catalog.jsonb",
            &[],
            &[pg_sys::BOOLOID],
        )
    };
}

/// SQL `timedb.authenticate(key)`.
#[pg_extern(sql = false)]
fn authenticate(key: Option<&str>) -> Option<Uuid> {
    let tenant = entry(|| enter(owner_of(key)?, Span::Transaction));
    warn_outside_a_block();
    tenant
}

/// SQL `timedb.authenticate_proof(proof)`. An upload's rows, which come next, are nothing for a log.
#[pg_extern(sql = false)]
fn authenticate_proof(proof: Option<&[u8]>) -> Option<Uuid> {
    let tenant = entry(|| {
        hide(OWN_LOG)?;
        enter(owner_who_proves(proof)?, Span::Transaction)
    });
    warn_outside_a_block();
    tenant
}

/// SQL `timedb.login(key)`.
#[pg_extern(sql = false)]
fn login(key: Option<&str>) -> Option<Uuid> {
    log_in(|| owner_of(key))
}

/// SQL `timedb.login_proof(proof)`.
#[pg_extern(sql = false)]
fn login_proof(proof: Option<&[u8]>) -> Option<Uuid> {
    log_in(|| owner_who_proves(proof))
}

/// SQL `timedb.logout()`.
#[pg_extern(sql = false)]
fn logout() {
    entry(|| settings::set(Identity::NOBODY, Span::Session));
}

/// SQL `timedb.current_tenant()`.
#[pg_extern(sql = false)]
fn current_tenant() -> Option<Uuid> {
    settings::tenant().map(Uuid::from_bytes)
}

/// SQL `timedb.whoami()`.
#[allow(
    clippy::type_complexity,
    reason = "pgrx does not see through a type alias"
)]
#[pg_extern(sql = false)]
fn whoami() -> TableIterator<
    'static,
    (
        name!(tenant_id, Option<Uuid>),
        name!(user_id, Option<Uuid>),
        name!(key_id, Option<Uuid>),
        name!(access, Option<&'static str>),
    ),
> {
    let who = settings::identity();
    TableIterator::once((
        who.tenant.map(Uuid::from_bytes),
        who.user.map(Uuid::from_bytes),
        who.key.map(Uuid::from_bytes),
        who.access.map(Access::name),
    ))
}

/// SQL `timedb.challenge()`.
#[pg_extern(sql = false)]
fn challenge() -> Vec<u8> {
    entry(challenge::ask).to_vec()
}

/// SQL `timedb.hide_parameters()`.
#[pg_extern(sql = false)]
fn hide_parameters() {
    entry(|| hide(OWN_LOG.into_iter().chain(OTHER_LOGS)));
}

/// SQL `timedb._uuid7()`.
#[pg_extern(sql = false)]
fn _uuid7() -> Uuid {
    Uuid::from_bytes(uuid::Uuid::now_v7().into_bytes())
}

fn warn_outside_a_block() {
    // SAFETY: only reads the transaction's state.
    if !unsafe { pg_sys::IsTransactionBlock() } {
        ErrorReport::new(
            PgSqlErrorCode::ERRCODE_NO_ACTIVE_SQL_TRANSACTION,
            "outside a transaction block, authentication ends with this statement or pipeline",
            function_name!(),
        )
        .set_hint("Call timedb.authenticate() after BEGIN, or timedb.login() for the session.")
        .report(PgLogLevel::WARNING);
    }
}

/// Keeps parameters out of these logs until the transaction ends.
fn hide(logs: impl IntoIterator<Item = (&'static CStr, &'static str)>) -> Result<()> {
    logs.into_iter()
        .try_for_each(|(name, value)| settings::set_known_option(name, value, Span::Transaction))
}

fn log_in(who: impl FnOnce() -> Result<Identity>) -> Option<Uuid> {
    let tenant = entry(|| enter(who()?, Span::Session));
    entry(key_use::report);
    crate::nobody::tell_of_rollback();
    tenant
}

fn enter(who: Identity, span: Span) -> Result<Option<Uuid>> {
    settings::set(who, span)?;
    Ok(who.tenant.map(Uuid::from_bytes))
}

fn owner_of(key: Option<&str>) -> Result<Identity> {
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

fn owner_who_proves(proof: Option<&[u8]>) -> Result<Identity> {
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
    spi::connected(|| {
        FIND_KEY.with(|find| {
            find.run(true, &[Arg::bytea(tag)], |row| {
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
        })
    })?;
    match found {
        Some(who) => Ok(who),
        None => Err(refused(NO_KEY)?),
    }
}

fn without_key() -> Result<Identity> {
    let open = spi::connected(|| STORE_IS_OPEN.with(|find| find.run(true, &[], |_| Ok(()))))? > 0;
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
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "keys cannot be looked up: the function does not run as timedb_keeper",
        )
        .hint("timedb.isolation_problems() says what to repair."));
    }
    Ok(Error::new(
        PgSqlErrorCode::ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
        message,
    ))
}
