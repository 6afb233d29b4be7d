//! What is under load: a cluster whose writes are durable, a server that may be killed, and tenants.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde_json::Value;
use timedb_tests::{Server, ThrowawayCluster};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::model::{BULK, LIVE, Model, mark, name};
use crate::tally::Tally;

const DATABASE: &str = "soak";
const TENANTS: usize = 4;

/// A tenant, as its clients know it.
pub struct LoadedTenant {
    /// Which one, from 0.
    pub number: usize,
    /// The email of its user.
    pub email: String,
    /// Its id.
    pub tenant_id: Uuid,
    /// The key that is good now.
    pub key: RwLock<String>,
    /// What has been acknowledged.
    pub model: Mutex<Model>,
}

impl LoadedTenant {
    /// The key that is good now.
    pub fn key(&self) -> String {
        let key = self.key.read().unwrap_or_else(PoisonError::into_inner);
        key.clone()
    }

    /// What has been acknowledged.
    pub fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The cluster, the server and the tenants.
pub struct Store {
    pub cluster: ThrowawayCluster,
    server: Mutex<Server>,
    url: RwLock<String>,
    pub client: reqwest::Client,
    pub tenants: Vec<LoadedTenant>,
}

/// What was found at the end.
pub struct Found {
    /// Versions that were acknowledged, and that the store has.
    pub versions: (u64, u64),
    /// Points that were compared.
    pub points: u64,
    /// What is damaged or missing, and panics of the server.
    pub problems: Vec<String>,
    /// Bytes that a version takes in the end.
    pub bytes_per_point: f64,
}

impl Store {
    /// Creates everything.
    pub async fn create() -> Self {
        let cluster = ThrowawayCluster::start(&["fsync = on", "max_connections = 60"]);
        cluster.crashes_on_purpose();
        let postgres = cluster.connect("postgres").await;
        for create in [
            format!("CREATE DATABASE {DATABASE}"),
            "CREATE ROLE soak_server LOGIN".to_owned(),
        ] {
            let created = postgres.batch_execute(&create).await;
            created.expect("database and role are created");
        }
        let admin = cluster.connect(DATABASE).await;
        let create = "CREATE EXTENSION timedb; GRANT timedb_user TO soak_server";
        admin
            .batch_execute(create)
            .await
            .expect("the extension is created");
        let mut tenants = Vec::new();
        for number in 0..TENANTS {
            let email = format!("user@{}.example", mark(number));
            let create = "SELECT * FROM timedb.create_user(timedb.create_tenant($1), $2)";
            let row = admin.query_one(create, &[&mark(number), &email]).await;
            let row = row.expect("a tenant is created");
            tenants.push(LoadedTenant {
                number,
                email,
                tenant_id: row.get("tenant_id"),
                key: RwLock::new(row.get("api_key")),
                model: Mutex::default(),
            });
        }
        let server = serve(&cluster);
        Self {
            url: RwLock::new(server.url().to_owned()),
            server: Mutex::new(server),
            client: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(60))
                .build()
                .expect("an HTTP client"),
            tenants,
            cluster,
        }
    }

    /// Where the server is now.
    pub fn url(&self) -> String {
        self.url
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The server's process.
    pub fn server_process(&self) -> u32 {
        self.server().process_id()
    }

    fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills the server, and lets another one take its place.
    pub fn replace_server(&self) {
        let mut server = self.server();
        server.signal("KILL");
        server.wait(Duration::from_secs(5));
        *server = serve(&self.cluster);
        *self.url.write().unwrap_or_else(PoisonError::into_inner) = server.url().to_owned();
    }

    /// An administrator's connection, `None` while there is none to be had.
    pub async fn admin(&self) -> Option<Client> {
        self.cluster.try_connect_as(DATABASE, "postgres").await
    }

    /// Waits until the server is ready; the time that took.
    ///
    /// # Panics
    /// When it is not within two minutes.
    pub async fn until_ready(&self, since: Instant) -> Duration {
        loop {
            let url = format!("{}/ready", self.url());
            let limit = Duration::from_secs(5);
            let answer = self.client.get(url).timeout(limit).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return since.elapsed();
            }
            assert!(since.elapsed() < Duration::from_secs(120), "never ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Compares all series of all tenants with what was acknowledged.
    pub async fn compare(&self, tally: &Tally) -> Found {
        let (mut points, mut acknowledged) = (0, 0);
        for tenant in &self.tenants {
            acknowledged += tenant.model().versions();
            for series in 0..LIVE + BULK {
                let mut expected = tenant.model().series(series);
                points += expected.len() as u64;
                let url = format!(
                    "{}/values?name={}&format=ndjson",
                    self.url(),
                    name(tenant.number, series)
                );
                let answer = self.client.get(url).header("X-API-Key", tenant.key());
                let text = match answer.send().await {
                    Ok(answer) if answer.status().is_success() => answer.text().await,
                    // A series that was never written to does not exist.
                    Ok(answer) if answer.status() == 404 && expected.is_empty() => continue,
                    other => {
                        tally.violation(format!("series {series} cannot be read: {other:?}"));
                        continue;
                    }
                };
                let text = text.unwrap_or_default();
                let mut strange = 0;
                for line in text.lines() {
                    let row: Value = serde_json::from_str(line).unwrap_or_default();
                    let time = row["valid_time"]
                        .as_str()
                        .map(str::parse::<jiff::Timestamp>);
                    let time = match time {
                        Some(Ok(time)) => time.as_microsecond(),
                        _ => i64::MIN,
                    };
                    if expected.remove(&time) != row["value"].as_f64() {
                        strange += 1;
                    }
                }
                if strange > 0 || !expected.is_empty() {
                    tally.violation(format!(
                        "series {} of tenant {}: {} acknowledged points are missing, {strange} are not as written",
                        series,
                        tenant.number,
                        expected.len()
                    ));
                }
            }
        }
        let admin = self.cluster.connect(DATABASE).await;
        let mut problems = Vec::new();
        let damage = "SELECT problem FROM timedb.verify_store()";
        for row in admin
            .query(damage, &[])
            .await
            .expect("the store is verified")
        {
            problems.push(row.get::<_, Option<String>>(0).unwrap_or_default());
        }
        let sums = "SELECT sum(points)::bigint, sum(bytes)::float8 / sum(points)::float8 FROM timedb.stats_store()";
        let row = admin.query_one(sums, &[]).await.expect("statistics");
        let versions = u64::try_from(row.get::<_, i64>(0)).unwrap_or_default();
        if versions != acknowledged {
            problems.push(format!(
                "{acknowledged} versions were acknowledged, {versions} are stored"
            ));
        }
        let panics = self.server().log().matches("panicked at").count();
        if panics > 0 {
            problems.push(format!("the server panicked {panics} times"));
        }
        Found {
            versions: (acknowledged, versions),
            points,
            problems,
            bytes_per_point: row.get(1),
        }
    }
}

fn serve(cluster: &ThrowawayCluster) -> Server {
    let dsn = cluster.dsn_as(DATABASE, "soak_server");
    // Keys change on purpose, and what is sent with one that has just been revoked is refused.
    Server::start_with(&dsn, &["--auth-failures", "0"], &[("RUST_LOG", "warn")])
}
