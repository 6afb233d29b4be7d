//! `POST /upload`: what is taken, what is stored, and that it is all or nothing.

use serde_json::{Value, json};
use timedb_tests::{Role, count};
use uuid::Uuid;

use super::{Api, batch, clean, row};

#[tokio::test]
async fn an_upload_again_is_a_new_version_not_an_error() {
    let api = Api::start().await;
    let first = api
        .upload(json!([
            row("2025-01-01T00:00:00Z", "x", 1.0),
            row("2025-01-01T01:00:00Z", "x", 2.0)
        ]))
        .await;
    let second = api
        .upload(json!([row("2025-01-01T01:00:00Z", "x", 3.0)]))
        .await;
    assert_eq!(first["series_ids"], second["series_ids"]);
    assert_ne!(first["batch_id"], second["batch_id"]);
    let values: Vec<Value> = api
        .rows("")
        .await
        .iter()
        .map(|row| row["value"].clone())
        .collect();
    assert_eq!(values, [json!(1.0), json!(3.0)]);
    assert_eq!(api.rows("?all_versions=true").await.len(), 3);
}

#[tokio::test]
async fn the_batch_is_recorded_as_it_was_sent() {
    let api = Api::start().await;
    let body = json!({
        "workflow_id": "nightly", "batch_start_time": "2025-01-01T00:00:00Z", "batch_finish_time": "2025-01-01T00:05:00Z",
        "known_time": "2024-12-31T00:00:00Z", "batch_params": {"model": "x", "n": [1, null]},
        "series_descriptions": {"x": "the x", "unused": "nothing"},
        "value_rows": [row("2025-01-01T00:00:00Z", "x", 1.0)],
    });
    let answer = api.post("/upload", &body).await.json();
    let client = api.db.begin(api.db.a()).await;
    let batch_id: Uuid = answer["batch_id"].as_str().unwrap().parse().unwrap();
    let query = r#"SELECT count(*) FROM timedb.batches
        WHERE batch_id = $1 AND workflow_id = 'nightly' AND points = 1
          AND batch_start_time = '2025-01-01 00:00Z' AND batch_finish_time = '2025-01-01 00:05Z'
          AND known_time = '2024-12-31 00:00Z' AND batch_params = '{"model": "x", "n": [1, null]}'"#;
    assert_eq!(count(&client, query, &[&batch_id]).await, 1);
    let query = "SELECT count(*) FROM timedb.series WHERE name = 'x' AND description = 'the x'";
    assert_eq!(count(&client, query, &[]).await, 1);

    api.upload(json!([row("2025-01-01T00:00:00Z", "x", 1.0)]))
        .await;
    let query = "SELECT count(*) FROM timedb.batches
                 WHERE workflow_id = 'api-workflow' AND batch_finish_time IS NULL AND batch_params IS NULL
                   AND known_time BETWEEN now() - interval '1 minute' AND now() + interval '1 minute'";
    client.batch_execute("COMMIT").await.unwrap();
    let client = api.db.begin(api.db.a()).await;
    assert_eq!(count(&client, query, &[]).await, 1);
}

#[tokio::test]
async fn ends_nulls_and_numbers_as_text_are_taken() {
    let api = Api::start().await;
    api.upload(json!([
        {"valid_time": "2025-01-01T00:00:00Z", "value_key": "x", "value": 1},
        {"valid_time": "2025-01-01T00:00:00Z", "value_key": "x", "value": "2.5", "valid_time_end": "2025-01-01T01:00:00Z"},
        {"valid_time": "2025-01-01T01:00:00Z", "value_key": "x", "value": null, "valid_time_end": null, "series_id": null},
        {"valid_time": "2025-01-01T02:00:00Z", "value_key": "x"},
    ]))
    .await;
    let rows = api.rows("").await;
    let values: Vec<&Value> = rows.iter().map(|row| &row["value"]).collect();
    assert_eq!(
        values,
        [&json!(1.0), &json!(2.5), &Value::Null, &Value::Null]
    );
    // A point and an interval that begin together can be told apart.
    let keys: Vec<String> = rows[1].as_object().unwrap().keys().cloned().collect();
    assert!(keys.contains(&"valid_time_end".to_owned()), "{rows:?}");
    assert_eq!(rows[1]["valid_time_end"], "2025-01-01T01:00:00+00:00");
    for place in [0, 2, 3] {
        assert!(rows[place].get("valid_time_end").is_none(), "{rows:?}");
    }
}

#[tokio::test]
async fn rows_can_name_their_series_by_id() {
    let api = Api::start().await;
    let answer = api
        .upload(json!([row("2025-01-01T00:00:00Z", "x", 1.0)]))
        .await;
    let id = answer["series_ids"]["x"].clone();
    let answer = api
        .upload(json!([{"valid_time": "2025-01-01T01:00:00Z", "value_key": "whatever", "value": 2, "series_id": id}]))
        .await;
    assert_eq!(answer["series_ids"], json!({"whatever": id}));
    let rows = api.rows("").await;
    assert_eq!(rows.len(), 2);
    assert!(
        rows.iter()
            .all(|row| row["series_id"] == id && row["name"] == "x")
    );
}

