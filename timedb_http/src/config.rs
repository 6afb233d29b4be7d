//! Where the DSN comes from, what it means, and how its password stays out of everything printed.
//! The server's own settings are the flags of `timedb api` (`commands/api.rs`).

use std::env;
use std::fmt;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::failure::Failure;
use crate::terminal;

/// The environment variables that may hold the DSN, the first one that is set wins.
const DSN_VARIABLES: [&str; 2] = ["TIMEDB_DSN", "DATABASE_URL"];

/// Where a PostgreSQL of the same machine listens when a DSN names no host (as libpq has it here).
const SOCKET_DIRECTORY: &str = "/var/run/postgresql";

/// The environment variable that names a file of certificates to trust, as libpq reads it.
const ROOT_CERTIFICATES: &str = "PGSSLROOTCERT";

/// How long to wait for the database when the DSN has no `connect_timeout`.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection string. It is a secret: its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Dsn(String);

impl From<String> for Dsn {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dsn(***)")
    }
}

/// The DSNs found outside the command line, in the order in which they count.
#[derive(Debug, Default)]
pub struct Environment {
    candidates: Vec<Dsn>,
}

impl Environment {
    /// Reads the environment, then adds the variables of `.env` that are not set in it (so that
    /// the flags of `timedb api` find theirs too).
    pub fn load() -> Self {
        let set = |name: &&str| env::var(name).ok().map(Dsn);
        let mut candidates: Vec<Dsn> = DSN_VARIABLES.iter().filter_map(set).collect();
        match dotenvy::dotenv() {
            Ok(_) => {}
            Err(error) if error.not_found() => {}
            // The error would repeat the line, and a line of `.env` is a likely place for a secret.
            Err(dotenvy::Error::LineParse(..)) => terminal::complain(
                "WARNING: the file .env has a line that is not NAME=value; \
                 that line and the ones after it are ignored",
            ),
            Err(error) => {
                terminal::complain(&format!("WARNING: the file .env cannot be read: {error}"));
            }
        }
        candidates.extend(DSN_VARIABLES.iter().filter_map(set));
        Self { candidates }
    }

    /// The database to work on: `--dsn` if it is given, else the first candidate.
    pub fn database(&self, flag: Option<&Dsn>) -> Result<Config, Failure> {
        let chosen = flag
            .into_iter()
            .chain(&self.candidates)
            .find(|dsn| !dsn.0.trim().is_empty());
        match chosen {
            Some(dsn) => parse(dsn),
            None => Err(Failure::usage(
                "No DSN provided. Use --dsn or set TIMEDB_DSN / DATABASE_URL",
            )),
        }
    }
}

/// Reads a DSN, as a URL or as `key=value` pairs. No message repeats a part of it.
fn parse(dsn: &Dsn) -> Result<Config, Failure> {
    let roots = env::var_os(ROOT_CERTIFICATES).filter(|path| !path.is_empty());
    let text = verified_tls(dsn.0.trim(), roots.is_some())?;
    let mut config: Config = text.parse().map_err(|error: tokio_postgres::Error| {
        let known = std::error::Error::source(&error)
            .map(ToString::to_string)
            .filter(|reason| reason.starts_with("invalid value for option"))
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        Failure::new(format!(
            "The DSN is not valid{known}. Use postgres://user:password@host:port/database \
             or host=... port=... dbname=... user=... password=..."
        ))
    })?;
    if config.get_ssl_mode() == SslMode::Require
        && let Some(path) = roots
        && let Err(error) = File::open(&path)
    {
        return Err(Failure::new(format!(
            "The file that {ROOT_CERTIFICATES} names cannot be read: {}: {error}",
            path.display()
        )));
    }
    let misread = |host: &Host| matches!(host, Host::Tcp(name) if name.contains('@'));
    if config.get_hosts().iter().any(misread) {
        return Err(Failure::new(
            "The DSN has more than one '@' before its host. \
             Write an '@' in the user name or password as %40",
        ));
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        if Path::new(SOCKET_DIRECTORY).is_dir() {
            config.host_path(SOCKET_DIRECTORY);
        } else {
            config.host("localhost");
        }
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_application_name().is_none() {
        config.application_name("timedb");
    }
    Ok(config)
}

/// Translates libpq's TLS options: the connector encrypts for `sslmode=require`, and verifies the
/// chain and the host's name too wherever the trusted certificates are named by the environment.
fn verified_tls(dsn: &str, has_roots: bool) -> Result<String, Failure> {
    let verifies = ["sslmode=verify-full", "sslmode=verify-ca"];
    if dsn.contains("sslrootcert=")
        || (!has_roots && verifies.iter().any(|mode| dsn.contains(mode)))
    {
        return Err(Failure::new(format!(
            "To verify the database's certificate, name the file of trusted certificates in the \
             environment variable {ROOT_CERTIFICATES} and use sslmode=require or verify-full, \
             without sslrootcert, in the DSN"
        )));
    }
    let require = |text: String, mode: &&str| text.replace(*mode, "sslmode=require");
    Ok(verifies.iter().fold(dsn.to_owned(), require))
}

/// Names a database for a person: its name and where it is, nothing secret.
pub fn describe(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        #[cfg(unix)]
        Some(Host::Unix(path)) => path.display().to_string(),
        None => config
            .get_hostaddrs()
            .first()
            .map(ToString::to_string)
            .unwrap_or_default(),
    };
    let port = config.get_ports().first().unwrap_or(&5432);
    let name = config.get_dbname().or(config.get_user());
    format!("\"{}\" at {host}:{port}", name.unwrap_or("default"))
}

