//! A store without authentication over HTTP: no key is the zero tenant, a key is its own.

use serde_json::json;
use timedb_tests::Role;

use super::{Api, batch, clean, row};

#[tokio::test]
async fn no_key_is_the_zero_tenant_a_wrong_key_is_refused() {
    let api = Api::start().await;
    let owner = api.db.connect(Role::Owner).await;
    api.upload(json!([row("2025-01-01T00:00:00Z", "shared", 1.0)]))
        .await;
    assert_eq!(api.server.get("/values", None).await.status, 401);

    owner
        .batch_execute("SELECT timedb.set_auth_required(false)")
        .await
        .unwrap();
    let empty = clean(api.server.get("/values", None).await);
    assert_eq!(
        (empty.status.as_u16(), empty.text.as_str()),
        (200, r#"{"count":0,"data":[]}"#)
    );
    let rows = json!([row("2025-01-01T00:00:00Z", "shared", 2.0)]);
    assert_eq!(
        clean(api.server.post("/upload", None, &batch(rows)).await).status,
        200
    );
    assert_eq!(
        clean(
            api.server
                .post("/series", None, &json!({"name": "own"}))
                .await
        )
        .status,
        200
    );
    let own = clean(api.server.get("/values", None).await).json();
    assert_eq!(
        (&own["count"], &own["data"][0]["value"]),
        (&json!(1), &json!(2.0))
    );
    assert_eq!(
        clean(api.server.get("/list_timeseries", None).await)
            .json()
            .as_object()
            .unwrap()
            .len(),
        2
    );

    let of_a = api.rows("").await;
    assert_eq!((of_a.len(), &of_a[0]["value"]), (1, &json!(1.0)));
    let wrong = clean(api.server.get("/values", Some("wrong")).await);
    assert_eq!(
        (wrong.status.as_u16(), wrong.text.as_str()),
        (401, r#"{"detail":"Invalid or inactive API key."}"#)
    );

    owner
        .batch_execute("SELECT timedb.set_auth_required(true)")
        .await
        .unwrap();
    assert_eq!(api.server.get("/values", None).await.status, 401);
    assert_eq!(api.server.get("/values", Some("")).await.status, 401);
}

#[tokio::test]
async fn a_tenant_in_the_body_is_ignored_with_a_key_and_must_be_zero_without() {
    let api = Api::start().await;
    let owner = api.db.connect(Role::Owner).await;
    let mut body = batch(json!([row("2025-01-01T00:00:00Z", "x", 1.0)]));
    body["tenant_id"] = json!(api.db.b().tenant_id.to_string());
    assert_eq!(api.post("/upload", &body).await.status, 200);
    assert_eq!(api.rows("").await.len(), 1);
    let of_b = clean(api.server.get("/values", Some(&api.db.b().key)).await);
    assert_eq!(of_b.json()["count"], 0);

    owner
        .batch_execute("SELECT timedb.set_auth_required(false)")
        .await
        .unwrap();
    let refused = clean(api.server.post("/upload", None, &body).await);
    assert_eq!(refused.status, 403, "{refused:?}");
    body["tenant_id"] = json!("00000000-0000-0000-0000-000000000000");
    assert_eq!(
        clean(api.server.post("/upload", None, &body).await).status,
        200
    );
    let of_b = clean(api.server.get("/values", Some(&api.db.b().key)).await);
    assert_eq!(of_b.json()["count"], 0);
}
