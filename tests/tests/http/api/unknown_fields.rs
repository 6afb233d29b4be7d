//! What a body says and nobody knows is refused by name, at every level: ignored, it would be lost.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, batch};

/// The first error of an answer, as (place, message).
fn told(reply: &timedb_tests::Reply) -> (Value, String) {
    assert_eq!(reply.status, 422, "{reply:?}");
    let error = reply.json()["detail"][0].clone();
    assert_eq!(error["type"], "extra_forbidden", "{error}");
    let message = error["msg"].as_str().unwrap().to_owned();
    (error["loc"].clone(), message)
}

#[tokio::test]
async fn a_row_with_an_unknown_field_stores_nothing() {
    let api = Api::start().await;
    for (field, advice) in [
        ("val", "did you mean value?"),
        ("Value", "did you mean value?"),
        ("validTimeEnd", "did you mean valid_time_end?"),
        ("unit", "in the field series"),
        ("labels", "in the field series"),
        ("name", "in the field series"),
        ("change_time", "Extra inputs are not permitted"),
        ("tenant_id", "Extra inputs are not permitted"),
    ] {
        let good = json!({"valid_time": "2025-01-01", "value_key": "x", "value": 1});
        let mut row = json!({"valid_time": "2025-01-02", "value_key": "x"});
        row[field] = json!("kW");
        let reply = api.post("/upload", &batch(json!([good, row]))).await;
        let (place, message) = told(&reply);
        assert_eq!(place, json!(["body", "value_rows", 1, field]));
        assert!(message.contains(advice), "{message}");
        assert_eq!(reply.json()["detail"][0]["input"], "kW");
    }
    // All of them are named, beside what else is wrong.
    let row = json!({"valid_time": "soon", "value_key": "x", "val": 1, "more": {"x": [1]}});
    let reply = api.post("/upload", &batch(json!([row]))).await;
    let places: Vec<Value> = reply.json()["detail"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["loc"][3].clone())
        .collect();
    assert_eq!(places, ["valid_time", "more", "val"]);
    assert_eq!(api.get("/list_timeseries").await.text, "{}");
}

#[tokio::test]
async fn every_level_of_every_body_is_looked_at() {
    let api = Api::start().await;
    let rows = json!([{"valid_time": "2025-01-01", "value_key": "x", "value": 1}]);
    let with = |field: &str, value: Value| {
        let mut body = batch(rows.clone());
        body[field] = value;
        body
    };
    let update = json!({"series_id": uuid::Uuid::nil(), "valid_time": "2025-01-01", "value": 1, "note": "x"});
    let series = api.post("/series", &json!({"name": "wind"})).await.json()["series_id"].clone();
    let series = format!("/series/{}", series.as_str().unwrap());
    for (method, path, body, place, advice) in [
        (
            Method::POST,
            "/upload",
            with("known_tme", json!("2025-01-01")),
            json!(["body", "known_tme"]),
            "known_time",
        ),
        (
            Method::POST,
            "/upload",
            with("rows", json!([])),
            json!(["body", "rows"]),
            "",
        ),
        (
            Method::POST,
            "/upload",
            with("series", json!({"x": {"units": "kW"}})),
            json!(["body", "series", "x", "units"]),
            "unit",
        ),
        // A series that no row names is looked at too.
        (
            Method::POST,
            "/upload",
            with("series", json!({"y": {"label": {}}})),
            json!(["body", "series", "y", "label"]),
            "labels",
        ),
        (
            Method::POST,
            "/series",
            json!({"name": "y", "desc": "z"}),
            json!(["body", "desc"]),
            "description",
        ),
        (
            Method::PATCH,
            &series,
            json!({"Name": "z"}),
            json!(["body", "Name"]),
            "name",
        ),
        (
            Method::PUT,
            "/values",
            json!({"updates": [], "tenant_id": null}),
            json!(["body", "tenant_id"]),
            "",
        ),
        (
            Method::PUT,
            "/values",
            json!({"updates": [update]}),
            json!(["body", "updates", 0, "note"]),
            "",
        ),
    ] {
        let request = api.server.request(method, path, Some(&api.db.a().key));
        let reply = api.server.send(request.json(&body)).await;
        let (at, message) = told(&reply);
        assert_eq!(at, place, "{body}");
        let expected = match advice {
            "" => "Extra inputs are not permitted".to_owned(),
            meant => format!("Extra inputs are not permitted: did you mean {meant}?"),
        };
        assert_eq!(message, expected, "{body}");
    }
    assert_eq!(api.rows("").await.len(), 0);
}

#[tokio::test]
async fn many_and_long_unknown_fields_are_told_in_short() {
    let api = Api::start().await;
    let fields: Vec<String> = (0..200_000)
        .map(|i| format!(r#""valid_tim{i}":1"#))
        .collect();
    let long = "x".repeat(1 << 20);
    for body in [
        format!(
            r#"{{"batch_start_time":"2025-01-01",{}}}"#,
            fields.join(",")
        ),
        format!(r#"{{"batch_start_time":"2025-01-01","{long}":"{long}"}}"#),
        format!(
            r#"{{"batch_start_time":"2025-01-01","value_rows":[{{{}}}]}}"#,
            fields.join(",")
        ),
    ] {
        let started = std::time::Instant::now();
        let reply = api.post_text("/upload", body).await;
        assert_eq!(reply.status, 422);
        assert!(reply.json()["detail"].as_array().unwrap().len() <= 100);
        assert!(reply.text.len() < 64 << 10, "{} bytes", reply.text.len());
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn what_clients_send_without_meaning_is_taken() {
    let api = Api::start().await;
    let mut body = batch(json!([{"valid_time": "2025-01-01", "value_key": "x", "value": 1}]));
    body["tenant_id"] = json!("of the client");
    body["batch_params"] = json!({"any": {"thing": 1}});
    let answer = api.post("/upload", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    // What GET answers can be changed and sent back.
    let id = answer.json()["series_ids"]["x"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut series = api.get(&format!("/series/{id}")).await.json();
    series["description"] = json!("changed");
    let patch = api.server.request(
        Method::PATCH,
        &format!("/series/{id}"),
        Some(&api.db.a().key),
    );
    let reply = api.server.send(patch.json(&series)).await;
    assert_eq!((reply.status.as_u16(), &reply.json()), (200, &series));
}

#[tokio::test]
async fn requests_without_parameters_refuse_them_by_name() {
    let api = Api::start().await;
    let body = batch(json!([]));
    for (method, path, body) in [
        (Method::GET, "/list_timeseries?name=x", None),
        (Method::POST, "/series?name=x", Some(json!({"name": "x"}))),
        (Method::POST, "/upload?known_time=2025-01-01", Some(body)),
        (Method::PUT, "/values?name=x", Some(json!({"updates": []}))),
    ] {
        let request = |key| {
            let request = api.server.request(method.clone(), path, key);
            match &body {
                Some(body) => request.json(body),
                None => request,
            }
        };
        let reply = api.server.send(request(Some(&api.db.a().key))).await;
        assert_eq!(told(&reply).0[0], "query", "{path}");
        assert_eq!(api.server.send(request(None)).await.status, 401, "{path}");
    }
    assert_eq!(api.get("/list_timeseries").await.text, "{}");
}
