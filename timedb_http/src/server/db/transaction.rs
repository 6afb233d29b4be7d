//! One request, one transaction, one round trip. Where the session is the connection's own it is one message: a prepared
//! statement that says who asks, and asks. Elsewhere, and for somebody who is not known yet, BEGIN, authenticate, the
//! statement and COMMIT are all sent before the first answer is awaited; behind a pooler, another round trip asks the
//! transaction's session for a challenge.

use std::{pin::pin, time::Instant};

use futures_util::future::{join, join3, try_join};
use prometheus_client::metrics::histogram::Histogram;
use tokio_postgres::{Client, Error, Row, RowStream, Statement, error::Severity};

use super::{
    database::{Database, Seat},
    lease::Lease,
    login::{self, Credential, SessionKind},
    prepared,
    query::{Access, SqlQuery},
};
use crate::server::{
    error::ApiError,
    key::ApiKey,
    metrics::{Transaction, TransactionAccess},
    share::Party,
    sqlstate,
};

impl Database {
    /// A transaction of one statement, whose rows go to `consume`. That may give up: with an error of the database's, or
    /// with a fault that ends the transaction at once.
    pub(super) async fn ask<T, E: From<ApiError>>(
        &self,
        access: Access,
        key: Option<&ApiKey>,
        query: SqlQuery<'_>,
        consume: impl AsyncFnOnce(RowStream) -> Result<Result<T, Error>, E>,
    ) -> Result<T, E> {
        let (seat, mut lease) = self.leased(key).await?;
        let timed = self.timed(access);
        // Of a stranger the identity is asked too, in a message of its own.
        if seat.party != Party::Strangers
            && let Some(statement) = self.prepared(&mut lease, access, query).await?
            && let Some(credential) = lease.login().credential(key)
        {
            let sent = prepared::send(lease.client(), &statement, query, credential).await;
            let result = match sent {
                Ok(rows) => consume(rows).await?,
                Err(error) if prepared::is_outdated(&error) => {
                    // The connection goes with what it has prepared. In messages of its own the statement either works
                    // or fails in a way that says why.
                    tracing::info!(%error, "a prepared statement is outdated; its connection is closed");
                    drop(lease);
                    let leased = (seat, self.lease().await?, timed);
                    return self.in_messages(leased, access, key, query, consume).await;
                }
                Err(error) => Err(error),
            };
            return conclude_prepared(&mut lease, key, result).map_err(E::from);
        }
        self.in_messages((seat, lease, timed), access, key, query, consume)
            .await
    }

    /// Several statements in one transaction, that may write.
    pub(super) async fn ask_all<T>(
        &self,
        key: Option<&ApiKey>,
        statements: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, ApiError> {
        let (seat, lease) = self.leased(key).await?;
        let leased = (seat, lease, self.timed(Access::Write));
        let consume = async |answer| Ok(Ok(answer));
        self.in_transaction(leased, Access::Write, key, statements, consume)
            .await
    }

    /// The statement as it is prepared on this connection, if its session keeps what is prepared. The first request of a
    /// connection has to find that out.
    async fn prepared(
        &self,
        lease: &mut Lease,
        access: Access,
        query: SqlQuery<'_>,
    ) -> Result<Option<Statement>, ApiError> {
        let not_begun = |error: Error| sqlstate::not_begun(&error);
        if lease.login().session() == SessionKind::Unknown {
            let client = lease.client();
            let (begun, asked, committed) = join3(
                client.batch_execute(&self.begin_read),
                login::ask(client),
                client.batch_execute("COMMIT"),
            )
            .await;
            let rows = begun.and(asked).map_err(not_begun)?;
            committed.map_err(not_begun)?;
            lease.login().answered(&rows);
            lease.login().ended();
        }
        if lease.login().session() != SessionKind::Own {
            return Ok(None);
        }
        let (client, prepared) = lease.prepared();
        if !prepared.is_begun {
            let begun = client.batch_execute(&self.begin_session).await;
            begun.map_err(not_begun)?;
            prepared.is_begun = true;
        }
        let statement = prepared.statement(client, access, query).await;
        statement.map(Some).map_err(not_begun)
    }

    async fn in_messages<T, E: From<ApiError>>(
        &self,
        leased: (Seat, Lease, Timed),
        access: Access,
        key: Option<&ApiKey>,
        query: SqlQuery<'_>,
        consume: impl AsyncFnOnce(RowStream) -> Result<Result<T, Error>, E>,
    ) -> Result<T, E> {
        let statement = async |client: &Client| {
            let parameters = query.parameters.iter().cloned();
            client.query_typed_raw(query.text, parameters).await
        };
        self.in_transaction(leased, access, key, statement, consume)
            .await
    }

    /// BEGIN, who it is, the statement and COMMIT, all sent at once: the statement must send what it sends when it is
    /// first polled, before awaiting anything. That keeps the four messages in order and in one round trip.
    async fn in_transaction<S, T, E: From<ApiError>>(
        &self,
        leased: (Seat, Lease, Timed),
        access: Access,
        key: Option<&ApiKey>,
        statement: impl AsyncFnOnce(&Client) -> Result<S, Error>,
        consume: impl AsyncFnOnce(S) -> Result<Result<T, Error>, E>,
    ) -> Result<T, E> {
        let (mut seat, mut lease, _timed) = leased;
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
        let asked = Instant::now();
        let leased = pin!(async {
            let seat = self.seat(key).await?;
            Ok((seat, self.lease().await?))
        });
        let leased = leased.await;
        let seconds = asked.elapsed().as_secs_f64();
        self.metrics.pool_wait_seconds.observe(seconds);
        leased
    }

    /// Measures a transaction until the value is dropped, however it ends.
    fn timed(&self, access: Access) -> Timed {
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
}

/// A transaction that is being measured.
pub(super) struct Timed {
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
    if let Err(error) = &authenticated
        && let Some(answer) = in_another_session(error)
    {
        return Err(answer);
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
    confirmed(lease)?;
    Ok(value)
}

/// The same for one message: its answer has come to its end, or with an error the transaction has.
fn conclude_prepared<T>(
    lease: &mut Lease,
    key: Option<&ApiKey>,
    result: Result<T, Error>,
) -> Result<T, ApiError> {
    let error = match result {
        Ok(value) => {
            lease.settle();
            confirmed(lease)?;
            return Ok(value);
        }
        Err(error) => error,
    };
    if let Some(answer) = in_another_session(&error) {
        return Err(answer);
    }
    // Of what is worse than an error nothing but the end of the connection follows.
    let answer = error.as_db_error();
    if answer.is_some_and(|answer| answer.parsed_severity() == Some(Severity::Error)) {
        lease.settle();
    }
    Err(sqlstate::to_api(&error, key.is_some()))
}

/// The answer to an error that says that the session is not the one that it was.
fn in_another_session(error: &Error) -> Option<ApiError> {
    sqlstate::is_of_another_challenge(error).then(|| {
        tracing::error!("a connection leads to a different session than before; it is closed");
        ApiError::unavailable("The connection to the database was lost; please try again.")
    })
}

/// Whether the commit is where it has to be.
fn confirmed(lease: &Lease) -> Result<(), ApiError> {
    if lease.commit_is_unconfirmed() {
        tracing::warn!("a commit's wait for a synchronous standby was cancelled");
        return Err(ApiError::timed_out());
    }
    Ok(())
}
