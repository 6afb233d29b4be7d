//! A client's mistake is a 4xx that says what is wrong and where, in the form that FastAPI gave it.

use serde_json::{Value, json};

use super::{Api, batch, first_error, row};

#[tokio::test]
async fn query_mistakes_name_their_parameter() {
    let api = Api::start().await;
    for (query, kind, parameter) in [
        ("mode=best", "literal_error", "mode"),
        ("mode=", "literal_error", "mode"),
        ("mode=FLAT", "literal_error", "mode"),
        ("all_versions=maybe", "bool_parsing", "all_versions"),
        ("all_versions=", "bool_parsing", "all_versions"),
        (
            "start_valid=soon",
            "datetime_from_date_parsing",
            "start_valid",
        ),
        (
            "end_known=2025-02-30",
            "datetime_from_date_parsing",
            "end_known",
        ),
        (
            "end_known=300000-01-01T00:00:00Z",
            "datetime_from_date_parsing",
            "end_known",
        ),
        ("series_id=7", "uuid_parsing", "series_id"),
        ("series_id=", "uuid_parsing", "series_id"),
        ("strat_valid=2025-01-01", "extra_forbidden", "strat_valid"),
        ("start_valid=2025-01-01&top=5", "extra_forbidden", "top"),
        ("Start_valid=2025-01-01", "extra_forbidden", "Start_valid"),
        ("x%00y=1", "extra_forbidden", "x\0y"),
    ] {
        let error = first_error(&api.get(&format!("/values?{query}")).await);
        assert_eq!(error["type"], kind, "{query}");
        assert_eq!(error["loc"], json!(["query", parameter]), "{query}");
        assert!(
            error["msg"].is_string() && error.get("input").is_some(),
            "{query}: {error}"
        );
    }
    for (path, advice) in [
        (
            "/values?strat_valid=2025-01-01",
            ": did you mean start_valid?",
        ),
        ("/values?top=5", ": the parameters are mode, "),
        ("/changes?limit=10", ": the parameters are "),
        ("/list_timeseries?x=1", ": there are no parameters"),
        (
            "/values?start_valid=yesterday",
            ": write ISO 8601 such as 2025-01-01T00:00:00Z",
        ),
    ] {
        let told = first_error(&api.get(path).await)["msg"].to_string();
        assert!(told.contains(advice), "{path}: {told}");
    }
    let far = api.get("/values?start_valid=300000-01-01T00:00:00Z").await;
    assert!(far.text.contains("years 1 to 9999"), "{}", far.text);
    let both = api.get("/values?mode=best&start_valid=soon&foo=1").await;
    assert_eq!(both.json()["detail"].as_array().unwrap().len(), 3);
    // Bytes that are no text, and a name that cannot be stored.
    assert!(api.get("/values?name=%ff").await.status.as_u16() <= 422);
    assert_eq!(api.get("/values?name=%00").await.status, 422);
    assert_eq!(api.get("/values?series_id=%00").await.status, 422);
}

#[tokio::test]
async fn a_missing_field_is_told_as_fastapi_told_it() {
    let api = Api::start().await;
    let reply = api.post_text("/upload", "{}").await;
    assert_eq!(reply.status, 422);
    assert_eq!(
        reply.text,
        r#"{"detail":[{"type":"missing","loc":["body","batch_start_time"],"msg":"Field required","input":{}}]}"#
    );
    let reply = api.post_text("/series", "{}").await;
    assert_eq!(
        reply.text,
        r#"{"detail":[{"type":"missing","loc":["body","name"],"msg":"Field required","input":{}}]}"#
    );
    for field in ["valid_time", "value_key"] {
        let mut incomplete = row("2025-01-01T00:00:00Z", "x", 1.0);
        incomplete.as_object_mut().unwrap().remove(field);
        let error = first_error(
            &api.post(
                "/upload",
                &batch(json!([row("2025-01-01T00:00:00Z", "x", 1.0), incomplete])),
            )
            .await,
        );
        assert_eq!(error["type"], "missing");
        assert_eq!(error["loc"], json!(["body", "value_rows", 1, field]));
    }
}

#[tokio::test]
async fn points_are_asked_for_by_name_or_by_id() {
    let api = Api::start().await;
    let asked = json!({"valid_time": ["2025-01-01T00:00:00Z"], "as_of": "2025-01-01T00:00:00Z"});
    let error = first_error(&api.post("/points", &asked).await);
    assert_eq!(error["type"], "value_error");
    assert_eq!(error["loc"], json!(["body"]));
    let mut both = asked.clone();
    both["name"] = json!("x");
    both["series_id"] = json!(uuid::Uuid::nil());
    let error = first_error(&api.post("/points", &both).await);
    assert_eq!(error["loc"], json!(["body", "series_id"]));
}

