//! The flags of `timedb api`, and the `ServerConfig` that results from them.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use timedb_http::{CertificateFiles, CorsOrigin, Pooler, ServerConfig, TrustedProxy};
use tokio_postgres::Config;

use super::settings::Setting;
use crate::cli::config::Dsn;
use crate::cli::failure::Failure;
use crate::cli::logging::LogFormat;

/// Flags of `timedb api`; those without a default here take the server's.
#[derive(Debug, Args)]
pub struct ApiArgs {
    /// The database [default: TIMEDB_DSN, DATABASE_URL or .env]
    #[arg(short, long, value_name = "DSN")]
    pub dsn: Option<Dsn>,
    /// A file of settings in TOML, with the names of these flags [default: none]
    #[arg(long, env = "TIMEDB_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the settings as they count, without secrets, and where each comes from; serve nothing
    #[arg(long)]
    pub print_config: bool,
    /// The settings, as they count.
    #[arg(skip)]
    pub settings: Vec<Setting>,
    /// The address to listen on
    #[arg(long, env = "TIMEDB_HOST", default_value = "127.0.0.1")]
    pub host: String,
    /// The port to listen on; 0 picks a free one, which the line `Listening on` names
    #[arg(long, env = "TIMEDB_PORT", default_value_t = 8000)]
    pub port: u16,
    /// A socket in the file system to listen on, instead of an address
    #[arg(long, env = "TIMEDB_UNIX_SOCKET", value_name = "PATH")]
    pub unix_socket: Option<PathBuf>,
    /// A file with the server's certificate, and those between it and the root, in PEM: with it the server speaks TLS
    #[arg(long, env = "TIMEDB_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// A file with the private key of --tls-cert, in PEM
    #[arg(long, env = "TIMEDB_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Serve a store without authentication on an address that others can reach
    #[arg(long, env = "TIMEDB_ALLOW_OPEN", value_parser = clap::builder::FalseyValueParser::new())]
    pub allow_open: bool,
    /// A proxy whose X-Forwarded-For and X-Forwarded-Proto are believed: an address, a network such as 10.0.0.0/8, or
    /// `unix` for those at --unix-socket; may be given several times [default: none]
    #[arg(
        long = "trusted-proxy",
        env = "TIMEDB_TRUSTED_PROXY",
        value_name = "CIDR",
        value_delimiter = ','
    )]
    trusted_proxies: Vec<TrustedProxy>,
    /// The maximum number of connections to the database
    #[arg(long, env = "TIMEDB_POOL_SIZE", value_name = "N", default_value_t = default_pool_size(),
        value_parser = positive::<NonZeroUsize>)]
    pool_size: NonZeroUsize,
    /// Connections that one tenant may use at a time [default: half of them]
    #[arg(long, env = "TIMEDB_TENANT_CONNECTIONS", value_name = "N",
        value_parser = positive::<NonZeroUsize>)]
    tenant_connections: Option<NonZeroUsize>,
    /// Requests a second that one key may send (then 429); 0 means no limit
    #[arg(long, env = "TIMEDB_RATE_LIMIT", value_name = "N", default_value_t = defaults().rate_limit)]
    rate_limit: u32,
    /// Requests that one key may send at once; 0 means as many as in ten seconds
    #[arg(long, env = "TIMEDB_RATE_BURST", value_name = "N", default_value_t = defaults().rate_burst)]
    rate_burst: u32,
    /// Requests of one address that may fail to authenticate in a minute (then 429); 0 means no limit
    #[arg(long, env = "TIMEDB_AUTH_FAILURES", value_name = "N", default_value_t = defaults().auth_failures)]
    auth_failures: u32,
    /// Clients that may wait for news at a time, of which one tenant can have a quarter; 0 means none
    #[arg(long, env = "TIMEDB_WAITING_CLIENTS", value_name = "N", default_value_t = defaults().waiting_clients)]
    waiting_clients: usize,
    /// What is between the server and the database: with a pooler in transaction mode, nothing can be prepared
    #[arg(
        long,
        env = "TIMEDB_POOLER",
        value_name = "KIND",
        default_value = "auto"
    )]
    pooler: PoolerKind,
    /// Leave it to others to compact what is written: to the writes themselves, and to timedb.compact()
    #[arg(long, env = "TIMEDB_NO_COMPACTION", value_parser = clap::builder::FalseyValueParser::new())]
    no_compaction: bool,
    /// How long a request waits for a connection (then 503)
    #[arg(long, env = "TIMEDB_ACQUIRE_TIMEOUT", value_name = "SECONDS",
        default_value_t = seconds(|config| config.acquire_timeout), value_parser = positive::<NonZeroU64>)]
    acquire_timeout: NonZeroU64,
    /// How long a request may take once its body has arrived (then 504)
    #[arg(long, env = "TIMEDB_REQUEST_TIMEOUT", value_name = "SECONDS",
        default_value_t = seconds(|config| config.request_timeout), value_parser = positive::<NonZeroU64>)]
    request_timeout: NonZeroU64,
    /// How long a statement may take [default: slightly less than the request timeout]
    #[arg(long, env = "TIMEDB_STATEMENT_TIMEOUT", value_name = "SECONDS",
        value_parser = positive::<NonZeroU64>)]
    statement_timeout: Option<NonZeroU64>,
    /// How long a connection may be idle between two requests
    #[arg(long, env = "TIMEDB_IDLE_TIMEOUT", value_name = "SECONDS",
        default_value_t = seconds(|config| config.idle_timeout))]
    idle_timeout: NonZeroU64,
    /// How long a client may take to send the head of a request, from its first byte on
    #[arg(long, env = "TIMEDB_HEADER_READ_TIMEOUT", value_name = "SECONDS",
        default_value_t = seconds(|config| config.header_read_timeout), value_parser = positive::<NonZeroU64>)]
    header_read_timeout: NonZeroU64,
    /// How long requests in progress may continue after the signal to stop
    #[arg(long, env = "TIMEDB_SHUTDOWN_GRACE", value_name = "SECONDS",
        default_value_t = seconds(|config| config.shutdown_grace), value_parser = positive::<NonZeroU64>)]
    shutdown_grace: NonZeroU64,
    /// The largest request body
    #[arg(long, env = "TIMEDB_MAX_BODY_BYTES", value_name = "BYTES",
        default_value_t = defaults().max_body_bytes)]
    max_body_bytes: usize,
    /// The memory for the bodies of all requests together, of which one tenant can have half (then 503)
    #[arg(long, env = "TIMEDB_BODY_MEMORY", value_name = "BYTES",
        default_value_t = defaults().body_memory)]
    body_memory: usize,
    /// How long a client may read nothing of its answer
    #[arg(long, env = "TIMEDB_WRITE_TIMEOUT", value_name = "SECONDS",
        default_value_t = seconds(|config| config.write_timeout), value_parser = positive::<NonZeroU64>)]
    write_timeout: NonZeroU64,
    /// How fast a client has to read a large answer on average; 0 means no limit
    #[arg(long, env = "TIMEDB_STREAM_MIN_RATE", value_name = "BYTES PER SECOND",
        default_value_t = defaults().stream_min_rate)]
    stream_min_rate: usize,
    /// How long a large answer may take
    #[arg(long, env = "TIMEDB_STREAM_TIMEOUT", value_name = "SECONDS",
        default_value_t = seconds(|config| config.stream_timeout), value_parser = positive::<NonZeroU64>)]
    stream_timeout: NonZeroU64,
    /// An origin whose pages may use the API from a browser, such as `https://app.example`, or `*`; may be given
    /// several times [default: none]
    #[arg(
        long = "cors-origin",
        env = "TIMEDB_CORS_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    cors_origins: Vec<CorsOrigin>,
    /// Where metrics are served for Prometheus, at /metrics, such as `127.0.0.1:9187` [default: nowhere]
    #[arg(long, env = "TIMEDB_METRICS_LISTEN", value_name = "ADDRESS:PORT")]
    pub metrics_listen: Option<String>,
    /// How lines of the log look
    #[arg(
        long,
        env = "TIMEDB_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,
    /// What is logged on stderr, such as `warn` or `timedb_http=debug`
    #[arg(
        long,
        env = "TIMEDB_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    pub log: String,
}

