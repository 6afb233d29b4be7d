//! A primary with data of one tenant, and a standby that follows it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use timedb_tests::{
    Config, Run, ThrowawayCluster, as_server, authenticate, connect, crashes_in, fail_for, run,
    upload,
};

const SETTINGS: &[&str] = &["wal_level = replica"];

/// Beside the primary's socket, with another number.
const PORT: u16 = 5433;

/// Both servers; gone with the value.
pub struct Pair {
    // Stops before the primary, in whose folder it lives.
    standby: Standby,
    pub primary: ThrowawayCluster,
    /// The key of the tenant that has two values of one series.
    pub key: String,
    /// The key of a tenant without any.
    pub other_key: String,
}

struct Standby {
    folder: PathBuf,
}

impl Pair {
    /// The roles `app`, `analyst` and `admin` can log in.
    pub async fn start() -> Self {
        Self::of(ThrowawayCluster::start(SETTINGS)).await
    }

    /// The clock of the primary is ahead, that of the standby right.
    pub async fn start_ahead(seconds: f64) -> Self {
        let primary = ThrowawayCluster::start_with_clock(SETTINGS);
        primary.set_clock(seconds);
        Self::of(primary).await
    }

    async fn of(primary: ThrowawayCluster) -> Self {
        let superuser = primary.connect("postgres").await;
        run(
            &superuser,
            "CREATE EXTENSION timedb; CREATE ROLE app LOGIN IN ROLE timedb_user;
             CREATE ROLE analyst LOGIN IN ROLE timedb_session; CREATE ROLE admin LOGIN IN ROLE timedb_admin",
        )
        .await;
        let mut keys = Vec::new();
        for email in ["a@a.example", "b@b.example"] {
            let create = "SELECT api_key FROM timedb.create_user(timedb.create_tenant(), $1)";
            let row = superuser.query_one(create, &[&email]).await.unwrap();
            keys.push(row.get::<_, String>(0));
        }
        let writer = connect(&primary.dsn_as("postgres", "app")).await;
        run(&writer, "BEGIN").await;
        authenticate(&writer, &keys[0]).await.unwrap();
        upload(&writer, "wind", &[1.0, 2.0]).await.unwrap();
        run(&writer, "COMMIT").await;
        let row = superuser
            .query_one("SHOW unix_socket_directories", &[])
            .await
            .unwrap();
        let standby = Standby::of(&primary, PathBuf::from(row.get::<_, String>(0)));
        let [key, other_key] = <[String; 2]>::try_from(keys).expect("two keys");
        Self {
            standby,
            primary,
            key,
            other_key,
        }
    }

    /// A role's connection URI at the standby.
    pub fn standby(&self, role: &str) -> String {
        format!("{}&port={PORT}", self.primary.dsn_as("postgres", role))
    }

    /// Waits until the standby has all that the primary has written so far.
    pub async fn catch_up(&self) {
        let written = self.primary.connect("postgres").await;
        let row = written
            .query_one("SELECT pg_current_wal_flush_lsn()::text", &[])
            .await
            .unwrap();
        let standby = connect(&self.standby("postgres")).await;
        let start = Instant::now();
        let there = "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn";
        while !standby
            .query_one(there, &[&row.get::<_, String>(0)])
            .await
            .unwrap()
            .get::<_, bool>(0)
        {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "the standby does not follow: {}",
                self.standby.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What the standby's log holds of errors and warnings, without time and process.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.standby.log();
        let kinds = ["WARNING:  ", "ERROR:  ", "FATAL:  ", "PANIC:  "];
        let complaint = |line: &str| {
            let at = kinds.iter().find_map(|kind| line.find(kind))?;
            Some(line[at..].to_owned())
        };
        log.lines().filter_map(complaint).collect()
    }

    /// Makes the standby a primary, after the primary is gone for writers.
    pub fn promote(&self) {
        self.standby.control(&["promote"]);
    }
}

impl Standby {
    fn of(primary: &ThrowawayCluster, socket: PathBuf) -> Self {
        let standby = Self { folder: socket };
        let source = primary.dsn("postgres");
        program("pg_basebackup")
            .args(["--checkpoint=fast", "--no-sync", "-R", "-d", &source, "-D"])
            .args([standby.data()])
            .ok();
        let log = standby.log_file().display().to_string();
        standby.control(&["start", "-o", &format!("-p {PORT}"), "-l", &log]);
        standby
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

    fn log(&self) -> String {
        as_server("cat").args([self.log_file()]).ok()
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