#[tokio::test]
async fn wrong_types_are_named_by_their_place() {
    let api = Api::start().await;
    let with = |field: &str, value: Value| {
        let mut wrong = row("2025-01-01T00:00:00Z", "x", 1.0);
        wrong[field] = value;
        batch(json!([wrong]))
    };
    let top = |field: &str, value: Value| {
        let mut body = batch(json!([]));
        body[field] = value;
        body
    };
    for (body, kind, place) in [
        (
            with("value", json!("x")),
            "float_parsing",
            json!(["body", "value_rows", 0, "value"]),
        ),
        (
            with("value", json!([1])),
            "float_type",
            json!(["body", "value_rows", 0, "value"]),
        ),
        (
            with("value", json!(true)),
            "float_type",
            json!(["body", "value_rows", 0, "value"]),
        ),
        (
            with("value", json!("NaN")),
            "finite_number",
            json!(["body", "value_rows", 0, "value"]),
        ),
        (
            with("value", json!("-inf")),
            "finite_number",
            json!(["body", "value_rows", 0, "value"]),
        ),
        (
            with("value", json!("1e999")),
            "finite_number",
            json!(["body", "value_rows", 0, "value"]),
        ),
        (
            with("value_key", json!(7)),
            "string_type",
            json!(["body", "value_rows", 0, "value_key"]),
        ),
        (
            with("series_id", json!("x")),
            "uuid_parsing",
            json!(["body", "value_rows", 0, "series_id"]),
        ),
        (
            with("valid_time", json!("x")),
            "datetime_from_date_parsing",
            json!(["body", "value_rows", 0, "valid_time"]),
        ),
        (
            with("valid_time_end", json!("x")),
            "datetime_from_date_parsing",
            json!(["body", "value_rows", 0, "valid_time_end"]),
        ),
        (
            top("batch_params", json!("x")),
            "dict_type",
            json!(["body", "batch_params"]),
        ),
        (
            top("batch_params", json!([1])),
            "dict_type",
            json!(["body", "batch_params"]),
        ),
        (
            top("series_descriptions", json!("x")),
            "dict_type",
            json!(["body", "series_descriptions"]),
        ),
        (
            top("workflow_id", json!(7)),
            "string_type",
            json!(["body", "workflow_id"]),
        ),
        (
            top("value_rows", json!({})),
            "list_type",
            json!(["body", "value_rows"]),
        ),
        (
            top("known_time", json!("soon")),
            "datetime_from_date_parsing",
            json!(["body", "known_time"]),
        ),
    ] {
        let error = first_error(&api.post("/upload", &body).await);
        assert_eq!(
            (&error["type"], &error["loc"]),
            (&json!(kind), &place),
            "{body}"
        );
    }
    for (body, kind, place) in [
        (json!({"name": 7}), "string_type", json!(["body", "name"])),
        (
            json!({"name": null}),
            "string_type",
            json!(["body", "name"]),
        ),
        (
            json!({"name": "x", "labels": [1]}),
            "dict_type",
            json!(["body", "labels"]),
        ),
        (
            json!({"name": "x", "unit": 7}),
            "string_type",
            json!(["body", "unit"]),
        ),
    ] {
        let error = first_error(&api.post("/series", &body).await);
        assert_eq!(
            (&error["type"], &error["loc"]),
            (&json!(kind), &place),
            "{body}"
        );
    }
    // Numbers that no float holds, as numbers.
    for number in ["1e999", "-1e999"] {
        let body = format!(
            r#"{{"time_unit":"s","batch_start_time":0,"value_rows":[{{"valid_time":0,"value_key":"x","value":{number}}}]}}"#
        );
        assert_eq!(api.post_text("/upload", body).await.status, 422, "{number}");
    }
    assert_eq!(api.get("/list_timeseries").await.text, "{}");
}

#[tokio::test]
async fn what_the_store_refuses_is_a_sentence() {
    let api = Api::start().await;
    let end = |end: &str| json!([{"valid_time": "2025-01-02T00:00:00Z", "value_key": "x", "value": 1, "valid_time_end": end}]);
    let long = "x".repeat(5_000);
    for (path, body, word) in [
        (
            "/upload",
            batch(json!([row("2025-01-01T00:00:00Z", &long, 1.0)])),
            "name",
        ),
        (
            "/upload",
            batch(end("2025-01-01T00:00:00Z")),
            "(Point 1 of series \"x\", counted from 1.)",
        ),
        (
            "/upload",
            batch(end("2025-01-02T00:00:00Z")),
            "(Point 1 of series \"x\", counted from 1.)",
        ),
        ("/series", json!({"name": long}), "name"),
        (
            "/series",
            json!({"name": "x", "labels": {"a": {"b": 1}}}),
            "a",
        ),
        ("/series", json!({"name": "x", "labels": {"": 1}}), "label"),
        ("/series", json!({"name": "x", "labels": {"a": null}}), "a"),
    ] {
        let reply = api.post(path, &body).await;
        assert_eq!(reply.status, 400, "{reply:?}");
        let told = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(told.contains(word) && told.contains(' '), "{told}");
    }
    assert_eq!(api.get("/list_timeseries").await.text, "{}");
}

