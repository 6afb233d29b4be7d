//! `PUT /values` as clients know it, and the history in `GET /values`.

use reqwest::Method;
use serde_json::{Value, json};
use timedb_tests::{Db, Reply, Role, Server};

struct Api {
    db: Db,
    server: Server,
}

impl Api {
    async fn start() -> Self {
        let db = Db::new().await;
        let server = Server::start(&db);
        Self { db, server }
    }

    async fn put_as(&self, key: Option<&str>, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = self
            .server
            .request(Method::PUT, "/values", key)
            .header("Content-Type", "application/json")
            .body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.server.send(request).await
    }

    async fn put(&self, updates: Value) -> Reply {
        let body = json!({"updates": updates}).to_string();
        self.put_as(Some(&self.db.a().key), &[], &body).await
    }

    /// Uploads one value of `wind` and returns the ids of batch and series.
    async fn wind(&self, key: &str) -> (String, String) {
        let body = json!({
            "batch_start_time": "2025-01-01T00:00:00Z", "known_time": "2024-12-31T12:00:00Z",
            "value_rows": [
                {"valid_time": "2025-01-01T00:00:00Z", "value_key": "wind", "value": 1.5},
                {"valid_time": "2025-01-01T01:00:00Z", "value_key": "wind", "value": 2.5}]});
        let answer = self.server.post("/upload", Some(key), &body).await.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (
            text(&answer["batch_id"]),
            text(&answer["series_ids"]["wind"]),
        )
    }
}

/// The detail of an answer with this status.
#[track_caller]
fn detail(reply: &Reply, status: u16) -> Value {
    assert_eq!(reply.status, status, "{reply:?}");
    reply.json()["detail"].clone()
}

#[tokio::test]
async fn the_answer_has_the_members_that_clients_know() {
    let api = Api::start().await;
    let (batch, series) = api.wind(&api.db.a().key).await;
    let tenant = api.db.a().tenant_id;
    let reply = api
        .put(json!([
            {"series_id": series, "valid_time": "2025-01-01T00:00:00Z", "batch_id": batch, "tenant_id": tenant, "value": 9},
            {"series_id": series, "valid_time": "2025-01-01T01:00:00", "batch_id": batch, "tenant_id": tenant, "value": 2.5},
        ]))
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.headers["content-type"], "application/json");
    let id = reply.json()["updated"][0]["value_id"].clone();
    assert!(id.is_i64());
    assert_eq!(
        reply.text,
        format!(
            r#"{{"updated":[{{"batch_id":"{batch}","tenant_id":"{tenant}","valid_time":"2025-01-01T00:00:00+00:00","series_id":"{series}","value_id":{id},"known_time":"2024-12-31T12:00:00+00:00"}}],"skipped_no_ops":[{{"batch_id":"{batch}","tenant_id":"{tenant}","valid_time":"2025-01-01T01:00:00+00:00","series_id":"{series}","known_time":"2024-12-31T12:00:00+00:00"}}]}}"#
        )
    );
    let empty = api.put(json!([])).await;
    assert_eq!(empty.status, 200);
    assert_eq!(empty.text, r#"{"updated":[],"skipped_no_ops":[]}"#);
}

#[tokio::test]
async fn all_versions_tell_the_whole_history() {
    let api = Api::start().await;
    let (batch, series) = api.wind(&api.db.a().key).await;
    for change in [
        json!({"annotation": " checked ", "tags": ["B", "a "]}),
        json!({"value": null, "metadata": {"by": "hand", "n": null}}),
    ] {
        let mut update = json!({"series_id": series, "valid_time": "2025-01-01", "known_time": "2024-12-31 12:00"});
        update
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        assert_eq!(api.put(json!([update])).await.status, 200);
    }
    let reply = api
        .server
        .get(
            "/values?all_versions=true&end_valid=2025-01-01T01:00:00Z",
            Some(&api.db.a().key),
        )
        .await;
    let mut rows = reply.json()["data"].as_array().unwrap().clone();
    rows.sort_by_key(|row| row["change_time"].as_str().unwrap().to_owned());
    let user = api.db.a().user_id.to_string();
    let told: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!([
                row["value"],
                row["annotation"],
                row["tags"],
                row["metadata"],
                row["changed_by"],
                row["batch_id"],
                row["known_time"]
            ])
        })
        .collect();
    let known = "2024-12-31T12:00:00.000000+00:00";
    assert_eq!(
        told,
        [
            json!([1.5, null, null, null, user, batch, known]),
            json!([1.5, "checked", ["a", "b"], null, user, batch, known]),
            json!([null, "checked", ["a", "b"], {"by": "hand", "n": null}, user, batch, known]),
        ]
    );
    let flat = api
        .server
        .get("/values", Some(&api.db.a().key))
        .await
        .json();
    assert_eq!(flat["data"][0]["value"], Value::Null);
    assert_eq!(flat["data"][1]["value"], 2.5);
}

