//! The routes under /series: what they answer is what SQL answers, and what is wrong is said in the usual way.

use reqwest::Method;
use serde_json::{Value, json};
use timedb_tests::{Db, Reply, Server};

use super::{create, encoded, get, upload_in};

/// SQL leaves the zeros at the end of a second's fraction out; HTTP writes six digits of all times where one
/// has a fraction, and `created_at` has.
fn with_six_digits(mut row: Value) -> Value {
    for value in row.as_object_mut().unwrap().values_mut() {
        let Some(seconds) = value.as_str().and_then(|text| text.strip_suffix("+00:00")) else {
            continue;
        };
        let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
        *value = json!(format!("{whole}.{fraction:0<6}+00:00"));
    }
    row
}

/// A column of JSON from SQL.
async fn sql(db: &Db, query: &str) -> Vec<Value> {
    let client = db.login(db.a()).await;
    let query = format!("SET TIME ZONE 'UTC'; SELECT to_jsonb(x)::text FROM ({query}) AS x");
    let rows = client.simple_query(&query).await.unwrap();
    rows.iter()
        .filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        })
        .map(|text| with_six_digits(serde_json::from_str(text).unwrap()))
        .collect()
}

async fn patch(db: &Db, server: &Server, id: &Value, body: &Value) -> Reply {
    let path = format!("/series/{}", id.as_str().unwrap());
    let request = server.request(Method::PATCH, &path, Some(&db.a().key));
    server.send(request.json(body)).await
}

async fn fill(db: &Db) {
    let client = db.login(db.a()).await;
    for i in 0..7 {
        let labels = json!({"n/№": format!("{}/ä", i % 3), "all": "x y&z=1"});
        create(&client, &format!("wind/{i} %"), &labels, "kW").await;
        create(&client, &format!("Sun {i}"), &json!({}), "W").await;
    }
    upload_in(&client, &[1.5, 2.5], "'{Sun 3}'").await.unwrap();
}

#[tokio::test]
async fn finding_and_counting_answer_what_sql_answers_page_by_page() {
    let db = Db::new().await;
    fill(&db).await;
    let server = Server::start(&db);
    let labels = r#"{"n/№": "1/ä", "all": "x y&z=1"}"#;
    for (query, arguments, n) in [
        (String::new(), String::new(), 14),
        (
            format!("name={}", encoded("wind/3 %")),
            "name => 'wind/3 %'".into(),
            1,
        ),
        (
            format!("prefix={}", encoded("wind/")),
            "prefix => 'wind/'".into(),
            7,
        ),
        (
            format!("labels={}", encoded(labels)),
            format!("labels => '{labels}'"),
            2,
        ),
        ("search=sUN".into(), "search => 'sUN'".into(), 7),
        (
            format!("search=4&labels={}", encoded(labels)),
            format!("search => '4', labels => '{labels}'"),
            1,
        ),
        ("prefix=x".into(), "prefix => 'x'".into(), 0),
    ] {
        let find = format!("SELECT * FROM timedb.find_series({arguments})");
        let expected = sql(&db, &find).await;
        assert_eq!(expected.len(), n, "{query}");
        let counted = get(&server, db.a(), &format!("/series/count?{query}")).await;
        assert_eq!(counted, json!({"count": n}), "{query}");
        for limit in [1, 3, 7, 10_000] {
            let (mut found, mut after) = (Vec::new(), String::new());
            loop {
                let path = format!("/series?{query}&limit={limit}{after}");
                let page = get(&server, db.a(), &path).await;
                let data = page["data"].as_array().unwrap();
                assert_eq!(page["count"], data.len());
                found.extend(data.clone());
                let Some(next) = page["next"].as_str() else {
                    break;
                };
                assert_eq!(
                    (data.len(), json!(next)),
                    (limit, data[limit - 1]["series_id"].clone())
                );
                after = format!("&after={next}");
            }
            assert_eq!(found, expected, "{query} by {limit}");
        }
    }
    // What PATCH /series answered before there was a search is still what POST answers.
    let reply = server
        .post("/series", Some(&db.a().key), &json!({"name": "Sun 1"}))
        .await;
    assert_eq!(reply.json()["message"], "Series already exists");
}

