//! Which database is meant: the DSN, where it comes from, and what the environment adds to it. The server's own
//! settings are the flags of `timedb api` (`commands/api.rs`).

mod dsn;
mod libpq;

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use timedb_http::db::{self, DatabaseTls};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::cli::failure::Failure;
use crate::cli::terminal;

pub use dsn::{Dsn, may_be_a_rest, redact};
use dsn::{Parts, invalid};
use libpq::Surroundings;

/// The environment variables that may hold the DSN, the first one that is set wins.
const DSN_VARIABLES: [&str; 2] = ["TIMEDB_DSN", "DATABASE_URL"];

/// Whether one of them is set, and not empty.
pub fn is_in_environment(get: impl Fn(&str) -> Option<String>) -> bool {
    DSN_VARIABLES
        .iter()
        .any(|name| get(name).is_some_and(|dsn| !dsn.trim().is_empty()))
}

/// Where a PostgreSQL of the same machine listens when a DSN names no host (as libpq has it here).
const SOCKET_DIRECTORY: &str = "/var/run/postgresql";

/// How long to wait for the database when the DSN has no `connect_timeout`.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The DSNs found outside the command line, in the order in which they count.
#[derive(Debug, Default)]
pub struct Environment {
    candidates: Vec<Dsn>,
}

