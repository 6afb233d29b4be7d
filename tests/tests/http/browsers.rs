//! Pages of other origins: a browser lets them use the API where the operator allows it, and nowhere else.

use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};
use timedb_tests::programs::browser::Site;
use timedb_tests::{Db, Reply, Role, Server};

const PAGE: &str = "https://app.example";

fn start(db: &Db, origins: &[&str]) -> Server {
    let flags: Vec<_> = origins
        .iter()
        .flat_map(|origin| ["--cors-origin", origin])
        .collect();
    Server::start_with(&db.dsn(Role::User), &flags, &[])
}

/// What a browser asks before it sends a request of a page.
async fn ask_first(server: &Server, path: &str, origin: &str, method: &str) -> Reply {
    let request = server
        .request(Method::OPTIONS, path, None)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", method)
        .header("Access-Control-Request-Headers", "content-type,x-api-key");
    server.send(request).await
}

fn all(headers: &HeaderMap, name: &str) -> String {
    let values = headers.get_all(name).iter();
    let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
    values.join(",").to_lowercase()
}

fn tells_nothing(reply: &Reply) -> bool {
    let mut names = reply.headers.keys();
    !names.any(|name| name.as_str().starts_with("access-control-"))
}

#[tokio::test]
async fn without_the_flag_no_page_is_told_anything() {
    let db = Db::new().await;
    let server = start(&db, &[]);
    for path in ["/values", "/health", "/", "/nothing"] {
        let reply = ask_first(&server, path, PAGE, "GET").await;
        let status = if path == "/nothing" { 404 } else { 405 };
        assert_eq!(reply.status, status, "{reply:?}");
        assert!(tells_nothing(&reply), "{reply:?}");
        let request = server
            .request(Method::GET, path, None)
            .header("Origin", PAGE);
        let reply = server.send(request).await;
        assert!(tells_nothing(&reply), "{reply:?}");
        assert!(!all(&reply.headers, "vary").contains("origin"), "{reply:?}");
    }
}