#[tokio::test]
async fn labels_and_their_values_are_listed_whatever_characters_they_have() {
    let db = Db::new().await;
    fill(&db).await;
    let server = Server::start(&db);
    assert_eq!(
        get(&server, db.a(), "/series/labels").await,
        json!({"count": 2, "data": [{"label": "all", "series": 7}, {"label": "n/№", "series": 7}]})
    );
    let path = format!("/series/labels/{}", encoded("n/№"));
    assert_eq!(
        get(&server, db.a(), &path).await,
        json!({"count": 3, "next": null, "data": [
            {"value": "0/ä", "series": 3}, {"value": "1/ä", "series": 2}, {"value": "2/ä", "series": 2}]})
    );
    let first = get(&server, db.a(), &format!("{path}?limit=2")).await;
    assert_eq!(
        (&first["count"], &first["next"]),
        (&json!(2), &json!("1/ä"))
    );
    let rest = get(
        &server,
        db.a(),
        &format!("{path}?limit=2&after={}", encoded("1/ä")),
    )
    .await;
    assert_eq!(
        rest,
        json!({"count": 1, "next": null, "data": [{"value": "2/ä", "series": 2}]})
    );
    let some = get(&server, db.a(), &format!("{path}?prefix=1")).await;
    assert_eq!(some["data"], json!([{"value": "1/ä", "series": 2}]));
    let none = get(&server, db.a(), "/series/labels/unknown").await;
    assert_eq!(none, json!({"count": 0, "next": null, "data": []}));
}

#[tokio::test]
async fn a_series_is_described_and_changed() {
    let db = Db::new().await;
    fill(&db).await;
    let server = Server::start(&db);
    let sun = get(&server, db.a(), "/series?name=Sun%203").await["data"][0].clone();
    let id = &sun["series_id"];
    let path = format!("/series/{}", id.as_str().unwrap());
    let told = get(&server, db.a(), &path).await;
    let query = format!(
        "SELECT * FROM timedb.describe_series('{}')",
        id.as_str().unwrap()
    );
    assert_eq!(vec![told.clone()], sql(&db, &query).await);
    assert_eq!(
        (&told["versions"], &told["last_valid_time"]),
        (&json!(2), &json!("2025-01-01T01:00:00.000000+00:00"))
    );

    let changed = patch(
        &db,
        &server,
        id,
        &json!({"name": "Sonne", "labels": {"ort": "Köln"}, "description": "groß"}),
    )
    .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let mut expected = told.clone();
    (
        expected["name"],
        expected["labels"],
        expected["description"],
    ) = (json!("Sonne"), json!({"ort": "Köln"}), json!("groß"));
    assert_eq!(changed.json(), expected);
    assert_eq!(get(&server, db.a(), &path).await, expected);
    // What was answered can be sent back, and changes nothing.
    assert_eq!(patch(&db, &server, id, &expected).await.json(), expected);
    assert_eq!(patch(&db, &server, id, &json!({})).await.json(), expected);
    let bare = json!({"name": null, "labels": null, "unit": null, "description": null});
    expected["description"] = Value::Null;
    assert_eq!(patch(&db, &server, id, &bare).await.json(), expected);
    let values = get(&server, db.a(), "/values?name=Sonne").await;
    assert_eq!(values["count"], 2);
    let empty = get(&server, db.a(), "/series?name=Sun%204").await["data"][0]["series_id"].clone();
    assert_eq!(
        patch(&db, &server, &empty, &json!({"unit": "kW"}))
            .await
            .json()["unit"],
        "kW"
    );
}

