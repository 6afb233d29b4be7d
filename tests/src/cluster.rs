//! Whole clusters for tests that change what all databases share: roles, restores, settings.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio_postgres::Client;

use crate::{Config, Output, Run, connect};

/// A private cluster in a temporary folder, reachable over its socket only; gone with the value. When its log
/// tells of a crash then, the test fails.
pub struct ThrowawayCluster {
    folder: PathBuf,
    crashes_on_purpose: AtomicBool,
}

impl ThrowawayCluster {
    /// Creates and starts a cluster with these lines in its configuration file.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(settings: &[&str]) -> Self {
        let made = as_server("mktemp")
            .args(["-d", "/tmp/timedb-test.XXXXXX"])
            .ok();
        let cluster = Self {
            folder: PathBuf::from(made.trim()),
            crashes_on_purpose: AtomicBool::new(false),
        };
        let data = cluster.data();
        let bin = &Config::get().pg_bin;
        as_server(bin.join("initdb"))
            .args([
                "-U",
                "postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
                "-D",
            ])
            .args([&data])
            .ok();
        let mut lines = vec![
            "listen_addresses = ''".to_owned(),
            format!("unix_socket_directories = '{}'", cluster.folder.display()),
            "fsync = off".to_owned(),
        ];
        lines.extend(settings.iter().map(|line| (*line).to_owned()));
        let script = format!(
            "cat >> '{}/postgresql.conf' <<'END'\n{}\nEND",
            data.display(),
            lines.join("\n")
        );
        as_server("sh").args(["-c", &script]).ok();
        cluster.control(&["start"]);
        cluster
    }

    /// Stops and starts the server.
    pub fn restart(&self) {
        self.control(&["restart", "-m", "fast"]);
    }

    /// Stops the server, lets `change` do what it likes with the folder of its data, and starts it.
    pub fn restart_after(&self, change: impl FnOnce(&Path)) {
        self.control(&["stop", "-m", "fast"]);
        change(&self.data());
        self.control(&["start"]);
    }

    /// The superuser's connection URI for a database.
    pub fn dsn(&self, database: &str) -> String {
        self.dsn_as(database, "postgres")
    }

    /// A role's connection URI for a database; no password is asked for.
    pub fn dsn_as(&self, database: &str, role: &str) -> String {
        let host = utf8_percent_encode(
            self.folder.to_str().expect("the path is UTF-8"),
            NON_ALPHANUMERIC,
        );
        format!("postgresql:///{database}?host={host}&user={role}")
    }

    /// Connects as the superuser.
    pub async fn connect(&self, database: &str) -> Client {
        connect(&self.dsn(database)).await
    }

    /// Connects as a role.
    pub async fn connect_as(&self, database: &str, role: &str) -> Client {
        connect(&self.dsn_as(database, role)).await
    }

    /// Everything that the server logged so far.
    pub fn log(&self) -> String {
        as_server("cat").args([self.folder.join("log")]).ok()
    }

    /// What the server's log tells of crashes, leaks and panics so far; empty when there are none.
    pub fn crashes(&self) -> String {
        crashes_in(&self.folder.join("log"))
    }

    /// The test has the server crash, and looks itself at what the log tells of it.
    pub fn crashes_on_purpose(&self) {
        self.crashes_on_purpose.store(true, Ordering::Relaxed);
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn control(&self, action: &[&str]) {
        let output = pg_ctl(&self.folder, action);
        assert_eq!(output.code, 0, "pg_ctl {action:?} failed: {output:?}");
    }
}

impl Drop for ThrowawayCluster {
    fn drop(&mut self) {
        pg_ctl(&self.folder, &["stop", "-m", "immediate"]);
        let crashes = if *self.crashes_on_purpose.get_mut() {
            String::new()
        } else {
            self.crashes()
        };
        as_server("rm").args(["-rf"]).args([&self.folder]).run();
        fail_for(&crashes);
    }
}

/// What `tests/crashes.py` finds in a server's log: the lines, or nothing.
pub fn crashes_in(log: &Path) -> String {
    let config = Config::get();
    let output = Run::new(&config.python)
        .args([&config.root.join("tests/crashes.py"), log])
        .run();
    if output.code == 0 {
        String::new()
    } else {
        output.stderr
    }
}

/// Fails the test when a server that it had to itself crashed; for what is dropped.
///
/// # Panics
/// When there is a crash, and the test does not fail for another reason already.
pub fn fail_for(crashes: &str) {
    assert!(crashes.is_empty() || std::thread::panicking(), "{crashes}");
}

fn pg_ctl(folder: &Path, action: &[&str]) -> Output {
    as_server(Config::get().pg_bin.join("pg_ctl"))
        .args(action)
        .args([
            Path::new("-w"),
            Path::new("-D"),
            &folder.join("data"),
            Path::new("-l"),
            &folder.join("log"),
        ])
        .run()
}

/// A program that runs as the user that the private servers run as: PostgreSQL refuses to run as root, and
/// then it is the user `postgres`.
pub fn as_server(program: impl AsRef<std::ffi::OsStr>) -> Run {
    let me = Command::new("id").arg("-u").output().expect("id runs");
    if me.stdout.trim_ascii() == b"0" {
        Run::new("runuser")
            .args(["-u", "postgres", "--"])
            .args([program])
    } else {
        Run::new(program)
    }
}
