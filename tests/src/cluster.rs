//! Whole clusters for tests that change what all databases share: roles, restores, settings.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio_postgres::{Client, NoTls};

use crate::programs::free_port;
use crate::{Config, Output, Run, connect, count, run};

/// A private cluster in a temporary folder, reachable over its socket, and with [`ThrowawayCluster::start_with_port`]
/// over TCP; gone with the value. When its log
/// tells of a crash then, the test fails.
pub struct ThrowawayCluster {
    pub(crate) folder: PathBuf,
    /// Where it listens on 127.0.0.1, if it does.
    port: Option<u16>,
    /// Whether its clock can be set.
    has_clock: bool,
    crashes_on_purpose: AtomicBool,
}

impl ThrowawayCluster {
    /// Creates and starts a cluster with these lines in its configuration file.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(settings: &[&str]) -> Self {
        Self::start_as(settings, false, None)
    }

    /// As [`Self::start`], and it listens on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_with_port(settings: &[&str]) -> Self {
        Self::start_as(settings, false, Some(free_port()))
    }

    /// As [`Self::start`], with a clock of its own, which is right until [`Self::set_clock`].
    ///
    /// # Panics
    /// When it does not start, or libfaketime is missing.
    pub fn start_with_clock(settings: &[&str]) -> Self {
        assert!(
            Path::new(FAKETIME).exists(),
            "{FAKETIME} is missing: install libfaketime"
        );
        Self::start_as(settings, true, None)
    }

    /// Sets the clock of the server, while it runs, to so many seconds ahead of the machine's.
    pub fn set_clock(&self, seconds_ahead: f64) {
        let file = self.folder.join("clock");
        let script = format!(
            "echo '{seconds_ahead:+}' > '{0}.new' && mv '{0}.new' '{0}'",
            file.display()
        );
        as_server("sh").args(["-c", &script]).ok();
    }

    fn start_as(settings: &[&str], has_clock: bool, port: Option<u16>) -> Self {
        let made = as_server("mktemp")
            .args(["-d", "/tmp/timedb-test.XXXXXX"])
            .ok();
        let cluster = Self {
            folder: PathBuf::from(made.trim()),
            port,
            has_clock,
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
        if let Some(port) = port {
            lines.push("listen_addresses = '127.0.0.1'".to_owned());
            lines.push(format!("port = {port}"));
        }
        lines.extend(settings.iter().map(|line| (*line).to_owned()));
        let script = format!(
            "cat >> '{}/postgresql.conf' <<'END'\n{}\nEND",
            data.display(),
            lines.join("\n")
        );
        as_server("sh").args(["-c", &script]).ok();
        if has_clock {
            cluster.set_clock(0.0);
        }
        cluster.control(&["start"]);
        cluster
    }

    /// Stops and starts the server.
    pub fn restart(&self) {
        self.control(&["restart", "-m", "fast"]);
    }

    /// The process of the server that all others of it come from.
    ///
    /// # Panics
    /// When the server does not run.
    pub fn process_id(&self) -> u32 {
        self.try_process_id()
            .expect("a server that runs has a process id")
    }

    /// The same, `None` while no server runs.
    pub fn try_process_id(&self) -> Option<u32> {
        let file = as_server("cat")
            .args([self.data().join("postmaster.pid")])
            .run();
        file.stdout.lines().next()?.parse().ok()
    }

    /// Kills the server with SIGKILL, as a lack of memory would, and starts it again: it recovers from its log.
    ///
    /// # Panics
    /// When it does not start within half a minute.
    pub fn kill_and_start(&self) {
        let process = self.process_id().to_string();
        as_server("sh")
            .args(["-c", &format!("kill -KILL {process}")])
            .ok();
        let start = Instant::now();
        loop {
            // Its children notice that it is gone, and no other may begin before they have ended.
            std::thread::sleep(Duration::from_millis(200));
            let output = pg_ctl(&self.folder, self.has_clock, &["start"]);
            if output.code == 0 {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{output:?}");
        }
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
        let port = self
            .port
            .map_or(String::new(), |port| format!("&port={port}"));
        format!("postgresql:///{database}?host={host}&user={role}{port}")
    }

    /// The superuser's connection URI over TCP, with host, port and a password, which is not asked for.
    ///
    /// # Panics
    /// When it has no port.
    pub fn tcp_dsn(&self) -> String {
        let port = self.port.expect("a cluster with a port");
        format!("postgresql://postgres:any@127.0.0.1:{port}/postgres")
    }

    /// Connects as the superuser.
    pub async fn connect(&self, database: &str) -> Client {
        connect(&self.dsn(database)).await
    }

    /// Connects as a role.
    pub async fn connect_as(&self, database: &str, role: &str) -> Client {
        connect(&self.dsn_as(database, role)).await
    }

    /// As [`Self::connect_as`], `None` while the server takes no connections.
    pub async fn try_connect_as(&self, database: &str, role: &str) -> Option<Client> {
        let dsn = self.dsn_as(database, role);
        let (client, connection) = tokio_postgres::connect(&dsn, NoTls).await.ok()?;
        tokio::spawn(async move { drop(connection.await) });
        Some(client)
    }

    /// Has a database get timedb's tables from another one of this cluster by logical replication, from now on. Both have the
    /// extension, and the server has `wal_level = logical`.
    ///
    /// # Panics
    /// When not all of what is there has come over within the limit.
    pub async fn subscribe(&self, subscriber: &str, publisher: &str, limit: Duration) {
        let from = self.connect(publisher).await;
        run(
            &from,
            "CREATE PUBLICATION p FOR TABLES IN SCHEMA timedb, timedb_internal",
        )
        .await;
        // Within one cluster the slot has to be there before.
        run(
            &from,
            "SELECT pg_create_logical_replication_slot('s', 'pgoutput')",
        )
        .await;
        let to = self.connect(subscriber).await;
        let version = "SELECT current_setting('server_version_num')::bigint";
        let as_owner = match count(&to, version, &[]).await {
            160_000.. => ", run_as_owner = true",
            _ => "",
        };
        let subscribe = format!(
            "CREATE SUBSCRIPTION s CONNECTION '{}' PUBLICATION p
             WITH (create_slot = false, slot_name = 's'{as_owner})",
            self.dsn(publisher)
        );
        run(&to, &subscribe).await;
        let open = "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'";
        let start = Instant::now();
        while count(&to, open, &[]).await > 0 {
            assert!(start.elapsed() < limit, "{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
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
        let output = pg_ctl(&self.folder, self.has_clock, action);
        assert_eq!(output.code, 0, "pg_ctl {action:?} failed: {output:?}");
    }
}

impl Drop for ThrowawayCluster {
    fn drop(&mut self) {
        pg_ctl(&self.folder, self.has_clock, &["stop", "-m", "immediate"]);
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

/// Where Debian's package libfaketime has it.
#[cfg(target_arch = "x86_64")]
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
#[cfg(not(target_arch = "x86_64"))]
const FAKETIME: &str = "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1";

fn pg_ctl(folder: &Path, has_clock: bool, action: &[&str]) -> Output {
    let program = Config::get().pg_bin.join("pg_ctl");
    let run = match has_clock {
        // Asked each time: the clock is set while the server runs.
        true => as_server("env")
            .args([
                format!("LD_PRELOAD={FAKETIME}"),
                format!("FAKETIME_TIMESTAMP_FILE={}", folder.join("clock").display()),
                "FAKETIME_NO_CACHE=1".to_owned(),
            ])
            .args([program]),
        false => as_server(program),
    };
    run.args(action)
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
