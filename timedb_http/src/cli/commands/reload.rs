//! Settings that change while the server runs: SIGHUP has them read again. Those that cannot change are named in the log,
//! and the whole of a file that is not right is left out.

use std::env;
use std::sync::Arc;

use timedb_http::{Certificates, ServerConfig};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_postgres::Config;

use crate::cli::grammar::{self, ApiArgs, Command, Setting};
use crate::cli::logging::LogFilter;

/// What takes effect without a restart.
const CHANGING: [&str; 14] = [
    "auth-failures",
    "body-memory",
    "cors-origin",
    "header-read-timeout",
    "idle-timeout",
    "log",
    "max-body-bytes",
    "rate-burst",
    "rate-limit",
    "shutdown-grace",
    "stream-min-rate",
    "stream-timeout",
    "write-timeout",
    "trusted-proxy",
];

/// Reads settings again when it is asked to.
pub struct Reloader {
    pub hangups: Signal,
    pub settings: Vec<Setting>,
    pub database: Config,
    pub log: LogFilter,
    pub certificates: Option<Arc<Certificates>>,
    /// Where the server takes what has changed.
    pub changes: mpsc::Sender<Arc<ServerConfig>>,
}

/// SIGHUP, from here on: without this it would end the program.
///
/// # Errors
/// When the signal cannot be listened to.
pub fn hangups() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}

impl Reloader {
    /// Does so until the program ends.
    pub async fn run(mut self) {
        while self.hangups.recv().await.is_some() {
            tracing::info!("SIGHUP: the settings are read again");
            if let Some(certificates) = &self.certificates {
                match certificates.reload() {
                    Ok(()) => tracing::info!("the certificate is read again"),
                    Err(error) => tracing::error!(%error, "the certificate stays as it was"),
                }
            }
            match read_again() {
                Ok(arguments) => self.take(arguments).await,
                Err(why) => tracing::error!(why, "the settings stay as they were"),
            }
        }
    }

    async fn take(&mut self, arguments: ApiArgs) {
        let config = match arguments.server_config(self.database.clone()) {
            Ok(config) => config,
            Err(failure) => {
                let why = failure.to_string();
                tracing::error!(why, "the settings stay as they were");
                return;
            }
        };
        if let Err(failure) = self.log.change(&arguments.log) {
            let why = failure.to_string();
            tracing::error!(why, "the settings stay as they were");
            return;
        }
        for (old, new) in self.settings.iter_mut().zip(&arguments.settings) {
            if old.is_as(new) {
                continue;
            }
            if CHANGING.contains(&new.name.as_str()) {
                tracing::info!(setting = new.shown(), "changed");
                *old = new.clone();
            } else {
                let setting = &new.name;
                tracing::warn!(
                    setting,
                    "this setting takes effect with the next start only"
                );
            }
        }
        // The server that takes them ends with the program.
        let _ended = self.changes.send(Arc::new(config)).await;
    }
}

/// What the program was started with, and what the file of settings says now.
fn read_again() -> Result<ApiArgs, String> {
    let arguments: Vec<_> = env::args_os().collect();
    match grammar::parse(&arguments) {
        Ok(cli) => match cli.command {
            Command::Api(arguments) => Ok(arguments),
            _ => Err("the arguments are those of another command".to_owned()),
        },
        Err(message) => Err(message.text),
    }
}
