//! Both tenants and nobody share one connection of the database through a real PgBouncer in transaction
//! mode, with the configuration of docs/pooling.md: however a client ends, the next one sees its own
//! rows and nothing else.

mod bound;
mod broken;
mod cancels;
mod leftovers;
mod modes;
mod random;
mod server;
mod transactions;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use timedb_tests::programs::bouncer::{self, Bouncer, NARROW, NO_RESET};
use timedb_tests::{Db, Role, Tenant, count, upload};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_postgres::types::Type;
use tokio_postgres::{CancelToken, Client, Error, NoTls};
use uuid::Uuid;

/// A statement that somebody has to end.
const SLEEP: &str = "SELECT pg_sleep(60)";

/// A database with a PgBouncer in front of it. Tenant a has the series `a`, tenant b the series `b`.
struct Pooled {
    db: Db,
    bouncer: Bouncer,
    /// Sees everything, and does not go through the pool.
    observer: Client,
}

impl Pooled {
    async fn start(settings: &[&str]) -> Self {
        let db = Db::new().await;
        for (tenant, name) in [(db.a(), "a"), (db.b(), "b")] {
            let client = db.begin(tenant).await;
            upload(&client, name, &[1.0, 2.0, 3.0]).await.unwrap();
            client.batch_execute("COMMIT").await.unwrap();
        }
        let observer = db.connect(Role::Superuser).await;
        let bouncer = Bouncer::start_for(&db, "", settings).await;
        Self {
            db,
            bouncer,
            observer,
        }
    }

    /// A role's connection URI through the pool.
    fn dsn(&self, role: Role) -> String {
        self.bouncer.dsn(&self.db.dsn(role))
    }

    /// A client of the pool, as `Role::User`.
    async fn link(&self) -> Link {
        Link::open(&self.dsn(Role::User)).await
    }

    /// The database's connections for `Role::User`.
    async fn pids(&self) -> Vec<i32> {
        let query = "SELECT pid FROM pg_stat_activity
                     WHERE datname = current_database() AND usename = $1 ORDER BY pid";
        let rows = self
            .observer
            .query(query, &[&self.db.role_name(Role::User)])
            .await
            .unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Waits until no connection of the pool is in a transaction.
    async fn until_idle(&self) {
        let query = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND usename = $1 AND (state <> 'idle' OR xact_start IS NOT NULL)";
        let start = Instant::now();
        while count(&self.observer, query, &[&self.db.role_name(Role::User)]).await > 0 {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "a connection of the pool is not idle: {}",
                self.bouncer.log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until a connection of the pool runs a statement that begins so.
    async fn until_running(&self, beginning: &str) {
        let query = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND usename = $1 AND state = 'active' AND starts_with(query, $2)";
        let start = Instant::now();
        while count(
            &self.observer,
            query,
            &[&self.db.role_name(Role::User), &beginning],
        )
        .await
            == 0
        {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "{beginning} never ran: {}",
                self.bouncer.log()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Fresh clients of the pool are who they say they are: nobody, b, a and nobody again.
    async fn assert_everybody_is_themselves(&self, story: &str) {
        let client = self.link().await;
        assert_eq!(client.seen().await, (None, vec![]), "{story}");
        for (tenant, name) in [(self.db.b(), "b"), (self.db.a(), "a")] {
            let client = self.link().await;
            client.begin(tenant).await;
            let seen = client.seen().await;
            assert_eq!(seen, (Some(tenant.tenant_id), vec![name.into()]), "{story}");
            client.run("COMMIT").await;
        }
        assert_eq!(client.seen().await, (None, vec![]), "{story}");
    }
}

/// A client of the pool that can vanish. It prepares nothing: the next transaction may meet another
/// connection of the database.
struct Link {
    client: Client,
    address: String,
    task: JoinHandle<()>,
}

impl Link {
    async fn open(dsn: &str) -> Self {
        Self::try_open(dsn)
            .await
            .unwrap_or_else(|error| panic!("cannot connect through the pool: {error:?}"))
    }

    async fn try_open(dsn: &str) -> Result<Self, Error> {
        let mut config: tokio_postgres::Config = dsn.parse()?;
        // Many a test types its key, or sends it where nobody has hidden the parameters.
        config.application_name("types_keys");
        let (client, connection) = config.connect(NoTls).await?;
        let task = tokio::spawn(async move { drop(connection.await) });
        Ok(Self {
            client,
            address: bouncer::address(dsn),
            task,
        })
    }

    /// Runs statements without parameters.
    async fn run(&self, sql: &str) {
        self.try_run(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    async fn try_run(&self, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql).await
    }

    async fn authenticate(&self, key: &str) -> Result<Option<Uuid>, Error> {
        let query = "SELECT timedb.authenticate($1)";
        let rows = self
            .client
            .query_typed(query, &[(&key, Type::TEXT)])
            .await?;
        Ok(rows[0].get(0))
    }

    /// BEGIN and authenticate.
    async fn begin(&self, tenant: &Tenant) {
        self.run("BEGIN").await;
        let entered = self.authenticate(&tenant.key).await.unwrap();
        assert_eq!(entered, Some(tenant.tenant_id));
    }

    /// The current tenant, and the names of everything that can be seen in any way.
    async fn seen(&self) -> (Option<Uuid>, Vec<String>) {
        self.try_seen()
            .await
            .unwrap_or_else(|error| panic!("cannot look: {error:?}"))
    }

    async fn try_seen(&self) -> Result<(Option<Uuid>, Vec<String>), Error> {
        let query = "SELECT timedb.current_tenant(), ARRAY(
                         SELECT name FROM timedb.values UNION SELECT name FROM timedb.series
                         UNION SELECT name FROM timedb.read_versions()
                         UNION SELECT 'batch of ' || tenant_id FROM timedb.batches
                         WHERE tenant_id IS DISTINCT FROM timedb.current_tenant()
                         ORDER BY 1)";
        let rows = self.client.query_typed(query, &[]).await?;
        Ok((rows[0].get(0), rows[0].get(1)))
    }

    /// Which connection of the database answers.
    async fn pid(&self) -> i32 {
        let rows = self
            .client
            .query_typed("SELECT pg_backend_pid()", &[])
            .await;
        rows.unwrap()[0].get(0)
    }

    /// Cancels what runs, as libpq does: it waits until PgBouncer has passed the request on.
    async fn cancel(&self) -> Result<(), Error> {
        cancel(self.client.cancel_token(), &self.address).await
    }

    /// The socket closes, without a word of farewell.
    fn hang_up(self) {
        self.task.abort();
    }
}

/// Sends a cancel request and waits until the other side closes. PgBouncer 1.18 mixes up clients when the
/// sender of a request is gone before the request is passed on.
async fn cancel(token: CancelToken, address: &str) -> Result<(), Error> {
    let stream = TcpStream::connect(address)
        .await
        .expect("PgBouncer listens");
    token.cancel_query_raw(Patient(stream), NoTls).await
}

/// A socket that, to be shut down, waits until the other side has closed it.
struct Patient(TcpStream);

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        // A cancel request has no answer: the end, or an error, is all that can come.
        Pin::new(&mut self.0)
            .poll_read(context, &mut buffer)
            .map(|_| Ok(()))
    }
}
