//! Pages of `GET /values`: together they are the whole answer as it was when the first one was read, whatever is written,
//! corrected and folded in between.

use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, batch, first_error, row};

/// Two series, of which one has points and intervals at the same instants, in two forecasts.
async fn store() -> Api {
    let api = Api::start().await;
    for (known, add) in [
        ("2024-12-31T06:00:00Z", 0.0),
        ("2024-12-31T12:00:00Z", 100.0),
    ] {
        let mut rows = Vec::new();
        for hour in 0..6 {
            let time = format!("2025-01-01T{hour:02}:00:00Z");
            rows.push(row(&time, "temperature", add + f64::from(hour)));
            let mut interval = row(&time, "energy", add + 10.0 + f64::from(hour));
            interval["valid_time_end"] = json!(format!("2025-01-01T{:02}:00:00Z", hour + 1));
            rows.push(interval);
            rows.push(row(&time, "energy", add + 20.0 + f64::from(hour)));
        }
        let mut body = batch(json!(rows));
        body["known_time"] = json!(known);
        let reply = api.post("/upload", &body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    api
}

/// The query of the next page, of a `Link` header.
fn next_of(headers: &reqwest::header::HeaderMap) -> Option<String> {
    let link = headers.get("link")?.to_str().unwrap();
    let query = link.strip_prefix("<?").unwrap();
    Some(query.strip_suffix(">; rel=\"next\"").unwrap().to_owned())
}

/// All pages of a read, by their links; `between` happens after each.
async fn pages(api: &Api, path: &str, query: &str, between: impl AsyncFn()) -> Vec<Vec<Value>> {
    let (mut pages, mut next) = (Vec::new(), Some(query.to_owned()));
    while let Some(query) = next {
        let reply = api.get(&format!("{path}?{query}")).await;
        assert_eq!(reply.status, 200, "{query}: {reply:?}");
        let answer = reply.json();
        let rows = answer["data"].as_array().unwrap().clone();
        assert_eq!(answer["count"], json!(rows.len()));
        next = next_of(&reply.headers);
        match &next {
            Some(next) => {
                let cursor = answer["next"].as_str().unwrap();
                assert!(next.ends_with(&format!("&cursor={cursor}")), "{next}");
            }
            None => assert_eq!(answer["next"], Value::Null),
        }
        pages.push(rows);
        assert!(pages.len() < 200, "{query} goes on and on");
        between().await;
    }
    pages
}

/// Rows as pages have them: by series and valid time.
fn by_series(mut rows: Vec<Value>) -> Vec<Value> {
    rows.sort_by_key(|row| {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        (text("series_id"), text("valid_time"))
    });
    rows
}

/// What tells a row from others, in an order of its own.
fn sorted(rows: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = rows.iter().map(Value::to_string).collect();
    texts.sort();
    texts
}

const READS: [&str; 6] = [
    "",
    "&mode=overlapping",
    "&all_versions=true",
    "&start_valid=2025-01-01T01:00:00Z&end_valid=2025-01-01T04:00:00Z",
    "&mode=relative&window_length=2h&issue_offset=-13h&start_valid=2025-01-01T01:00:00Z",
    "&name=energy&as_of=2024-12-31T07:00:00Z",
];

#[tokio::test]
async fn pages_of_any_length_are_together_the_whole_answer() {
    let api = store().await;
    for read in READS {
        let whole = api
            .rows(&format!("?{}", read.trim_start_matches('&')))
            .await;
        assert!(whole.len() >= 6, "{read}");
        for limit in [1, 2, 3, 5, 7, whole.len() - 1, whole.len(), 100_000] {
            let pages = pages(
                &api,
                "/values",
                &format!("limit={limit}{read}"),
                async || (),
            )
            .await;
            let (last, full) = pages.split_last().unwrap();
            assert!(full.iter().all(|page| page.len() == limit), "{read}");
            assert!(!last.is_empty() && last.len() <= limit, "{read}");
            let rows = pages.concat();
            assert_eq!(sorted(&rows), sorted(&whole), "{read}, {limit}");
            assert_eq!(rows, by_series(rows.clone()), "{read}, {limit}");
        }
    }
    let last = api.get("/values/last").await.json();
    let pages = pages(&api, "/values/last", "limit=1", async || ()).await;
    assert_eq!(json!(pages.concat()), last["data"]);
    assert_eq!(pages.len(), 2);
}

#[tokio::test]
async fn what_happens_in_between_shows_in_no_page() {
    let api = store().await;
    let series = api.rows("?name=energy").await[0]["series_id"].clone();
    let written = AtomicI32::new(0);
    for read in READS {
        let whole = api
            .rows(&format!("?{}", read.trim_start_matches('&')))
            .await;
        let disturb = async || {
            // Another value each time: the same one would change nothing.
            let value = f64::from(-1 - written.fetch_add(1, Relaxed));
            let mut early = batch(json!([
                row("2024-12-31T23:00:00Z", "temperature", value),
                row("2025-01-01T02:00:00Z", "temperature", value),
                row("2025-01-01T02:00:00Z", "energy", value),
                row("2025-01-01T03:00:00Z", "another", value),
            ]));
            early["known_time"] = json!("2024-12-31T06:30:00Z");
            assert_eq!(api.post("/upload", &early).await.status, 200);
            let update = json!({"updates": [{"series_id": series, "valid_time": "2025-01-01T01:00:00Z",
                "valid_time_end": null, "value": value}]});
            let put = api
                .server
                .request(Method::PUT, "/values", Some(&api.db.a().key));
            let reply = api.server.send(put.json(&update)).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            let admin = api.db.connect(timedb_tests::Role::Superuser).await;
            admin
                .batch_execute("SELECT timedb.compact_store()")
                .await
                .unwrap();
        };
        let pages = pages(&api, "/values", &format!("limit=4{read}"), disturb).await;
        assert_eq!(sorted(&pages.concat()), sorted(&whole), "{read}");
        let now = api
            .rows(&format!("?{}", read.trim_start_matches('&')))
            .await;
        assert_ne!(sorted(&now), sorted(&whole), "{read}");
    }
}

#[tokio::test]
async fn tables_have_links_too() {
    let api = store().await;
    let mut next = Some("limit=5&format=csv&name=temperature".to_owned());
    let mut lines = Vec::new();
    while let Some(query) = next {
        let reply = api.get(&format!("/values?{query}")).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        lines.extend(reply.text.lines().skip(1).map(str::to_owned));
        next = next_of(&reply.headers);
    }
    assert_eq!(lines.len(), 6);
    let columns = api
        .get("/values?limit=5&orient=columns&name=temperature")
        .await
        .json();
    assert_eq!(columns["count"], 5);
    assert!(columns["next"].is_string());
}

#[tokio::test]
async fn a_cursor_is_of_its_read_and_its_tenant() {
    let api = store().await;
    let first = api.get("/values?limit=1").await.json();
    let cursor = first["next"].as_str().unwrap();
    for query in [
        format!("limit=1&name=energy&cursor={cursor}"),
        format!("limit=1&all_versions=1&cursor={cursor}"),
        format!("cursor={cursor}"),
        "limit=1&cursor=AQ".to_owned(),
    ] {
        let error = first_error(&api.get(&format!("/values?{query}")).await);
        assert_eq!(error["loc"], json!(["query", "cursor"]), "{query}");
    }
    let error = first_error(&api.get("/values?limit=1&bucket=1h").await);
    assert_eq!(error["loc"], json!(["query", "limit"]));
    // The mark of the read is right, and the rest is not.
    for cursor in [
        &cursor[..16],
        &cursor[..cursor.len() - 2],
        &format!("{cursor}A"),
    ] {
        let reply = api.get(&format!("/values?limit=1&cursor={cursor}")).await;
        assert_eq!(reply.status, 400, "{reply:?}");
    }
    let path = format!("/values?limit=1&cursor={cursor}");
    let other = api.server.get(&path, Some(&api.db.b().key)).await;
    assert_eq!(other.status, 400, "{other:?}");
    assert_eq!(api.get(&path).await.status, 200);
}
