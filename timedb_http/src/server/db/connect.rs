//! Opens connections on which names mean PostgreSQL's own objects from the first statement on. A database has an
//! owner, who may have set a search path for it and created operators and functions of any name in it.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::{AsyncMessage, Client, Config, Error};

use super::tls;

/// The same for one transaction. Each one says so itself: a PgBouncer drops what is in the start-up packet,
/// and its next transaction may be on another connection of the database.
pub const PIN: &str = "SET LOCAL search_path = pg_catalog, pg_temp";

/// What is in the start-up packet takes precedence over `ALTER DATABASE ... SET` and `ALTER ROLE ... SET`.
const OPTIONS: &str = "-c search_path=pg_catalog,pg_temp";

/// A commit that was told as done before the synchronous standbys had it: somebody has cancelled its wait, and
/// PostgreSQL says that by a warning only.
#[derive(Clone, Default)]
pub(super) struct Unconfirmed(Arc<AtomicBool>);

impl Unconfirmed {
    /// Whether there was one since it was asked last.
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }

    /// By the name of the function that warns: its words depend on the server's language.
    fn hear(&self, notice: &DbError) {
        if notice.routine() == Some("SyncRepWaitForLSN") {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// A connection: the client's handle, and the task that drives the socket.
pub(super) type Opened = (Client, JoinHandle<()>, Unconfirmed);

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
            pinned: with_options(config, OPTIONS),
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
    pub(super) async fn open(&self, options: &str) -> Result<Opened, Error> {
        if self.takes_none.load(Ordering::Relaxed) {
            return open(&self.plain).await;
        }
        let first = open(&with_options(&self.pinned, options)).await;
        // PgBouncer refuses options with this code, and much else: the second try tells which it was.
        let code = first.as_ref().err().and_then(Error::code);
        if code != Some(&SqlState::PROTOCOL_VIOLATION) {
            return first;
        }
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
    let (client, task, _) = Connector::new(config).open("").await?;
    Ok((client, task))
}

/// The configuration with further options after its own: of two for a setting the last one counts.
fn with_options(config: &Config, options: &str) -> Config {
    let mut with = config.clone();
    with.options(match config.get_options() {
        Some(own) => format!("{own} {options}"),
        None => options.to_owned(),
    });
    with
}

/// As the configuration's `sslmode` says, which may be `allow`.
async fn open(config: &Config) -> Result<Opened, Error> {
    if config.get_ssl_mode() != SslMode::Prefer || !tls::comes_second() {
        return open_in_mode(config).await;
    }
    let in_mode = |mode| {
        let mut config = config.clone();
        config.ssl_mode(mode);
        config
    };
    let refused = match open_in_mode(&in_mode(SslMode::Disable)).await {
        // As with libpq, whatever PostgreSQL itself has against it.
        Err(refused) if refused.code().is_some() => refused,
        outcome => return outcome,
    };
    let encrypted = open_in_mode(&in_mode(SslMode::Require)).await;
    // Where there is no encryption either, the refusal says more.
    encrypted.map_err(|error| match error.code() {
        Some(_) => error,
        None => refused,
    })
}

async fn open_in_mode(config: &Config) -> Result<Opened, Error> {
    let (client, mut connection) = config.connect(tls::connector()).await?;
    let unconfirmed = Unconfirmed::default();
    let heard = unconfirmed.clone();
    let task = tokio::spawn(async move {
        // Notices come in their place among the answers: one from a commit is received before the commit is confirmed.
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            match message {
                Ok(AsyncMessage::Notice(notice)) => heard.hear(&notice),
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "connection to the database ended");
                    break;
                }
            }
        }
    });
    Ok((client, task, unconfirmed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_the_connection_string_are_kept_and_our_path_comes_last() {
        let mut config = Config::new();
        let pinned = |config: &Config| with_options(config, OPTIONS);
        assert_eq!(pinned(&config).get_options(), Some(OPTIONS));
        config.options("-c search_path=public -c geqo=off");
        assert_eq!(
            pinned(&config).get_options(),
            Some("-c search_path=public -c geqo=off -c search_path=pg_catalog,pg_temp")
        );
    }
}
