//! Bodies byte for byte: order of keys, numbers, times, text.

use serde_json::{Value, json};

use super::{Api, batch, row};

#[tokio::test]
async fn a_flat_answer_is_what_it_always_was() {
    let api = Api::start().await;
    let answer = api
        .upload(json!([
            row("2025-01-01T00:00:00Z", "temperature_a", 20.0),
            row("2025-01-01T01:00:00.250000Z", "temperature_a", -0.125),
        ]))
        .await;
    let id = answer["series_ids"]["temperature_a"].as_str().unwrap();
    let reply = api.get("/values").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers["content-type"], "application/json");
    let expected = r#"{"count":2,"data":[{"valid_time":"2025-01-01T00:00:00.000000+00:00","series_id":"ID","value":20.0,"name":"temperature_a","unit":"dimensionless","labels":{}},{"valid_time":"2025-01-01T01:00:00.250000+00:00","series_id":"ID","value":-0.125,"name":"temperature_a","unit":"dimensionless","labels":{}}]}"#;
    assert_eq!(reply.text, expected.replace("ID", id));
}

#[tokio::test]
async fn an_empty_answer_is_count_and_data() {
    let api = Api::start().await;
    for path in [
        "/values",
        "/values?mode=overlapping",
        "/values?all_versions=true",
    ] {
        assert_eq!(
            api.get(path).await.text,
            r#"{"count":0,"data":[]}"#,
            "{path}"
        );
    }
    assert_eq!(api.get("/list_timeseries").await.text, "{}");
}

#[tokio::test]
async fn overlapping_rows_begin_with_known_time() {
    let api = Api::start().await;
    let mut body = batch(json!([row("2025-01-01T00:00:00Z", "x", 1.0)]));
    body["known_time"] = json!("2024-12-31T12:00:00Z");
    let answer = api.post("/upload", &body).await.json();
    let id = answer["series_ids"]["x"].as_str().unwrap();
    let expected = r#"{"count":1,"data":[{"known_time":"2024-12-31T12:00:00+00:00","valid_time":"2025-01-01T00:00:00+00:00","series_id":"ID","value":1.0,"name":"x","unit":"dimensionless","labels":{},"lead_time":43200.0}]}"#;
    assert_eq!(
        api.get("/values?mode=overlapping").await.text,
        expected.replace("ID", id)
    );
}

#[tokio::test]
async fn an_upload_is_answered_with_batch_message_and_series() {
    let api = Api::start().await;
    let reply = api
        .post(
            "/upload",
            &batch(json!([
                row("2025-01-01T00:00:00Z", "x", 1.0),
                row("2025-01-01T00:00:00Z", "a", 1.0)
            ])),
        )
        .await;
    assert_eq!(reply.status, 200);
    let answer = reply.json();
    let (batch_id, x, a) = (
        &answer["batch_id"],
        &answer["series_ids"]["x"],
        &answer["series_ids"]["a"],
    );
    assert_eq!(
        reply.text,
        format!(
            r#"{{"batch_id":{batch_id},"message":"Batch created successfully","series_ids":{{"x":{x},"a":{a}}}}}"#
        )
    );
    let empty = api.post("/upload", &batch(json!([]))).await;
    let batch_id = &empty.json()["batch_id"];
    assert_eq!(
        empty.text,
        format!(
            r#"{{"batch_id":{batch_id},"message":"Batch created successfully","series_ids":{{}}}}"#
        )
    );
}

