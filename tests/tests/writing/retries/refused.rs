//! What is refused of a request that can be sent again, and that a refusal leaves its name unused.

use reqwest::Method;
use serde_json::{Value, json};
use timedb_tests::UNKNOWN_KEY;
use uuid::Uuid;

use super::{Api, body, done, is_replay, make_read_only, row};

/// An upload that says something in every field.
fn full() -> Value {
    json!({
        "batch_start_time": "2025-01-01T00:00:00Z", "batch_finish_time": "2025-01-01T00:01:00Z",
        "known_time": "2024-12-31T00:00:00Z", "workflow_id": "w", "batch_params": {"a": 1},
        "series_descriptions": {"x": "the x"},
        "value_rows": [row(0, "x", json!(0.0)), row(1, "x", json!(2.0)), row(0, "y", json!(3.0))],
    })
}

/// The same with another value at one place.
fn differing() -> Vec<Value> {
    let other = |pointer: &str, value: Value| {
        let mut body = full();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let parent = body.pointer_mut(parent).unwrap();
        match field.parse::<usize>() {
            Ok(place) => parent[place] = value,
            Err(_) => parent[field] = value,
        }
        body
    };
    let mut swapped = full();
    swapped["value_rows"].as_array_mut().unwrap().swap(0, 1);
    let mut shorter = full();
    shorter["value_rows"].as_array_mut().unwrap().pop();
    vec![
        swapped,
        shorter,
        other("/batch_start_time", json!("2025-01-01T00:00:01Z")),
        other("/batch_finish_time", Value::Null),
        other("/known_time", Value::Null),
        other("/workflow_id", json!("v")),
        other("/workflow_id", json!("")),
        other("/batch_params", json!({"a": 2})),
        other("/batch_params", Value::Null),
        other("/series_descriptions", json!({"x": "another x"})),
        other("/skip_unchanged", json!(true)),
        other("/batch_id", json!(Uuid::new_v4().to_string())),
        other("/value_rows/0/value", json!(-0.0)),
        other("/value_rows/0/value", Value::Null),
        other("/value_rows/0/value_key", json!("y2")),
        other(
            "/value_rows/0/valid_time",
            json!("2025-01-01T00:00:00.000001Z"),
        ),
        other(
            "/value_rows/0/valid_time_end",
            json!("2025-01-01T01:00:00Z"),
        ),
    ]
}

#[tokio::test]
async fn another_request_under_the_same_key_is_refused() {
    let api = Api::start().await;
    done(api.upload(Some("a \"key\""), &full()).await);
    for other in differing() {
        let reply = api.upload(Some("a \"key\""), &other).await;
        assert_eq!(reply.status, 422, "{other}: {reply:?}");
        assert!(!is_replay(&reply));
        assert_eq!(
            reply.json()["detail"],
            json!([{"type": "idempotency_mismatch", "loc": ["header", "Idempotency-Key"], "input": "a \"key\"",
                    "msg": "idempotency key \"a \"key\"\" was used for a different request \
                            (Repeat a request unchanged, and give a different request a different name.)"}])
        );
    }
    assert!(is_replay(&done(
        api.upload(Some("a \"key\""), &full()).await
    )));
    assert_eq!(api.stored().await, (3, 1));
}

#[tokio::test]
async fn another_request_under_the_same_batch_id_is_refused() {
    let api = Api::start().await;
    let batch_id = Uuid::new_v4().to_string();
    let with_id = |mut body: Value| {
        body["batch_id"] = json!(batch_id);
        body
    };
    done(api.upload(None, &with_id(full())).await);
    for other in differing() {
        if other.get("batch_id").is_some() {
            continue;
        }
        // With a key that nobody has used, too.
        for key in [None, Some("fresh")] {
            let reply = api.upload(key, &with_id(other.clone())).await;
            assert_eq!(reply.status, 422, "{other}: {reply:?}");
            let error = reply.json()["detail"][0].clone();
            assert_eq!(error["type"], "idempotency_mismatch", "{error}");
            assert_eq!(error["loc"], json!(["body", "batch_id"]), "{error}");
            assert_eq!(error["input"], json!(batch_id), "{error}");
        }
    }
    assert_eq!(api.stored().await, (3, 1));
}

#[tokio::test]
async fn the_id_of_a_batch_that_had_no_name_is_taken() {
    let api = Api::start().await;
    let answer = done(api.upload(None, &full()).await).json();
    let mut again = full();
    again["batch_id"] = answer["batch_id"].clone();
    let reply = api.upload(None, &again).await;
    assert_eq!(reply.status, 422, "{reply:?}");
    assert_eq!(
        reply.json()["detail"][0]["loc"],
        json!(["body", "batch_id"])
    );
}