#[tokio::test]
async fn numbers_and_times_come_in_the_forms_that_uploads_take() {
    let api = Api::start().await;
    let (_, series) = api.wind(&api.db.a().key).await;
    for (at, (time, value, expected)) in [
        (json!("2025-01-01T00:00:00Z"), json!("10.5"), 10.5),
        (json!("2025-01-01 00:00"), json!(11), 11.0),
        (json!("2025-01-01"), json!("1e3"), 1000.0),
        (json!("2025-01-01T02:00:00+02:00"), json!(12.25), 12.25),
    ]
    .into_iter()
    .enumerate()
    {
        let known = if at % 2 == 0 {
            "known_time"
        } else {
            "knowledge_time"
        };
        let reply = api
            .put(json!([{"series_id": series, "valid_time": time, "value": value, known: "2024-12-31T13:00:00+0100"}]))
            .await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let rows = api
            .server
            .get("/values", Some(&api.db.a().key))
            .await
            .json();
        assert_eq!(rows["data"][0]["value"], json!(expected));
    }
    let key = Some(api.db.a().key.as_str());
    let update = |value: u8| json!({"series_id": series, "valid_time": 1_735_689_600_000_i64, "value": value, "known_time": 1_735_646_400_000_i64});
    for (path, mut body) in [
        (
            "/values",
            json!({"time_unit": "ms", "updates": [update(13)]}),
        ),
        ("/values?time_unit=ms", json!({"updates": [update(14)]})),
    ] {
        let put = api.server.request(reqwest::Method::PUT, path, key);
        let reply = api.server.send(put.json(&body)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        body["time_unit"] = Value::Null;
        let put = api.server.request(reqwest::Method::PUT, "/values", key);
        assert_eq!(api.server.send(put.json(&body)).await.status, 422);
    }
    let rows = api.server.get("/values", key).await.json();
    assert_eq!(rows["data"][0]["value"], json!(14.0));
}

#[tokio::test]
async fn what_cannot_be_read_is_told_in_pydantics_form() {
    let api = Api::start().await;
    let (_, series) = api.wind(&api.db.a().key).await;
    let key = Some(api.db.a().key.as_str());
    let first = |reply: &Reply| {
        let error = detail(reply, 422)[0].clone();
        json!([error["type"], error["loc"]])
    };
    for (body, expected) in [
        ("{}", json!(["missing", ["body", "updates"]])),
        (
            r#"{"updates": 7}"#,
            json!(["list_type", ["body", "updates"]]),
        ),
        (
            r#"{"updates": [{}]}"#,
            json!(["missing", ["body", "updates", 0, "series_id"]]),
        ),
        (r#"{"updates": ["#, json!(["json_invalid", ["body", 12]])),
    ] {
        assert_eq!(first(&api.put_as(key, &[], body).await), expected, "{body}");
    }
    for (change, kind, place) in [
        (json!({"value": "much"}), "float_parsing", json!(["value"])),
        (
            json!({"valid_time": "soon", "value": 1}),
            "datetime_from_date_parsing",
            json!(["valid_time"]),
        ),
        (json!({"tags": ["a", 1]}), "string_type", json!(["tags", 1])),
        (json!({"metadata": 1}), "dict_type", json!(["metadata"])),
    ] {
        let mut update = json!({"series_id": series, "valid_time": "2025-01-01"});
        let good = json!({"series_id": series, "valid_time": "2025-01-01", "value": 5});
        update
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let mut loc = vec![json!("body"), json!("updates"), json!(1)];
        loc.extend(place.as_array().unwrap().iter().cloned());
        assert_eq!(
            first(&api.put(json!([good, update])).await),
            json!([kind, loc])
        );
    }
    let text = api
        .put_as(key, &[("Content-Type", "text/plain")], r#"{"updates": []}"#)
        .await;
    assert!(text.status == 415 || text.status == 200, "{text:?}");
}

#[tokio::test]
async fn clients_mistakes_have_their_status_and_sentence() {
    let api = Api::start().await;
    let (_, series) = api.wind(&api.db.a().key).await;
    let (_, foreign) = api.wind(&api.db.b().key).await;
    let (a, b) = (api.db.a().tenant_id, api.db.b().tenant_id);
    let at = |series: &str, more: Value| {
        let mut update = json!({"series_id": series, "valid_time": "2025-01-01T00:00:00Z"});
        update
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        update
    };
    let reply = api
        .put(json!([at("not-a-uuid", json!({"value": 1}))]))
        .await;
    assert_eq!(
        detail(&reply, 400),
        "Invalid UUID format: updates[0].series_id is \"not-a-uuid\""
    );
    let reply = api
        .put(json!([at(&series, json!({"value": 1, "tenant_id": b}))]))
        .await;
    assert_eq!(
        detail(&reply, 403),
        json!(format!(
            "Cannot update records for tenant_id {b}. You can only update records for your own tenant_id ({a})."
        ))
    );
    let reply = api.put(json!([at(&series, json!({}))])).await;
    assert!(
        detail(&reply, 400)
            .as_str()
            .unwrap()
            .starts_with("updates[0]: there is nothing to change")
    );
    let twice = json!([
        at(&series, json!({"value": 1})),
        at(&series, json!({"tags": ["x"]}))
    ]);
    assert!(
        detail(&api.put(twice).await, 400)
            .as_str()
            .unwrap()
            .starts_with("updates[0] and updates[1]")
    );
    let missing = json!([
        at(&foreign, json!({"value": 1})),
        at(&series, json!({"value": 1})),
        at(&series, json!({"value": 1, "valid_time": "2030-01-01"})),
    ]);
    assert_eq!(
        detail(&api.put(missing).await, 404),
        json!(format!(
            "updates[0]: series \"{foreign}\" does not exist; updates[2]: series \"{series}\" has no point at valid_time 2030-01-01 00:00:00+00"
        ))
    );
    let interval = json!({"batch_start_time": "2025-01-01", "value_rows":
        [{"valid_time": "2025-01-01", "valid_time_end": "2025-01-02", "value_key": "wind", "value": 7}]});
    api.server
        .post("/upload", Some(&api.db.a().key), &interval)
        .await;
    let reply = api.put(json!([at(&series, json!({"value": 1}))])).await;
    let told = detail(&reply, 409);
    assert!(told.as_str().unwrap().contains("valid_time_end"), "{told}");
    let reply = api
        .put(json!([at(
            &series,
            json!({"value": 1, "valid_time_end": null})
        )]))
        .await;
    assert_eq!(reply.status, 200);
    // Nothing of what was refused is there.
    let rows = api
        .server
        .get("/values?all_versions=1", Some(&api.db.a().key))
        .await
        .json();
    assert_eq!(rows["count"], 4);
}

#[tokio::test]
async fn the_key_is_asked_for_before_anything_else() {
    let api = Api::start().await;
    let (_, series) = api.wind(&api.db.a().key).await;
    let good = json!({"updates": [{"series_id": series, "valid_time": "2025-01-01", "value": 9}]})
        .to_string();
    let no_uuid = r#"{"updates": [{"series_id": "x", "valid_time": "2025-01-01", "value": 9}]}"#;
    for body in [good.as_str(), "{}", "no JSON", no_uuid] {
        for key in [None, Some("invalid-key"), Some(timedb_tests::UNKNOWN_KEY)] {
            assert_eq!(api.put_as(key, &[], body).await.status, 401, "{body}");
        }
    }
    let owner = api.db.connect(Role::Owner).await;
    let row = owner
        .query_one(
            "SELECT api_key FROM timedb.create_key($1, 'reads', access => 'read_only')",
            &[&api.db.a().email],
        )
        .await
        .unwrap();
    let reply = api.put_as(Some(row.get(0)), &[], &good).await;
    assert_eq!(
        detail(&reply, 403),
        "this API key is read-only (Use a key with read_write access.)"
    );
    // B reaches nothing of A's.
    assert_eq!(
        api.put_as(Some(&api.db.b().key), &[], &good).await.status,
        404
    );
}

#[tokio::test]
async fn a_request_with_an_idempotency_key_can_be_sent_again() {
    let api = Api::start().await;
    let (_, series) = api.wind(&api.db.a().key).await;
    let key = Some(api.db.a().key.as_str());
    let body = |value: f64, zone: &str| {
        json!({"updates": [{"series_id": series, "valid_time": format!("2025-01-01T00:00:00{zone}"), "value": value}]}).to_string()
    };
    let header = [("Idempotency-Key", "once")];
    let first = api.put_as(key, &header, &body(9.0, "Z")).await;
    assert_eq!(first.status, 200, "{first:?}");
    // Written in another way it is the same request.
    let again = api.put_as(key, &header, &body(9.0, "+00:00")).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(api.put_as(key, &header, &body(8.0, "Z")).await.status, 422);
    let twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")];
    assert_eq!(api.put_as(key, &twice, &body(9.0, "Z")).await.status, 422);
    let rows = api.server.get("/values?all_versions=1", key).await.json();
    assert_eq!(rows["count"], 3);
}