#[tokio::test]
async fn a_new_series_is_answered_with_its_id_and_message() {
    let api = Api::start().await;
    let reply = api.post("/series", &json!({"name": "x"})).await;
    assert_eq!(reply.status, 200);
    let id = &reply.json()["series_id"];
    assert_eq!(
        reply.text,
        format!(r#"{{"series_id":{id},"message":"Series created successfully"}}"#)
    );
}

#[tokio::test]
async fn floats_keep_a_point_and_their_shortest_form() {
    let api = Api::start().await;
    let cases = [
        ("20", "20.0"),
        ("0", "0.0"),
        ("-0.0", "-0.0"),
        ("0.1", "0.1"),
        ("1e2", "100.0"),
        ("123456789.123", "123456789.123"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("-273.15", "-273.15"),
        ("\"1.5\"", "1.5"),
        ("null", "null"),
    ];
    for (place, (sent, shown)) in cases.iter().enumerate() {
        let body = format!(
            r#"{{"batch_start_time":"2025-01-01T00:00:00Z","value_rows":[{{"valid_time":"2025-01-01T00:00:00Z","value_key":"x{place}","value":{sent}}}]}}"#
        );
        assert_eq!(api.post_text("/upload", body).await.status, 200, "{sent}");
        let text = api.get(&format!("/values?name=x{place}")).await.text;
        assert!(
            text.contains(&format!("\"value\":{shown},")),
            "{sent}: {text}"
        );
    }
}

#[tokio::test]
async fn every_float_comes_back_as_it_was_sent() {
    let api = Api::start().await;
    let values = [
        1e308,
        -1e308,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        f64::EPSILON,
        1.0 / 3.0,
        1e22,
        1e23,
        1e-7,
        9_007_199_254_740_993.0,
        123_456.789_012_345_67,
        1e15,
        1e16,
        1e17,
    ];
    let rows: Vec<Value> = values
        .iter()
        .enumerate()
        .map(|(second, value)| row(&format!("2025-01-01T00:00:{second:02}Z"), "x", *value))
        .collect();
    api.upload(json!(rows)).await;
    let found = api.rows("").await;
    for (sent, back) in values.iter().zip(&found) {
        assert_eq!(
            back["value"].as_f64().map(f64::to_bits),
            Some(sent.to_bits()),
            "{back}"
        );
        assert!(back["value"].is_f64(), "{back}");
    }
}

#[tokio::test]
async fn text_is_utf8_and_only_what_must_be_is_escaped() {
    let api = Api::start().await;
    for name in [
        "Wärme °C",
        "風速 🌬",
        "quote \" and \\ slash /",
        "<script>&amp;",
        "\u{fffd}\u{ffff}\u{10ffff}",
    ] {
        let answer = api
            .upload(json!([row("2025-01-01T00:00:00Z", name, 1.0)]))
            .await;
        assert!(answer["series_ids"][name].is_string(), "{name}: {answer}");
        let encoded: String =
            percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC)
                .to_string();
        let reply = api.get(&format!("/values?name={encoded}")).await;
        assert_eq!(reply.json()["count"], 1, "{name}");
        let literal = serde_json::to_string(name).unwrap();
        assert!(
            reply.text.contains(&format!("\"name\":{literal},")),
            "{name}: {}",
            reply.text
        );
    }
    let description = "tab\tand\nline";
    let body = json!({"name": "described", "description": description});
    let id = api.post("/series", &body).await.json()["series_id"].clone();
    let listed = api.get("/list_timeseries").await;
    assert!(listed.text.contains(r"tab\tand\nline"), "{}", listed.text);
    let id = id.as_str().unwrap();
    assert_eq!(listed.json()[id]["description"], description);
}

#[tokio::test]
async fn list_timeseries_is_an_object_by_id_in_the_order_of_names() {
    let api = Api::start().await;
    let mut ids = Vec::new();
    for body in [
        json!({"name": "wind", "labels": {"site": "south", "height": "80"}, "unit": "m/s", "description": "Wind \"speed\""}),
        json!({"name": "load"}),
        json!({"name": "Ärger"}),
    ] {
        ids.push(
            api.post("/series", &body).await.json()["series_id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    let reply = api.get("/list_timeseries").await;
    assert_eq!(reply.headers["content-type"], "application/json");
    let listed = reply.json();
    assert_eq!(listed.as_object().unwrap().len(), 3);
    let wind = &listed[&ids[0]];
    for (field, value) in [
        ("series_key", json!("wind")),
        ("name", json!("wind")),
        ("description", json!("Wind \"speed\"")),
        ("unit", json!("m/s")),
        ("labels", json!({"height": "80", "site": "south"})),
    ] {
        assert_eq!(wind[field], value, "{field}");
    }
    assert_eq!(listed[&ids[1]]["unit"], "dimensionless");
    assert_eq!(listed[&ids[1]]["labels"], json!({}));
    let place = |id: &str| reply.text.find(id).unwrap();
    assert!(place(&ids[1]) < place(&ids[0]), "load stands before wind");
    assert!(
        !reply.text.contains(": ") && !reply.text.contains(", "),
        "compact: {}",
        reply.text
    );
}
