//! The HTTP API as clients of the Python project know it, to the byte where they could depend on it,
//! and the places where it went wrong and this one does not.

mod compaction;
mod contract;
mod formats;
mod influx;
mod keys;
mod known_times;
mod mistakes;
mod mistakes_in_text;
mod open_store;
mod openapi;
mod pages;
mod pandas;
mod reads;
mod remote_write;
mod reworded;
mod roles;
mod routes;
mod tables;
mod times;
mod unknown_fields;
mod upload;
mod values;
mod waiting;

use serde_json::{Value, json};
use timedb_tests::{Db, Reply, Server};

/// A server with its database; requests are tenant A's unless they say otherwise.
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

    async fn get(&self, path: &str) -> Reply {
        clean(self.server.get(path, Some(&self.db.a().key)).await)
    }

    async fn post(&self, path: &str, body: &Value) -> Reply {
        clean(self.server.post(path, Some(&self.db.a().key), body).await)
    }

    /// POST of a body that may be no JSON.
    async fn post_text(&self, path: &str, body: impl Into<Vec<u8>>) -> Reply {
        let request = self
            .server
            .request(reqwest::Method::POST, path, Some(&self.db.a().key))
            .header("Content-Type", "application/json")
            .body(body.into());
        clean(self.server.send(request).await)
    }

    /// Uploads rows and returns the answer.
    async fn upload(&self, rows: Value) -> Value {
        let reply = self.post("/upload", &batch(rows)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    /// The rows of `GET /values` with these parameters.
    async fn rows(&self, query: &str) -> Vec<Value> {
        let reply = self.get(&format!("/values{query}")).await;
        assert_eq!(reply.status, 200, "{query}: {reply:?}");
        let answer = reply.json();
        let rows = answer["data"].as_array().expect("data is a list").clone();
        assert_eq!(answer["count"], json!(rows.len()));
        rows
    }
}

/// The body of an upload with these rows.
fn batch(rows: Value) -> Value {
    json!({"batch_start_time": "2025-01-01T00:00:00Z", "value_rows": rows})
}

/// A row of an upload.
fn row(valid_time: &str, value_key: &str, value: f64) -> Value {
    json!({"valid_time": valid_time, "value_key": value_key, "value": value})
}

/// Passes an answer through that shows nothing of what is behind the API: no SQL, no names of tables,
/// columns, constraints or functions. An answer of 500 or more is never a client's fault.
#[track_caller]
fn clean(reply: Reply) -> Reply {
    assert!(reply.status.as_u16() < 500, "{reply:?}");
    if reply.status.as_u16() >= 400 {
        let told = reply.text.to_lowercase();
        for word in [
            "select ",
            "insert ",
            "update ",
            "timedb.",
            "series_labels",
            "api_keys",
            "segment",
            "constraint",
            "relation",
            "column",
            "sqlstate",
            "postgres",
            "unnest",
            "jsonb",
            "identity_key",
            "pg_",
            "xx000",
            "panick",
            "serde",
            ".rs",
        ] {
            assert!(!told.contains(word), "{word:?} is in {reply:?}");
        }
        assert_eq!(reply.headers["content-type"], "application/json");
        assert!(reply.json()["detail"].is_string() || reply.json()["detail"].is_array());
    }
    reply
}

/// The first entry of a 422.
#[track_caller]
fn first_error(reply: &Reply) -> Value {
    assert_eq!(reply.status, 422, "{reply:?}");
    reply.json()["detail"][0].clone()
}
