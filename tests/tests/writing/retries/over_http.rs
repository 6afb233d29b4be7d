//! `POST /upload` twice: the same answer, one batch. What counts is what a body says, not how it is written.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Api, SAME_AS_BODY_OF_1_2, body, done, is_replay, stored, uploaded};

#[tokio::test]
async fn the_same_request_again_is_answered_the_same_and_stores_nothing() {
    let api = Api::start().await;
    let upload = body(&[1.0, 2.0]);
    let first = done(api.upload(Some("key 1"), &upload).await);
    assert!(!is_replay(&first), "{first:?}");
    for _ in 0..3 {
        let again = done(api.upload(Some("key 1"), &upload).await);
        assert!(is_replay(&again), "{again:?}");
        assert_eq!(again.text, first.text);
    }
    assert_eq!(api.stored().await, (2, 1));
    let other = done(api.upload(Some("key 2"), &upload).await);
    assert!(!is_replay(&other));
    assert_ne!(other.json()["batch_id"], first.json()["batch_id"]);
    let unnamed = done(api.upload(None, &upload).await);
    assert!(!is_replay(&unnamed));
    assert_eq!(api.stored().await, (6, 3));
}

#[tokio::test]
async fn a_batch_id_alone_is_a_name_too_and_becomes_the_id() {
    let api = Api::start().await;
    let batch_id = Uuid::new_v4();
    let mut upload = body(&[1.0, 2.0]);
    upload["batch_id"] = json!(batch_id.to_string().to_uppercase());
    let first = done(api.upload(None, &upload).await);
    assert_eq!(first.json()["batch_id"], json!(batch_id.to_string()));
    let again = done(api.upload(None, &upload).await);
    assert!(!is_replay(&first) && is_replay(&again));
    assert_eq!(first.text, again.text);
    assert_eq!(api.stored().await, (2, 1));
    let reader = api.db.login(api.db.a()).await;
    let of_batch = "SELECT count(*) FROM timedb.read_versions() WHERE batch_id = $1";
    assert_eq!(
        timedb_tests::count(&reader, of_batch, &[&batch_id]).await,
        2
    );
}

#[tokio::test]
async fn how_a_body_is_written_does_not_matter() {
    let api = Api::start().await;
    let ways = [
        r#"{"batch_start_time":"2025-01-01T00:00:00Z","known_time":"2025-01-01","batch_params":{"a":1,"b":[2]},"value_rows":[{"valid_time":"2025-01-01T00:00:00Z","value_key":"x","value":1},{"valid_time":"2025-01-01T01:00:00Z","value_key":"é","value":null}]}"#,
        r#" {"value_rows" : [
              { "value": 1.0, "value_key": "x", "valid_time": "2025-01-01T01:00:00+01:00", "valid_time_end": null },
              { "value_key": "\u00e9", "valid_time": 1735693200 }
            ],
            "batch_params": {"b": [2], "a": 1}, "workflow_id": "api-workflow", "batch_finish_time": null,
            "knowledge_time": "2025-01-01T00:00:00Z", "batch_id": null, "skip_unchanged": false,
            "time_unit": "s", "batch_start_time": 1735689600 } "#,
    ];
    let first = done(
        api.upload_as(api.db.a(), Some("k"), ways[0].to_owned())
            .await,
    );
    let second = done(
        api.upload_as(api.db.a(), Some("k"), ways[1].to_owned())
            .await,
    );
    assert!(is_replay(&second), "{second:?}");
    assert_eq!(first.text, second.text);
    assert_eq!(api.stored().await, (2, 1));
}

#[tokio::test]
async fn a_large_body_is_repeatable_like_a_small_one() {
    let api = Api::start().await;
    let rows: Vec<Value> = (0..3_000)
        .map(|i| json!({"valid_time": i * 60, "value_key": (["x", "y"][i % 2]), "value": i}))
        .collect();
    let upload = json!({"time_unit": "s", "batch_start_time": 0, "value_rows": rows});
    let first = done(api.upload(Some("k"), &upload).await);
    let again = done(api.upload(Some("k"), &upload).await);
    assert!(!is_replay(&first) && is_replay(&again));
    assert_eq!(first.text, again.text);
    assert_eq!(api.stored().await, (3_000, 1));
}

