//! What a request asks the database, and what is noted around it: the use of a key, a store that is due for compaction,
//! whether writes go through.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::TryStreamExt;
use tokio_postgres::{Client, Error, Row, RowStream, types::Type};

use super::{
    check,
    database::Database,
    query::{Access, Parameter, SqlQuery},
};
use crate::server::{
    error::ApiError,
    key::ApiKey,
    metrics::{Compacted, Compaction},
    share::Party,
    usage::KeyCounts,
};

/// Counts, and that the key is in use at all; both in one transaction.
const COUNT_USE: &str = "SELECT timedb_internal._count_use($1, $2, $3), timedb.report_key_use()";

/// What writes would do in passing otherwise: merging more of what arrives again and again would rewrite it again and
/// again.
const COMPACT: SqlQuery = SqlQuery::plain("SELECT more FROM timedb.compact(200000, false)");
const COMPACT_LIMIT: Duration = Duration::from_secs(30);

/// What finds out whether a key is good, and nothing else.
const NOTHING: SqlQuery = SqlQuery::plain("SELECT 1");

impl Database {
    /// The rows of a statement that runs as the key's tenant.
    pub(crate) async fn run(
        self: &Arc<Self>,
        access: Access,
        key: Option<&ApiKey>,
        query: SqlQuery<'_>,
    ) -> Result<Vec<Row>, ApiError> {
        let outcome = self.rows(access, key, query).await;
        self.noted(access, key, outcome)
    }

    /// Several statements in one transaction, that may write. They must be sent when this is first polled.
    pub(crate) async fn run_all<T>(
        self: &Arc<Self>,
        key: Option<&ApiKey>,
        statements: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, ApiError> {
        let outcome = self.ask_all(key, statements).await;
        self.noted(Access::Write, key, outcome)
    }

    fn noted<T>(
        self: &Arc<Self>,
        access: Access,
        key: Option<&ApiKey>,
        outcome: Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        if access == Access::Write {
            self.writes.note(&outcome, Instant::now());
        }
        let result = outcome?;
        if access == Access::Write {
            self.note_write(key);
        }
        Ok(result)
    }

    /// [`Database::run`] without taking note of anything.
    async fn rows(
        &self,
        access: Access,
        key: Option<&ApiKey>,
        query: SqlQuery<'_>,
    ) -> Result<Vec<Row>, ApiError> {
        let collect = async |rows: RowStream| Ok(rows.try_collect().await);
        self.ask(access, key, query, collect).await
    }

    /// Only asks whether the key is good: what a request costs that is refused for another reason.
    pub(crate) async fn authenticate(
        self: &Arc<Self>,
        key: Option<&ApiKey>,
    ) -> Result<(), ApiError> {
        self.run(Access::Read, key, NOTHING).await?;
        Ok(())
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

    /// Like [`Database::run`] for reads, with a statement whose answer is consumed piece by piece.
    pub(crate) async fn stream<T>(
        self: &Arc<Self>,
        key: Option<&ApiKey>,
        query: SqlQuery<'_>,
        consume: impl AsyncFnOnce(RowStream) -> Result<T, StreamFault>,
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
        self.ask(Access::Read, key, query, consume).await
    }

    /// Tells the database what a key was used for.
    pub(crate) async fn count_use(&self, counts: &KeyCounts) -> Result<(), ApiError> {
        let [requests, rows_in, rows_out] = [counts.requests, counts.rows_in, counts.rows_out]
            .map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        let parameters: [Parameter; 3] = [
            (&requests, Type::INT8),
            (&rows_in, Type::INT8),
            (&rows_out, Type::INT8),
        ];
        let query = SqlQuery {
            text: COUNT_USE,
            parameters: &parameters,
        };
        self.rows(Access::Write, Some(&counts.key), query).await?;
        Ok(())
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
            let compact = database.rows(Access::Write, key.as_ref(), COMPACT);
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
