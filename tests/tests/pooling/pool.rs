//! A request that ends badly, at whatever step, leaves nothing behind: no open transaction, no role, no
//! tenant. The server has one connection here, so whatever stayed would meet the next request.

mod at_a_lock;
mod at_each_message;
mod outdated;
mod streams;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use timedb_tests::wire::{Wire, request};
use timedb_tests::{Db, Reply, Role, Server, Tenant, UNKNOWN_KEY, count};
use tokio_postgres::Client;

/// A server with a single connection, and somebody who watches it.
struct Narrow {
    db: Db,
    server: Server,
    observer: Client,
}

/// How long the server may take to get rid of what a broken request was doing.
const CLEAN_WITHIN: Duration = Duration::from_secs(8);

impl Narrow {
    /// Each tenant has the series `x` with its own value.
    async fn start(request_timeout: &str) -> Self {
        let db = Db::new().await;
        let dsn = db.dsn(Role::User);
        Self::start_on(db, &dsn, request_timeout, "auto").await
    }

    async fn start_on(db: Db, dsn: &str, request_timeout: &str, pooler: &str) -> Self {
        let settings = [
            ("TIMEDB_POOL_SIZE", "1"),
            ("TIMEDB_REQUEST_TIMEOUT", request_timeout),
            ("TIMEDB_WRITE_TIMEOUT", request_timeout),
            ("TIMEDB_POOLER", pooler),
        ];
        let server = Server::start_with(dsn, &[], &settings);
        let observer = db.connect(Role::Superuser).await;
        let narrow = Self {
            db,
            server,
            observer,
        };
        for (tenant, value) in [(narrow.db.a(), 1.0), (narrow.db.b(), 2.0)] {
            let reply = narrow
                .server
                .post("/upload", Some(&tenant.key), &upload_body("x", value))
                .await;
            assert_eq!(reply.status, 200, "{reply:?}");
        }
        narrow
    }

    /// Backends of the server, each with its state and whether it has a transaction.
    async fn backends(&self) -> Vec<(i32, String, bool)> {
        let rows = self
            .observer
            .query(
                "SELECT pid, coalesce(state, ''), xact_start IS NOT NULL FROM pg_stat_activity
                 WHERE datname = current_database() AND usename = $1 ORDER BY pid",
                &[&self.db.role_name(Role::User)],
            )
            .await
            .unwrap();
        rows.iter()
            .map(|row| (row.get(0), row.get(1), row.get(2)))
            .collect()
    }

    async fn pids(&self) -> Vec<i32> {
        self.backends()
            .await
            .iter()
            .map(|(pid, _, _)| *pid)
            .collect()
    }

