//! The pool of connections, and what the server knows about the requests that share it: whose keys they bring, how
//! many places a tenant has, whether writes succeed. What happens on a connection is up to `transaction`.

use std::{sync::Arc, time::Duration};

use deadpool::managed::{Pool, PoolError, Timeouts};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use tokio_postgres::Row;

use super::{
    connect::{Connector, PIN},
    lease::{Lease, Manager},
    prepared, store,
    upkeep::Upkeep,
    writes::Writes,
};
use crate::server::{
    config::ServerConfig,
    error::ApiError,
    key::ApiKey,
    metrics::{ConnectionState, Metrics, PoolState},
    record::Identity,
    share::{Parties, Party, Shares},
    sqlstate,
};

/// The pool and the limits of a request.
pub(crate) struct Database {
    pool: Pool<Manager>,
    /// The connection of readiness probes: requests must not be able to make the server look broken.
    pub(super) probes: Pool<Manager>,
    parties: Parties,
    seats: Shares,
    acquire_timeout: Duration,
    pub(super) begin_read: String,
    pub(super) begin_write: String,
    pub(super) begin_session: String,
    pub(super) writes: Writes,
    pub(super) upkeep: Upkeep,
    pub(super) metrics: Arc<Metrics>,
}

/// A request's place among those of its tenant: it exists before a connection is requested, and as long as the request
/// has one. It goes to the next one when it is dropped.
pub(super) struct Seat {
    pub(super) party: Party,
    _permit: OwnedSemaphorePermit,
}

impl Database {
    pub(crate) fn new(config: &ServerConfig, metrics: Arc<Metrics>) -> Self {
        let mut database = config.database.clone();
        if database.get_application_name().is_none() {
            database.application_name("timedb");
        }
        if database.get_connect_timeout().is_none() {
            database.connect_timeout(config.acquire_timeout);
        }
        let pool = |size: usize| {
            let manager = Manager {
                connector: Arc::new(Connector::new(&database)),
                pooler: config.pooler,
            };
            Pool::builder(manager)
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
        Self {
            pool: pool(size),
            probes: pool(1),
            parties: Parties::default(),
            seats: Shares::new(config.tenant_connections.unwrap_or(size.div_ceil(2))),
            acquire_timeout: config.acquire_timeout,
            begin_read: begin(" READ ONLY"),
            begin_write: begin(""),
            begin_session: prepared::begin_session(limit),
            writes: Writes::default(),
            upkeep: Upkeep::new(config.compaction),
            metrics,
        }
    }

    /// Who a key counts as where tenants have shares.
    pub(crate) fn party(&self, key: Option<&ApiKey>) -> Party {
        self.parties.of(key)
    }

    /// What a key is called in the log, once it has been good.
    pub(crate) fn identity(&self, key: Option<&ApiKey>) -> Option<Identity> {
        self.parties.identity(key)
    }

    /// Sets those metrics that tell how things are.
    pub(crate) fn measure(&self) {
        let (status, metrics) = (self.pool.status(), &self.metrics);
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let connections = |state| {
            metrics
                .pool_connections
                .get_or_create_owned(&PoolState { state })
        };
        connections(ConnectionState::Idle).set(count(status.available));
        connections(ConnectionState::InUse)
            .set(count(status.size.saturating_sub(status.available)));
        metrics.pool_size.set(count(status.max_size));
        metrics.pool_waiting.set(count(status.waiting));
        metrics.compaction_backlog.set(self.upkeep.backlog());
    }

    /// Takes note that a key has been refused.
    pub(crate) fn forget(&self, fingerprint: &[u8; 32]) {
        self.parties.forget(fingerprint);
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

    /// Waits for a place, as long as for a connection.
    ///
    /// # Errors
    /// 503 when the tenant's other requests do not end in time.
    pub(super) async fn seat(&self, key: Option<&ApiKey>) -> Result<Seat, ApiError> {
        let deadline = Instant::now() + self.acquire_timeout;
        loop {
            let party = self.parties.of(key);
            let share = self.seats.of(party);
            let Ok(Ok(permit)) = tokio::time::timeout_at(deadline, share.acquire_owned()).await
            else {
                return Err(full(party));
            };
            // Another request may have told meanwhile whose key it is.
            if self.parties.of(key) == party {
                return Ok(Seat {
                    party,
                    _permit: permit,
                });
            }
        }
    }

    /// Takes note of whose key it is, as `authenticate` has answered, and goes over to the places of its tenant if one
    /// is free there. The request is as good as over: where none is, it keeps the one that it has.
    pub(super) fn change_seat(&self, seat: &mut Seat, key: Option<&ApiKey>, authenticated: &[Row]) {
        let row = authenticated.first();
        let tenant = row.map(|row| row.try_get(0));
        let (Party::Strangers, Some(Ok(tenant))) = (seat.party, tenant) else {
            return;
        };
        let key_id = row.and_then(|row| row.try_get(1).ok().flatten());
        let identity = Identity {
            tenant,
            key: key_id,
        };
        let party = self.parties.learn(key, identity);
        if let Ok(permit) = self.seats.of(party).try_acquire_owned() {
            *seat = Seat {
                party,
                _permit: permit,
            };
        }
    }

    /// Closes every idle connection and refuses new ones.
    pub(crate) fn close(&self) {
        self.pool.close();
        self.probes.close();
    }
}

fn full(party: Party) -> ApiError {
    tracing::warn!(?party, "a tenant has too many requests in progress");
    ApiError::unavailable(match party {
        Party::Strangers => "The server is busy; please try again.",
        _ => "Too many of your requests are in progress; please try again.",
    })
}
