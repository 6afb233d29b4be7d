//! Times as clients send them, in bodies and in queries.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::{Api, batch, first_error};

/// All of them mean 2025-06-01T12:00:00Z.
fn noon() -> Vec<Value> {
    let mut forms: Vec<Value> = [
        "2025-06-01T12:00:00Z",
        "2025-06-01T12:00:00z",
        "2025-06-01T12:00:00+00:00",
        "2025-06-01T14:00:00+02:00",
        "2025-06-01T14:00:00+0200",
        "2025-06-01T06:30:00-05:30",
        "2025-06-01 12:00:00Z",
        "2025-06-01 12:00:00",
        "2025-06-01T12:00Z",
        "2025-06-01T12:00",
        "2025-06-01T12:00:00",
        "2025-06-01T12:00:00.000000",
        "2025-06-01T12:00:00.0000009Z",
        "1748779200",
        "1748779200000",
    ]
    .map(Value::from)
    .to_vec();
    forms.extend([
        json!(1_748_779_200),
        json!(1_748_779_200.0),
        json!(1_748_779_200_000_i64),
    ]);
    forms
}

#[tokio::test]
async fn every_form_of_a_time_means_the_same_in_a_body() {
    let api = Api::start().await;
    for (number, form) in noon().into_iter().enumerate() {
        let key = format!("x{number}");
        let rows = json!([{"valid_time": form, "value_key": key, "value": 1}]);
        let body = json!({"batch_start_time": form, "batch_finish_time": form, "known_time": form, "value_rows": rows});
        let reply = api.post("/upload", &body).await;
        assert_eq!(reply.status, 200, "{form}: {reply:?}");
        let rows = api.rows(&format!("?mode=overlapping&name={key}")).await;
        for column in ["valid_time", "known_time"] {
            assert_eq!(rows[0][column], "2025-06-01T12:00:00+00:00", "{form}");
        }
    }
    let rows = json!([{"valid_time": "2025-06-01", "value_key": "day", "value": 1},
                      {"valid_time": "2025-06-01T00:00:00.1234567Z", "value_key": "day", "value": 1}]);
    api.upload(rows).await;
    let rows = api.rows("?name=day").await;
    assert_eq!(rows[0]["valid_time"], "2025-06-01T00:00:00+00:00");
    assert_eq!(rows[1]["valid_time"], "2025-06-01T00:00:00.123456+00:00");
}

#[tokio::test]
async fn every_form_of_a_time_means_the_same_in_a_query() {
    let api = Api::start().await;
    let rows = json!([{"valid_time": "2025-06-01T11:59:59.999999Z", "value_key": "x", "value": 1},
                      {"valid_time": "2025-06-01T12:00:00Z", "value_key": "x", "value": 2},
                      {"valid_time": "2025-06-01T12:00:00.000001Z", "value_key": "x", "value": 3}]);
    api.upload(rows).await;
    for form in noon() {
        let text = form
            .as_str()
            .map_or_else(|| form.to_string(), str::to_owned);
        let encoded = utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string();
        let values = async |query: String| -> Vec<f64> {
            api.rows(&query)
                .await
                .iter()
                .map(|row| row["value"].as_f64().unwrap())
                .collect()
        };
        assert_eq!(
            values(format!("?start_valid={encoded}")).await,
            [2.0, 3.0],
            "{form}"
        );
        assert_eq!(
            values(format!("?end_valid={encoded}")).await,
            [1.0],
            "{form}"
        );
    }
}

#[tokio::test]
async fn an_unescaped_plus_in_a_query_is_refused_not_misread() {
    let api = Api::start().await;
    for name in ["start_valid", "end_valid", "start_known", "end_known"] {
        let reply = api
            .get(&format!("/values?{name}=2025-01-01T00:00:00+00:00"))
            .await;
        let error = first_error(&reply);
        assert_eq!(error["type"], "datetime_from_date_parsing");
        assert_eq!(error["loc"], json!(["query", name]));
        assert_eq!(error["input"], "2025-01-01T00:00:00 00:00");
    }
}

#[tokio::test]
async fn what_is_no_time_is_refused_by_its_place() {
    let api = Api::start().await;
    for text in [
        "soon",
        "",
        "2025-13-01",
        "2025-02-30",
        "2025-01-01T25:00:00Z",
        "2025-01-01T00:00:00+25:00",
        "infinity",
        "-infinity",
        "NaN",
        "now",
        "today",
        "10000-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2025-01-01T00:00:00Zx",
        "1e400",
        "99999999999999999999",
        "\u{0}",
        "2025-01-01\u{0}",
    ] {
        let encoded = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let error = first_error(&api.get(&format!("/values?start_valid={encoded}")).await);
        assert_eq!(error["loc"], json!(["query", "start_valid"]), "{text}");
        let rows = json!([{"valid_time": text, "value_key": "x", "value": 1}]);
        let error = first_error(&api.post("/upload", &batch(rows)).await);
        assert_eq!(
            error["loc"],
            json!(["body", "value_rows", 0, "valid_time"]),
            "{text}"
        );
        for field in ["batch_start_time", "batch_finish_time", "known_time"] {
            let mut body = batch(json!([]));
            body[field] = json!(text);
            let error = first_error(&api.post("/upload", &body).await);
            assert_eq!(error["loc"], json!(["body", field]), "{text}");
        }
    }
    assert_eq!(api.get("/list_timeseries").await.text, "{}");
}

#[tokio::test]
async fn the_first_and_the_last_instant_are_stored_and_stay_readable() {
    let api = Api::start().await;
    for text in [
        "0001-01-01T00:00:00+00:00",
        "9999-12-31T23:59:59.999999+00:00",
    ] {
        let rows = json!([{"valid_time": text, "value_key": "edge", "value": 1}]);
        let mut body = batch(rows);
        body["known_time"] = json!(text);
        assert_eq!(api.post("/upload", &body).await.status, 200, "{text}");
        let rows = api.rows("?mode=overlapping").await;
        assert!(
            rows.iter()
                .any(|row| row["valid_time"] == text && row["known_time"] == text),
            "{rows:?}"
        );
    }
    let encoded =
        utf8_percent_encode("9999-12-31T23:59:59.999999+00:00", NON_ALPHANUMERIC).to_string();
    assert_eq!(api.rows(&format!("?end_valid={encoded}")).await.len(), 1);
}
