//! What an operator has to mend is a 503 that lasts, logged as an error, and told without names: a disk that is full,
//! transaction ids that run out, too few connections. Reads go on where they can, and `/ready` says so.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use timedb_tests::{Config, Reply, Server, ThrowawayCluster, as_server};

use super::{is_error, upload_body};

/// A cluster of its own, and a server on it with a tenant's key.
struct Api {
    cluster: ThrowawayCluster,
    server: Server,
    key: String,
}

impl Api {
    async fn start(settings: &[&str]) -> Self {
        let cluster = ThrowawayCluster::start(settings);
        let superuser = cluster.connect("postgres").await;
        superuser
            .batch_execute("CREATE EXTENSION timedb; CREATE ROLE app LOGIN IN ROLE timedb_user")
            .await
            .unwrap();
        let create =
            "SELECT api_key FROM timedb.create_user(timedb.create_tenant(), 'a@b.example')";
        let key = superuser.query_one(create, &[]).await.unwrap().get(0);
        let server = Server::start_with(&cluster.dsn_as("postgres", "app"), &[], &[]);
        Self {
            cluster,
            server,
            key,
        }
    }

    async fn upload(&self, name: &str) -> Reply {
        let body = upload_body(name, 1.0);
        self.server.post("/upload", Some(&self.key), &body).await
    }

    /// The same after a restart of the database, which may cost a request.
    async fn values(&self) -> Reply {
        for _ in 0..10 {
            let reply = self.server.get("/values", Some(&self.key)).await;
            if reply.status != 503 {
                return reply;
            }
        }
        self.server.get("/values", Some(&self.key)).await
    }