#[tokio::test]
async fn another_tenants_series_is_answered_like_an_unknown_one() {
    let api = Api::start().await;
    let rows = json!([row("2025-01-01T00:00:00Z", "x", 1.0)]);
    let of_b = clean(
        api.server
            .post("/upload", Some(&api.db.b().key), &batch(rows))
            .await,
    )
    .json();
    let foreign = of_b["series_ids"]["x"].as_str().unwrap().to_owned();
    let mut answers = Vec::new();
    for id in [foreign, Uuid::new_v4().to_string()] {
        let rows = json!([{"valid_time": "2025-01-02T00:00:00Z", "value_key": "x", "value": 2, "series_id": id}]);
        let reply = api.post("/upload", &batch(rows)).await;
        assert_eq!(reply.status, 404);
        assert!(reply.text.contains(&id), "{reply:?}");
        answers.push((reply.text.replace(&id, "ID"), reply.headers.len()));
        let read = api.get(&format!("/values?series_id={id}")).await;
        assert_eq!(
            (read.status.as_u16(), read.text.as_str()),
            (200, r#"{"count":0,"data":[]}"#)
        );
    }
    assert_eq!(answers[0], answers[1]);
    let of_b = clean(api.server.get("/values", Some(&api.db.b().key)).await).json();
    assert_eq!(of_b["count"], 1);
}

#[tokio::test]
async fn a_failed_upload_leaves_no_series_behind() {
    let api = Api::start().await;
    let good = row("2025-01-01T00:00:00Z", "new", 1.0);
    for (bad, status) in [
        (good.clone(), 400),
        (
            json!({"valid_time": "2025-01-01T00:00:00Z", "value_key": "y", "value": 1, "series_id": Uuid::new_v4().to_string()}),
            404,
        ),
        (
            json!({"valid_time": "2025-01-01T00:00:00Z", "value_key": "y", "value": 1, "valid_time_end": "2024-01-01T00:00:00Z"}),
            400,
        ),
        (
            json!({"valid_time": "2025-01-01T00:00:00Z", "value_key": "", "value": 1}),
            422,
        ),
        (
            json!({"valid_time": "2025-01-01T00:00:00Z", "value_key": "y", "value": "x"}),
            422,
        ),
    ] {
        let reply = api.post("/upload", &batch(json!([good, bad]))).await;
        assert_eq!(reply.status, status, "{bad}: {reply:?}");
    }
    assert_eq!(api.get("/list_timeseries").await.text, "{}");
    let superuser = api.db.connect(Role::Superuser).await;
    for table in [
        "series",
        "write_log",
        "batch_chunks",
        "series_lists",
        "requests",
        "segments",
    ] {
        assert_eq!(
            count(
                &superuser,
                &format!(
                    "SELECT count(*) FROM {full_name}",
                    full_name = timedb_tests::qualified(table)
                ),
                &[]
            )
            .await,
            0,
            "{table}"
        );
    }
}

#[tokio::test]
async fn a_point_given_twice_is_refused_with_its_name() {
    let api = Api::start().await;
    for (first, second) in [(1.0, 2.0), (1.0, 1.0)] {
        let rows = json!([
            row("2025-01-01T00:00:00Z", "wind", first),
            row("2025-01-01T01:00:00+01:00", "wind", second)
        ]);
        let reply = api.post("/upload", &batch(rows)).await;
        assert_eq!(reply.status, 400);
        let told = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            told.contains("wind") && told.contains("2025-01-01"),
            "{told}"
        );
    }
    assert_eq!(api.rows("").await.len(), 0);
}

#[tokio::test]
async fn a_large_upload_comes_back_whole() {
    let api = Api::start().await;
    let rows: Vec<Value> = (0..20_000)
        .map(|i| {
            let time = format!(
                "2025-01-{:02}T{:02}:{:02}:{:02}Z",
                1 + i / 5760,
                i / 240 % 24,
                i / 4 % 60,
                i % 4 * 15
            );
            row(&time, ["wind", "load", "price"][i % 3], i as f64 / 4.0)
        })
        .collect();
    let answer = api.upload(json!(rows)).await;
    assert_eq!(answer["series_ids"].as_object().unwrap().len(), 3);
    let found = api.rows("").await;
    assert_eq!(found.len(), rows.len());
    for (sent, back) in rows.iter().zip(&found) {
        assert_eq!(sent["value"], back["value"]);
        assert_eq!(sent["value_key"], back["name"]);
    }
}

#[tokio::test]
async fn a_read_only_key_may_read_and_is_forbidden_to_write() {
    let api = Api::start().await;
    api.upload(json!([row("2025-01-01T00:00:00Z", "x", 1.0)]))
        .await;
    let superuser = api.db.connect(Role::Superuser).await;
    let query = "UPDATE timedb_internal.api_keys SET access = 'read_only' WHERE user_id = $1";
    superuser
        .execute(query, &[&api.db.a().user_id])
        .await
        .unwrap();
    assert_eq!(api.rows("").await.len(), 1);
    let rows = json!([row("2025-01-01T00:00:00Z", "x", 2.0)]);
    for (path, body) in [("/upload", batch(rows)), ("/series", json!({"name": "y"}))] {
        let reply = api.post(path, &body).await;
        assert_eq!(reply.status, 403, "{reply:?}");
        assert!(
            reply.json()["detail"]
                .as_str()
                .unwrap()
                .contains("read-only"),
            "{reply:?}"
        );
    }
}
