//! Rows that say when each was known, the natural shape of a table, in one upload.

use serde_json::{Value, json};

use super::{Api, batch, first_error};

#[tokio::test]
async fn rows_keep_their_known_time_in_every_read() {
    let api = Api::start().await;
    let row = |known: &str, hour: u8, value: u8| json!({"valid_time": format!("2025-01-01T{hour:02}:00:00Z"), "known_time": known, "value_key": "wind", "value": value});
    let mut body = batch(json!([
        row("2024-12-31T06:00:00Z", 0, 1),
        row("2024-12-31T06:00:00Z", 1, 2),
        row("2024-12-31T12:00:00Z", 0, 3),
        row("2024-12-31T12:00:00Z", 1, 4),
        {"valid_time": "2025-01-01T02:00:00Z", "value_key": "wind", "value": 5},
        {"valid_time": "2025-01-01T02:00:00Z", "value_key": "wind", "value": 6, "knowledge_time": "2024-12-30"}]));
    body["known_time"] = json!("2024-12-31T18:00:00Z");
    assert_eq!(api.post("/upload", &body).await.status, 200);
    let values = async |query: &str| -> Vec<f64> {
        let rows = api.rows(query).await;
        rows.iter()
            .map(|row| row["value"].as_f64().unwrap())
            .collect()
    };
    assert_eq!(values("").await, [3.0, 4.0, 5.0]);
    assert_eq!(
        values("?mode=overlapping").await,
        [6.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    );
    assert_eq!(values("?all_versions=true").await.len(), 6);
    assert_eq!(values("?as_of=2024-12-31T06:00:00Z").await, [1.0, 2.0, 6.0]);
    assert_eq!(values("?start_known=2024-12-31T18:00:00Z").await, [5.0]);
    let days = "?mode=relative&days_ahead=1&time_of_day=08:00";
    assert_eq!(values(days).await, [1.0, 2.0, 6.0]);
    let last = api.get("/values/last").await.json();
    assert_eq!(
        (&last["data"][0]["value"], &last["data"][0]["known_time"]),
        (&json!(5.0), &json!("2024-12-31T18:00:00+00:00"))
    );
    let changes = api.get("/changes").await.json();
    let known: Vec<&str> = changes["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["known_time"].as_str().unwrap()[..13])
        .collect();
    assert_eq!(
        known,
        [
            "2024-12-31T06",
            "2024-12-31T12",
            "2024-12-31T06",
            "2024-12-31T12",
            "2024-12-30T00",
            "2024-12-31T18"
        ]
    );
    assert!(
        changes["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["batch_id"] == changes["data"][0]["batch_id"])
    );
}

#[tokio::test]
async fn one_request_brings_a_year_of_observations() {
    let api = Api::start().await;
    let start = 1_735_689_600_i64;
    let rows: Vec<Value> = (0..8_759)
        .map(|i| json!({"valid_time": start + i * 3600, "known_time": start + i * 3600 + 600, "value_key": "rain", "value": i}))
        .collect();
    let mut body = batch(json!(rows));
    body["time_unit"] = json!("s");
    let reply = api.post("/upload", &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let rows = api.rows("?mode=overlapping").await;
    assert_eq!(rows.len(), 8_759);
    assert!(rows.iter().all(|row| row["lead_time"] == -600.0));
    assert_eq!(api.rows("?as_of=2025-01-02T00:09:59Z").await.len(), 24);
}

#[tokio::test]
async fn a_point_twice_with_one_known_time_is_refused_and_a_repetition_is_told() {
    let api = Api::start().await;
    let row = |known: Value| json!({"valid_time": "2025-01-01", "value_key": "x", "value": 1, "known_time": known});
    let mut twice = batch(json!([
        row(json!("2024-12-31")),
        row(json!("2024-12-31T00:00:00+00:00"))
    ]));
    let reply = api.post("/upload", &twice).await;
    assert_eq!(reply.status, 400, "{reply:?}");
    assert!(
        reply.text.contains("known_time 2024-12-31 00:00:00+00"),
        "{reply:?}"
    );
    // That of the batch is one too.
    twice["value_rows"][1] = row(Value::Null);
    twice["known_time"] = json!("2024-12-31");
    assert_eq!(api.post("/upload", &twice).await.status, 400);
    twice["known_time"] = json!("2024-12-30");
    twice["batch_id"] = json!("00000000-0000-0000-0000-0000000000ff");
    let first = api.post("/upload", &twice).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(api.post("/upload", &twice).await.text, first.text);
    twice["value_rows"][0]["known_time"] = json!("2024-12-29");
    let error = first_error(&api.post("/upload", &twice).await);
    assert_eq!(error["type"], "idempotency_mismatch");
    assert_eq!(api.rows("?all_versions=1").await.len(), 2);
    // The value was known before, also of the same upload.
    let mut again = batch(json!([
        row(json!("2025-01-01")),
        row(json!("2024-12-29")),
        row(json!("2024-12-28"))
    ]));
    again["skip_unchanged"] = json!(true);
    let counts = api.post("/upload", &again).await.json();
    assert_eq!(
        (&counts["points"], &counts["skipped_unchanged"]),
        (&json!(1), &json!(2))
    );
}
