//! One request, one transaction, one round trip: BEGIN, authenticate, the statement and COMMIT are all sent before the
//! first answer is awaited. The first transaction of a connection, and each one behind a pooler, takes another round
//! trip to ask its session for a challenge.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::{join, join3, try_join};
use prometheus_client::metrics::histogram::Histogram;
use tokio_postgres::{Client, Error, Row};

use super::{
    check,
    database::{Database, Seat},
    lease::Lease,
    login::{self, Credential},
};
use crate::server::{
    error::ApiError,
    key::ApiKey,
    metrics::{Compacted, Compaction, Transaction, TransactionAccess},
    share::Party,
    sqlstate,
};

/// Noting a key's use must not keep a connection from the requests for longer.
const REPORT_LIMIT: Duration = Duration::from_secs(5);
const REPORT: &str = "SELECT timedb.report_key_use()";

/// What writes would do in passing otherwise: merging more of what arrives again and again would rewrite it again and
/// again.
const COMPACT: &str = "SELECT more FROM timedb.compact(200000, false)";
const COMPACT_LIMIT: Duration = Duration::from_secs(30);

/// Whether a transaction may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// `READ ONLY`: also a standby can do it.
    Read,
    /// An ordinary transaction.
    Write,
}

impl Database {
    /// Runs `statement` as the key's tenant. The statement must send what it sends when it is first polled,
    /// before awaiting anything: that keeps the four messages in order and in one round trip.
    pub(crate) async fn run<T>(
        self: &Arc<Self>,
        access: Access,
        key: Option<&ApiKey>,
        statement: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, ApiError> {
        let outcome = self.transact(access, key, statement).await;
        if access == Access::Write {
            self.writes.note(&outcome, Instant::now());
        }
        let result = outcome?;
        self.note_use(key, access);
        if access == Access::Write {
            self.note_write(key);
        }
        Ok(result)
    }

    /// [`Database::run`] without taking note of the key's use.
    async fn transact<T>(
        &self,
        access: Access,
        key: Option<&ApiKey>,
        statement: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, ApiError> {
        let consume = async |answer| Ok(Ok(answer));
        self.consume(access, key, statement, consume).await
    }

    /// A transaction whose statement's answer goes to `consume`, which may give up: with an error of the database's, or
    /// with a fault that ends the transaction at once.
    async fn consume<S, T, E: From<ApiError>>(
        &self,
        access: Access,
        key: Option<&ApiKey>,
        statement: impl AsyncFnOnce(&Client) -> Result<S, Error>,
        consume: impl AsyncFnOnce(S) -> Result<Result<T, Error>, E>,
    ) -> Result<T, E> {
        let asked = Instant::now();
        let leased = self.leased(key).await;
        self.metrics
            .pool_wait_seconds
            .observe(asked.elapsed().as_secs_f64());
        let (mut seat, mut lease) = leased?;
        let _timed = self.timed(access);
        let begin = match access {
            Access::Read => &self.begin_read,
            Access::Write => &self.begin_write,
        };
        let (credential, is_begun) = self.open(&mut lease, key, begin).await?;
        let (client, is_known) = (lease.client(), seat.party != Party::Strangers);
        // Answers arrive in order, and an unread one holds up all those after it: COMMIT can only finish when the
        // statement's has been consumed. So the two halves run side by side, and nothing waits for COMMIT alone. Both
        // `join`s poll in this order, so the messages go out in this order.
        let consumed = async {
            let (begun, authenticated, result) = join3(
                begin_unless(is_begun, client, begin),
                login::authenticate(client, &credential, is_known),
                statement(client),
            )
            .await;
            let result = match result {
                // Not worth reading: something before it has failed, and `conclude` says what.
                Ok(_) if begun.is_err() || authenticated.is_err() => None,
                Ok(answer) => Some(consume(answer).await?),
                Err(error) => Some(Err(error)),
            };
            Ok::<_, E>((begun, authenticated, result))
        };
        let commit = async { Ok(client.batch_execute("COMMIT").await) };
        let ((begun, authenticated, result), committed) = try_join(consumed, commit).await?;
        if let Ok(rows) = &authenticated {
            self.change_seat(&mut seat, key, rows);
        }
        conclude(&mut lease, key, begun, authenticated, result, committed).map_err(E::from)
    }

    /// A place among those of the key's tenant, and a connection.
    async fn leased(&self, key: Option<&ApiKey>) -> Result<(Seat, Lease), ApiError> {
        let seat = self.seat(key).await?;
        Ok((seat, self.lease().await?))
    }

    /// Measures a transaction until the value is dropped, however it ends.
    fn timed(&self, access: Access) -> impl Drop {
        let access = match access {
            Access::Read => TransactionAccess::Read,
            Access::Write => TransactionAccess::Write,
        };
        Timed {
            began: Instant::now(),
            seconds: self
                .metrics
                .database_seconds
                .get_or_create_owned(&Transaction { access }),
        }
    }

    /// How a transaction on this connection says who it is, and whether it had to begin for that already.
    async fn open(
        &self,
        lease: &mut Lease,
        key: Option<&ApiKey>,
        begin: &str,
    ) -> Result<(Credential, bool), ApiError> {
        if let Some(credential) = lease.login().credential(key) {
            return Ok((credential, false));
        }
        let client = lease.client();
        let (begun, asked) = join(client.batch_execute(begin), login::ask(client)).await;
        let rows = begun
            .and(asked)
            .map_err(|error| sqlstate::not_begun(&error))?;
        let login = lease.login();
        login.answered(&rows);
        let credential = login.credential(key);
        let malformed = || ApiError::internal("a challenge is malformed");
        Ok((credential.ok_or_else(malformed)?, true))
    }

    /// Only asks whether the key is good: what a request costs that is refused for another reason.
    pub(crate) async fn authenticate(
        self: &Arc<Self>,
        key: Option<&ApiKey>,
    ) -> Result<(), ApiError> {
        self.run(Access::Read, key, async |_| Ok(())).await
    }

    /// Asks whether the database responds and keeps tenants apart, and whether it accepts writes.
    pub(crate) async fn probe(&self) -> Result<Writing, ApiError> {
        let mut lease = Self::lease_from(&self.probes).await?;
        match check::inspect(lease.client()).await {
            Ok(found) => {
                lease.settle();
                Ok(
                    match (self.writes.are_failing(Instant::now()), found.read_only) {
                        (true, _) => Writing::Fails,
                        (false, true) => Writing::IsElsewhere,
                        (false, false) => Writing::Works,
                    },
                )
            }
            Err(error) => {
                tracing::error!(%error, "not ready");
                Err(ApiError::unavailable(error.probe_text()))
            }
        }
    }

    /// Like [`Database::run`] for reads, with a statement whose answer is consumed piece by piece: `COMMIT` is
    /// sent at once, but awaited only after `consume` is through.
    pub(crate) async fn stream<S, T>(
        self: &Arc<Self>,
        key: Option<&ApiKey>,
        statement: impl AsyncFnOnce(&Client) -> Result<S, Error>,
        consume: impl AsyncFnOnce(S) -> Result<T, StreamFault>,
    ) -> Result<T, StreamFault> {
        if self.party(key) == Party::Strangers {
            // A stranger's place is only for finding out whose key it is; rows that come in pieces hold theirs for long.
            self.authenticate(key).await?;
        }
        let consume = async |rows| match consume(rows).await {
            Ok(value) => Ok(Ok(value)),
            Err(StreamFault::Database(error)) => Ok(Err(error)),
            Err(fault) => Err(fault),
        };
        let read = self.consume(Access::Read, key, statement, consume);
        let value = read.await?;
        self.note_use(key, Access::Read);
        Ok(value)
    }

    /// Tells the database, once a minute for each key, of a request that the key was good for: in a transaction of its
    /// own, so that no request waits for it and one that only reads stays one. One that wrote has noted it in passing.
    fn note_use(self: &Arc<Self>, key: Option<&ApiKey>, access: Access) {
        let Some(key) = key else { return };
        if !self.key_use.is_due(key.fingerprint(), Instant::now()) || access == Access::Write {
            return;
        }
        let (database, key) = (Arc::clone(self), key.clone());
        tokio::spawn(async move {
            let report = async |client: &Client| client.query_typed(REPORT, &[]).await;
            let report = database.transact(Access::Write, Some(&key), report);
            // A failure is in the log; the next use after a minute is another chance.
            if tokio::time::timeout(REPORT_LIMIT, report).await.is_err() {
                tracing::warn!("the use of a key could not be recorded in time");
            }
        });
    }

    /// Compacts the tenant's store now and then after it was written to, as its tenant: no request waits for it. Anything
    /// that comes in its way is another one's work, or left for the next time.
    fn note_write(self: &Arc<Self>, key: Option<&ApiKey>) {
        let fingerprint = key.map(ApiKey::fingerprint).unwrap_or_default();
        let Some(turn) = self.upkeep.is_due(fingerprint) else {
            return;
        };
        let (database, key) = (Arc::clone(self), key.cloned());
        tokio::spawn(async move {
            let compact = async |client: &Client| client.query_typed(COMPACT, &[]).await;
            let compact = database.transact(Access::Write, key.as_ref(), compact);
            let outcome = match tokio::time::timeout(COMPACT_LIMIT, compact).await {
                Ok(Ok(_)) => Compaction::Done,
                Ok(Err(_)) => Compaction::Failed,
                Err(_) => {
                    tracing::warn!("a compaction has not ended in time");
                    Compaction::TimedOut
                }
            };
            database
                .metrics
                .compactions
                .get_or_create(&Compacted { outcome })
                .inc();
            drop(turn);
        });
    }
}

/// A transaction that is being measured.
struct Timed {
    began: Instant,
    seconds: Histogram,
}

impl Drop for Timed {
    fn drop(&mut self) {
        self.seconds.observe(self.began.elapsed().as_secs_f64());
    }
}

/// Begins the transaction, if it has not been begun.
async fn begin_unless(is_begun: bool, client: &Client, begin: &str) -> Result<(), Error> {
    if is_begun {
        return Ok(());
    }
    client.batch_execute(begin).await
}

/// What a database that answers does with writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    Works,
    /// It is there for reading: a standby, or read-only by default.
    IsElsewhere,
    /// The last one has failed, and an operator has to fix the cause.
    Fails,
}

/// Why a streamed read ended early.
#[derive(Debug)]
pub(crate) enum StreamFault {
    /// The database said no.
    Database(Error),
    /// An answer for the client, if it has had none yet.
    Refused(ApiError),
    /// Nobody is listening any more, or too slowly.
    Abandoned,
}

impl From<ApiError> for StreamFault {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<Error> for StreamFault {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

/// Turns the four answers into one, and decides whether the connection may serve another request.
fn conclude<T>(
    lease: &mut Lease,
    key: Option<&ApiKey>,
    begun: Result<(), Error>,
    authenticated: Result<Vec<Row>, Error>,
    result: Option<Result<T, Error>>,
    committed: Result<(), Error>,
) -> Result<T, ApiError> {
    if let Err(error) = begun {
        // Whatever stops BEGIN, SET ROLE or the guard is for the operator to fix, and never the client's mistake.
        return Err(sqlstate::not_begun(&error));
    }
    if authenticated
        .as_ref()
        .is_err_and(sqlstate::is_of_another_challenge)
    {
        tracing::error!("a connection leads to a different session than before; it is closed");
        return Err(ApiError::unavailable(
            "The connection to the database was lost; please try again.",
        ));
    }
    // After an error of a statement COMMIT means ROLLBACK, and its success leaves nothing behind.
    if committed.is_ok() {
        lease.settle();
    }
    if let Err(error) = authenticated {
        return Err(sqlstate::refused_key(&error, key.is_some()));
    }
    let value = result
        .ok_or_else(|| ApiError::internal("a statement was cancelled for no known reason"))?
        .map_err(|error| sqlstate::to_api(&error, key.is_some()))?;
    committed.map_err(|error| sqlstate::to_api(&error, key.is_some()))?;
    if lease.commit_is_unconfirmed() {
        tracing::warn!("a commit's wait for a synchronous standby was cancelled");
        return Err(ApiError::timed_out());
    }
    Ok(value)
}
