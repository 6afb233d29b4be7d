//! A pooled connection held by one request. Unless the request ends cleanly, dropping the lease cancels what is
//! running and discards the connection: what a half-done request leaves behind must never meet the next one.

use std::{sync::Arc, time::Duration};

use deadpool::managed::{self, Metrics, Object, RecycleError, RecycleResult};
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use super::{
    cancel::cancel,
    connect::{Connector, Unconfirmed},
    login::Login,
    prepared::Prepared,
};
use crate::server::config::Pooler;

/// How long a cancel request may take before the socket is simply closed: longer than PgBouncer lets one wait
/// (its `cancel_wait_timeout`, 10 seconds).
const CANCEL_LIMIT: Duration = Duration::from_secs(15);

const HELD: &str = "a lease holds its object until it drops";

/// Opens connections for the pool. What is set for a session is the same for all requests, so nothing needs resetting.
pub(super) struct Manager {
    pub connector: Arc<Connector>,
    pub pooler: Pooler,
}

/// One connection: the client's handle and the task that drives the socket.
pub(super) struct Connection {
    client: Client,
    task: JoinHandle<()>,
    unconfirmed: Unconfirmed,
    login: Login,
    prepared: Prepared,
    connector: Arc<Connector>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A connection that still has answers to come would go on reading them; the socket closes now instead.
        // An idle one loses only its goodbye message.
        self.task.abort();
    }
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = tokio_postgres::Error;

    async fn create(&self) -> Result<Connection, tokio_postgres::Error> {
        let login = Login::new(self.pooler);
        let (client, task, unconfirmed) = self.connector.open(&login.options()).await?;
        Ok(Connection {
            client,
            task,
            login,
            unconfirmed,
            prepared: Prepared::default(),
            connector: Arc::clone(&self.connector),
        })
    }

    async fn recycle(
        &self,
        connection: &mut Connection,
        _: &Metrics,
    ) -> RecycleResult<tokio_postgres::Error> {
        if connection.client.is_closed() {
            return Err(RecycleError::message("the server closed the connection"));
        }
        Ok(())
    }
}

/// A connection on loan: only [`Lease::settle`] lets it go back to the pool.
pub(super) struct Lease {
    object: Option<Object<Manager>>,
    settled: bool,
}

impl Lease {
    pub(super) fn new(object: Object<Manager>) -> Self {
        Self {
            object: Some(object),
            settled: false,
        }
    }

    /// The transaction is over, one way or the other, and the server has said so.
    pub(super) fn settle(&mut self) {
        self.settled = true;
    }

    pub(super) fn client(&self) -> &Client {
        &self.connection().client
    }

    /// Whether the commit that was told last may not be on the synchronous standbys.
    pub(super) fn commit_is_unconfirmed(&self) -> bool {
        self.connection().unconfirmed.take()
    }

    fn connection(&self) -> &Connection {
        self.object.as_ref().expect(HELD)
    }

    /// How transactions on this connection say who they are.
    pub(super) fn login(&mut self) -> &mut Login {
        &mut self.object.as_mut().expect(HELD).login
    }

    /// What the session keeps, and the way to it.
    pub(super) fn prepared(&mut self) -> (&Client, &mut Prepared) {
        let connection = &mut **self.object.as_mut().expect(HELD);
        (&connection.client, &mut connection.prepared)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let Some(object) = self.object.take() else {
            return;
        };
        let connection = Object::take(object);
        if connection.client.is_closed() {
            return;
        }
        let token = connection.client.cancel_token();
        // Without a runtime the process is ending, and closing the socket is all there is.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let request = cancel(&token, connection.connector.config());
                let cancelled = tokio::time::timeout(CANCEL_LIMIT, request).await;
                if !matches!(cancelled, Ok(Ok(()))) {
                    tracing::warn!("an abandoned statement could not be cancelled");
                }
                drop(connection);
            });
        }
    }
}
