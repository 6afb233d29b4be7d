//! A real PgBouncer of a test's own, with the configuration that docs/pooling.md prints.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Config, Db, Role, signal};
use tempfile::TempDir;
use tokio_postgres::config::Host;

use crate::programs::{free_port, server_user};

/// A setting: one connection of the database for each role.
pub const NARROW: &str = "default_pool_size = 1";
/// A setting: as PgBouncer is without the lines of the document, nothing is cleaned up between transactions.
pub const NO_RESET: &str = "server_reset_query_always = 0";

/// A running PgBouncer; killed with the value.
pub struct Bouncer {
    child: Child,
    folder: TempDir,
    upstream: String,
    port: u16,
    user: Option<(u32, u32)>,
}

/// What a PgBouncer is started with.
pub struct Pool<'a> {
    /// A connection URI of the database behind it; only host and port count.
    pub database: &'a str,
    /// The database's name, for clients and behind.
    pub name: &'a str,
    /// More of the database's line, such as `connect_query='...'`.
    pub options: &'a str,
    /// `userlist.txt`.
    pub users: &'a str,
    /// More lines; a setting of theirs wins over the document's.
    pub settings: &'a [&'a str],
}

/// The block of docs/pooling.md that is a configuration.
pub fn documented() -> String {
    let path = Config::get().root.join("docs/pooling.md");
    let document = fs::read_to_string(path).expect("docs/pooling.md is there");
    let block = document
        .split("```text\n")
        .map(|part| part.split("```").next().unwrap_or_default())
        .find(|block| block.contains("[pgbouncer]"));
    block
        .expect("docs/pooling.md prints a configuration")
        .to_owned()
}

impl Bouncer {
    /// Starts it, in front of the database and the roles of `pool`.
    ///
    /// # Panics
    /// When it does not listen within ten seconds.
    pub fn start(pool: &Pool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let user = server_user();
        let upstream = address(pool.database);
        let port = free_port();
        let bouncer_file = |name: &str| folder.path().join(name);
        write(&bouncer_file("userlist.txt"), pool.users);
        let (host, upstream_port) = upstream.rsplit_once(':').expect("host:port");
        let (name, options) = (pool.name, pool.options);
        let mut lines = Vec::new();
        for line in documented().lines() {
            let setting = line.split('=').next().unwrap_or_default().trim();
            lines.push(match setting {
                "mydb" => {
                    format!("{name} = host={host} port={upstream_port} dbname={name} {options}")
                }
                "listen_port" => format!("listen_port = {port}"),
                "auth_file" => format!("auth_file = {}", bouncer_file("userlist.txt").display()),
                "logfile" => format!("logfile = {}", bouncer_file("log").display()),
                "pidfile" => format!("pidfile = {}", bouncer_file("pid").display()),
                _ => line.to_owned(),
            });
        }
        lines.extend(pool.settings.iter().map(|line| (*line).to_owned()));
        write(&bouncer_file("pgbouncer.ini"), &(lines.join("\n") + "\n"));
        // It refuses to run as root.
        if let Some((uid, gid)) = user {
            let files = [bouncer_file("userlist.txt"), bouncer_file("pgbouncer.ini")];
            for path in files.iter().map(PathBuf::as_path).chain([folder.path()]) {
                chown(path, Some(uid), Some(gid)).expect("root gives files away");
            }
        }
        let child = spawn(&bouncer_file("pgbouncer.ini"), user);
        let mut bouncer = Self {
            child,
            folder,
            upstream,
            port,
            user,
        };
        bouncer.until_it_listens();
        bouncer
    }

    /// Starts it in front of a test's database, for all roles of the test; `options` and `settings` as in [`Pool`].
    ///
    /// # Panics
    /// As [`Self::start`].
    pub async fn start_for(db: &Db, options: &str, settings: &[&str]) -> Self {
        let secrets = "SELECT coalesce(string_agg(format('\"%s\" \"%s\"', rolname, rolpassword), chr(10)), '')
                       FROM pg_authid WHERE rolpassword IS NOT NULL AND rolname LIKE '%' || current_database()";
        let superuser = db.connect(Role::Superuser).await;
        let users = superuser.query_one(secrets, &[]).await;
        let users: String = users.expect("the secrets are read").get(0);
        Self::start(&Pool {
            database: &db.dsn(Role::Superuser),
            name: &db.name,
            options,
            users: &users,
            settings,
        })
    }

    fn until_it_listens(&mut self) {
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(10)
                    && !matches!(self.child.try_wait(), Ok(Some(_))),
                "PgBouncer does not start: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A role's connection URI through PgBouncer.
    pub fn dsn(&self, direct: &str) -> String {
        let through = direct.replace(
            &format!("@{}/", self.upstream),
            &format!("@127.0.0.1:{}/", self.port),
        );
        assert_ne!(through, direct, "the URI names host and port");
        through
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Everything that it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Changes a setting while it runs.
    pub fn reload(&self, setting: &str) {
        let path = self.folder.path().join("pgbouncer.ini");
        let text = fs::read_to_string(&path).expect("the configuration is there");
        fs::write(&path, format!("{text}{setting}\n")).expect("it can be changed");
        let reloads = |log: String| log.matches("got SIGHUP").count();
        let before = reloads(self.log());
        self.signal("HUP");
        let start = Instant::now();
        while reloads(self.log()) == before {
            assert!(
                start.elapsed() < Duration::from_secs(5),
                "no reload: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends it a signal such as `TERM`.
    pub fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Kills it, and starts it again on the same port.
    pub fn restart(&mut self) {
        self.stop();
        drop(fs::remove_file(self.folder.path().join("pid")));
        self.child = spawn(&self.folder.path().join("pgbouncer.ini"), self.user);
        self.until_it_listens();
    }

    /// Kills it.
    pub fn stop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("PgBouncer:\n{}", self.log());
        }
        self.stop();
    }
}

fn spawn(configuration: &Path, user: Option<(u32, u32)>) -> Child {
    let mut command = Command::new(program());
    command
        .arg("-q")
        .arg(configuration)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
        .spawn()
        .expect("pgbouncer runs: `make test` installs it")
}

/// Debian puts it where only root looks.
fn program() -> PathBuf {
    ["/usr/sbin/pgbouncer", "/usr/local/sbin/pgbouncer"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.exists())
        .unwrap_or_else(|| "pgbouncer".into())
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("the folder can be written to");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("the file is ours");
}

/// Host and port of a connection URI.
///
/// # Panics
/// When it names none.
pub fn address(dsn: &str) -> String {
    let config: tokio_postgres::Config = dsn.parse().expect("a connection URI");
    let port = config.get_ports().first().unwrap_or(&5432);
    match config.get_hosts().first() {
        Some(Host::Tcp(host)) => format!("{host}:{port}"),
        Some(Host::Unix(folder)) => format!("{}:{port}", folder.display()),
        None => panic!("the URI names no host"),
    }
}
