//! Bodies that are no JSON, or JSON that is hard to take, and texts that must stay texts.

use serde_json::json;

use super::{Api, batch, first_error, row};

#[tokio::test]
async fn broken_json_is_told_with_its_offset() {
    let api = Api::start().await;
    for path in ["/upload", "/series"] {
        for (body, offset) in [
            ("no JSON", 0),
            (r#"{"a": }"#, 6),
            ("{\n  \"a\": x}", 9),
            (r#"{"a": NaN}"#, 6),
            (r#"{"a": Infinity}"#, 6),
        ] {
            let error = first_error(&api.post_text(path, body).await);
            assert_eq!(error["type"], "json_invalid", "{body}");
            assert_eq!(error["msg"], "JSON decode error", "{body}");
            assert_eq!(error["loc"][0], "body", "{body}");
            let told = error["loc"][1].as_u64().unwrap();
            assert!(told.abs_diff(offset) <= 1, "{body}: {told}");
        }
        for body in [
            "{",
            "",
            " ",
            "[]",
            "7",
            "null",
            "\"x\"",
            "{\"a\":1}}",
            "{}{}",
        ] {
            let reply = api.post_text(path, body).await;
            assert_eq!(first_error(&reply)["loc"][0], "body", "{body:?}");
        }
        for bytes in [
            &b"\xff\xfd"[..],
            b"{\"name\": \"\xff\"}",
            b"{\"name\": \"\\ud800\"}",
            b"\x00",
        ] {
            assert_eq!(api.post_text(path, bytes).await.status, 422, "{bytes:?}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(api.post_text(path, deep).await.status, 422);
    }
    assert_eq!(api.get("/list_timeseries").await.text, "{}");
}

#[tokio::test]
async fn a_nul_in_any_text_is_a_clients_mistake() {
    let api = Api::start().await;
    let mut rows = vec![
        (
            "/upload",
            batch(json!([row("2025-01-01T00:00:00Z", "a\0b", 1.0)])),
        ),
        ("/series", json!({"name": "a\0b"})),
        ("/series", json!({"name": "x", "unit": "a\0b"})),
        ("/series", json!({"name": "x", "description": "a\0b"})),
        ("/series", json!({"name": "x", "labels": {"a\0b": "x"}})),
        ("/series", json!({"name": "x", "labels": {"a": "a\0b"}})),
    ];
    for (field, value) in [
        ("workflow_id", json!("a\0b")),
        ("batch_params", json!({"a": "a\0b"})),
        ("batch_params", json!({"a\0b": 1})),
        ("series_descriptions", json!({"x": "a\0b"})),
        ("tenant_id", json!("a\0b")),
    ] {
        let mut body = batch(json!([row("2025-01-01T00:00:00Z", "x", 1.0)]));
        body[field] = value;
        rows.push(("/upload", body));
    }
    for (path, body) in rows {
        let reply = api.post(path, &body).await;
        assert!(
            [400, 422].contains(&reply.status.as_u16()),
            "{body}: {reply:?}"
        );
    }
    assert_eq!(api.get("/list_timeseries").await.text, "{}");
}

#[tokio::test]
async fn texts_that_look_like_sql_are_only_texts() {
    let api = Api::start().await;
    for text in [
        "'; DROP TABLE timedb.series; --",
        "$1",
        "\\",
        "%s",
        "{0}",
        "NULL",
        "' OR '1'='1",
    ] {
        let answer = api
            .upload(json!([row("2025-01-01T00:00:00Z", text, 1.0)]))
            .await;
        assert!(answer["series_ids"][text].is_string());
        let encoded =
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string();
        assert_eq!(
            api.rows(&format!("?name={encoded}")).await.len(),
            1,
            "{text}"
        );
    }
    assert_eq!(api.rows("").await.len(), 7);
}

#[tokio::test]
async fn a_body_of_another_type_is_refused_as_such() {
    let api = Api::start().await;
    for (content_type, status) in [
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/problem+json", 200),
        ("application/json; charset=UTF-8", 200),
        ("application/json; charset=utf-16", 415),
        ("application/json; version=1;charset=\"latin1\"", 415),
    ] {
        let request = api
            .server
            .request(reqwest::Method::POST, "/series", Some(&api.db.a().key))
            .header("Content-Type", content_type)
            .body(r#"{"name": "x"}"#);
        let reply = super::clean(api.server.send(request).await);
        assert_eq!(reply.status, status, "{content_type}: {reply:?}");
    }
    // Without a type it is taken for what it must be.
    let request = api
        .server
        .request(reqwest::Method::POST, "/series", Some(&api.db.a().key))
        .body(r#"{"name": "x"}"#);
    assert_eq!(api.server.send(request).await.status, 200);
}

#[tokio::test]
async fn deep_json_and_numbers_beyond_every_float_are_no_ones_internal_error() {
    let api = Api::start().await;
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let mut wild = [100, 126, 127, 128, 129, 200, 5_000, 20_000]
        .map(nested)
        .to_vec();
    wild.extend([
        "1e400".to_owned(),
        "-1e400".to_owned(),
        "1e-400".to_owned(),
        "1e200000".to_owned(),
        "9".repeat(2_000),
    ]);
    for value in wild {
        for body in [
            format!(
                r#"{{"time_unit": "s", "batch_start_time": 0, "value_rows": [], "batch_params": {{"a": {value}}}}}"#
            ),
            format!(
                r#"{{"time_unit": "s", "batch_start_time": 0, "value_rows": [], "unknown": {value}}}"#
            ),
            format!(
                r#"{{"time_unit": "s", "batch_start_time": 0, "value_rows": [{{"valid_time": 0, "value_key": "x", "unknown": {value}}}]}}"#
            ),
            format!(
                r#"{{"time_unit": "s", "batch_start_time": 0, "value_rows": [], "series_descriptions": {{"x": {value}}}}}"#
            ),
        ] {
            is_taken_or_refused(&api, "/upload", body).await;
        }
        for body in [
            format!(r#"{{"name": "x", "labels": {{"a": {value}}}}}"#),
            format!(r#"{{"name": "x", "unknown": {value}}}"#),
        ] {
            is_taken_or_refused(&api, "/series", body).await;
        }
    }
}

#[tokio::test]
async fn objects_that_are_kept_are_nested_to_64_levels() {
    let api = Api::start().await;
    let answer = api
        .upload(json!([super::row("2025-01-01T00:00:00Z", "x", 1.0)]))
        .await;
    let id = answer["series_ids"]["x"].as_str().unwrap();
    for (levels, status) in [(64, 200), (65, 422), (100, 422), (10_000, 422)] {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        let deep = format!(r#"{{"a": {open}"[[[\"{{"{close}}}"#);
        let upload = format!(
            r#"{{"time_unit": "s", "batch_start_time": 0, "value_rows": [], "batch_params": {deep}}}"#
        );
        let update = format!(
            r#"{{"updates": [{{"series_id": "{id}", "valid_time": "2025-01-01T00:00:00Z", "metadata": {deep}}}]}}"#
        );
        for (method, path, body, place) in [
            (
                reqwest::Method::POST,
                "/upload",
                upload,
                r#"["body","batch_params"]"#,
            ),
            (
                reqwest::Method::PUT,
                "/values",
                update,
                r#"["body","updates",0,"metadata"]"#,
            ),
        ] {
            let request = api
                .server
                .request(method, path, Some(&api.db.a().key))
                .body(body);
            let reply = api.server.send(request).await;
            assert_eq!(reply.status, status, "{path} {levels}: {reply:?}");
            if status == 422 {
                assert!(reply.text.contains(place), "{reply:?}");
                let told = format!("at most 64 levels deep, not {levels}");
                assert!(reply.text.contains(&told), "{reply:?}");
            }
        }
    }
}

/// The answer is not parsed: it may repeat what was sent, deeper than a parser here follows.
async fn is_taken_or_refused(api: &Api, path: &str, body: String) {
    let start: String = body.chars().take(120).collect();
    let request = api
        .server
        .request(reqwest::Method::POST, path, Some(&api.db.a().key))
        .body(body);
    let reply = api.server.send(request).await;
    let length = reply.text.len();
    assert!(
        [200, 400, 422].contains(&reply.status.as_u16()),
        "{start}: {reply:?}"
    );
    assert!(length < 20_000, "{start}: an answer of {length} bytes");
}
