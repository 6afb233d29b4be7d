//! A standby of a cluster of a test's own.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::cluster::{ThrowawayCluster, as_server, crashes_in, fail_for};
use crate::{Config, Run, connect};

/// A server that follows a primary, in whose folder it lives: to be dropped before that. When its log tells of a crash
/// then, the test fails.
pub struct Standby {
    folder: PathBuf,
    port: u16,
}

impl Standby {
    /// Copies a running primary and follows it. The port is that of its socket, beside the primary's, and of
    /// 127.0.0.1 if the primary listens there.
    ///
    /// # Panics
    /// When it does not start.
    pub fn of(primary: &ThrowawayCluster, port: u16) -> Self {
        let standby = Self {
            folder: primary.folder.clone(),
            port,
        };
        let source = primary.dsn("postgres");
        program("pg_basebackup")
            .args(["--checkpoint=fast", "--no-sync", "-R", "-d", &source, "-D"])
            .args([standby.data()])
            .ok();
        let log = standby.log_file().display().to_string();
        standby.control(&["start", "-o", &format!("-p {port}"), "-l", &log]);
        standby
    }

    /// A role's connection URI for a database; no password is asked for.
    pub fn dsn(&self, database: &str, role: &str) -> String {
        let host = utf8_percent_encode(
            self.folder.to_str().expect("the path is UTF-8"),
            NON_ALPHANUMERIC,
        );
        let port = self.port;
        format!("postgresql:///{database}?host={host}&port={port}&user={role}")
    }

    /// As [`Self::dsn`], over TCP, with host, port and a password, which is not asked for.
    pub fn tcp_dsn(&self, database: &str, role: &str) -> String {
        format!("postgresql://{role}:any@127.0.0.1:{}/{database}", self.port)
    }

    /// Waits until it has all that the primary has written so far.
    ///
    /// # Panics
    /// When that takes more than half a minute.
    pub async fn catch_up(&self, primary: &ThrowawayCluster) {
        let written = primary.connect("postgres").await;
        let row = written
            .query_one("SELECT pg_current_wal_flush_lsn()::text", &[])
            .await
            .expect("the primary answers");
        let written: String = row.get(0);
        let standby = connect(&self.dsn("postgres", "postgres")).await;
        let start = Instant::now();
        let there = "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn";
        while !standby
            .query_one(there, &[&written])
            .await
            .expect("the standby answers")
            .get::<_, bool>(0)
        {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "the standby does not follow: {}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Makes it a primary.
    pub fn promote(&self) {
        self.control(&["promote"]);
    }

    /// Everything that it logged so far.
    pub fn log(&self) -> String {
        as_server("cat").args([self.log_file()]).ok()
    }

    fn data(&self) -> PathBuf {
        self.folder.join("standby")
    }

    fn control(&self, action: &[&str]) {
        program("pg_ctl")
            .args(["-w", "-D"])
            .args([self.data()])
            .args(action)
            .ok();
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("standby.log")
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        self.control(&["stop", "-m", "immediate"]);
        fail_for(&crashes_in(&self.log_file()));
    }
}

fn program(name: &str) -> Run {
    as_server(Config::get().pg_bin.join(name))
}