/// Replaces in `text` every password of a DSN that `source` holds.
pub fn redact(text: &str, source: &str) -> String {
    passwords(source)
        .into_iter()
        .fold(text.to_owned(), |text, password| {
            text.replace(password, "***")
        })
}

/// The passwords in a text that may be a DSN: of a URL's authority, and of `password=` pairs.
fn passwords(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    if let Some((_, rest)) = text.split_once("://")
        && let Some((credentials, _)) = rest.rsplit_once('@')
        && let Some((_, password)) = credentials.split_once(':')
    {
        found.push(password);
    }
    for (at, name) in text.match_indices("password") {
        let rest = text[at + name.len()..].trim_start();
        let Some(value) = rest.strip_prefix('=').map(str::trim_start) else {
            continue;
        };
        let end = match value.strip_prefix('\'') {
            Some(quoted) => quoted.find('\'').map(|end| end + 2),
            None => value.find([' ', '&']),
        };
        found.push(value[..end.unwrap_or(value.len())].trim_matches('\''));
    }
    found.retain(|password| !password.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(candidates: &[&str]) -> Environment {
        let candidates = candidates.iter().map(|&text| Dsn(text.to_owned()));
        Environment {
            candidates: candidates.collect(),
        }
    }

    fn host(config: &Config) -> &str {
        match &config.get_hosts()[0] {
            Host::Tcp(name) => name,
            Host::Unix(path) => path.to_str().unwrap(),
        }
    }

    #[test]
    fn flag_counts_before_the_environment_in_its_order() {
        let found = environment(&["postgres://first/d", "postgres://second/d"]);
        let flag = Dsn("postgres://flag/d".into());
        assert_eq!(host(&found.database(Some(&flag)).unwrap()), "flag");
        assert_eq!(host(&found.database(None).unwrap()), "first");
        let empty_first = environment(&["", "postgresql://second/d"]);
        assert_eq!(host(&empty_first.database(None).unwrap()), "second");
    }

    #[test]
    fn no_dsn_is_a_usage_error_with_the_known_text() {
        let failure = environment(&[" "]).database(None).unwrap_err();
        assert_eq!(failure.code(), 2);
        assert_eq!(
            failure.to_string(),
            "No DSN provided. Use --dsn or set TIMEDB_DSN / DATABASE_URL"
        );
    }

    #[test]
    fn key_value_pairs_are_a_dsn_too() {
        let config = parse(&Dsn("host=h port=6000 dbname=d user=u".into())).unwrap();
        assert_eq!(describe(&config), "\"d\" at h:6000");
    }

    #[test]
    fn messages_about_a_bad_dsn_repeat_nothing_of_it() {
        for dsn in [
            "postgres://u:hunter2@h:port/d",
            "postgres://u:hun@hunter2@h/d",
            "host=h password=hunter1 hunter2=3",
            "hunter2",
            "postgres://u:p@h/d?sslmode=hunter2",
        ] {
            let message = parse(&Dsn(dsn.into())).unwrap_err().to_string();
            assert!(message.contains("DSN"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn verified_tls_needs_certificates_and_is_never_weakened() {
        let dsn = "postgres://h/d?sslmode=verify-full";
        assert!(verified_tls(dsn, false).is_err());
        assert_eq!(
            verified_tls(dsn, true).unwrap(),
            "postgres://h/d?sslmode=require"
        );
        assert!(verified_tls("host=h sslmode=require sslrootcert=x", true).is_err());
        let plain = "host=h sslmode=disable";
        assert_eq!(verified_tls(plain, false).unwrap(), plain);
    }

    #[test]
    fn dsn_and_environment_have_a_debug_without_the_secret() {
        let shown = format!("{:?}", environment(&["postgres://u:hunter2@h/d"]));
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn passwords_are_taken_out_of_a_text() {
        for source in [
            "postgres://u:hunter2@h/d",
            "--port=postgresql://u:hunter2@h/d",
            "host=h password=hunter2 user=u",
            "host=h password = 'hunter2' user=u",
            "postgres://h/d?user=u&password=hunter2&sslmode=disable",
        ] {
            let text = redact(&format!("invalid value '{source}' for x"), source);
            assert!(!text.contains("hunter2"), "{text}");
            assert!(text.contains("***"), "{text}");
        }
        assert_eq!(
            redact("nothing to hide", "nothing to hide"),
            "nothing to hide"
        );
    }
}
