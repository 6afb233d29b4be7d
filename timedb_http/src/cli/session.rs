//! The command line's connection to the database, and what its errors mean for an administrator. A database may belong
//! to somebody other than the superuser who runs a command in it, so no name there is trusted.

use timedb_http::db::PIN;
use timedb_http::db::store::{self, Store};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, Error, GenericClient, Row, Transaction};

use crate::cli::config;
use crate::cli::failure::{Failure, brief, reason};

/// The parameters of a statement, with their types, so that it need not be prepared.
pub type Parameters<'a> = [(&'a (dyn ToSql + Sync), Type)];

/// A connection that knows where it leads, so that errors can name the database.
pub struct Session {
    pub client: Client,
    pub place: String,
}

impl Session {
    /// Connects, with TLS as the DSN's `sslmode` says.
    pub async fn open(config: &Config) -> Result<Self, Failure> {
        let place = config::describe(config);
        // The driver's own limit ends with the TCP connection; a silent server would hold us forever.
        let limit = config.get_connect_timeout().copied();
        let limit = limit.unwrap_or(config::CONNECT_TIMEOUT);
        let reason = match timeout(limit, timedb_http::db::connect(config)).await {
            Ok(Ok((client, _))) => return Ok(Self { client, place }),
            Ok(Err(error)) => reason(&error),
            Err(_) => format!("no answer within {} seconds", limit.as_secs()),
        };
        Err(Failure::new(format!(
            "Cannot connect to database {place}: {reason}"
        )))
    }

    /// Begins a transaction in which names mean PostgreSQL's own objects, naive times are UTC, and row security
    /// is no error. Through a pooler each one may be on another connection of the database, so each says so.
    pub async fn begin(&mut self) -> Result<Transaction<'_>, Error> {
        let transaction = self.client.transaction().await?;
        transaction
            .batch_execute(&format!(
                "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; {PIN}; SET LOCAL TimeZone = 'UTC'; SET LOCAL row_security = on"
            ))
            .await?;
        Ok(transaction)
    }

    /// [`Session::begin`], with schema `timedb` known to be the extension's: only so may it be called.
    pub async fn enter(&mut self) -> Result<Transaction<'_>, SessionTrouble> {
        let transaction = self.begin().await?;
        if !is_installed(&transaction).await? {
            return Err(SessionTrouble::NotSetUp);
        }
        Ok(transaction)
    }

    /// [`Session::enter`] for a transaction that takes its time, at an isolation level of its own.
    pub async fn enter_for_long(
        &mut self,
        isolation_level: &str,
    ) -> Result<Transaction<'_>, SessionTrouble> {
        let transaction = self.client.transaction().await?;
        transaction
            .batch_execute(&format!(
                "SET TRANSACTION ISOLATION LEVEL {isolation_level}; {PIN}; SET LOCAL TimeZone = 'UTC'; \
                 SET LOCAL row_security = on; SET LOCAL idle_in_transaction_session_timeout = 0"
            ))
            .await?;
        if !is_installed(&transaction).await? {
            return Err(SessionTrouble::NotSetUp);
        }
        Ok(transaction)
    }

    /// Runs one statement that calls timedb, in a transaction of its own.
    pub async fn ask(
        &mut self,
        sql: &str,
        parameters: &Parameters<'_>,
    ) -> Result<Vec<Row>, SessionTrouble> {
        let transaction = self.enter().await?;
        let rows = transaction.query_typed(sql, parameters).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    /// The name of the role that the statements run as, quoted for use in SQL.
    pub async fn role(&self) -> String {
        let row = self
            .client
            .query_typed_one("SELECT pg_catalog.quote_ident(current_user)", &[])
            .await;
        row.map_or_else(|_| "this role".to_owned(), |row| row.get(0))
    }

    /// Says what to do about what stopped a command.
    pub async fn explain(&self, trouble: SessionTrouble) -> Failure {
        let place = &self.place;
        let error = match trouble {
            SessionTrouble::Database(error) => error,
            SessionTrouble::NotSetUp => {
                return Failure::new(format!(
                    "timedb is not set up in database {place}. Run: timedb create tables --with-users"
                ));
            }
            SessionTrouble::Doubtful { problem, remedy } => {
                return Failure::new(format!(
                    "Nothing was called in database {place}: {problem}, so what is there might not belong \
                     to timedb. Remedy, after inspecting it: {remedy}"
                ));
            }
        };
        let code = error.code();
        if code == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            let role = self.role().await;
            return Failure::new(format!(
                "Role {role} may not administer timedb in database {place}: {}. \
                 A superuser can allow it with: GRANT timedb_admin TO {role};",
                brief(&error)
            ));
        }
        let missing = [
            SqlState::INVALID_SCHEMA_NAME,
            SqlState::UNDEFINED_FUNCTION,
            SqlState::UNDEFINED_TABLE,
        ];
        if !code.is_some_and(|code| missing.contains(code)) {
            return error.into();
        }
        match store::inspect(&self.client).await {
            Ok(Store::Genuine { version }) => Failure::new(format!(
                "Database {place} has timedb {version}, which does not fit this command ({}): {}. \
                 A superuser can update it with: ALTER EXTENSION timedb UPDATE;",
                env!("CARGO_PKG_VERSION"),
                brief(&error)
            )),
            _ => error.into(),
        }
    }
}

/// Whether this database has timedb.
///
/// # Errors
/// [`SessionTrouble::Doubtful`] when something could stand in for it.
pub async fn is_installed(client: &impl GenericClient) -> Result<bool, SessionTrouble> {
    match store::inspect(client).await? {
        Store::Absent => Ok(false),
        Store::Genuine { .. } => Ok(true),
        Store::Doubtful { problem, remedy } => Err(SessionTrouble::Doubtful { problem, remedy }),
    }
}

/// What stops a command at the database.
pub enum SessionTrouble {
    /// The database says no.
    Database(Error),
    /// There is no timedb.
    NotSetUp,
    /// Something in schema `timedb` may not be timedb's.
    Doubtful { problem: String, remedy: String },
}

impl SessionTrouble {
    /// The SQLSTATE, if it was the database that said no.
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Database(error) => error.code(),
            Self::NotSetUp | Self::Doubtful { .. } => None,
        }
    }
}

impl From<Error> for SessionTrouble {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}
