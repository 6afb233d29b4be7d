//! A synchronous standby is missing: what was committed here is not safe yet, and no answer says that it is, also
//! where an earlier transaction has written and this one finds nothing left to do.

use std::time::{Duration, Instant};

use serde_json::json;
use timedb_tests::{Server, ThrowawayCluster, login};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{body, is_replay};

/// A cluster with a tenant, whose standby can be lost.
struct Store {
    cluster: ThrowawayCluster,
    superuser: Client,
    key: String,
}

impl Store {
    async fn start() -> Self {
        let cluster = ThrowawayCluster::start(&[]);
        let superuser = cluster.connect("postgres").await;
        superuser
            .batch_execute(
                "CREATE EXTENSION timedb; CREATE ROLE app LOGIN IN ROLE timedb_user;
                 CREATE ROLE analyst LOGIN IN ROLE timedb_session; CREATE ROLE admin LOGIN IN ROLE timedb_admin",
            )
            .await
            .unwrap();
        let create =
            "SELECT api_key FROM timedb.create_user(timedb.create_tenant(), 'a@a.example')";
        let key = superuser.query_one(create, &[]).await.unwrap().get(0);
        Self {
            cluster,
            superuser,
            key,
        }
    }

    /// From now on commits wait for a standby that never comes, or no longer do.
    async fn wait_for_standby(&self, missing: bool) {
        let name = if missing { "missing" } else { "" };
        let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{name}'");
        for statement in [
            "SET synchronous_commit = local",
            &set,
            "SELECT pg_reload_conf()",
        ] {
            self.superuser.batch_execute(statement).await.unwrap();
        }
        // The checkpointer tells the others, some time after the setting is read.
        let probe = self.cluster.connect("postgres").await;
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < Duration::from_secs(20), "no reload");
            let write = "CREATE TEMPORARY TABLE probe (n int); DROP TABLE probe";
            let written =
                tokio::time::timeout(Duration::from_secs(1), probe.batch_execute(write)).await;
            if written.is_err() {
                let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
                self.superuser.query(cancel, &[]).await.unwrap();
            }
            if written.is_err() == missing {
                return;
            }
        }
    }

    /// Runs a statement, which must wait for the standby, and is then cancelled.
    async fn must_wait(&self, client: &Client, statement: &str) {
        let pid: i32 = client
            .query_one("SELECT pg_backend_pid()", &[])
            .await
            .unwrap()
            .get(0);
        let watch = async {
            let waiting = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity
                           WHERE pid = $1 AND wait_event = 'SyncRep'";
            let start = Instant::now();
            while self
                .superuser
                .query(waiting, &[&pid])
                .await
                .unwrap()
                .is_empty()
            {
                assert!(start.elapsed() < Duration::from_secs(20), "{statement}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // The statement ends by itself now, and well.
            std::future::pending::<()>().await;
        };
        let before = self.cancelled_waits();
        tokio::select! {
            done = client.batch_execute(statement) => done.unwrap_or_else(|error| panic!("{statement}: {error:?}")),
            () = watch => {}
        }
        assert_eq!(self.cancelled_waits(), before + 1, "{statement}");
    }

    /// How many waits for a standby were cancelled so far.
    fn cancelled_waits(&self) -> usize {
        self.cluster
            .log()
            .matches("canceling wait for synchronous replication")
            .count()
    }
}

/// What finds its work done by an earlier call, by whoever runs it.
const AGAIN_AS_TENANT: &[&str] = &[
    "SELECT timedb.upload('{2025-01-01 00:00Z}', '{1}', '{x}', idempotency_key => 'run')",
    "SELECT timedb.upload('{2025-01-01 00:00Z}', '{2}', '{x}', batch_id => '01890000-0000-7000-8000-000000000001')",
    "SELECT timedb.upload('{2025-01-01 00:00Z}', '{2}', '{x}', skip_unchanged => true)",
    "SELECT timedb.upload('{}', '{}', '{}'::text[])",
    "SELECT timedb.update_values('[{\"series_id\": \"SERIES\", \"valid_time\": \"2025-01-01T00:00:00Z\", \"value\": 3}]', 'fix')",
    "SELECT timedb.update_values('[{\"series_id\": \"SERIES\", \"valid_time\": \"2025-01-01T00:00:00Z\", \"value\": 3}]')",
    "SELECT timedb.create_series('x')",
    "SELECT timedb.create_series('y', labels => '{\"a\": \"b\"}')",
    "SELECT timedb.rename_series('SERIES', 'x')",
    "SELECT timedb.update_series('SERIES', 'what x is', 'dimensionless')",
];
const AGAIN_AS_ADMINISTRATOR: &[&str] = &[
    "SELECT timedb.create_tenant('t', '01890000-0000-7000-8000-000000000002', true)",
    "SELECT timedb.revoke_key('KEY')",
    "SELECT timedb.deactivate_user('b@a.example')",
    "SELECT timedb.activate_user('a@a.example')",
    "SELECT timedb.set_auth_required(false)",
    "SELECT timedb.set_auth_required(false)",
    "SELECT timedb.set_auth_required(true)",
    "SELECT timedb.set_auth_required(true)",
];

#[tokio::test]
async fn an_answer_that_writes_nothing_waits_for_the_standby_like_the_one_that_wrote() {
    let store = Store::start().await;
    let tenant = store.cluster.connect_as("postgres", "analyst").await;
    login(&tenant, &store.key).await.unwrap();
    let admin = store.cluster.connect_as("postgres", "admin").await;
    admin
        .batch_execute("SELECT timedb.create_user(timedb.create_tenant(), 'b@a.example')")
        .await
        .unwrap();
    let series: Uuid = tenant
        .query_one("SELECT series_id FROM timedb.create_series('x')", &[])
        .await
        .unwrap()
        .get(0);
    let revoked: Uuid = store
        .superuser
        .query_one("SELECT key_id FROM timedb.list_keys('b@a.example')", &[])
        .await
        .unwrap()
        .get(0);
    let filled = |statement: &&str| {
        statement
            .replace("SERIES", &series.to_string())
            .replace("KEY", &revoked.to_string())
    };
    let of_tenant: Vec<String> = AGAIN_AS_TENANT.iter().map(filled).collect();
    let of_admin: Vec<String> = AGAIN_AS_ADMINISTRATOR.iter().map(filled).collect();
    for statement in &of_tenant {
        tenant.batch_execute(statement).await.unwrap();
    }
    for statement in &of_admin {
        admin.batch_execute(statement).await.unwrap();
    }
    store.wait_for_standby(true).await;
    for (client, statements) in [(&tenant, &of_tenant), (&admin, &of_admin)] {
        for statement in statements {
            store.must_wait(client, statement).await;
        }
    }
    // What its own transaction or session does not want to wait for is not waited for.
    tenant
        .batch_execute(&format!("SET synchronous_commit = local; {}", of_tenant[0]))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_request_sent_again_is_answered_when_the_standby_has_the_first() {
    let store = Store::start().await;
    let limits = [("TIMEDB_REQUEST_TIMEOUT", "1")];
    let server = Server::start_with(&store.cluster.dsn_as("postgres", "app"), &[], &limits);
    store.wait_for_standby(true).await;
    let upload = async |name: &str| {
        loop {
            let request = server
                .request(reqwest::Method::POST, "/upload", Some(&store.key))
                .header("Idempotency-Key", name)
                .json(&body(&[1.0, 2.0]));
            let reply = server.send(request).await;
            // The one before was answered, and may need a moment yet to end.
            if reply.status != 409 {
                break reply;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    for _ in 0..3 {
        let reply = upload("run").await;
        assert_eq!(reply.status, 504, "{reply:?}");
    }
    // It is stored here all the same.
    assert_eq!(
        server.get("/values", Some(&store.key)).await.json()["count"],
        2
    );
    let create = json!({"name": "z"});
    for _ in 0..2 {
        let reply = server.post("/series", Some(&store.key), &create).await;
        assert_eq!(reply.status, 504, "{reply:?}");
    }
    store.wait_for_standby(false).await;
    let reply = upload("run").await;
    assert!(reply.status == 200 && is_replay(&reply), "{reply:?}");
    let reply = server.post("/series", Some(&store.key), &create).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[tokio::test]
async fn a_wait_for_the_standby_that_somebody_cancels_is_no_answer() {
    let store = Store::start().await;
    let server = Server::start_with(&store.cluster.dsn_as("postgres", "app"), &[], &[]);
    store.wait_for_standby(true).await;
    let upload = async || {
        let request = server
            .request(reqwest::Method::POST, "/upload", Some(&store.key))
            .header("Idempotency-Key", "run")
            .json(&body(&[1.0]));
        server.send(request).await
    };
    for _ in 0..2 {
        let cancel = async {
            let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'app'";
            while store.superuser.query(cancel, &[]).await.unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let (reply, ()) = tokio::join!(upload(), cancel);
        assert_eq!(reply.status, 504, "{reply:?}");
    }
    store.wait_for_standby(false).await;
    let reply = upload().await;
    assert!(reply.status == 200 && is_replay(&reply), "{reply:?}");
}
