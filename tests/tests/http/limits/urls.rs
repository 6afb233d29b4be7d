//! URLs that say nothing, or something that the route does not have, are refused by name on every route.

use std::time::Duration;

use serde_json::{Value, json};
use timedb_tests::Server;
use timedb_tests::wire::{Wire, request};

use super::with_one_series;

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn what_is_no_text_in_a_url_is_refused_by_name() {
    let db = with_one_series().await;
    let server = Server::start(&db);
    let key = format!("X-API-Key: {}", db.a().key);
    for (path, place, kind) in [
        (
            "/values?name=%ff",
            json!(["query", "name"]),
            "string_unicode",
        ),
        ("/values?name=%zz", json!(["query", "name"]), "url_parsing"),
        ("/values?name=x%", json!(["query", "name"]), "url_parsing"),
        (
            "/values?n%ffme=x",
            json!(["query", "n%ffme"]),
            "string_unicode",
        ),
        (
            "/values?unit=kW&unit=MW",
            json!(["query", "unit"]),
            "value_error",
        ),
        (
            "/values/last?unit=%c3",
            json!(["query", "unit"]),
            "string_unicode",
        ),
        (
            "/changes?name=%ff",
            json!(["query", "name"]),
            "string_unicode",
        ),
        (
            "/series?search=%ff",
            json!(["query", "search"]),
            "string_unicode",
        ),
        (
            "/series/labels/%ff",
            json!(["path", "label"]),
            "string_unicode",
        ),
        (
            "/series/labels/%zz",
            json!(["path", "label"]),
            "url_parsing",
        ),
        ("/series/%ff", json!(["path", "series_id"]), "uuid_parsing"),
    ] {
        let mut wire = Wire::send_to(&server, request(&format!("GET {path}"), &[&key], "")).await;
        let answer = wire.answer(SOON).await.unwrap();
        assert_eq!(answer.status, 422, "{path}: {answer:?}");
        let detail: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(detail["detail"][0]["loc"], place, "{path}");
        assert_eq!(detail["detail"][0]["type"], kind, "{path}");
        // Who has no key learns nothing of it.
        let mut wire = Wire::send_to(&server, request(&format!("GET {path}"), &[], "")).await;
        assert_eq!(wire.answer(SOON).await.unwrap().status, 401, "{path}");
    }
    // Whatever a route is for, and where it takes no parameters.
    for line in [
        "GET /list_timeseries",
        "GET /series/count",
        "GET /series/labels",
        "GET /series/labels/site",
        "GET /series/00000000-0000-0000-0000-000000000001",
        "PATCH /series/00000000-0000-0000-0000-000000000001",
        "POST /series",
        "POST /upload",
        "PUT /values",
    ] {
        for (query, kind) in [
            ("x=%zz", "url_parsing"),
            ("%zz", "url_parsing"),
            ("x=%ff", "string_unicode"),
            ("x=1", "extra_forbidden"),
        ] {
            let body = "{}";
            let headers = ["Content-Type: application/json", "Content-Length: 2", &key];
            for (headers, status) in [(&headers[..], 422), (&headers[..2], 401)] {
                let bytes = request(&format!("{line}?{query}"), headers, body);
                let answer = Wire::send_to(&server, bytes).await.answer(SOON).await;
                let answer = answer.unwrap();
                assert_eq!(answer.status, status, "{line} {query}: {answer:?}");
                let told = format!("\"type\":\"{kind}\",\"loc\":[\"query\"");
                assert!(status == 401 || answer.body.contains(&told), "{answer:?}");
            }
        }
    }
    for path in ["/", "/health", "/ready"] {
        let line = format!("GET {path}?x=%zz");
        let answer = Wire::send_to(&server, request(&line, &[], ""))
            .await
            .answer(SOON)
            .await;
        assert_eq!(answer.unwrap().status, 422, "{line}");
        assert_eq!(server.get(&format!("{path}?t=1"), None).await.status, 200);
    }
    let reply = server
        .get(
            "/values?name=x%2Cy%25&unit=dimensionless",
            Some(&db.a().key),
        )
        .await;
    assert_eq!(reply.json()["count"], 0);
}
