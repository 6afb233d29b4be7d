//! What is served where: the root, unknown paths, other methods, series.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, clean};

#[tokio::test]
async fn the_root_names_the_api_and_its_endpoints_without_a_key() {
    let api = Api::start().await;
    let reply = clean(api.server.get("/", None).await);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers["content-type"], "application/json");
    let about = reply.json();
    assert_eq!(about["name"], "TimeDB API");
    for field in ["version", "description", "admin_note"] {
        assert!(about[field].is_string(), "{field}");
    }
    for endpoint in [
        "read_values",
        "upload_timeseries",
        "create_series",
        "list_timeseries",
        "update_records",
    ] {
        assert!(about["endpoints"][endpoint].is_string(), "{endpoint}");
    }
    assert_eq!(about["authentication"]["method"], "API Key");
    assert_eq!(about["authentication"]["header"], "X-API-Key");
    assert!(about["authentication"]["note"].is_string());
}

#[tokio::test]
async fn unknown_paths_are_404_and_other_methods_405_with_allow() {
    let api = Api::start().await;
    for key in [None, Some(api.db.a().key.as_str())] {
        for path in [
            "/nothing",
            "/values/",
            "/values/1",
            "/VALUES",
            "/upload/x",
            "//values",
            "/%00",
        ] {
            let reply = clean(api.server.get(path, key).await);
            assert_eq!(
                (reply.status.as_u16(), reply.text.as_str()),
                (404, r#"{"detail":"Not Found"}"#),
                "{path}"
            );
        }
        for (method, path, allow) in [
            (Method::POST, "/values", "GET"),
            (Method::DELETE, "/values", "GET"),
            (Method::GET, "/upload", "POST"),
            (Method::PUT, "/series", "POST"),
            (Method::PUT, "/series", "GET"),
            (Method::POST, "/list_timeseries", "GET"),
            (Method::POST, "/", "GET"),
            (Method::PATCH, "/upload", "POST"),
        ] {
            let reply = clean(
                api.server
                    .send(api.server.request(method.clone(), path, key))
                    .await,
            );
            assert_eq!(
                (reply.status.as_u16(), reply.text.as_str()),
                (405, r#"{"detail":"Method Not Allowed"}"#),
                "{method} {path}"
            );
            let allowed = reply.headers["allow"].to_str().unwrap();
            assert!(
                allowed.split(',').any(|method| method.trim() == allow),
                "{method} {path}: {allowed}"
            );
        }
    }
}

#[tokio::test]
async fn a_series_is_created_once_and_given_back_after_that() {
    let api = Api::start().await;
    let create = async |body: Value| {
        let reply = api.post("/series", &body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["series_id"].as_str().unwrap().to_owned()
    };
    let first = create(json!({"name": "wind"})).await;
    for again in [
        json!({"name": "wind"}),
        json!({"name": "wind", "unit": "dimensionless"}),
        json!({"name": "wind", "labels": {}, "description": null, "unit": null}),
    ] {
        assert_eq!(create(again.clone()).await, first, "{again}");
    }
    let labelled =
        create(json!({"name": "wind", "labels": {"site": "north", "height": "80"}})).await;
    assert_ne!(labelled, first);
    assert_eq!(
        create(json!({"labels": {"height": "80", "site": "north"}, "name": "wind"})).await,
        labelled
    );
    assert_eq!(
        api.get("/list_timeseries")
            .await
            .json()
            .as_object()
            .unwrap()
            .len(),
        2
    );

    let conflict = api
        .post("/series", &json!({"name": "wind", "unit": "m/s"}))
        .await;
    assert_eq!(conflict.status, 409);
    let told = conflict.json()["detail"].as_str().unwrap().to_owned();
    for part in ["wind", "dimensionless", "m/s"] {
        assert!(told.contains(part), "{told}");
    }
}

#[tokio::test]
async fn a_series_made_by_name_receives_uploads_of_its_name() {
    let api = Api::start().await;
    let reply = api
        .post(
            "/series",
            &json!({"name": "wind", "unit": "m/s", "description": "speed"}),
        )
        .await;
    let id = reply.json()["series_id"].clone();
    let answer = api
        .upload(json!([super::row("2025-01-01T00:00:00Z", "wind", 5.5)]))
        .await;
    assert_eq!(answer["series_ids"]["wind"], id);
    let rows = api.rows("").await;
    assert_eq!(
        (&rows[0]["series_id"], &rows[0]["unit"]),
        (&id, &json!("m/s"))
    );
}
