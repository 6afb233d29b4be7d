//! Prometheus remote write: a real Prometheus with the configuration that docs/ingest.md prints, and requests of our own.

use std::time::{Duration, Instant};

use prost::Message;
use reqwest::Method;
use serde_json::Value;
use timedb_tests::programs::prometheus::Prometheus;
use timedb_tests::{Config, Db, Reply, Role, Server, UNKNOWN_KEY};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Api;

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    series: Vec<TimeSeries>,
    /// Of metadata it is enough that it is there.
    #[prost(bytes = "vec", repeated, tag = "3")]
    metadata: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

fn series(labels: &[(&str, &str)], samples: &[(f64, i64)]) -> TimeSeries {
    let label = |(name, value): &(&str, &str)| Label {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    };
    let sample = |&(value, timestamp): &(f64, i64)| Sample { value, timestamp };
    TimeSeries {
        labels: labels.iter().map(label).collect(),
        samples: samples.iter().map(sample).collect(),
    }
}

fn packed(series: Vec<TimeSeries>) -> Vec<u8> {
    let metadata = vec![b"\x08\x01".to_vec()];
    let message = WriteRequest { series, metadata }.encode_to_vec();
    let packed = snap::raw::Encoder::new().compress_vec(&message);
    packed.expect("a message can be packed")
}

async fn write(api: &Api, key: Option<&str>, body: Vec<u8>) -> Reply {
    let mut request = api.server.request(Method::POST, "/api/v1/write", None);
    if let Some(key) = key {
        request = request.header("Authorization", format!("Bearer {key}"));
    }
    let request = request
        .header("Content-Encoding", "snappy")
        .header("Content-Type", "application/x-protobuf")
        .header("X-Prometheus-Remote-Write-Version", "0.1.0");
    api.server.send(request.body(body)).await
}

