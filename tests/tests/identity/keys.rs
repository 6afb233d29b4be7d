//! Keys: several per user, read-only ones, expiry, rotation, last use, and the record of it all.

mod audit;
mod commands;
mod last_use;
mod life;
mod rotation;

use timedb_tests::{Db, Role, Server, authenticate, refusal};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

/// Runs one statement as an administrator who owns the database.
async fn administer(db: &Db, sql: &str) -> Row {
    let client = db.connect(Role::Owner).await;
    client
        .query_one(sql, &[])
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

/// The SQLSTATE and message with which an administrator's statement is refused.
async fn refused(db: &Db, sql: &str) -> (String, String) {
    let client = db.connect(Role::Owner).await;
    refusal(client.query(sql, &[]).await)
}

/// A key made with these arguments of `timedb.create_key`, beside the email of tenant A's user.
async fn create_key(db: &Db, arguments: &str) -> (Uuid, String) {
    let email = &db.a().email;
    let row = administer(
        db,
        &format!("SELECT key_id, api_key FROM timedb.create_key('{email}', {arguments})"),
    )
    .await;
    (row.get(0), row.get(1))
}

/// The column of `timedb.list_keys` for a key, as text; NULL is empty.
async fn listed(db: &Db, key_id: Uuid, column: &str) -> String {
    administer(
        db,
        &format!("SELECT coalesce({column}::text, '') FROM timedb.list_keys(include_dead => true) WHERE key_id = '{key_id}'"),
    )
    .await
    .get(0)
}

/// Whether a key opens the door, in SQL and over HTTP; both must say the same.
async fn works(db: &Db, server: &Server, key: &str) -> bool {
    let client = db.connect(Role::User).await;
    begin(&client).await;
    let in_sql = authenticate(&client, key).await;
    let status = server.get("/values", Some(key)).await.status;
    match in_sql {
        Ok(tenant) => {
            assert_eq!(status, 200);
            assert_eq!(tenant, db.a().tenant_id);
            true
        }
        Err(error) => {
            assert_eq!(status, 401);
            assert_eq!(
                refusal::<()>(Err(error)),
                ("28000".to_owned(), "invalid or inactive API key".to_owned())
            );
            false
        }
    }
}

async fn begin(client: &Client) {
    client.batch_execute("BEGIN").await.unwrap();
}