    /// An upload fails, and what there is to know is in the log and nowhere else.
    async fn upload_needs_operator(&self, logged: &str) {
        let reply = self.upload("x").await;
        is_error(&reply, 503);
        assert_eq!(reply.headers["retry-after"], "60", "{reply:?}");
        assert_eq!(
            reply.json()["detail"],
            "The database can't serve this until its operator has fixed it; please try again later."
        );
        let mut lines = Vec::new();
        // The log comes over a pipe.
        for _ in 0..250 {
            let log = self.server.log();
            let told = log.lines().filter(|line| line.contains(logged));
            lines = told.map(str::to_owned).collect();
            if !lines.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(lines.len(), 1, "{}", self.server.log());
        assert!(lines[0].contains("ERROR"), "{lines:?}");
        for path in ["/ready", "/ready?writes=true"] {
            let ready = self.server.get(path, None).await;
            is_error(&ready, 503);
            assert_eq!(ready.headers["retry-after"], "60");
        }
        assert_eq!(
            self.server.get("/ready?writes=0", None).await.json(),
            json!({"status": "ready", "writes": false})
        );
    }

    async fn writes_again(&self) {
        assert_eq!(self.upload("y").await.status, 200);
        for path in ["/ready", "/ready?writes=true"] {
            let reply = self.server.get(path, None).await;
            assert_eq!(reply.json(), json!({"status": "ready", "writes": true}));
        }
    }
}

#[tokio::test]
async fn a_full_disk_stops_writes_only_and_says_so() {
    let api = Api::start(&[]).await;
    let superuser = api.cluster.connect("postgres").await;
    let path: String = superuser
        .query_one(
            "SELECT pg_relation_filepath('timedb_internal.write_log')",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    drop(superuser);
    // Whatever is written there finds no space left.
    let replace = |data: &Path, by: &[&str]| {
        let file = data.join(&path);
        as_server("rm").args([&file]).ok();
        as_server(by[0]).args(&by[1..]).args([&file]).ok();
    };
    api.cluster
        .restart_after(|data| replace(data, &["ln", "-s", "/dev/full"]));
    assert_eq!(api.values().await.json()["count"], 0);
    api.upload_needs_operator("No space left on device").await;
    assert_eq!(api.values().await.json()["count"], 0);
    api.cluster.restart_after(|data| replace(data, &["touch"]));
    assert_eq!(api.values().await.json()["count"], 0);
    api.writes_again().await;
}

#[tokio::test]
async fn transaction_ids_that_run_out_stop_writes_only_and_say_so() {
    let api = Api::start(&[]).await;
    assert_eq!(api.upload("x").await.status, 200);
    let superuser = api.cluster.connect("postgres").await;
    superuser
        .batch_execute("CREATE TABLE held (n int)")
        .await
        .unwrap();
    let row = superuser
        .query_one(
            "SELECT min(datfrozenxid::text::bigint), pg_relation_filepath('held') FROM pg_database",
            &[],
        )
        .await
        .unwrap();
    let (oldest, held): (i64, String) = (row.get(0), row.get(1));
    drop(superuser);
    // PostgreSQL stops three millions before the end.
    let next = oldest + (1 << 31) - 3_000_000 + 1000;
    api.cluster.restart_after(|data| {
        let reset = Config::get().pg_bin.join("pg_resetwal");
        as_server(reset)
            .args(["-x", &next.to_string(), "-D"])
            .args([data])
            .ok();
        // A table that cannot be vacuumed keeps the database from mending itself.
        as_server("rm").args([data.join(held)]).ok();
        let file = data.join(format!("pg_xact/{:04X}", next >> 20));
        as_server("truncate")
            .args(["-s", "262144"])
            .args([file])
            .ok();
    });
    assert_eq!(api.values().await.json()["count"], 1);
    api.upload_needs_operator("wraparound").await;
    assert_eq!(api.values().await.json()["count"], 1);
    let create = json!({"name": "z"});
    let reply = api.server.post("/series", Some(&api.key), &create).await;
    is_error(&reply, 503);
}

#[tokio::test]
async fn a_database_that_is_read_only_by_default_says_so_when_asked() {
    let api = Api::start(&[]).await;
    api.writes_again().await;
    let superuser = api.cluster.connect("postgres").await;
    for statement in [
        "ALTER ROLE app SET default_transaction_read_only = on",
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'app'",
    ] {
        superuser.batch_execute(statement).await.unwrap();
    }
    assert_eq!(api.values().await.status, 200);
    let reply = api.upload("x").await;
    is_error(&reply, 503);
    assert_eq!(
        reply.json()["detail"],
        "The database is read-only at the moment."
    );
    for _ in 0..2 {
        let ready = api.server.get("/ready", None).await;
        if ready.status == 200 {
            assert_eq!(ready.json(), json!({"status": "ready", "writes": false}));
        }
    }
    assert_eq!(api.server.get("/ready?writes=yes", None).await.status, 503);
}

#[tokio::test]
async fn too_few_connections_are_an_error_in_the_log_and_a_503() {
    let api = Api::start(&["max_connections = 6", "superuser_reserved_connections = 3"]).await;
    let mut taken = Vec::new();
    let dsn = api.cluster.dsn_as("postgres", "app");
    // The connection that looked at the database may still be on its way out.
    for _ in 0..50 {
        match tokio_postgres::connect(&dsn, tokio_postgres::NoTls).await {
            Ok((client, connection)) => {
                tokio::spawn(async move { drop(connection.await) });
                taken.push(client);
            }
            Err(_) if taken.len() == 3 => break,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    for path in ["/values", "/ready"] {
        let reply = api.server.get(path, Some(&api.key)).await;
        is_error(&reply, 503);
        assert_eq!(reply.json()["detail"], "The database is not reachable.");
        assert_eq!(reply.headers["retry-after"], "1");
    }
    let start = Instant::now();
    while !api
        .server
        .log()
        .lines()
        .any(|line| line.contains("ERROR") && line.contains("remaining connection slots"))
    {
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{}",
            api.server.log()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    taken.clear();
    assert_eq!(api.values().await.status, 200);
}