#[tokio::test]
async fn a_key_and_a_batch_id_name_the_same_request() {
    let api = Api::start().await;
    let mut both = body(&[1.0]);
    both["batch_id"] = json!(Uuid::new_v4().to_string());
    let first = done(api.upload(Some("k"), &both).await);
    for key in [Some("k"), None, Some("another")] {
        let again = done(api.upload(key, &both).await);
        assert!(is_replay(&again), "{key:?}");
        assert_eq!(again.text, first.text, "{key:?}");
    }
    // Without the id, or with another one, it is another request.
    let mut other = both.clone();
    other["batch_id"] = json!(Uuid::new_v4().to_string());
    for upload in [body(&[1.0]), other] {
        let reply = api.upload(Some("k"), &upload).await;
        assert_eq!(reply.status, 422, "{reply:?}");
        assert_eq!(reply.json()["detail"][0]["loc"][0], "header");
    }
    assert_eq!(api.stored().await, (1, 1));
}

#[tokio::test]
async fn a_refused_request_leaves_its_name_unused() {
    let api = Api::start().await;
    let bad_row = |row: Value| {
        let mut body = body(&[1.0]);
        body["value_rows"].as_array_mut().unwrap().push(row);
        body
    };
    let by_id = json!({"valid_time": "1970-01-01", "value_key": "y", "value": 1, "series_id": Uuid::new_v4().to_string()});
    let backwards = json!({"valid_time": "1970-01-01 00:01", "valid_time_end": "1970-01-01", "value_key": "y", "value": 1});
    for (number, (bad, status)) in [
        (bad_row(row(0, "x", json!(2.0))), 400),
        (bad_row(backwards), 400),
        (bad_row(by_id), 404),
        (bad_row(row(1, "", json!(1.0))), 422),
        (bad_row(row(1, "y", json!("warm"))), 422),
        (json!({}), 422),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("key {number}");
        let batch_id = json!(Uuid::new_v4().to_string());
        let mut bad = bad;
        bad["batch_id"] = batch_id.clone();
        let reply = api.upload(Some(&name), &bad).await;
        assert_eq!(reply.status, status, "{reply:?}");
        let mut good = body(&[number as f64]);
        good["batch_id"] = batch_id;
        assert!(!is_replay(&done(api.upload(Some(&name), &good).await)));
        assert!(is_replay(&done(api.upload(Some(&name), &good).await)));
    }
    assert_eq!(api.stored().await, (6, 6));
}

#[tokio::test]
async fn a_key_that_cannot_be_one_is_refused() {
    let api = Api::start().await;
    let send = async |names: &[&[u8]], key: Option<&str>| {
        let mut request = api
            .server
            .request(Method::POST, "/upload", key)
            .json(&body(&[1.0]));
        for name in names {
            request = request.header("Idempotency-Key", *name);
        }
        api.server.send(request).await
    };
    let a = Some(api.db.a().key.as_str());
    let longest = "k".repeat(255);
    let longer = "k".repeat(256);
    for names in [
        &[b"" as &[u8]] as &[&[u8]],
        &[longer.as_bytes()],
        &["ключ".as_bytes()],
        &[b"\xff"],
        &[b"a\tb"],
        &[b"k", b"k"],
    ] {
        let reply = send(names, a).await;
        assert_eq!(reply.status, 422, "{names:?}: {reply:?}");
        let error = &reply.json()["detail"][0];
        assert_eq!(error["loc"], json!(["header", "Idempotency-Key"]));
        assert_eq!(error["type"], "string_pattern_mismatch");
        // Who has no good key learns that first.
        assert_eq!(send(names, None).await.status, 401);
        assert_eq!(send(names, Some(UNKNOWN_KEY)).await.status, 401);
    }
    assert_eq!(api.stored().await, (0, 0));
    done(send(&[longest.as_bytes()], a).await);
    assert!(is_replay(&done(send(&[longest.as_bytes()], a).await)));
}

#[tokio::test]
async fn who_may_not_write_is_told_so_and_nothing_of_earlier_answers() {
    let api = Api::start().await;
    done(api.upload(Some("k"), &body(&[1.0])).await);
    make_read_only(&api.db).await;
    for upload in [body(&[1.0]), body(&[2.0])] {
        let reply = api.upload(Some("k"), &upload).await;
        assert_eq!(reply.status, 403, "{reply:?}");
        assert!(!is_replay(&reply));
    }
    for key in [None, Some(UNKNOWN_KEY)] {
        let request = api
            .server
            .request(Method::POST, "/upload", key)
            .header("Idempotency-Key", "k")
            .json(&body(&[1.0]));
        assert_eq!(api.server.send(request).await.status, 401);
    }
}

#[tokio::test]
async fn a_bad_batch_id_or_flag_is_named() {
    let api = Api::start().await;
    for (field, value, kind) in [
        ("batch_id", json!("7"), "uuid_parsing"),
        ("batch_id", json!(7), "uuid_type"),
        ("skip_unchanged", json!("yes"), "bool_type"),
        ("skip_unchanged", json!(1), "bool_type"),
    ] {
        let mut upload = body(&[1.0]);
        upload[field] = value.clone();
        let reply = api.upload(None, &upload).await;
        assert_eq!(reply.status, 422, "{reply:?}");
        let error = &reply.json()["detail"][0];
        assert_eq!(
            (&error["type"], &error["loc"], &error["input"]),
            (&json!(kind), &json!(["body", field]), &value)
        );
    }
}
