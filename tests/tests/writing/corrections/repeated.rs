//! A request with an idempotency key can be sent again.

use serde_json::{Value, json};
use timedb_tests::{Role, refusal, upload};
use tokio_postgres::{Client, Error};

use super::{at, flat, sizes, versions, wind};

async fn keyed(client: &Client, updates: &Value, key: &str) -> Result<Value, Error> {
    let row = client
        .query_one(
            "SELECT timedb.update_values($1, idempotency_key => $2)",
            &[updates, &key],
        )
        .await?;
    Ok(row.get(0))
}

#[tokio::test]
async fn the_same_request_again_writes_nothing_and_gets_the_same_answer() {
    let (db, client, series) = wind(&[1.0, 2.0]).await;
    let updates = json!([
        at(series, 0, json!({"value": 5})),
        at(series, 1, json!({"value": 2}))
    ]);
    let answer = keyed(&client, &updates, "one").await.unwrap();
    assert_eq!(answer["updated"].as_array().unwrap().len(), 1);
    assert_eq!(answer["skipped_no_ops"].as_array().unwrap().len(), 1);
    let sizes_before = sizes(&db).await;
    assert_eq!(keyed(&client, &updates, "one").await.unwrap(), answer);
    assert_eq!(sizes(&db).await, sizes_before);
    // Another request with the key, be it an upload, is refused.
    let other = json!([at(series, 0, json!({"value": 6}))]);
    assert_eq!(refusal(keyed(&client, &other, "one").await).0, "22000");
    let upload_again =
        "SELECT timedb.upload('{2025-01-01}', '{1}', '{wind}', idempotency_key => 'one')";
    assert_eq!(refusal(client.query(upload_again, &[]).await).0, "22000");
    // Without the key the request is a new one.
    assert_eq!(versions(&client, series).await.len(), 3);
    // The key is the tenant's own.
    let of_b = db.login(db.b()).await;
    let own = upload(&of_b, "wind", &[1.0]).await.unwrap();
    let updates = json!([at(own, 0, json!({"value": 5}))]);
    keyed(&of_b, &updates, "one").await.unwrap();
    assert_eq!(flat(&of_b, own).await, [Some(5.0)]);
}

#[tokio::test]
async fn with_a_key_what_changes_nothing_is_remembered_too() {
    let (db, client, series) = wind(&[1.0]).await;
    let updates = json!([at(series, 0, json!({"value": 1}))]);
    let answer = keyed(&client, &updates, "nothing").await.unwrap();
    let row = client
        .query_one("SELECT points, skipped, min_valid IS NULL FROM timedb.batches WHERE idempotency_key = 'nothing'", &[])
        .await
        .unwrap();
    assert_eq!(
        (
            row.get::<_, i64>(0),
            row.get::<_, i64>(1),
            row.get::<_, bool>(2)
        ),
        (0, 1, true)
    );
    client
        .query_one(
            "SELECT timedb.update_values($1)",
            &[&json!([at(series, 0, json!({"value": 7}))])],
        )
        .await
        .unwrap();
    assert_eq!(keyed(&client, &updates, "nothing").await.unwrap(), answer);
    assert_eq!(flat(&client, series).await, [Some(7.0)]);
    drop(db);
}

#[tokio::test]
async fn while_it_is_under_way_it_is_refused_as_such_and_after_an_error_the_key_is_free() {
    let (db, client, series) = wind(&[1.0]).await;
    let updates = json!([at(series, 0, json!({"value": 5}))]);
    client.batch_execute("BEGIN").await.unwrap();
    keyed(&client, &updates, "busy").await.unwrap();
    let second = db.begin(db.a()).await;
    assert_eq!(refusal(keyed(&second, &updates, "busy").await).0, "55006");
    client.batch_execute("ROLLBACK").await.unwrap();
    let wrong = json!([at(series, 9, json!({"value": 5}))]);
    assert_eq!(refusal(keyed(&client, &wrong, "busy").await).0, "42704");
    keyed(&client, &updates, "busy").await.unwrap();
    let superuser = db.connect(Role::Superuser).await;
    let kept = "SELECT count(*) FROM timedb.requests WHERE idempotency_key IS NOT NULL";
    assert_eq!(timedb_tests::count(&superuser, kept, &[]).await, 1);
}
