//! Requests that are sent again, and uploads that leave out what is stored already: over HTTP and in SQL,
//! several at once, and after the server, its connection or its backend was killed in the middle.

mod at_once;
mod cut;
mod killed;
mod missing_standby;
mod over_http;
mod over_sql;
mod refused;
mod trouble;
mod unchanged;
mod unchanged_random;

use serde_json::{Value, json};
use timedb_tests::{Db, Reply, Role, Server, Tenant, count};
use tokio_postgres::Client;
use uuid::Uuid;

/// A server with its database.
struct Api {
    db: Db,
    server: Server,
}

impl Api {
    async fn start() -> Self {
        let db = Db::new().await;
        let server = Server::start(&db);
        Self { db, server }
    }

    /// Uploads as tenant A, under a name or without.
    async fn upload(&self, name: Option<&str>, body: &Value) -> Reply {
        self.upload_as(self.db.a(), name, body.to_string()).await
    }

    /// Uploads a text.
    async fn upload_as(&self, tenant: &Tenant, name: Option<&str>, body: String) -> Reply {
        let mut request = self
            .server
            .request(reqwest::Method::POST, "/upload", Some(&tenant.key))
            .header("Content-Type", "application/json")
            .body(body);
        if let Some(name) = name {
            request = request.header("Idempotency-Key", name);
        }
        self.server.send(request).await
    }

    /// How many versions and batches tenant A has.
    async fn stored(&self) -> (i64, i64) {
        stored(&self.db.login(self.db.a()).await).await
    }
}

/// How many versions and batches the connection's tenant has.
async fn stored(client: &Client) -> (i64, i64) {
    (
        count(client, "SELECT count(*) FROM timedb.read_versions()", &[]).await,
        count(client, "SELECT count(*) FROM timedb.batches", &[]).await,
    )
}

/// Whether the answer says that it was given before.
fn is_replay(reply: &Reply) -> bool {
    reply
        .headers
        .get("idempotency-replayed")
        .is_some_and(|value| value == "true")
}

/// Passes a 200 on.
#[track_caller]
fn done(reply: Reply) -> Reply {
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
}

/// An upload of hourly values of the series `x`, from 2025-01-01T00:00:00Z on.
fn body(values: &[f64]) -> Value {
    let rows: Vec<Value> = values
        .iter()
        .enumerate()
        .map(|(hour, value)| row(hour, "x", json!(value)))
        .collect();
    json!({"batch_start_time": "2025-01-01T00:00:00Z", "value_rows": rows})
}

fn row(hour: usize, name: &str, value: Value) -> Value {
    let time = format!("2025-01-01T{hour:02}:00:00Z");
    json!({"valid_time": time, "value_key": name, "value": value})
}

/// What `timedb.upload` returns.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Uploaded {
    batch_id: Uuid,
    points: i64,
    series_ids: Vec<Uuid>,
    skipped: i64,
    replayed: bool,
}

/// Calls `timedb.upload` with these arguments as SQL text.
async fn upload_sql(client: &Client, arguments: &str) -> Result<Uploaded, tokio_postgres::Error> {
    let query = format!("SELECT * FROM timedb.upload({arguments})");
    let row = client.query_one(&query, &[]).await?;
    Ok(Uploaded {
        batch_id: row.get("batch_id"),
        points: row.get("points"),
        series_ids: row.get("series_ids"),
        skipped: row.get("skipped"),
        replayed: row.get("replayed"),
    })
}

async fn uploaded(client: &Client, arguments: &str) -> Uploaded {
    upload_sql(client, arguments)
        .await
        .unwrap_or_else(|error| panic!("{arguments}: {error:?}"))
}

/// The arguments that say in SQL what [`body`] says over HTTP.
const SAME_AS_BODY_OF_1_2: &str = "'{2025-01-01 00:00Z,2025-01-01 01:00Z}', '{1,2}', '{x}',
    workflow_id => 'api-workflow', batch_start_time => '2025-01-01 00:00Z'";

/// Makes tenant A's key a read-only one.
async fn make_read_only(db: &Db) {
    let query = "UPDATE timedb_internal.api_keys SET access = 'read_only' WHERE user_id = $1";
    let superuser = db.connect(Role::Superuser).await;
    superuser.execute(query, &[&db.a().user_id]).await.unwrap();
}