#[tokio::test]
async fn samples_become_points_and_sent_again_store_nothing() {
    let api = Api::start().await;
    let key = Some(api.db.a().key.as_str());
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    let labels = [("__name__", "up"), ("instance", "a:1"), ("job", "")];
    let body = packed(vec![series(
        &labels,
        &[(1.0, 1_735_689_600_123), (stale, 1_735_689_601_123)],
    )]);
    for _ in 0..2 {
        let reply = write(&api, key, body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (204, ""));
    }
    let rows = api.rows("?all_versions=true").await;
    let of = |row: &Value| {
        let time = row["valid_time"].as_str().unwrap_or_default().to_owned();
        (time, row["value"].clone())
    };
    let read: Vec<_> = rows.iter().map(of).collect();
    let times = [
        "2025-01-01T00:00:00.123000+00:00",
        "2025-01-01T00:00:01.123000+00:00",
    ];
    assert_eq!(
        read,
        [
            (times[0].to_owned(), Value::from(1.0)),
            (times[1].to_owned(), Value::Null)
        ]
    );
    assert_eq!(rows[0]["name"], "up");
    assert_eq!(rows[0]["labels"].to_string(), r#"{"instance":"a:1"}"#);
    let others = api.server.get("/values", Some(&api.db.b().key)).await;
    assert_eq!(others.json()["count"], 0);
    // Metadata come alone.
    assert_eq!(write(&api, key, packed(vec![])).await.status, 204);
}

#[tokio::test]
async fn what_cannot_be_stored_is_told_in_a_line_and_the_rest_stored() {
    let api = Api::start().await;
    let key = Some(api.db.a().key.as_str());
    let good = series(&[("__name__", "good")], &[(1.0, 0), (f64::INFINITY, 1)]);
    let bad = series(&[("__name__", "bad"), ("a", "line\nbreak")], &[(1.0, 0)]);
    let reply = write(&api, key, packed(vec![bad, good])).await;
    assert_eq!(reply.status, 400);
    let told = reply.json()["detail"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(
        told.starts_with("Left out: 2; everything else is stored. "),
        "{told}"
    );
    assert!(
        told.contains("'good' at 1: the value is infinite"),
        "{told}"
    );
    assert!(told.contains("unable to store 'bad': "), "{told}");
    assert!(!told.contains('\n'), "{told}");
    assert_eq!(api.rows("?name=good").await.len(), 1);
    assert_eq!(api.rows("").await.len(), 1);
}

#[tokio::test]
async fn bodies_that_are_no_requests_and_keys_that_are_none_are_refused() {
    let api = Api::start().await;
    let key = Some(api.db.a().key.as_str());
    let body = || packed(vec![series(&[("__name__", "m")], &[(1.0, 0)])]);
    let huge = snap::raw::Encoder::new()
        .compress_vec(&vec![0; 300 << 20])
        .unwrap();
    let text = snap::raw::Encoder::new()
        .compress_vec(b"no message")
        .unwrap();
    for (key, body, status) in [
        (None, body(), 401),
        (Some(UNKNOWN_KEY), body(), 401),
        (key, b"\xff\xff\xff\xff\xff".to_vec(), 400),
        // It says that it has four gigabytes.
        (key, b"\xff\xff\xff\xff\x0f".to_vec(), 413),
        (key, huge, 413),
        (key, text, 400),
        (key, body()[..5].to_vec(), 400),
    ] {
        let reply = write(&api, key, body).await;
        assert_eq!(reply.status, status, "{}", reply.text);
        assert!(reply.json()["detail"].is_string(), "{}", reply.text);
    }
    let send = |path: &str, header: &'static str, value: String| {
        let request = api.server.request(Method::POST, path, None);
        let request = request.header("Content-Encoding", "snappy");
        let request = request.header(header, value).body(body());
        api.server.send(request)
    };
    let reply = send("/api/v1/write", "X-API-Key", api.db.a().key.clone()).await;
    assert_eq!(reply.status, 204, "{}", reply.text);
    for (path, status) in [("/api/v1/write", 204), ("/upload", 401)] {
        let request = api.server.request(Method::POST, path, None);
        let request = request.basic_auth("any", Some(&api.db.a().key));
        let reply = api.server.send(request.body("")).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.text);
    }
    let bearer = format!("Bearer {}", api.db.a().key);
    let reply = send("/api/v1/write?x=1", "Authorization", bearer.clone()).await;
    assert_eq!(reply.status, 400, "{}", reply.text);
    // Nothing else takes snappy.
    let reply = send("/upload", "Authorization", bearer.clone()).await;
    assert_eq!(reply.status, 415, "{}", reply.text);
    let request = api.server.request(Method::POST, "/api/v1/write", None);
    let request = request
        .header("Authorization", bearer)
        .header("Content-Encoding", "snappy")
        .header(
            "Content-Type",
            "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        );
    let reply = api.server.send(request.body(body())).await;
    assert_eq!(reply.status, 415, "{}", reply.text);
}

/// A target whose only metric counts how often it has been scraped.
async fn target() -> (u16, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = async move {
        for count in 1_u32.. {
            let Ok((mut socket, _)) = listener.accept().await else {
                return;
            };
            let mut head = [0; 4096];
            let _read = socket.read(&mut head).await;
            let body = format!(
                "# TYPE demo_scrapes_total counter\ndemo_scrapes_total{{room=\"a\"}} {count}\n"
            );
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let _written = socket.write_all(answer.as_bytes()).await;
        }
    };
    (port, tokio::spawn(serve))
}

/// The configuration that the documentation prints.
fn documented() -> String {
    let page = std::fs::read_to_string(Config::get().root.join("docs/ingest.md")).unwrap();
    let (_, rest) = page.split_once("```yaml\n").expect("a block of YAML");
    rest.split_once("```").expect("its end").0.to_owned()
}

/// The values of a series, in their order, once `is_enough` says that they are all there.
async fn until(
    server: &Server,
    key: &str,
    name: &str,
    is_enough: impl Fn(&[Value]) -> bool,
) -> Vec<Value> {
    let start = Instant::now();
    loop {
        let reply = server.get(&format!("/values?name={name}"), Some(key)).await;
        if reply.status == 200 {
            let rows = reply.json()["data"].as_array().cloned().unwrap_or_default();
            if is_enough(&rows) {
                return rows;
            }
            assert!(start.elapsed() < Duration::from_secs(180), "{rows:?}");
        }
        assert!(start.elapsed() < Duration::from_secs(180), "{reply:?}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Does something again and again until Prometheus has met this status.
async fn until_told(prometheus: &Prometheus, status: &str, again: impl AsyncFn()) {
    let (start, status) = (Instant::now(), format!("HTTP status {status}"));
    while !prometheus.log().contains(&status) {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{status}: {}",
            prometheus.log()
        );
        again().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_loses_nothing_to_a_busy_server() {
    let db = Db::new().await;
    let key = db.a().key.as_str();
    // Prometheus meets refusals for its rate and, while the table is locked, for the time it takes.
    let variables = [("TIMEDB_REQUEST_TIMEOUT", "1")];
    let arguments = ["--rate-limit", "1", "--rate-burst", "2"];
    let server = Server::start_with(&db.dsn(Role::User), &arguments, &variables);
    let (port, target) = target().await;
    let remote = documented()
        .replace("https://timedb.example.com", server.url())
        .replace("/etc/prometheus/timedb.key", "KEY_FILE");
    assert!(
        remote.contains("KEY_FILE") && remote.contains(server.url()),
        "{remote}"
    );
    let configuration = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n  - job_name: demo\n    \
         static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n{remote}"
    );
    let prometheus = Prometheus::start(&configuration, key);
    let is_there = |rows: &[Value]| !rows.is_empty();
    until(&server, key, "demo_scrapes_total", is_there).await;
    let holder = db.connect(Role::Superuser).await;
    let lock = "BEGIN; LOCK TABLE timedb.series IN ACCESS EXCLUSIVE MODE";
    holder.batch_execute(lock).await.unwrap();
    until_told(&prometheus, "504", async || {
        tokio::time::sleep(Duration::from_millis(200)).await;
    })
    .await;
    holder.batch_execute("ROLLBACK").await.unwrap();
    // Somebody else uses the key up.
    until_told(&prometheus, "429", async || {
        for _ in 0..20 {
            server.get("/values/last", Some(key)).await;
        }
    })
    .await;
    target.abort();

    // The series ends with a value that is missing.
    let has_ended = |rows: &[Value]| rows.last().is_some_and(|row| row["value"].is_null());
    let rows = until(&server, key, "demo_scrapes_total", has_ended).await;
    let values: Vec<_> = rows
        .iter()
        .filter_map(|row| row["value"].as_f64())
        .collect();
    assert!(values.len() > 20, "{values:?}");
    let all: Vec<_> = (1..=values.len()).map(|n| n as f64).collect();
    assert_eq!(values, all, "{}", prometheus.log());
    let labels = format!(r#"{{"instance":"127.0.0.1:{port}","job":"demo","room":"a"}}"#);
    assert_eq!(rows[0]["labels"].to_string(), labels);
    let is_down = |rows: &[Value]| rows.last().is_some_and(|row| row["value"] == 0.0);
    until(&server, key, "up", is_down).await;
    let told = prometheus.log();
    assert!(!told.contains("non-recoverable"), "{told}");
    assert!(!server.log().contains(key), "a key is in the log");
}
