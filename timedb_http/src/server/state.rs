//! What requests share, and who sends one. The database can be reached only through its caller: whatever is sent there
//! goes with the caller's key, in a transaction that ends if the key is not valid.

use std::{
    future::Future,
    net::IpAddr,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use futures_util::{StreamExt, stream};
use tokio_postgres::{Client, Error, Row, RowStream};

use crate::server::{
    config::ServerConfig,
    db::{Access, Database, Parameter, SqlQuery, StreamFault, Writing},
    error::ApiError,
    key::ApiKey,
    limits::{Failures, Rates},
    metrics::Metrics,
    record::Record,
    share::{BodyMemory, Party},
    usage::Usage,
    waiting::{NoPlace, Waiting, WaitingClient},
};

/// So many reports of use are under way at once, and so many that fail say that the next ones will, too.
const REPORTS_AT_ONCE: usize = 4;
const FAILED_REPORTS: u32 = 3;

/// The same for all requests; a clone is cheap, because each layer of each request makes one.
#[derive(Clone)]
pub(crate) struct AppState(Arc<StateParts>);

/// What there is of it. What stays when the configuration is read anew is shared with the state before.
pub(crate) struct StateParts {
    db: Arc<Database>,
    pub body_memory: Arc<BodyMemory>,
    rates: Arc<Rates>,
    failures: Arc<Failures>,
    pub usage: Arc<Usage>,
    waiting: Arc<Waiting>,
    pub config: Arc<ServerConfig>,
    pub metrics: Arc<Metrics>,
}

impl Deref for AppState {
    type Target = StateParts;

    fn deref(&self) -> &StateParts {
        &self.0
    }
}

impl AppState {
    pub(crate) fn new(config: ServerConfig, metrics: Metrics) -> Self {
        let metrics = Arc::new(metrics);
        Self(Arc::new(StateParts {
            db: Arc::new(Database::new(&config, Arc::clone(&metrics))),
            body_memory: Arc::new(BodyMemory::new(
                config.body_memory,
                config.max_body_bytes,
                config.acquire_timeout,
            )),
            rates: Arc::new(Rates::new(config.rate_limit, config.rate_burst)),
            failures: Arc::new(Failures::new(config.auth_failures)),
            usage: Arc::default(),
            waiting: Arc::new(Waiting::new(config.waiting_clients)),
            config: Arc::new(config),
            metrics,
        }))
    }

    /// The same with the limits of another configuration. What was made for the first one stays: the database and its
    /// connections, and how long requests and statements may take.
    pub(crate) fn reloaded(&self, new: &ServerConfig) -> Self {
        let old = &self.config;
        let is_same =
            (old.body_memory, old.max_body_bytes) == (new.body_memory, new.max_body_bytes);
        let is_same_rate = (old.rate_limit, old.rate_burst) == (new.rate_limit, new.rate_burst);
        Self(Arc::new(StateParts {
            db: Arc::clone(&self.db),
            body_memory: if is_same {
                Arc::clone(&self.body_memory)
            } else {
                // Bodies that are being received go on to count in the one before.
                Arc::new(BodyMemory::new(
                    new.body_memory,
                    new.max_body_bytes,
                    old.acquire_timeout,
                ))
            },
            rates: if is_same_rate {
                Arc::clone(&self.rates)
            } else {
                Arc::new(Rates::new(new.rate_limit, new.rate_burst))
            },
            failures: if old.auth_failures == new.auth_failures {
                Arc::clone(&self.failures)
            } else {
                Arc::new(Failures::new(new.auth_failures))
            },
            usage: Arc::clone(&self.usage),
            waiting: Arc::clone(&self.waiting),
            config: Arc::new(old.with_limits_of(new)),
            metrics: Arc::clone(&self.metrics),
        }))
    }
}

impl StateParts {
    /// Whether a request may go on: one with a key that has been good before within the rate of that key, any other
    /// unless too many from its address had no valid key. So nobody behind the same address loses a key that works.
    ///
    /// # Errors
    /// 429.
    pub(crate) fn admit(
        &self,
        key: &Result<Option<ApiKey>, ApiError>,
        address: Option<IpAddr>,
    ) -> Result<(), ApiError> {
        if let Ok(Some(key)) = key
            && let Party::Tenant(_) = self.db.party(Some(key))
        {
            let taken = self.rates.take(key.fingerprint());
            return taken.map_err(|wait| ApiError::too_many_requests(wait.0));
        }
        let Some(address) = address else {
            return Ok(());
        };
        let with_key = !matches!(key, Ok(None));
        let admitted = self.failures.admit(address, with_key, Instant::now());
        admitted.map_err(|wait| ApiError::too_many_failures(wait.0))
    }

    /// Takes note of an answer that says that the request had no valid key.
    pub(crate) fn note_refused(
        &self,
        fingerprint: Option<&[u8; 32]>,
        address: Option<IpAddr>,
        with_key: bool,
    ) {
        if let Some(fingerprint) = fingerprint {
            self.db.forget(fingerprint);
        }
        if let Some(address) = address {
            self.failures.note(address, with_key, Instant::now());
        }
    }

    /// Holds work to the request's time limit; what it had in progress in the database is then cancelled.
    pub(crate) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let in_time = tokio::time::timeout(self.config.request_timeout, work).await;
        in_time.unwrap_or_else(|_| {
            tracing::warn!("a request exceeded its time limit");
            Err(ApiError::timed_out())
        })
    }

    /// Asks whether the database responds and keeps tenants apart, and whether it accepts writes.
    pub(crate) async fn probe(&self) -> Result<Writing, ApiError> {
        self.within(self.db.probe()).await
    }

    /// Sets those metrics that tell how things are, and not how often something was done.
    pub(crate) fn measure(&self) {
        self.db.measure();
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let (clients, most) = self.waiting.counts();
        self.metrics.waiting_clients.set(count(clients));
        self.metrics.waiting_clients_max.set(count(most));
    }

    /// Tells the database what each key was used for since it was told last. What it can't be told now, it is next time;
    /// of a key that is not good any more the rest is lost. One that is locked, while its tenant is deleted for instance,
    /// keeps back no others, because several are told at once.
    pub(crate) async fn report_usage(&self) {
        let failed = AtomicU32::new(0);
        let report = |key| {
            let failed = &failed;
            async move {
                if failed.load(Ordering::Relaxed) >= FAILED_REPORTS {
                    return;
                }
                // A report that is given up in the middle counts as made: rather too little than twice.
                let Some(counts) = self.usage.take(&key) else {
                    return;
                };
                if let Err(error) = self.db.count_use(&counts).await
                    && error.may_pass()
                {
                    self.usage.put(&counts);
                    failed.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        let keys = stream::iter(self.usage.keys());
        keys.for_each_concurrent(REPORTS_AT_ONCE, report).await;
        if failed.into_inner() > 0 {
            tracing::warn!("the use of keys could not be reported; it will be again");
        }
    }

    /// Ends all waiting for news.
    pub(crate) fn end_waiting(&self) {
        self.waiting.end();
    }

    /// Ends what is idle towards the database.
    pub(crate) fn close(&self) {
        self.db.close();
    }
}

/// Who sends a request.
pub(crate) struct Caller {
    state: AppState,
    key: Option<ApiKey>,
    /// The database has found the key good, in a transaction before.
    is_known: bool,
    record: Record,
}

impl Caller {
    pub(crate) fn new(state: AppState, key: Option<ApiKey>, record: Record) -> Self {
        Self {
            state,
            key,
            is_known: false,
            record,
        }
    }

    /// The rows of a statement that only reads.
    pub(crate) async fn read(
        &self,
        text: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, ApiError> {
        self.rows(Access::Read, SqlQuery { text, parameters }).await
    }

    /// The row of a statement that only reads.
    pub(crate) async fn read_one(
        &self,
        text: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Row, ApiError> {
        only(self.read(text, parameters).await?)
    }

    /// The row of a statement that may write.
    pub(crate) async fn write_one(
        &self,
        text: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Row, ApiError> {
        only(
            self.rows(Access::Write, SqlQuery { text, parameters })
                .await?,
        )
    }

    /// Runs several statements that may write, in one transaction. They must be sent when this is first polled.
    pub(crate) async fn write<T>(
        &self,
        statements: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, ApiError> {
        let (db, began) = (&self.state.db, Instant::now());
        let result = db.run_all(self.key.as_ref(), statements).await;
        self.note(began, result.is_ok());
        self.note_write(result.is_ok());
        result
    }

    /// The same as [`Caller::read`] where the answer is consumed piece by piece.
    pub(crate) async fn stream<T>(
        &self,
        query: SqlQuery<'_>,
        consume: impl AsyncFnOnce(RowStream) -> Result<T, StreamFault>,
    ) -> Result<T, StreamFault> {
        let (db, began) = (&self.state.db, Instant::now());
        let result = db.stream(self.key.as_ref(), query, consume).await;
        self.note(began, result.is_ok());
        result
    }

    /// Runs a statement, and takes note of how long it took and of whose it was.
    async fn rows(&self, access: Access, query: SqlQuery<'_>) -> Result<Vec<Row>, ApiError> {
        let (db, began) = (&self.state.db, Instant::now());
        let result = db.run(access, self.key.as_ref(), query).await;
        self.note(began, result.is_ok());
        self.note_write(access == Access::Write && result.is_ok());
        result
    }

    fn note(&self, began: Instant, is_accepted: bool) {
        self.record.add_database_time(began.elapsed());
        let identity = self.state.db.identity(self.key.as_ref());
        // A statement that failed came after the key was found good, if it was.
        if is_accepted || identity.is_some() {
            self.record.accept(identity, self.key.as_ref());
        }
    }

    /// Tells those of the tenant who wait.
    fn note_write(&self, is_written: bool) {
        if is_written {
            self.state.waiting.wake(self.party());
        }
    }

    /// A place among those who wait for news; to be taken when the key has been found good.
    ///
    /// # Errors
    /// 429 when too many of the tenant wait, 503 when too many in all do.
    pub(crate) fn wait(&self) -> Result<WaitingClient, ApiError> {
        self.state.waiting.enter(self.party()).map_err(|none| match none {
            NoPlace::OfTenant => ApiError::too_many_waiting(),
            NoPlace::OfAll => ApiError::unavailable(
                "Too many clients are waiting for news; please ask without waiting, or try again later.",
            ),
        })
    }

    /// Holds a part of the work to the time limit of requests.
    pub(crate) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        self.state.within(work).await
    }

    /// What is noted about the request.
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// Asks whether the key is good, unless that is known.
    pub(crate) async fn authenticate(&mut self) -> Result<(), ApiError> {
        if !self.is_known {
            let began = Instant::now();
            let result = self.state.db.authenticate(self.key.as_ref()).await;
            self.note(began, result.is_ok());
            result?;
            self.is_known = true;
        }
        Ok(())
    }

    /// What is wrong with a request, if its key is good; else that it isn't.
    pub(crate) async fn refuse(&mut self, answer: ApiError) -> ApiError {
        if !answer.is_about_the_request() {
            return answer;
        }
        self.authenticate().await.err().unwrap_or(answer)
    }

    /// Who it counts as where tenants have shares.
    pub(crate) fn party(&self) -> Party {
        self.state.db.party(self.key.as_ref())
    }

    pub(crate) fn is_known(&self) -> bool {
        self.is_known
    }

    pub(crate) fn config(&self) -> &ServerConfig {
        &self.state.config
    }
}

/// The row of a statement that has one.
fn only(mut rows: Vec<Row>) -> Result<Row, ApiError> {
    match (rows.pop(), rows.is_empty()) {
        (Some(row), true) => Ok(row),
        _ => Err(ApiError::internal("a statement has not returned one row")),
    }
}