#[tokio::test]
async fn a_change_that_is_refused_leaves_everything_as_it_was() {
    let db = Db::new().await;
    fill(&db).await;
    let server = Server::start(&db);
    let id = get(&server, db.a(), "/series?name=Sun%203").await["data"][0]["series_id"].clone();
    let path = format!("/series/{}", id.as_str().unwrap());
    let before = get(&server, db.a(), &path).await;
    for (body, status, part) in [
        (
            json!({"description": "x", "name": "Sun 2"}),
            409,
            "another series is named \"Sun 2\"",
        ),
        (
            json!({"description": "x", "unit": "kW"}),
            409,
            "the unit of series \"Sun 3\" stays \"W\"",
        ),
        (
            json!({"name": "x", "labels": {"l": 1}}),
            400,
            "must be a string",
        ),
    ] {
        let reply = patch(&db, &server, &id, &body).await;
        assert_eq!(reply.status, status, "{body}: {reply:?}");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(part), "{detail}");
        assert_eq!(get(&server, db.a(), &path).await, before, "{body}");
    }
    for (body, kind) in [
        (json!([]), "model_attributes_type"),
        (json!({"name": 1}), "string_type"),
        (json!({"labels": "x"}), "dict_type"),
        (json!({"unit": {}}), "string_type"),
        (json!({"description": "x", "name": ""}), "value_error"),
        (json!({"name": "x", "unit": ""}), "value_error"),
        (json!({"description": 3}), "string_type"),
    ] {
        let reply = patch(&db, &server, &id, &body).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["detail"][0]["type"]),
            (422, &json!(kind)),
            "{body}"
        );
        assert_eq!(get(&server, db.a(), &path).await, before, "{body}");
    }
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_named_with_its_place() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let unknown = "00000000-0000-0000-0000-000000000001";
    let key = Some(db.a().key.as_str());
    for (path, kind, place) in [
        (
            "/series?nmae=x",
            "extra_forbidden",
            json!(["query", "nmae"]),
        ),
        (
            "/series?limit=0",
            "greater_than_equal",
            json!(["query", "limit"]),
        ),
        ("/series?limit=x", "int_parsing", json!(["query", "limit"])),
        ("/series?after=x", "uuid_parsing", json!(["query", "after"])),
        ("/series?labels=x", "dict_type", json!(["query", "labels"])),
        (
            "/series/count?limit=1",
            "extra_forbidden",
            json!(["query", "limit"]),
        ),
        (
            "/series/labels?limit=1",
            "extra_forbidden",
            json!(["query", "limit"]),
        ),
        (
            "/series/labels/a?name=x",
            "extra_forbidden",
            json!(["query", "name"]),
        ),
        (
            "/series/labels/a%00",
            "string_pattern_mismatch",
            json!(["path", "label"]),
        ),
        (
            "/series/labels/%ff",
            "string_unicode",
            json!(["path", "label"]),
        ),
        ("/series/7", "uuid_parsing", json!(["path", "series_id"])),
        ("/series/%ff", "uuid_parsing", json!(["path", "series_id"])),
        (
            &format!("/series/{unknown}?x=1"),
            "extra_forbidden",
            json!(["query", "x"]),
        ),
    ] {
        let reply = server.get(path, key).await;
        assert_eq!(reply.status, 422, "{path}: {reply:?}");
        let error = reply.json()["detail"][0].clone();
        assert_eq!(
            (&error["type"], &error["loc"]),
            (&json!(kind), &place),
            "{path}"
        );
        for wrong in [None, Some("tdb_wrong")] {
            assert_eq!(server.get(path, wrong).await.status, 401, "{path}");
        }
    }
    for path in [
        format!("/series/{unknown}"),
        format!("/series?after={unknown}"),
    ] {
        let reply = server.get(&path, key).await;
        assert_eq!(reply.status, 404, "{reply:?}");
        assert_eq!(
            reply.json()["detail"],
            format!("series \"{unknown}\" does not exist")
        );
    }
    for (method, path, allow) in [
        (Method::PUT, "/series", "GET,HEAD,POST"),
        (Method::DELETE, "/series", "GET,HEAD,POST"),
        (Method::POST, "/series/count", "GET,HEAD"),
        (Method::PATCH, "/series/labels", "GET,HEAD"),
        (Method::PUT, "/series/labels/a", "GET,HEAD"),
        (Method::DELETE, "/series/7", "GET,HEAD,PATCH"),
    ] {
        let reply = server.send(server.request(method.clone(), path, key)).await;
        assert_eq!(reply.status, 405, "{method} {path}");
        assert_eq!(reply.headers["allow"], allow, "{method} {path}");
    }
    for path in [
        "/series/",
        "/series/labels/",
        "/series/labels/a/b",
        "/series/7/x",
    ] {
        assert_eq!(server.get(path, key).await.status, 404, "{path}");
    }
}
