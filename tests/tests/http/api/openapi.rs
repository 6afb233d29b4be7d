//! What the server says of itself to programs is what is kept, and the page that shows it consists of its own files.

use reqwest::Method;
use serde_json::json;
use timedb_tests::programs::devtools::Page;
use timedb_tests::{Config, Db, Server};

#[tokio::test]
async fn the_document_is_the_kept_one_and_each_operation_is_there() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let reply = server.get("/openapi.json", None).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.headers["content-type"], "application/json");
    assert_eq!(reply.headers["cache-control"], "public, max-age=300");
    let kept = std::fs::read_to_string(Config::get().root.join("docs/openapi.json"));
    assert_eq!(reply.text.trim(), kept.expect("the kept document").trim());
    let document = reply.json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().expect("paths");
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().expect("operations") {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            let request = server.request(method, path, None);
            let reply = server.send(request).await;
            let expected = if operation["security"].is_array() {
                401
            } else {
                200
            };
            assert_eq!(reply.status, expected, "{path}: {reply:?}");
        }
    }
}

#[tokio::test]
async fn the_page_and_its_files_are_the_servers_own() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let page = server.get("/docs", None).await;
    assert_eq!(page.status, 200, "{page:?}");
    let policy = page.headers["content-security-policy"]
        .to_str()
        .expect("text");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(!page.text.contains("://"), "{}", page.text);
    let other = server.get("/redoc", None).await;
    assert_eq!((other.status, other.text), (page.status, page.text.clone()));
    for (file, content_type) in [
        ("swagger-ui.css", "text/css; charset=utf-8"),
        ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        ("start.js", "text/javascript; charset=utf-8"),
    ] {
        assert!(page.text.contains(&format!("docs/{file}")), "{file}");
        let path = format!("/docs/{file}");
        let plain = server.get(&path, None).await;
        assert_eq!(plain.status, 200, "{file}");
        assert_eq!(plain.headers["content-type"], content_type);
        assert!(!plain.headers.contains_key("content-encoding"), "{file}");
        let request = server.request(Method::GET, &path, None);
        let packed = server.send(request.header("Accept-Encoding", "gzip")).await;
        let is_packed = packed.headers.contains_key("content-encoding");
        assert_eq!(is_packed, file != "start.js", "{file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_gives_the_page_a_key_and_sees_rows() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let upload = json!({"batch_start_time": "2025-01-01T00:00:00Z", "value_rows": [
        {"valid_time": "2025-01-01T00:00:00Z", "value_key": "seen on the page", "value": 21.5}]});
    let reply = server.post("/upload", Some(&db.a().key), &upload).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let url = server.url().to_owned();
    let key = db.a().key.clone();
    let used = tokio::task::spawn_blocking(move || use_the_page(&url, &key));
    used.await.expect("the page can be used");
}

fn use_the_page(url: &str, key: &str) {
    const READ: &str = "#operations-default-read_values";
    let mut page = Page::open(&format!("{url}/docs"));
    page.wait("document.querySelectorAll('.opblock').length >= 22");
    let status = format!(
        "document.querySelector('{READ} .live-responses-table tbody .response-col_status')?.innerText"
    );
    let answer = format!(
        "document.querySelector('{READ} .live-responses-table .highlight-code')?.innerText"
    );
    page.click(&format!("{READ} .opblock-summary-control"));
    // A click that comes before the page has filled in the field of labels is sometimes lost, with those after it.
    page.wait(&format!(
        "document.querySelector('{READ} textarea')?.value.trim() === '{{}}'"
    ));
    let execute = format!("document.querySelector('{READ} .execute')?.click()");
    let answered = |expected| format!("{status}?.trim() === '{expected}' || ({execute}, false)");
    page.wait(&answered(401));

    page.click(".btn.authorize");
    page.type_into(".auth-container input", key);
    page.click(".auth-container .authorize");
    page.click(".auth-container .btn-done");
    page.wait(&answered(200));
    let answer = page.wait(&format!("{answer}.includes('count') && {answer}"));
    let answer = answer.as_str().expect("text");
    for part in ["\"count\": 1", "\"seen on the page\"", "21.5"] {
        assert!(answer.contains(part), "{part}: {answer}");
    }
    // It spoke to nobody else, and its policy had nothing to refuse; the complaints are about answers without a key.
    let (requests, complaints) = (page.requests(), page.complaints());
    assert!(requests.len() >= 5, "{requests:?}");
    for request in requests {
        let is_own = request.starts_with(&format!("{url}/")) || request.starts_with("data:");
        assert!(is_own, "{request}");
    }
    for complaint in complaints {
        let text = complaint["text"].as_str().unwrap_or_default();
        assert!(text.contains("401 (Unauthorized)"), "{complaint}");
    }
}