#[tokio::test]
async fn an_upload_without_rows_is_repeatable_too() {
    let api = Api::start().await;
    let first = done(api.upload(Some("k"), &body(&[])).await);
    let again = done(api.upload(Some("k"), &body(&[])).await);
    assert!(is_replay(&again));
    assert_eq!(first.text, again.text);
    assert_eq!(api.stored().await, (0, 1));
}

#[tokio::test]
async fn a_name_is_the_tenants_own() {
    let api = Api::start().await;
    let mut upload = body(&[1.0]);
    upload["batch_id"] = json!(Uuid::new_v4().to_string());
    let mut of_a = upload.clone();
    of_a["value_rows"][0]["value"] = json!(7.0);
    done(api.upload_as(api.db.a(), Some("k"), of_a.to_string()).await);
    // Another body under both names: the other tenant cannot even tell that they are taken.
    let of_b = done(
        api.upload_as(api.db.b(), Some("k"), upload.to_string())
            .await,
    );
    assert!(!is_replay(&of_b), "{of_b:?}");
    assert_eq!(of_b.json()["batch_id"], upload["batch_id"]);
    for tenant in [api.db.a(), api.db.b()] {
        assert_eq!(stored(&api.db.login(tenant).await).await, (1, 1));
    }
    let again = done(api.upload_as(api.db.a(), Some("k"), of_a.to_string()).await);
    assert!(is_replay(&again));
}

#[tokio::test]
async fn sql_and_http_share_the_names() {
    let api = Api::start().await;
    let client = api.db.login(api.db.a()).await;
    let over_http = done(api.upload(Some("1"), &body(&[1.0, 2.0])).await).json();
    let in_sql = uploaded(
        &client,
        &format!("{SAME_AS_BODY_OF_1_2}, idempotency_key => '1'"),
    )
    .await;
    assert!(in_sql.replayed);
    assert_eq!(
        (
            json!(in_sql.batch_id.to_string()),
            json!(in_sql.series_ids[0].to_string())
        ),
        (
            over_http["batch_id"].clone(),
            over_http["series_ids"]["x"].clone()
        )
    );
    let in_sql = uploaded(
        &client,
        &format!("{SAME_AS_BODY_OF_1_2}, idempotency_key => '2'"),
    )
    .await;
    let over_http = done(api.upload(Some("2"), &body(&[1.0, 2.0])).await);
    assert!(!in_sql.replayed && is_replay(&over_http));
    assert_eq!(
        over_http.json()["batch_id"],
        json!(in_sql.batch_id.to_string())
    );
    let other = api.upload(Some("2"), &body(&[1.0, 3.0])).await;
    assert_eq!(other.status, 422, "{other:?}");
    assert_eq!(api.stored().await, (4, 2));
}

#[tokio::test]
async fn a_time_known_goes_by_either_name() {
    let api = Api::start().await;
    for (field, known) in [
        ("known_time", "2024-01-01"),
        ("knowledge_time", "2024-01-02"),
    ] {
        let mut upload = body(&[1.0]);
        upload[field] = json!(known);
        done(api.upload(None, &upload).await);
    }
    let client = api.db.login(api.db.a()).await;
    let known =
        "SELECT count(*) FROM timedb.batches WHERE known_time IN ('2024-01-01Z', '2024-01-02Z')";
    assert_eq!(timedb_tests::count(&client, known, &[]).await, 2);
    let mut upload = body(&[1.0]);
    upload["known_time"] = json!("2024-01-01");
    upload["knowledge_time"] = json!("2024-01-01T00:00:00+00:00");
    done(api.upload(None, &upload).await);
    upload["knowledge_time"] = json!("2024-01-01T00:00:01Z");
    let reply = api.upload(None, &upload).await;
    assert_eq!(reply.status, 422);
    assert_eq!(
        reply.json()["detail"],
        json!([{"type": "value_error", "loc": ["body", "knowledge_time"], "input": "2024-01-01T00:00:01Z",
                "msg": "Value error, knowledge_time is a synonym for known_time and must not differ from it"}])
    );
}
