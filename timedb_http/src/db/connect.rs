//! Opens connections on which names mean PostgreSQL's own objects from the first statement on. A database
//! belongs to somebody, who may have put a search path on it, and operators and functions of any name into it.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error};

use super::tls;

/// The same for one transaction. Each one says so itself: a PgBouncer drops what stands in the start-up packet,
/// and its next transaction may be on another connection of the database.
pub const PIN: &str = "SET LOCAL search_path = pg_catalog, pg_temp";

/// What stands in the start-up packet counts more than `ALTER DATABASE ... SET` and `ALTER ROLE ... SET`.
const OPTIONS: &str = "-c search_path=pg_catalog,pg_temp";

/// How to connect to one database.
pub(super) struct Connector {
    pinned: Config,
    plain: Config,
    /// Whether what answers there takes no options.
    takes_none: AtomicBool,
}

impl Connector {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            pinned: pinned(config),
            plain: config.clone(),
            takes_none: AtomicBool::new(false),
        }
    }

    /// Where this leads, as it was given.
    pub(super) fn config(&self) -> &Config {
        &self.plain
    }

    /// A connection, with TLS as the configuration's `sslmode` says, and with further options where options are
    /// taken. The task drives it and ends with it.
    pub(super) async fn open(&self, options: &str) -> Result<(Client, JoinHandle<()>), Error> {
        if self.takes_none.load(Ordering::Relaxed) {
            return open(&self.plain).await;
        }
        let first = open(&with_options(&self.pinned, options)).await;
        if !first.as_ref().is_err_and(is_of_the_protocol) {
            return first;
        }
        // PgBouncer refuses options with this code, and much else: the second try tells which it was.
        let second = open(&self.plain).await?;
        self.takes_none.store(true, Ordering::Relaxed);
        Ok(second)
    }
}

/// Connects once, outside any pool: TLS as the configuration's `sslmode` says. The task drives the connection
/// and ends with it.
///
/// # Errors
/// Whatever `tokio_postgres` says about the host, the credentials or the handshake.
pub async fn connect(config: &Config) -> Result<(Client, JoinHandle<()>), Error> {
    Connector::new(config).open("").await
}

/// The configuration with the search path after its own options: the last one counts.
fn pinned(config: &Config) -> Config {
    with_options(config, OPTIONS)
}

fn with_options(config: &Config, options: &str) -> Config {
    let mut with = config.clone();
    with.options(match config.get_options() {
        Some(own) => format!("{own} {options}"),
        None => options.to_owned(),
    });
    with
}

fn is_of_the_protocol(error: &Error) -> bool {
    error.code() == Some(&SqlState::PROTOCOL_VIOLATION)
}

async fn open(config: &Config) -> Result<(Client, JoinHandle<()>), Error> {
    let (client, connection) = config.connect(tls::connector()).await?;
    let task = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection to the database ended");
        }
    });
    Ok((client, task))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_the_connection_string_are_kept_and_our_path_comes_last() {
        let mut config = Config::new();
        assert_eq!(pinned(&config).get_options(), Some(OPTIONS));
        config.options("-c search_path=public -c geqo=off");
        assert_eq!(
            pinned(&config).get_options(),
            Some("-c search_path=public -c geqo=off -c search_path=pg_catalog,pg_temp")
        );
    }
}
