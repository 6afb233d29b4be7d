//! A primary with data of one tenant, and a standby that follows it.

use timedb_tests::{Standby, ThrowawayCluster, authenticate, connect, run, upload};

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
        let standby = Standby::of(&primary, PORT);
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
        self.standby.dsn("postgres", role)
    }

    /// Waits until the standby has all that the primary has written so far.
    pub async fn catch_up(&self) {
        self.standby.catch_up(&self.primary).await;
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
        self.standby.promote();
    }
}
