//! Authentication for a transaction and for a session, and who the caller is.

use crate::identity::auth::{owner_of, owner_who_proves};
use crate::identity::caller;
use crate::identity::settings::{self, Access, Identity};
use crate::identity::{challenge, key_use, nobody};
use crate::pg::error::{Error, Result, SqlState, entry};
use crate::pg::options::{self, OTHER_LOGS, OWN_LOG, Span, hide};
use pgrx::pg_sys::{self, panic::ErrorReport};
use pgrx::prelude::*;
use pgrx::{PgLogLevel, PgSqlErrorCode, Uuid, function_name};
use timedb_wire::refused::Token;

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
        hide(OWN_LOG, Span::Transaction)?;
        enter(owner_who_proves(proof)?, Span::Transaction)
    });
    warn_outside_a_block();
    tenant
}

/// SQL `timedb_internal._begin_session()`.
#[pg_extern(sql = false)]
fn _begin_session() {
    entry(|| hide(OWN_LOG, Span::Session));
}

/// SQL `timedb_internal._enter(proof, reads_only)`.
#[pg_extern(sql = false)]
fn _enter(proof: Option<&[u8]>, reads_only: Option<bool>) -> Option<Uuid> {
    entry(|| {
        check_role()?;
        hide(OWN_LOG, Span::Transaction)?;
        if reads_only != Some(false) {
            options::set_option(c"transaction_read_only", "on", Span::Transaction)?;
        }
        let who = match proof {
            Some(_) => owner_who_proves(proof)?,
            None => owner_of(None)?,
        };
        enter(who, Span::Transaction)
    })
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
    entry(settings::log_out);
}

/// SQL `timedb.current_tenant()`.
#[pg_extern(sql = false)]
fn current_tenant() -> Option<Uuid> {
    caller::tenant().map(Uuid::from_bytes)
}

/// SQL `timedb.whoami()`.
#[allow(clippy::type_complexity, reason = "pgrx sees through no alias")]
#[pg_extern(sql = false)]
fn whoami() -> TableIterator<
    'static,
    (
        Option<Uuid>,
        Option<Uuid>,
        Option<Uuid>,
        Option<&'static str>,
    ),
> {
    let who = caller::identity();
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
    entry(|| hide(OWN_LOG.into_iter().chain(OTHER_LOGS), Span::Transaction));
}

/// SQL `timedb_internal._is_anybody()`.
#[pg_extern(sql = false)]
fn _is_anybody() -> bool {
    entry(|| Ok(nobody::warn()))
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

/// Whether the session may still have the role that it was given when it began: a membership can be revoked.
///
/// # Errors
/// 55000 with the token of a session that is good for nothing any more.
fn check_role() -> Result<()> {
    // From PostgreSQL 16 on a membership may be without the right to take the role.
    #[cfg(feature = "pg15")]
    use pg_sys::is_member_of_role as may_take;
    #[cfg(not(feature = "pg15"))]
    use pg_sys::member_can_set_role as may_take;
    // SAFETY: roles of the session, which PostgreSQL looks up in its caches. The outer one is the caller's.
    let may = unsafe { may_take(pg_sys::GetSessionUserId(), pg_sys::GetOuterUserId()) };
    if may {
        return Ok(());
    }
    Err(Error::new(
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        "the session may no longer have its role",
    )
    .token(Token::OtherChallenge))
}

fn log_in(who: impl FnOnce() -> Result<Identity>) -> Option<Uuid> {
    let tenant = entry(|| enter(who()?, Span::Session));
    entry(key_use::report);
    nobody::tell_of_rollback();
    tenant
}

fn enter(who: Identity, span: Span) -> Result<Option<Uuid>> {
    settings::set(who, span)?;
    Ok(who.tenant.map(Uuid::from_bytes))
}
