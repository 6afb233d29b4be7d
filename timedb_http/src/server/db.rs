//! The database: a bounded pool of connections and, per request, one transaction in one pipelined round trip.
//! Row security, tenants and time are the extension's; this only speaks to it.

mod cancel;
pub mod check;
mod connect;
pub mod key;
mod key_use;
mod lease;
mod login;
mod params;
mod seat;
pub mod store;
mod tls;
mod transaction;
mod writes;

use std::{ops::Deref, sync::Arc, time::Duration};

use deadpool::managed::{Pool, PoolError, Timeouts};

use crate::server::{
    config::ServerConfig,
    error::ApiError,
    share::{Parties, Party, Shares},
    sqlstate,
};

pub use connect::{PIN, connect};
pub use key::ApiKey;
pub use params::PgInstant;
pub use tls::trust;
pub use transaction::Access;
pub(crate) use transaction::{StreamFault, Writing};

use key_use::KeyUse;
use lease::{Lease, Manager};
use writes::Writes;

/// The pool and the limits of a request. A clone is the same one: each request takes some.
#[derive(Clone)]
pub(crate) struct Database(Arc<Parts>);

/// What [`Database`] holds.
pub(crate) struct Parts {
    pool: Pool<Manager>,
    /// The connection of readiness probes: requests must not be able to make the server look broken.
    probes: Pool<Manager>,
    parties: Parties,
    seats: Shares,
    acquire_timeout: Duration,
    begin_read: String,
    begin_write: String,
    key_use: KeyUse,
    writes: Writes,
}

impl Deref for Database {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Database {
    pub(crate) fn new(config: &ServerConfig) -> Self {
        let mut database = config.database.clone();
        if database.get_application_name().is_none() {
            database.application_name("timedb");
        }
        if database.get_connect_timeout().is_none() {
            database.connect_timeout(config.acquire_timeout);
        }
        let pool = |size: usize| {
            Pool::builder(Manager::new(&database))
                .max_size(size)
                .runtime(deadpool::Runtime::Tokio1)
                .timeouts(Timeouts {
                    wait: Some(config.acquire_timeout),
                    create: Some(config.acquire_timeout),
                    recycle: Some(Duration::from_secs(1)),
                })
                .build()
                .expect("a pool with a runtime always builds")
        };
        let size = config.pool_size.max(1);
        // Zero would switch PostgreSQL's limit off.
        let limit = config.statement_timeout.as_millis().max(1);
        // Whoever the connection belongs to: nothing of the database's owner runs, and nothing of schema
        // timedb before it is known to be the extension's.
        let begin = |mode: &str| {
            format!(
                "BEGIN{mode}; {PIN}; SET LOCAL ROLE timedb_user; SET LOCAL statement_timeout = {limit}; {}",
                store::GUARD
            )
        };
        Self(Arc::new(Parts {
            pool: pool(size),
            probes: pool(1),
            parties: Parties::default(),
            seats: Shares::new(config.tenant_connections.unwrap_or(size.div_ceil(2))),
            acquire_timeout: config.acquire_timeout,
            begin_read: begin(" READ ONLY"),
            begin_write: begin(""),
            key_use: KeyUse::default(),
            writes: Writes::default(),
        }))
    }

    /// Who a key counts as where tenants have shares.
    pub(crate) fn party(&self, key: Option<&ApiKey>) -> Party {
        self.parties.of(key)
    }

    /// A connection of its own for one request.
    async fn lease(&self) -> Result<Lease, ApiError> {
        Self::lease_from(&self.pool).await
    }

    async fn lease_from(pool: &Pool<Manager>) -> Result<Lease, ApiError> {
        match pool.get().await {
            Ok(object) => Ok(Lease::new(object)),
            Err(PoolError::Backend(error)) => Err(sqlstate::not_connected(&error)),
            Err(error) => {
                tracing::warn!(%error, "no connection to the database is free");
                Err(ApiError::unavailable(
                    "The server is busy; please try again.",
                ))
            }
        }
    }

    /// Closes every idle connection and refuses new ones.
    pub(crate) fn close(&self) {
        self.pool.close();
        self.probes.close();
    }
}

/// An error with its causes, for the log: `tokio_postgres` keeps the useful half in `source`.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