    /// Waits until no backend of the server is anything but idle outside a transaction.
    async fn until_clean(&self, story: &str) {
        let start = Instant::now();
        loop {
            let backends = self.backends().await;
            if backends
                .iter()
                .all(|(_, state, in_transaction)| state == "idle" && !in_transaction)
            {
                return;
            }
            assert!(
                start.elapsed() < CLEAN_WITHIN,
                "{story}: {backends:?}; {}",
                self.server.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a backend of the server waits for a lock.
    async fn until_waiting(&self) {
        let query = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND usename = $1 AND wait_event_type = 'Lock'";
        let start = Instant::now();
        while count(&self.observer, query, &[&self.db.role_name(Role::User)]).await == 0 {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "the request never waited"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Both tenants, one after the other, see their own value and nothing else.
    async fn assert_tenants_are_themselves(&self, story: &str) {
        for (tenant, value) in [(self.db.b(), 2.0), (self.db.a(), 1.0), (self.db.b(), 2.0)] {
            let reply = self.server.get("/values?name=x", Some(&tenant.key)).await;
            assert_eq!(
                reply.status,
                200,
                "{story}: {reply:?}; {}",
                self.server.log()
            );
            let answer = reply.json();
            assert_eq!(
                (&answer["count"], &answer["data"][0]["value"]),
                (&json!(1), &json!(value)),
                "{story}"
            );
            let listed = self
                .server
                .get("/list_timeseries", Some(&tenant.key))
                .await
                .json();
            let own = answer["data"][0]["series_id"].as_str().unwrap();
            assert!(listed.get(own).is_some(), "{story}: {listed}");
        }
        assert_eq!(
            self.server.get("/values", None).await.status,
            401,
            "{story}"
        );
        assert_eq!(
            self.server.get("/values", Some(UNKNOWN_KEY)).await.status,
            401,
            "{story}"
        );
    }
}

fn upload_body(name: &str, value: f64) -> Value {
    json!({"batch_start_time": "2025-01-01T00:00:00Z",
           "value_rows": [{"valid_time": "2025-01-01T00:00:00Z", "value_key": name, "value": value}]})
}

/// A request that a test breaks.
#[derive(Clone, Copy, Debug)]
enum Broken {
    Read,
    List,
    Count,
    Write,
    Create,
}

impl Broken {
    /// The request's line and body.
    fn parts(self) -> (&'static str, String) {
        match self {
            Self::Read => ("GET /values", String::new()),
            Self::List => ("GET /list_timeseries", String::new()),
            Self::Count => ("GET /series/count", String::new()),
            Self::Write => ("POST /upload", upload_body("broken", 9.0).to_string()),
            Self::Create => ("POST /series", json!({"name": "broken"}).to_string()),
        }
    }

    async fn send(self, server: &Server, tenant: &Tenant) -> Reply {
        let (line, body) = self.parts();
        let (method, path) = line.split_once(' ').unwrap();
        let request = server
            .request(method.parse().unwrap(), path, Some(&tenant.key))
            .body(body);
        server.send(request).await
    }

    /// Sends it over a bare socket, which the caller drops when it likes.
    async fn start(self, server: &Server, tenant: &Tenant) -> Wire {
        let (line, body) = self.parts();
        let headers = [
            format!("X-API-Key: {}", tenant.key),
            format!("Content-Length: {}", body.len()),
        ];
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        Wire::send_to(server, request(line, &headers, &body)).await
    }
}

#[tokio::test]
async fn a_refused_request_gives_its_connection_back_clean() {
    let narrow = Narrow::start("60").await;
    let (a, b) = (&narrow.db.a().key, &narrow.db.b().key);
    narrow.assert_tenants_are_themselves("before").await;
    let before = narrow.pids().await;
    assert_eq!(before.len(), 1);
    let duplicate = json!({"time_unit": "s", "batch_start_time": 0, "value_rows": [
        {"valid_time": 0, "value_key": "y", "value": 1}, {"valid_time": 0, "value_key": "y", "value": 2}]});
    let conflict = json!({"name": "x", "unit": "another"});
    for round in 0..5 {
        for (path, body, status) in [
            ("/upload", &duplicate, 400),
            ("/series", &conflict, 409),
            ("/upload", &json!({}), 422),
        ] {
            let reply = narrow.server.post(path, Some(a), body).await;
            assert_eq!(reply.status, status, "{reply:?}");
            let reply = narrow.server.get("/values", Some(b)).await;
            assert_eq!(
                reply.json()["data"][0]["value"],
                2.0,
                "round {round}: {reply:?}"
            );
            assert_eq!(
                narrow
                    .server
                    .post(path, Some(UNKNOWN_KEY), body)
                    .await
                    .status,
                401
            );
            narrow.until_clean(path).await;
        }
    }
    narrow.assert_tenants_are_themselves("after").await;
    assert_eq!(narrow.pids().await, before, "a refusal costs no connection");
}

#[tokio::test]
async fn a_backend_that_is_terminated_costs_one_request_at_most() {
    let narrow = Narrow::start("60").await;
    let terminate = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
                     WHERE datname = current_database() AND usename = $1";
    let role = narrow.db.role_name(Role::User);
    // While it is idle.
    for _ in 0..3 {
        assert_eq!(count(&narrow.observer, terminate, &[&role]).await, 1);
        let first = narrow
            .server
            .get("/values", Some(&narrow.db.a().key))
            .await
            .status
            .as_u16();
        assert!([200, 503].contains(&first), "{first}");
        narrow
            .assert_tenants_are_themselves("terminated while idle")
            .await;
    }
    // While it works.
    let holder = narrow.db.connect(Role::Superuser).await;
    for broken in [Broken::Read, Broken::Write] {
        let table = if matches!(broken, Broken::Read) {
            "segments"
        } else {
            "write_log"
        };
        at_a_lock::lock(&holder, table).await;
        let kill = async {
            narrow.until_waiting().await;
            count(&narrow.observer, terminate, &[&role]).await;
        };
        let (reply, ()) = tokio::join!(broken.send(&narrow.server, narrow.db.a()), kill);
        assert_eq!(reply.status, 503, "{broken:?}: {reply:?}");
        assert!(reply.headers.contains_key("retry-after"), "{reply:?}");
        holder.batch_execute("ROLLBACK").await.unwrap();
        narrow
            .assert_tenants_are_themselves("terminated while working")
            .await;
    }
}
