//! The pool of connections, and what the server knows about the requests that share it: whose keys they bring, how
//! many places a tenant has, whether writes succeed. What happens on a connection is up to `transaction`.

use std::{ops::Deref, sync::Arc, time::Duration};

use deadpool::managed::{Pool, PoolError, Timeouts};

use super::{
    connect::PIN,
    key_use::KeyUse,
    lease::{Lease, Manager},
    store,
    writes::Writes,
};
use crate::server::{
    config::ServerConfig,
    error::ApiError,
    key::ApiKey,
    share::{Parties, Party, Shares},
    sqlstate,
};

/// The pool and the limits of a request. A clone is the same one: each request takes some.
#[derive(Clone)]
pub(crate) struct Database(Arc<DatabaseParts>);

/// What [`Database`] holds.
pub(crate) struct DatabaseParts {
    pub(super) pool: Pool<Manager>,
    /// The connection of readiness probes: requests must not be able to make the server look broken.
    pub(super) probes: Pool<Manager>,
    pub(super) parties: Parties,
    pub(super) seats: Shares,
    pub(super) acquire_timeout: Duration,
    pub(super) begin_read: String,
    pub(super) begin_write: String,
    pub(super) key_use: KeyUse,
    pub(super) writes: Writes,
}

impl Deref for Database {
    type Target = DatabaseParts;

    fn deref(&self) -> &DatabaseParts {
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
        Self(Arc::new(DatabaseParts {
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
    pub(super) async fn lease(&self) -> Result<Lease, ApiError> {
        Self::lease_from(&self.pool).await
    }

    pub(super) async fn lease_from(pool: &Pool<Manager>) -> Result<Lease, ApiError> {
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
