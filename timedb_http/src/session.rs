//! The command line's connection to the database, and what its errors mean for an administrator.

use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error};

use crate::config;
use crate::failure::{Failure, brief, reason};

/// A connection that knows where it leads, so that errors can name the database.
pub struct Session {
    pub client: Client,
    pub place: String,
}

impl Session {
    /// Connects, with TLS as the DSN's `sslmode` says.
    pub async fn open(config: &Config) -> Result<Self, Failure> {
        let place = config::describe(config);
        // The driver's own limit ends with the TCP connection; a silent server would hold us for ever.
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

    /// The version of timedb in this database, if it has one.
    pub async fn installed_version(&self) -> Result<Option<String>, Error> {
        let row = self
            .client
            .query_typed_opt(
                "SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'timedb'",
                &[],
            )
            .await?;
        Ok(row.map(|row| row.get(0)))
    }

    /// The name of the role that the statements run as, quoted for use in SQL.
    pub async fn role(&self) -> String {
        let row = self
            .client
            .query_typed_one("SELECT pg_catalog.quote_ident(current_user)", &[])
            .await;
        row.map_or_else(|_| "this role".to_owned(), |row| row.get(0))
    }

    /// Says what to do about an error of an administration function.
    pub async fn explain(&self, error: Error) -> Failure {
        let code = error.code();
        let place = &self.place;
        if code == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            let role = self.role().await;
            return Failure::new(format!(
                "Role {role} may not administer timedb in database {place}: {}. \
                 A superuser can allow it with: GRANT timedb_admin TO {role};",
                brief(&error)
            ));
        }
        let is_missing = [
            SqlState::INVALID_SCHEMA_NAME,
            SqlState::UNDEFINED_FUNCTION,
            SqlState::UNDEFINED_TABLE,
        ]
        .iter()
        .any(|missing| code == Some(missing));
        if !is_missing {
            return error.into();
        }
        match self.installed_version().await {
            Ok(None) => Failure::new(format!(
                "timedb is not set up in database {place}. Run: timedb create tables --with-users"
            )),
            Ok(Some(version)) => Failure::new(format!(
                "Database {place} has timedb {version}, which does not fit this command ({}): {}. \
                 A superuser can update it with: ALTER EXTENSION timedb UPDATE;",
                env!("CARGO_PKG_VERSION"),
                brief(&error)
            )),
            Err(_) => error.into(),
        }
    }
}