impl Environment {
    /// Reads the environment, then adds the variables of `.env` that are not set in it (so that
    /// the flags of `timedb api` find theirs too).
    pub fn load() -> Self {
        let set = |name: &&str| env::var(name).ok().map(Dsn::from);
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

    /// The connection string that counts, without its password.
    pub fn shown_dsn(&self, flag: Option<&Dsn>) -> Option<String> {
        let mut named = flag.into_iter().chain(&self.candidates);
        named.find(|dsn| !dsn.is_blank()).map(Dsn::redacted)
    }

    /// The database to work on: `--dsn` if it is given, else the first candidate.
    pub fn database(&self, flag: Option<&Dsn>) -> Result<Config, Failure> {
        let mut named = flag.into_iter().chain(&self.candidates);
        let chosen = named.find(|dsn| !dsn.is_blank());
        let get = |name: &str| env::var(name).ok();
        match chosen {
            Some(dsn) => build(&dsn.parts()?, get),
            // As psql does without any argument.
            None if libpq::names_a_database(get) => build(&Parts::default(), get),
            None => Err(Failure::usage(
                "No DSN provided. Use --dsn or set TIMEDB_DSN / DATABASE_URL",
            )),
        }
    }
}

/// What the driver is told. No message repeats a part of the DSN.
fn build(parts: &Parts, get: impl Fn(&str) -> Option<String>) -> Result<Config, Failure> {
    let around = Surroundings::load(parts.option("service"), &get)?;
    let mut config = read(&parts.rest(around.get("port")))?;
    fill(&mut config, &around)?;
    secure(&mut config, parts, &around, &get)?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        if Path::new(SOCKET_DIRECTORY).is_dir() {
            config.host_path(SOCKET_DIRECTORY);
        } else {
            config.host("localhost");
        }
    }
    if config.get_password().is_none() {
        let named = parts.option("passfile").or_else(|| around.get("passfile"));
        if let Some(password) = password_from_file(&config, named, &get) {
            config.password(password);
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

fn read(text: &str) -> Result<Config, Failure> {
    text.parse().map_err(|error: tokio_postgres::Error| {
        // Of all the driver's reasons this one names no more than an option.
        let known = std::error::Error::source(&error)
            .map(ToString::to_string)
            .filter(|reason| reason.starts_with("invalid value for option"));
        invalid(known.as_deref().unwrap_or("part of it cannot be parsed"))
    })
}

/// Adds what the DSN does not say and the service or a variable does.
fn fill(config: &mut Config, around: &Surroundings) -> Result<(), Failure> {
    let is_without_host = config.get_hosts().is_empty() && config.get_hostaddrs().is_empty();
    let open = [
        ("host", is_without_host),
        ("hostaddr", is_without_host),
        ("port", config.get_ports().is_empty()),
        ("dbname", config.get_dbname().is_none()),
        ("user", config.get_user().is_none()),
        ("password", config.get_password().is_none()),
        ("options", config.get_options().is_none()),
        ("application_name", config.get_application_name().is_none()),
        ("connect_timeout", config.get_connect_timeout().is_none()),
    ];
    let mut pairs = String::new();
    for (name, is_open) in open {
        if let Some(value) = around.get(name).filter(|_| is_open) {
            let quoted = value.replace('\\', r"\\").replace('\'', r"\'");
            pairs.push_str(&format!("{name}='{quoted}' "));
        }
    }
    let more = read(&pairs)?;
    for host in more.get_hosts() {
        match host {
            Host::Tcp(name) => config.host(name),
            Host::Unix(path) => config.host_path(path),
        };
    }
    for address in more.get_hostaddrs() {
        config.hostaddr(*address);
    }
    for port in more.get_ports() {
        config.port(*port);
    }
    if let Some(name) = more.get_dbname() {
        config.dbname(name);
    }
    if let Some(user) = more.get_user() {
        config.user(user);
    }
    if let Some(password) = more.get_password() {
        config.password(password);
    }
    if let Some(options) = more.get_options() {
        config.options(options);
    }
    if let Some(name) = more.get_application_name() {
        config.application_name(name);
    }
    if let Some(limit) = more.get_connect_timeout() {
        config.connect_timeout(*limit);
    }
    Ok(())
}

/// libpq's TLS options. Where certificates to trust are named, the chain is verified, and the host's name with
/// `verify-full`; without them `require` encrypts and asks nobody who answers, as with libpq.
fn secure(
    config: &mut Config,
    parts: &Parts,
    around: &Surroundings,
    get: &impl Fn(&str) -> Option<String>,
) -> Result<(), Failure> {
    let option = |name| parts.option(name).or_else(|| around.get(name));
    let mode = option("sslmode").unwrap_or("prefer");
    let verifies = mode.starts_with("verify-");
    config.ssl_mode(match mode {
        "disable" => SslMode::Disable,
        // That `allow` tries without first is for `DatabaseTls` to say.
        "allow" | "prefer" => SslMode::Prefer,
        "require" | "verify-ca" | "verify-full" => SslMode::Require,
        _ => {
            return Err(invalid(
                "sslmode is one of disable, allow, prefer, require, verify-ca and verify-full",
            ));
        }
    });
    if config.get_ssl_mode() == SslMode::Disable {
        return Ok(());
    }
    let usual = |name: &str| Some(PathBuf::from(get("HOME")?).join(".postgresql").join(name));
    let usual = |name: &str| usual(name).filter(|file| file.exists());
    let roots = match option("sslrootcert") {
        Some("system") => {
            return Err(invalid(
                "sslrootcert=system is not supported; name a file, such as /etc/ssl/certs/ca-certificates.crt",
            ));
        }
        Some(file) => Some(PathBuf::from(file)),
        None => usual("root.crt").filter(|_| config.get_ssl_mode() == SslMode::Require),
    };
    if verifies && roots.is_none() {
        return Err(Failure::new(format!(
            "To verify the database's certificate (sslmode={mode}), name the file of trusted certificates: \
             sslrootcert=FILE in the DSN, or PGSSLROOTCERT in the environment"
        )));
    }
    let file = |name, usual_name| {
        option(name)
            .map(PathBuf::from)
            .or_else(|| usual(usual_name))
    };
    let own = match file("sslcert", "postgresql.crt") {
        None => None,
        Some(certificate) => {
            let key = file("sslkey", "postgresql.key").ok_or_else(|| {
                invalid("with sslcert the file of its key is needed too: sslkey=FILE")
            })?;
            is_private(&key)?;
            Some((certificate, key))
        }
    };
    let tls = DatabaseTls {
        roots,
        checks_host: mode == "verify-full",
        own,
        comes_second: mode == "allow",
    };
    db::secure(&tls).map_err(|fault| Failure::new(fault.to_string()))
}

/// As libpq has it: what others can read is no secret.
fn is_private(key: &Path) -> Result<(), Failure> {
    let Ok(about) = fs::metadata(key) else {
        // Who reads it says what is wrong.
        return Ok(());
    };
    // Of root's files a group may read them, as with libpq.
    let open = if about.uid() == 0 { 0o027 } else { 0o077 };
    if about.mode() & open != 0 {
        return Err(Failure::new(format!(
            "The key of the client's certificate (sslkey) is not used: others may read it. Run: chmod 600 {}",
            key.display()
        )));
    }
    Ok(())
}

fn password_from_file(
    config: &Config,
    named: Option<&str>,
    get: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let mut host = first_host(config)?;
    if Path::new(&host) == Path::new(SOCKET_DIRECTORY) {
        // As libpq has it.
        host = "localhost".to_owned();
    }
    let user = config.get_user().map(str::to_owned);
    let user = user.or_else(|| get("USER"))?;
    let login = libpq::PasswordFor {
        host: &host,
        port: config.get_ports().first().copied().unwrap_or(5432),
        database: config.get_dbname().unwrap_or(&user),
        user: &user,
    };
    libpq::password(named, &login, get)
}

fn first_host(config: &Config) -> Option<String> {
    match config.get_hosts().first() {
        Some(Host::Tcp(name)) => Some(name.clone()),
        Some(Host::Unix(path)) => Some(path.display().to_string()),
        None => config.get_hostaddrs().first().map(ToString::to_string),
    }
}

/// Names a database for a person: its name and where it is, nothing secret.
pub fn describe(config: &Config) -> String {
    let host = first_host(config).unwrap_or_default();
    let port = config.get_ports().first().unwrap_or(&5432);
    let name = config.get_dbname().or(config.get_user());
    format!("\"{}\" at {host}:{port}", name.unwrap_or("default"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(candidates: &[&str]) -> Environment {
        let candidates = candidates.iter().map(|&text| Dsn::from(text.to_owned()));
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
        let flag = Dsn::from("postgres://flag/d".to_owned());
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

    fn built(dsn: &str, variables: &[(&str, &str)]) -> Result<Config, Failure> {
        let get = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        build(&Dsn::from(dsn.to_owned()).parts()?, get)
    }

    #[test]
    fn key_value_pairs_are_a_dsn_too() {
        let config = built("host=h port=6000 dbname=d user=u", &[]).unwrap();
        assert_eq!(describe(&config), "\"d\" at h:6000");
    }

    #[test]
    fn variables_fill_what_the_dsn_leaves_open() {
        let variables = [
            ("PGHOST", "other"),
            ("PGPORT", "6000"),
            ("PGDATABASE", "other"),
            ("PGUSER", "it's"),
            ("PGPASSWORD", r"back\slash"),
            ("PGAPPNAME", "mine"),
            ("PGCONNECT_TIMEOUT", "3"),
            ("PGSSLMODE", "require"),
        ];
        let config = built("postgres://h/d", &variables).unwrap();
        assert_eq!(describe(&config), "\"d\" at h:6000");
        assert_eq!(config.get_user(), Some("it's"));
        assert_eq!(config.get_password(), Some(&br"back\slash"[..]));
        assert_eq!(config.get_application_name(), Some("mine"));
        assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(config.get_ssl_mode(), SslMode::Require);
        let alone = built("postgres://u:p@/d?sslmode=disable", &variables).unwrap();
        assert_eq!(describe(&alone), "\"d\" at other:6000");
        assert_eq!(alone.get_ssl_mode(), SslMode::Disable);
        assert_eq!(alone.get_password(), Some(&b"p"[..]));
        assert!(built("", &[("PGPORT", "x")]).is_err());
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
            let message = built(dsn, &[]).unwrap_err().to_string();
            assert!(message.contains("DSN"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn verified_tls_needs_certificates_and_is_never_weakened() {
        for dsn in [
            "postgres://h/d?sslmode=verify-full",
            "host=h sslmode=verify-ca",
        ] {
            let failure = built(dsn, &[]).unwrap_err().to_string();
            assert!(failure.contains("sslrootcert=FILE"), "{failure}");
            let missing = built(dsn, &[("PGSSLROOTCERT", "/no/file")]).unwrap_err();
            assert!(missing.to_string().contains("/no/file"), "{missing}");
        }
        assert!(built("host=h sslmode=require sslrootcert=/no/file", &[]).is_err());
        assert!(built("host=h sslrootcert=system", &[]).is_err());
        assert!(built("host=h sslmode=disable sslrootcert=/no/file", &[]).is_ok());
    }

    #[test]
    fn dsn_and_environment_have_a_debug_without_the_secret() {
        let shown = format!("{:?}", environment(&["postgres://u:hunter2@h/d"]));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