/// What is between the server and the database.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum PoolerKind {
    /// Each connection finds out
    Auto,
    /// A pooler in transaction mode, such as PgBouncer
    Transaction,
    /// Nothing, or a pooler in session mode
    None,
}

fn defaults() -> ServerConfig {
    ServerConfig::new(Config::new())
}

fn default_pool_size() -> NonZeroUsize {
    NonZeroUsize::new(defaults().pool_size).unwrap_or(NonZeroUsize::MIN)
}

fn seconds(pick: impl Fn(ServerConfig) -> Duration) -> NonZeroU64 {
    NonZeroU64::new(pick(defaults()).as_secs()).unwrap_or(NonZeroU64::MIN)
}

/// A number of things, or of seconds, of which there must be some.
fn positive<T: TryFrom<NonZeroU32>>(text: &str) -> Result<T, String> {
    let number = text.trim().parse::<NonZeroU32>().ok();
    let number = number.and_then(|number| number.try_into().ok());
    number.ok_or_else(|| format!("give a whole number from 1 to {}", u32::MAX))
}

impl ApiArgs {
    /// The files of the certificate, if the server is to speak TLS.
    ///
    /// # Errors
    /// A usage error when one of the two is missing.
    pub fn certificate_files(&self) -> Result<Option<CertificateFiles>, Failure> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificates), Some(key)) => Ok(Some(CertificateFiles {
                certificates: certificates.clone(),
                key: key.clone(),
            })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(Failure::usage("--tls-cert needs --tls-key")),
            (None, Some(_)) => Err(Failure::usage("--tls-key needs --tls-cert")),
        }
    }

    /// What the server is told.
    ///
    /// # Errors
    /// A usage error for settings that cannot be combined.
    pub fn server_config(&self, database: Config) -> Result<ServerConfig, Failure> {
        let duration = |seconds: NonZeroU64| Duration::from_secs(seconds.get());
        let mut config = ServerConfig::new(database);
        config.pool_size = self.pool_size.get();
        config.tenant_connections = self.tenant_connections.map(NonZeroUsize::get);
        config.rate_limit = self.rate_limit;
        config.rate_burst = self.rate_burst;
        config.auth_failures = self.auth_failures;
        config.waiting_clients = self.waiting_clients;
        config.pooler = match self.pooler {
            PoolerKind::Auto => Pooler::Auto,
            PoolerKind::Transaction => Pooler::Transaction,
            PoolerKind::None => Pooler::None,
        };
        config.compaction = !self.no_compaction;
        config.acquire_timeout = duration(self.acquire_timeout);
        config.request_timeout = duration(self.request_timeout);
        config.statement_timeout = match self.statement_timeout {
            Some(limit) => duration(limit),
            // The database's own error tells more than a cut connection, so it should come first.
            None => {
                config.request_timeout - (config.request_timeout / 12).min(Duration::from_secs(5))
            }
        };
        config.idle_timeout = duration(self.idle_timeout);
        config.header_read_timeout = duration(self.header_read_timeout);
        config.shutdown_grace = duration(self.shutdown_grace);
        config.max_body_bytes = self.max_body_bytes;
        if self.body_memory < self.max_body_bytes {
            return Err(Failure::usage(format!(
                "--body-memory is {}, which is less than the largest body: give at least {} \
                 (--max-body-bytes)",
                self.body_memory, self.max_body_bytes
            )));
        }
        config.body_memory = self.body_memory;
        config.write_timeout = duration(self.write_timeout);
        config.stream_min_rate = self.stream_min_rate;
        config.stream_timeout = duration(self.stream_timeout);
        config.cors_origins.clone_from(&self.cors_origins);
        config.trusted_proxies.clone_from(&self.trusted_proxies);
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        api: ApiArgs,
    }

    fn config(line: &[&str]) -> ServerConfig {
        let flags = Flags::parse_from([&["api"], line].concat());
        flags.api.server_config(Config::new()).unwrap()
    }

    #[test]
    fn without_flags_the_server_has_its_own_defaults() {
        assert_eq!(
            format!("{:?}", config(&[])),
            format!("{:?}", ServerConfig::new(Config::new()))
        );
    }

    #[test]
    fn a_number_that_cannot_be_is_refused_with_those_that_can() {
        for line in [
            ["--pool-size", "0"],
            ["--pool-size", "many"],
            ["--request-timeout", "1.5"],
            ["--write-timeout", "0"],
            ["--tenant-connections", "99999999999"],
        ] {
            let error = Flags::try_parse_from([&["api"][..], &line].concat()).err();
            let text = error.unwrap().to_string();
            assert!(
                text.contains("a whole number from 1 to 4294967295"),
                "{text}"
            );
        }
    }

    #[test]
    fn statement_timeout_follows_the_request_timeout_unless_given() {
        let short = config(&["--request-timeout", "6"]);
        assert_eq!(short.statement_timeout, Duration::from_millis(5500));
        let own = config(&["--request-timeout", "6", "--statement-timeout", "2"]);
        assert_eq!(own.statement_timeout, Duration::from_secs(2));
    }
}
