//! `GET /values`: modes, ranges, filters, order, and answers too large to be held.

use serde_json::{Value, json};

use super::{Api, batch, row};

async fn forecast(api: &Api, known: &str, rows: Value) {
    let mut body = batch(rows);
    body["known_time"] = json!(known);
    let reply = api.post("/upload", &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// Two runs of a forecast of two series.
async fn two_runs() -> Api {
    let api = Api::start().await;
    for (known, base) in [
        ("2025-01-01T06:00:00Z", 10.0),
        ("2025-01-01T00:00:00Z", 0.0),
    ] {
        let mut rows = Vec::new();
        for hour in 0..3 {
            for (name, shift) in [("wind", 0.0), ("load", 100.0)] {
                rows.push(row(
                    &format!("2025-01-02T{hour:02}:00:00Z"),
                    name,
                    base + shift + f64::from(hour),
                ));
            }
        }
        forecast(&api, known, json!(rows)).await;
    }
    api
}

async fn values(api: &Api, query: &str) -> Vec<f64> {
    let rows = api.rows(query).await;
    rows.iter()
        .map(|row| row["value"].as_f64().unwrap())
        .collect()
}

#[tokio::test]
async fn modes_return_what_their_names_say() {
    let api = two_runs().await;
    assert_eq!(values(&api, "?name=wind").await, [10.0, 11.0, 12.0]);
    assert_eq!(
        values(&api, "?name=wind&mode=flat").await,
        [10.0, 11.0, 12.0]
    );
    assert_eq!(
        values(&api, "?name=wind&mode=overlapping").await,
        [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]
    );
    forecast(
        &api,
        "2025-01-01T06:00:00Z",
        json!([row("2025-01-02T00:00:00Z", "wind", 20.0)]),
    )
    .await;
    assert_eq!(values(&api, "?name=wind").await, [20.0, 11.0, 12.0]);
    assert_eq!(
        values(&api, "?name=wind&mode=overlapping").await,
        [0.0, 1.0, 2.0, 20.0, 11.0, 12.0]
    );
    for truth in ["true", "True", "1", "yes", "on"] {
        let query = format!("?name=wind&all_versions={truth}");
        let mut all = values(&api, &query).await;
        all.sort_by(f64::total_cmp);
        assert_eq!(all, [0.0, 1.0, 2.0, 10.0, 11.0, 12.0, 20.0], "{truth}");
        let rows = api.rows(&query).await;
        assert!(
            rows.iter()
                .all(|row| row["known_time"].is_string() && row["change_time"].is_string())
        );
    }
    for lie in ["false", "False", "0", "no", "off"] {
        assert_eq!(
            values(&api, &format!("?name=wind&all_versions={lie}")).await,
            [20.0, 11.0, 12.0],
            "{lie}"
        );
    }
}

#[tokio::test]
async fn rows_stand_by_time_then_series() {
    let api = two_runs().await;
    for (query, columns) in [
        ("", &["valid_time", "series_id"][..]),
        (
            "?mode=overlapping",
            &["known_time", "valid_time", "series_id"],
        ),
    ] {
        let rows = api.rows(query).await;
        assert!(rows.len() >= 6);
        let place = |row: &Value| -> Vec<String> {
            columns
                .iter()
                .map(|column| row[column].as_str().unwrap().to_owned())
                .collect()
        };
        assert!(rows.is_sorted_by_key(place), "{query}: {rows:#?}");
    }
}

#[tokio::test]
async fn ranges_include_their_start_and_exclude_their_end() {
    let api = two_runs().await;
    for (query, expected) in [
        (
            "?name=wind&start_valid=2025-01-02T01:00:00Z",
            vec![11.0, 12.0],
        ),
        ("?name=wind&end_valid=2025-01-02T01:00:00Z", vec![10.0]),
        (
            "?name=wind&start_valid=2025-01-02T01:00:00Z&end_valid=2025-01-02T02:00:00Z",
            vec![11.0],
        ),
        (
            "?name=wind&start_valid=2025-01-02T01:00:00Z&end_valid=2025-01-02T01:00:00Z",
            vec![],
        ),
        (
            "?name=wind&start_valid=2025-01-02T02:00:00Z&end_valid=2025-01-02T01:00:00Z",
            vec![],
        ),
        (
            "?name=wind&end_known=2025-01-01T06:00:00Z",
            vec![0.0, 1.0, 2.0],
        ),
        (
            "?name=wind&start_known=2025-01-01T06:00:00Z",
            vec![10.0, 11.0, 12.0],
        ),
        ("?name=wind&start_known=2025-01-01T06:00:00.000001Z", vec![]),
        (
            "?name=wind&start_known=2025-01-01T00:00:00Z&end_known=2025-01-01T06:00:00Z&mode=overlapping",
            vec![0.0, 1.0, 2.0],
        ),
    ] {
        assert_eq!(values(&api, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn series_can_be_chosen_by_id() {
    let api = two_runs().await;
    let listed = api.get("/list_timeseries").await.json();
    let id = |name: &str| {
        let found = listed
            .as_object()
            .unwrap()
            .iter()
            .find(|(_, series)| series["name"] == name);
        found.unwrap().0.clone()
    };
    let (wind, load) = (id("wind"), id("load"));
    assert_eq!(
        values(&api, &format!("?series_id={wind}")).await,
        [10.0, 11.0, 12.0]
    );
    assert_eq!(
        values(&api, &format!("?series_id={load}")).await,
        [110.0, 111.0, 112.0]
    );
    for both in [
        format!("?series_id={wind}&series_id={load}"),
        format!("?series_id={wind},{load},{wind}"),
    ] {
        assert_eq!(values(&api, &both).await.len(), 6, "{both}");
    }
}

/// More rows than an answer holds: 260,000 of four series. More threads: while one parses them all,
/// another looks after the client's connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_streams_data_before_count_and_is_complete() {
    let api = Api::start().await;
    let client = api.db.begin(api.db.a()).await;
    for series in 0..4 {
        let upload = format!(
            "SELECT points FROM timedb.upload(
                 ARRAY(SELECT timestamptz '2020-01-01Z' + i * interval '1 minute' FROM generate_series(0, 64999) AS i ORDER BY i),
                 ARRAY(SELECT {series} + i / 100.0 FROM generate_series(0, 64999) AS i ORDER BY i)::float8[], '{{s{series}}}')"
        );
        client.batch_execute(&upload).await.unwrap();
    }
    client.batch_execute("COMMIT").await.unwrap();
    let reply = api.get("/values").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers["content-type"], "application/json");
    assert!(
        reply.text.starts_with(r#"{"data":[{"valid_time":"#),
        "{}",
        &reply.text[..200]
    );
    assert!(
        reply.text.ends_with(r#"],"count":260000}"#),
        "{}",
        &reply.text[reply.text.len() - 100..]
    );
    let answer = reply.json();
    let rows = answer["data"].as_array().unwrap();
    assert_eq!(rows.len(), 260_000);
    let place = |row: &Value| {
        (
            row["series_id"].as_str().unwrap().to_owned(),
            row["valid_time"].as_str().unwrap().to_owned(),
        )
    };
    assert!(
        rows.is_sorted_by_key(place),
        "rows stand by series, then time"
    );
    let sum: f64 = rows.iter().map(|row| row["value"].as_f64().unwrap()).sum();
    let expected = 65_000.0 * 6.0 + 4.0 * (64_999.0 * 65_000.0 / 2.0) / 100.0;
    assert!((sum - expected).abs() < 1e-3, "{sum} {expected}");
    // Below the limit the answer is held and sorted by time.
    let rows = api.rows("?end_valid=2020-01-01T00:10:00Z").await;
    assert_eq!(rows.len(), 40);
    assert!(rows.is_sorted_by_key(|row| row["valid_time"].as_str().unwrap().to_owned()));
}
