//! The key of a request: where it stands, what is no key, and that it comes before everything else.

use serde_json::json;
use timedb_tests::wire::{Wire, header, request};
use timedb_tests::{Db, Role, Server, UNKNOWN_KEY};

use super::{Api, batch, clean, row};

const MISSING: &str = r#"{"detail":"API key required. Please provide X-API-Key header."}"#;
const INVALID: &str = r#"{"detail":"Invalid or inactive API key."}"#;
const TWO: &str = r#"{"detail":"Two different API keys were given. Please provide one, in X-API-Key or in Authorization: Bearer."}"#;
const ROUTES: [(&str, &str); 5] = [
    ("GET", "/values"),
    ("PUT", "/values"),
    ("GET", "/list_timeseries"),
    ("POST", "/upload"),
    ("POST", "/series"),
];

/// Sends a request with these header lines and returns status, `www-authenticate` and body.
async fn ask(
    server: &Server,
    method: &str,
    path: &str,
    headers: &[&str],
) -> (u16, Option<String>, String) {
    let body = if method == "GET" { "" } else { "{}" };
    let length = format!("Content-Length: {}", body.len());
    let mut lines = vec![length.as_str()];
    lines.extend(headers);
    let mut wire = Wire::send_to(server, request(&format!("{method} {path}"), &lines, body)).await;
    let answer = wire
        .answer(std::time::Duration::from_secs(10))
        .await
        .expect("an answer");
    let challenge = header(&answer.head, "www-authenticate").map(str::to_owned);
    (answer.status, challenge, answer.body)
}

#[tokio::test]
async fn a_missing_or_empty_key_is_told_so_on_every_route() {
    let api = Api::start().await;
    for (method, path) in ROUTES {
        for headers in [
            &[][..],
            &["X-API-Key:"],
            &["X-API-Key: "],
            &["Authorization: Basic eDp5"],
            &["Cookie: X-API-Key=x"],
        ] {
            let answer = ask(&api.server, method, path, headers).await;
            assert_eq!(
                answer,
                (401, Some("ApiKey".to_owned()), MISSING.to_owned()),
                "{method} {path} {headers:?}"
            );
        }
    }
}

