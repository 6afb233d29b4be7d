//! What requests share, and who sends one. The database can be reached only through its caller: whatever is sent there
//! goes with the caller's key, in a transaction that ends if the key is not valid.

use std::{future::Future, sync::Arc};

use tokio_postgres::{Client, Error};

use crate::server::{
    config::ServerConfig,
    db::{Access, Database, StreamFault, Writing},
    error::ApiError,
    key::ApiKey,
    share::{BodyMemory, Party},
};

/// The same for all requests; a clone is cheap.
#[derive(Clone)]
pub(crate) struct AppState {
    db: Arc<Database>,
    pub body_memory: Arc<BodyMemory>,
    pub config: Arc<ServerConfig>,
}

impl AppState {
    pub(crate) fn new(config: ServerConfig) -> Self {
        Self {
            db: Arc::new(Database::new(&config)),
            body_memory: Arc::new(BodyMemory::new(
                config.body_memory,
                config.max_body_bytes,
                config.acquire_timeout,
            )),
            config: Arc::new(config),
        }
    }

    /// Holds work to the request's time limit; what it had in progress in the database is then cancelled.
    pub(crate) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        match tokio::time::timeout(self.config.request_timeout, work).await {
            Ok(result) => result,
            Err(_) => {
                tracing::warn!("a request exceeded its time limit");
                Err(ApiError::timed_out())
            }
        }
    }

    /// Asks whether the database responds and keeps tenants apart, and whether it accepts writes.
    pub(crate) async fn probe(&self) -> Result<Writing, ApiError> {
        self.within(self.db.probe()).await
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
}

impl Caller {
    pub(crate) fn new(state: AppState, key: Option<ApiKey>) -> Self {
        Self {
            state,
            key,
            is_known: false,
        }
    }

    /// Runs a statement of a transaction that only reads. It must send what it sends when it is first polled.
    pub(crate) async fn read<T>(
        &self,
        statement: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, ApiError> {
        let db = &self.state.db;
        db.run(Access::Read, self.key.as_ref(), statement).await
    }

    /// The same where the transaction may write.
    pub(crate) async fn write<T>(
        &self,
        statement: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, ApiError> {
        let db = &self.state.db;
        db.run(Access::Write, self.key.as_ref(), statement).await
    }

    /// The same as [`Caller::read`] where the answer is consumed piece by piece.
    pub(crate) async fn stream<S, T>(
        &self,
        statement: impl AsyncFnOnce(&Client) -> Result<S, Error>,
        consume: impl AsyncFnOnce(S) -> Result<T, StreamFault>,
    ) -> Result<T, StreamFault> {
        let db = &self.state.db;
        db.stream(self.key.as_ref(), statement, consume).await
    }

    /// Asks whether the key is good, unless that is known.
    pub(crate) async fn authenticate(&mut self) -> Result<(), ApiError> {
        if !self.is_known {
            self.state.db.authenticate(self.key.as_ref()).await?;
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
