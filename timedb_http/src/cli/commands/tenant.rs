//! A transaction that works as a tenant: as `timedb_user`, so that row security binds it whoever is connected, and
//! authenticated by a proof of the key, so that the key is in no log.

use timedb_key::proof::Challenge;
use tokio_postgres::Transaction;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::cli::config::Environment;
use crate::cli::failure::{Failure, brief};
use crate::cli::grammar::AsTenant;
use crate::cli::key::SecretKey;
use crate::cli::session::{Session, SessionTrouble};

/// The role to work as: what the role may become and row security binds.
const ROLE: &str = "SELECT r FROM pg_catalog.unnest('{timedb_user,timedb_session}'::pg_catalog.text[]) AS r \
     JOIN pg_catalog.pg_roles AS p ON p.rolname OPERATOR(pg_catalog.=) r \
     WHERE pg_catalog.pg_has_role(current_user, p.oid, 'MEMBER') \
     ORDER BY r DESC LIMIT 1";
const CHALLENGE: &str = "SELECT timedb.challenge()";
const WITH_PROOF: &str = "SELECT timedb.authenticate_proof($1)";
const WHO: &str = "SELECT tenant_id FROM timedb.whoami()";
/// Only an open store takes it. What comes next is nothing for a log either.
const WITHOUT_KEY: &str = "SELECT timedb.authenticate(NULL), timedb.hide_parameters()";

/// A connection that works as a tenant, transaction by transaction.
pub struct TenantSession {
    session: Session,
    key: Option<SecretKey>,
}

impl TenantSession {
    /// Connects, and finds out who the tenant is: by the key, or by the role if it is bound to a user, or nobody's in
    /// a store without users. Where a key is missing it is asked for.
    pub async fn open(arguments: &AsTenant, environment: &Environment) -> Result<Self, Failure> {
        let config = environment.database(arguments.common.dsn.as_ref())?;
        let key = SecretKey::find(arguments.key_file.as_deref())?;
        let session = Session::open(&config).await?;
        let mut opened = Self { session, key };
        let asked = opened.begin().await.err();
        let Some(trouble) = asked else {
            return Ok(opened);
        };
        let lacks_key = opened.key.is_none()
            && trouble.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
        if lacks_key {
            opened.key = SecretKey::prompt()?;
        }
        if !lacks_key || opened.key.is_none() {
            return Err(opened.explain(trouble).await);
        }
        match opened.begin().await.err() {
            None => Ok(opened),
            Some(trouble) => Err(opened.explain(trouble).await),
        }
    }

    /// Begins a transaction as the tenant.
    pub async fn begin(&mut self) -> Result<Transaction<'_>, SessionTrouble> {
        let transaction = self.session.enter().await?;
        become_tenant(&transaction, self.key.as_ref()).await?;
        Ok(transaction)
    }

    /// Says what to do about what stopped a command.
    pub async fn explain(&self, trouble: SessionTrouble) -> Failure {
        let place = &self.session.place;
        let SessionTrouble::Database(error) = &trouble else {
            return self.session.explain(trouble).await;
        };
        let code = error.code();
        if code == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION) {
            return Failure::new(match self.key {
                Some(_) => format!("{} (database {place})", capital(&brief(error))),
                None => format!(
                    "Database {place} requires an API key. Set TIMEDB_API_KEY, or name a file with --key-file"
                ),
            });
        }
        if code == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            let role = self.session.role().await;
            return Failure::new(format!(
                "{} (role {role} in database {place}). To work as a tenant a role has to be a member of timedb_user or \
                 timedb_session, and a key has to allow what is done",
                capital(&brief(error))
            ));
        }
        self.session.explain(trouble).await
    }
}

async fn become_tenant(
    transaction: &Transaction<'_>,
    key: Option<&SecretKey>,
) -> Result<(), SessionTrouble> {
    if let Some(row) = transaction.query_typed_opt(ROLE, &[]).await? {
        // One of two names that need no quotes.
        let role: &str = row.get(0);
        transaction
            .batch_execute(&format!("SET LOCAL ROLE {role}"))
            .await?;
    }
    let Some(key) = key else {
        let bound = transaction.query_typed_one(WHO, &[]).await?;
        if bound.get::<_, Option<Uuid>>(0).is_none() {
            transaction.query_typed(WITHOUT_KEY, &[]).await?;
        }
        return Ok(());
    };
    let asked = transaction.query_typed_one(CHALLENGE, &[]).await?;
    let bytes: &[u8] = asked.get(0);
    // One of another length proves nothing, and the database says so.
    let challenge = Challenge::try_from(bytes).unwrap_or_default();
    let proof = key.prove(&challenge);
    transaction
        .query_typed(WITH_PROOF, &[(&proof as _, Type::BYTEA)])
        .await?;
    Ok(())
}

/// A sentence of the database as the beginning of one of ours.
fn capital(sentence: &str) -> String {
    let mut characters = sentence.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}