#[tokio::test]
async fn a_name_that_cannot_be_seen_is_named_with_its_place() {
    let api = Api::start().await;
    let rows = |keys: &[&str]| {
        let rows: Vec<Value> = keys
            .iter()
            .map(|key| row("2025-01-01T00:00:00Z", key, 1.0))
            .collect();
        batch(json!(rows))
    };
    let declared = |series: Value| {
        let mut body = rows(&["a", "b"]);
        body["series"] = series;
        body
    };
    let key = |row: usize| json!(["body", "value_rows", row, "value_key"]);
    for (path, body, place, input, word) in [
        (
            "/series",
            json!({"name": " "}),
            json!(["body", "name"]),
            Value::Null,
            "blank",
        ),
        (
            "/series",
            json!({"name": "\u{200b}\u{feff}"}),
            json!(["body", "name"]),
            Value::Null,
            "blank",
        ),
        (
            "/series",
            json!({"name": ""}),
            json!(["body", "name"]),
            Value::Null,
            "empty",
        ),
        (
            "/series",
            json!({"name": "x\u{202e}"}),
            json!(["body", "name"]),
            Value::Null,
            "U+202E",
        ),
        (
            "/series",
            json!({"name": "x", "labels": {"a": "\u{200b}"}}),
            json!(["body", "labels"]),
            Value::Null,
            "blank",
        ),
        (
            "/series",
            json!({"name": "x", "unit": "k\u{7}W"}),
            json!(["body", "unit"]),
            Value::Null,
            "U+0007",
        ),
        ("/upload", rows(&[" "]), key(0), json!(" "), "blank"),
        (
            "/upload",
            rows(&["a", "a", "\u{2800}"]),
            key(2),
            json!("\u{2800}"),
            "blank",
        ),
        ("/upload", rows(&["a", ""]), key(1), json!(""), "empty"),
        (
            "/upload",
            declared(json!({"b": {"name": "\u{200b}"}})),
            json!(["body", "series", "b", "name"]),
            json!("\u{200b}"),
            "blank",
        ),
        (
            "/upload",
            declared(json!({"a": {"labels": {"l": " "}}})),
            json!(["body", "series", "a", "labels"]),
            json!({"l": " "}),
            "blank",
        ),
        (
            "/upload",
            declared(json!({"b": {"unit": "\u{200b}"}})),
            json!(["body", "series", "b", "unit"]),
            json!("\u{200b}"),
            "blank",
        ),
    ] {
        let error = first_error(&api.post(path, &body).await);
        assert_eq!((&error["loc"], &error["input"]), (&place, &input), "{body}");
        assert_eq!(error["type"], "value_error", "{body}");
        let told = error["msg"].as_str().unwrap();
        assert!(
            told.starts_with("Value error, ") && told.contains(word),
            "{told}"
        );
    }
    assert_eq!(api.get("/list_timeseries").await.text, "{}");
}

#[tokio::test]
async fn an_empty_unit_is_not_taken_for_dimensionless() {
    let api = Api::start().await;
    for unit in ["", " ", "\t"] {
        let mut upload = batch(json!([row("2025-01-01T00:00:00Z", "x", 1.0)]));
        upload["series"] = json!({"x": {"unit": unit}});
        for (path, body, place) in [
            (
                "/series",
                json!({"name": "x", "unit": unit}),
                json!(["body", "unit"]),
            ),
            ("/upload", upload, json!(["body", "series", "x", "unit"])),
        ] {
            let error = first_error(&api.post(path, &body).await);
            assert_eq!((&error["loc"], &error["input"]), (&place, &json!(unit)));
            assert!(
                error["msg"].as_str().unwrap().contains("dimensionless"),
                "{error}"
            );
        }
    }
    assert_eq!(api.get("/list_timeseries").await.text, "{}");
    let error = first_error(&api.get("/values?unit=").await);
    assert_eq!(error["loc"], json!(["query", "unit"]));
    // Whatever else it says is a unit, known or not, and null says nothing.
    for (name, unit, stored) in [
        ("a", json!("MWw"), "MWw"),
        ("b", Value::Null, "dimensionless"),
    ] {
        let reply = api
            .post("/series", &json!({"name": name, "unit": unit}))
            .await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let listed = api.get(&format!("/series?name={name}")).await.json();
        assert_eq!(listed["data"][0]["unit"], stored);
    }
}

#[tokio::test]
async fn one_series_by_name_and_by_id_is_still_one_series() {
    let api = Api::start().await;
    let answer = api
        .upload(json!([row("2025-01-01T00:00:00Z", "x", 1.0)]))
        .await;
    let by_id = json!({"valid_time": "2025-01-02T00:00:00Z", "value_key": "y", "value": 2,
                       "series_id": answer["series_ids"]["x"]});
    let twice = batch(json!([row("2025-01-02T00:00:00Z", "x", 1.0), by_id]));
    let reply = api.post("/upload", &twice).await;
    assert_eq!(reply.status, 400, "{reply:?}");
    assert_eq!(api.rows("").await.len(), 1);
}