#[tokio::test]
async fn every_key_that_is_not_exactly_right_is_refused_alike() {
    let api = Api::start().await;
    let key = api.db.a().key.clone();
    let owner = api.db.connect(Role::Owner).await;
    let row = owner
        .query_one(
            "SELECT api_key FROM timedb.create_user($1, 'gone@tenant-a.example')",
            &[&api.db.a().tenant_id],
        )
        .await
        .unwrap();
    owner
        .batch_execute("SELECT timedb.deactivate_user('gone@tenant-a.example')")
        .await
        .unwrap();
    let deactivated: String = row.get(0);
    let row = owner
        .query_one(
            "SELECT api_key FROM timedb.create_user($1, 'old@tenant-a.example')",
            &[&api.db.a().tenant_id],
        )
        .await
        .unwrap();
    owner
        .batch_execute("SELECT timedb.regenerate_key('old@tenant-a.example')")
        .await
        .unwrap();
    let replaced: String = row.get(0);
    let elsewhere = Db::new().await.a().key.clone();
    let line = |value: &str| vec![format!("X-API-Key: {value}")];
    let bad = [
        line("invalid-key-12345"),
        line(&elsewhere),
        line(&deactivated),
        line(&replaced),
        line(&format!("{key}{key}")),
        line(&format!("{key},{key}")),
        line(&format!("\"{key}\"")),
        line(&key.to_uppercase()),
        line(&key[1..]),
        line(&format!("{key}%20")),
        line(&"k".repeat(5_000)),
        line("ключ"),
        line("' OR 1=1 --"),
        vec![format!("Authorization: Bearer {deactivated}")],
        vec!["Authorization: Bearer x y".to_owned()],
    ];
    for (method, path) in ROUTES {
        for headers in &bad {
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            let answer = ask(&api.server, method, path, &headers).await;
            assert_eq!(
                answer,
                (401, Some("ApiKey".to_owned()), INVALID.to_owned()),
                "{method} {path} {headers:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_key_counts_in_either_header_whatever_the_case_of_its_name() {
    let api = Api::start().await;
    api.upload(json!([row("2025-01-01T00:00:00Z", "x", 1.0)]))
        .await;
    let (a, b) = (&api.db.a().key, &api.db.b().key);
    for (headers, count) in [
        (vec![format!("X-API-Key: {a}")], 1),
        (vec![format!("x-api-key: {a}")], 1),
        (vec![format!("X-Api-KEY:{a}")], 1),
        (vec![format!("Authorization: Bearer {a}")], 1),
        (vec![format!("authorization: bearer {a}")], 1),
        (vec![format!("X-API-Key: {b}")], 0),
        // One key said twice is one; an empty header is none, and another scheme is somebody else's matter.
        (
            vec![
                format!("X-API-Key: {a}"),
                format!("Authorization: Bearer {a}"),
            ],
            1,
        ),
        (
            vec![format!("X-API-Key: {a}"), format!("X-API-Key: {a}")],
            1,
        ),
        (
            vec![
                format!("X-API-Key: {a}"),
                "Authorization: Basic eDp5".to_owned(),
            ],
            1,
        ),
        (
            vec![
                "X-API-Key:".to_owned(),
                format!("Authorization: Bearer {a}"),
            ],
            1,
        ),
    ] {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let (status, challenge, body) = ask(&api.server, "GET", "/values", &headers).await;
        assert_eq!((status, challenge), (200, None), "{headers:?}: {body}");
        assert!(
            body.starts_with(&format!("{{\"count\":{count},")),
            "{headers:?}: {body}"
        );
    }
}

#[tokio::test]
async fn two_different_keys_are_refused_in_whatever_headers_and_order() {
    let db = Db::new().await;
    // More of them in a minute than an address may send.
    let unlimited = [("TIMEDB_AUTH_FAILURES", "0")];
    let server = Server::start_with(&db.dsn(Role::User), &[], &unlimited);
    let api = Api { db, server };
    let own = |key: &str| format!("X-API-Key: {key}");
    let bearer = |key: &str| format!("Authorization: Bearer {key}");
    let (a, b) = (api.db.a().key.as_str(), api.db.b().key.as_str());
    for (one, other) in [(a, b), (b, a), (a, UNKNOWN_KEY), (UNKNOWN_KEY, a), (a, "x")] {
        for pair in [
            [own(one), own(other)],
            [own(one), bearer(other)],
            [bearer(one), own(other)],
            [bearer(one), bearer(other)],
        ] {
            let headers: Vec<&str> = pair.iter().map(String::as_str).collect();
            for (method, path) in ROUTES {
                let answer = ask(&api.server, method, path, &headers).await;
                assert_eq!(
                    answer,
                    (401, Some("ApiKey".to_owned()), TWO.to_owned()),
                    "{method} {path} {headers:?}"
                );
            }
        }
    }
    // Two schemes are two credentials as well.
    let headers = [&*bearer(a), "Authorization: Basic eDp5"];
    assert_eq!(ask(&api.server, "GET", "/values", &headers).await.2, TWO);
}

#[tokio::test]
async fn authentication_comes_before_validation() {
    let api = Api::start().await;
    for (key, told) in [(None, MISSING), (Some("wrong"), INVALID)] {
        for query in [
            "?mode=best",
            "?strat_valid=1",
            "?start_valid=soon",
            "?all_versions=maybe",
            "?series_id=7",
        ] {
            let reply = clean(api.server.get(&format!("/values{query}"), key).await);
            assert_eq!(
                (reply.status.as_u16(), reply.text.as_str()),
                (401, told),
                "{query}"
            );
        }
        for body in ["", "{", "[]", "{}", "no JSON", r#"{"value_rows": 7}"#] {
            for path in ["/upload", "/series"] {
                let mut request = api
                    .server
                    .request(reqwest::Method::POST, path, key)
                    .body(body);
                for content_type in [None, Some("application/json"), Some("text/plain")] {
                    if let Some(content_type) = content_type {
                        request = request.header("Content-Type", content_type);
                    }
                    let request = request.try_clone().unwrap();
                    let reply = clean(api.server.send(request).await);
                    assert_eq!(
                        (reply.status.as_u16(), reply.text.as_str()),
                        (401, told),
                        "{path} {body}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_in_one_order_on_every_route_with_a_body_and_the_key_comes_first() {
    let api = Api::start().await;
    let key = api.db.a().key.as_str();
    let series = "/series/00000000-0000-0000-0000-000000000001";
    let routes = [
        (reqwest::Method::POST, "/upload"),
        (reqwest::Method::PUT, "/values"),
        (reqwest::Method::POST, "/series"),
        (reqwest::Method::PATCH, series),
    ];
    for (method, path) in routes {
        for (key, query, content_type, status, told) in [
            (None, "?colour=red", "text/plain", 401, MISSING),
            (Some(UNKNOWN_KEY), "?colour=red", "text/plain", 401, INVALID),
            (None, "", "text/plain", 401, MISSING),
            (None, "", "application/json", 401, MISSING),
            // The query, then the content type, then the body.
            (
                Some(key),
                "?colour=red",
                "text/plain",
                422,
                r#"["query","colour"]"#,
            ),
            (
                Some(key),
                "?colour=red",
                "application/json",
                422,
                r#"["query","colour"]"#,
            ),
            (Some(key), "", "text/plain", 415, "not text/plain"),
            (Some(key), "", "application/json", 422, r#"["body""#),
        ] {
            let request = api
                .server
                .request(method.clone(), &format!("{path}{query}"), key)
                .header("Content-Type", content_type)
                .body("{]");
            let reply = clean(api.server.send(request).await);
            let case = format!("{method} {path}{query} {content_type}: {reply:?}");
            assert_eq!(reply.status, status, "{case}");
            assert!(reply.text.contains(told), "{case}");
        }
    }
}

#[tokio::test]
async fn a_key_says_whose_rows_are_read_and_written() {
    let api = Api::start().await;
    for (tenant, value) in [(api.db.a(), 1.5), (api.db.b(), 2.5)] {
        let rows = json!([row("2025-01-01T00:00:00Z", "shared", value)]);
        let reply = clean(
            api.server
                .post("/upload", Some(&tenant.key), &batch(rows))
                .await,
        );
        assert_eq!(reply.status, 200);
    }
    let mut ids = Vec::new();
    for (tenant, value) in [(api.db.a(), 1.5), (api.db.b(), 2.5)] {
        let answer = clean(api.server.get("/values", Some(&tenant.key)).await).json();
        assert_eq!(
            (&answer["count"], &answer["data"][0]["value"]),
            (&json!(1), &json!(value))
        );
        ids.push(answer["data"][0]["series_id"].as_str().unwrap().to_owned());
        let listed = clean(api.server.get("/list_timeseries", Some(&tenant.key)).await).json();
        assert_eq!(
            listed.as_object().unwrap().keys().collect::<Vec<_>>(),
            [ids.last().unwrap()]
        );
    }
    assert_ne!(ids[0], ids[1]);
    // Asking for the other's series finds nothing, like asking for none.
    let foreign = clean(
        api.server
            .get(
                &format!("/values?series_id={}", ids[1]),
                Some(&api.db.a().key),
            )
            .await,
    );
    assert_eq!(foreign.text, r#"{"count":0,"data":[]}"#);
}