#[tokio::test]
async fn a_page_that_is_allowed_is_told_so_without_a_key_and_no_other_one_is() {
    let db = Db::new().await;
    let server = start(&db, &["http://localhost:3000", PAGE]);
    for path in ["/values", "/upload", "/health", "/series/labels/site"] {
        for method in ["GET", "POST", "PUT", "PATCH"] {
            let reply = ask_first(&server, path, PAGE, method).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            assert_eq!(reply.text, "");
            let told = |name: &str| all(&reply.headers, name);
            assert_eq!(told("access-control-allow-origin"), PAGE);
            for name in [
                "x-api-key",
                "authorization",
                "content-type",
                "content-encoding",
                "idempotency-key",
                "last-event-id",
            ] {
                assert!(
                    told("access-control-allow-headers").contains(name),
                    "{reply:?}"
                );
            }
            let methods = told("access-control-allow-methods");
            assert!(methods.contains(&method.to_lowercase()), "{reply:?}");
            assert!(!methods.contains("delete"), "{reply:?}");
            assert_eq!(told("access-control-max-age"), "600");
            assert_eq!(told("access-control-allow-credentials"), "");
            assert_eq!(told("cache-control"), "no-store");
            assert!(told("vary").contains("origin"), "{reply:?}");
        }
        for other in [
            "https://app.example:8443",
            "http://app.example",
            "https://app.example.evil.example",
            "https://evil-app.example",
            "HTTPS://APP.EXAMPLE",
            "null",
            "",
        ] {
            let reply = ask_first(&server, path, other, "GET").await;
            assert_eq!(reply.status, 405, "{other}: {reply:?}");
            assert!(tells_nothing(&reply), "{other}: {reply:?}");
            assert!(all(&reply.headers, "vary").contains("origin"), "{reply:?}");
        }
    }
    // No question, only a method.
    let request = server
        .request(Method::OPTIONS, "/values", None)
        .header("Origin", PAGE);
    let reply = server.send(request).await;
    assert_eq!(reply.status, 405, "{reply:?}");

    // The answers themselves, good and bad.
    let key = Some(db.a().key.as_str());
    for (path, key, status) in [
        ("/values", key, 200),
        ("/values", None, 401),
        ("/values?mode=best", key, 422),
        ("/nothing", key, 404),
        ("/", None, 200),
    ] {
        for (origin, is_allowed) in [(PAGE, true), ("https://other.example", false)] {
            let request = server
                .request(Method::GET, path, key)
                .header("Origin", origin);
            let reply = server.send(request).await;
            assert_eq!(reply.status, status, "{reply:?}");
            assert_eq!(
                tells_nothing(&reply),
                !is_allowed,
                "{origin} {path}: {reply:?}"
            );
            assert!(all(&reply.headers, "vary").contains("origin"), "{reply:?}");
            if is_allowed {
                assert_eq!(all(&reply.headers, "access-control-allow-origin"), PAGE);
                let exposed = all(&reply.headers, "access-control-expose-headers");
                for name in ["idempotency-replayed", "retry-after"] {
                    assert!(exposed.contains(name), "{reply:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_star_is_every_page_and_the_environment_has_a_list() {
    let db = Db::new().await;
    let server = start(&db, &["*"]);
    for origin in [PAGE, "null", "http://localhost:3000"] {
        let reply = ask_first(&server, "/upload", origin, "POST").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(all(&reply.headers, "access-control-allow-origin"), "*");
    }
    let variables = [(
        "TIMEDB_CORS_ORIGIN",
        "http://localhost:3000,https://app.example",
    )];
    let server = Server::start_with(&db.dsn(Role::User), &[], &variables);
    for (origin, status) in [
        (PAGE, 200),
        ("http://localhost:3000", 200),
        ("http://localhost", 405),
    ] {
        let reply = ask_first(&server, "/upload", origin, "POST").await;
        assert_eq!(reply.status, status, "{origin}: {reply:?}");
    }
}

/// Asks for this and that, and says of each what came of it.
fn script(api: &str, key: &str) -> String {
    let upload = json!({"batch_start_time": "2025-01-01T00:00:00Z", "value_rows": [
        {"valid_time": "2025-01-01T00:00:00Z", "value_key": "from a page", "value": 1}]});
    format!(
        "const key = {{'X-API-Key': '{key}'}};
         const json = {{'Content-Type': 'application/json'}};
         const ask = async (path, options) => {{
             try {{
                 const answer = await fetch('{api}' + path, options);
                 return {{status: answer.status, text: await answer.text(),
                          replayed: answer.headers.get('Idempotency-Replayed')}};
             }} catch (error) {{ return error.name }}
         }};
         const upload = () => ask('/upload', {{method: 'POST', body: JSON.stringify({upload}),
             headers: {{...key, ...json, 'Idempotency-Key': 'once'}}}});
         return {{
             health: await ask('/health'),
             upload: await upload(),
             again: await upload(),
             read: await ask('/values', {{headers: key}}),
             bearer: await ask('/values', {{headers: {{Authorization: 'Bearer {key}'}}}}),
             nobody: await ask('/values', {{headers: {{'X-API-Key': 'x'}}}}),
             update: await ask('/values', {{method: 'PUT', body: '{{\"updates\": []}}', headers: {{...key, ...json}}}}),
             change: await ask('/series/00000000-0000-0000-0000-000000000001',
                 {{method: 'PATCH', body: '{{}}', headers: {{...key, ...json}}}}),
             // What a browser sends without asking is carried out; the page does not see the answer.
             simple: await ask('/values'),
         }};"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_a_browser_can_use_the_api_if_its_origin_is_allowed() {
    let db = Db::new().await;
    let site = Site::new().await;
    let server = start(&db, &[&site.origin()]);
    let found = site.run(&script(server.url(), &db.a().key)).await;
    let status = |what: &str| found[what]["status"].clone();
    for (what, expected) in [
        ("health", 200),
        ("upload", 200),
        ("again", 200),
        ("read", 200),
        ("bearer", 200),
        ("nobody", 401),
        ("update", 200),
        ("change", 404),
        ("simple", 401),
    ] {
        assert_eq!(status(what), expected, "{what}: {found}");
    }
    assert_eq!(found["upload"]["replayed"], Value::Null);
    assert_eq!(found["again"]["replayed"], "true");
    assert!(
        found["read"]["text"]
            .as_str()
            .unwrap()
            .contains("from a page")
    );
    assert!(found["nobody"]["text"].as_str().unwrap().contains("detail"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_a_browser_gets_and_does_nothing_if_its_origin_is_not_allowed() {
    let db = Db::new().await;
    let site = Site::new().await;
    for origins in [&[][..], &["http://127.0.0.1:1", "https://app.example"]] {
        let server = start(&db, origins);
        let found = site.run(&script(server.url(), &db.a().key)).await;
        let found = found.as_object().unwrap();
        assert_eq!(found.len(), 9);
        for (what, found) in found {
            assert_eq!(found, "TypeError", "{what}");
        }
        let read = server.get("/values", Some(&db.a().key)).await.json();
        assert_eq!(read["count"], 0, "nothing was uploaded");
    }
}
