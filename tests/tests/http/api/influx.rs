//! Line protocol as InfluxDB's clients send it, and what they get.

use reqwest::Method;
use serde_json::{Value, json};
use timedb_tests::{Reply, UNKNOWN_KEY, python};

use super::Api;

async fn write(api: &Api, path: &str, authorization: Option<String>, lines: &str) -> Reply {
    let mut request = api.server.request(Method::POST, path, None);
    if let Some(authorization) = authorization {
        request = request.header("Authorization", authorization);
    }
    api.server.send(request.body(lines.to_owned())).await
}

fn values(reply: &Reply) -> Vec<(String, f64)> {
    let data = reply.json()["data"].as_array().cloned().unwrap_or_default();
    let of = |row: &Value| {
        let name = row["name"].as_str().unwrap_or_default().to_owned();
        (name, row["value"].as_f64().unwrap_or(f64::NAN))
    };
    let mut rows: Vec<_> = data.iter().map(of).collect();
    rows.sort_by(|a, b| a.partial_cmp(b).expect("the values are numbers"));
    rows
}

#[tokio::test]
async fn lines_become_series_with_tags_as_labels_and_sent_again_store_nothing() {
    let api = Api::start().await;
    let token = || Some(format!("Token {}", api.db.a().key));
    let lines = "cpu,host=a usage=1.5,cores=4i,busy=t,model=\"x\" 1735689600\n# no line\ncpu,host=b usage=2 1735689600\n";
    let path = "/api/v2/write?org=o&bucket=b&precision=s";
    for _ in 0..2 {
        let reply = write(&api, path, token(), lines).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (204, ""));
    }
    let read = api.get("/values?all_versions=true").await;
    let expected = [
        ("cpu.busy", 1.0),
        ("cpu.cores", 4.0),
        ("cpu.usage", 1.5),
        ("cpu.usage", 2.0),
    ];
    assert_eq!(
        values(&read),
        expected.map(|(name, value)| (name.to_owned(), value))
    );
    assert!(
        read.text.contains(r#""valid_time":"2025-01-01T00:00:00"#),
        "{}",
        read.text
    );
    let series = api.get("/series?name=cpu.usage").await;
    assert!(series.text.contains(r#""host":"b""#), "{}", series.text);
}

#[tokio::test]
async fn lines_that_cannot_be_read_are_told_and_the_others_stored() {
    let api = Api::start().await;
    let token = Some(format!("Token {}", api.db.a().key));
    let lines = "m f=1 1000\nm f= 2000\nm f=3 3000";
    let reply = write(&api, "/api/v2/write?precision=ms", token.clone(), lines).await;
    let message =
        "partial write: unable to parse 'm f= 2000': missing field value (line 2) dropped=1";
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.json(),
        json!({ "code": "invalid", "message": message })
    );
    let stored = api.get("/values").await;
    assert_eq!(
        values(&stored),
        [("m.f".to_owned(), 1.0), ("m.f".to_owned(), 3.0)]
    );
    let reply = write(&api, "/write?db=x&precision=ms", token, "m").await;
    assert_eq!(reply.status, 400);
    let message = "unable to parse 'm': missing fields (line 1) dropped=1";
    assert_eq!(reply.json(), json!({ "error": message }));
}

#[tokio::test]
async fn a_series_that_is_refused_takes_no_other_with_it() {
    let api = Api::start().await;
    let token = || Some(format!("Token {}", api.db.a().key));
    let lines = "m,a=\u{1} f=1,g=2 1\nm,a=b f=3 2\nm\u{2} f=4 3\nm,a=\0 f=5 4\n";
    let reply = write(&api, "/api/v2/write?precision=s", token(), lines).await;
    assert_eq!(reply.status, 400);
    let message = reply.json()["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    for part in [
        "partial write: ",
        "unable to store 'm.f': the value of label \"a\" must not contain the control character U+0001",
        "unable to store 'm.g': ",
        "a NUL character can't be stored (line 4)",
        " dropped=4",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(values(&api.get("/values").await), [("m.f".to_owned(), 3.0)]);
    // Too many of them are none that one can do without.
    let lines: String = (0..50).map(|n| format!("m{n}\u{1} f=1 1\n")).collect();
    let reply = write(&api, "/write", token(), &format!("{lines}m f=1 1")).await;
    assert_eq!(reply.status, 400);
    assert!(reply.text.contains("control character"), "{}", reply.text);
    assert_eq!(api.get("/values").await.json()["count"], 1);
}

#[tokio::test]
async fn a_key_comes_as_token_or_password_and_a_wrong_one_is_refused() {
    let api = Api::start().await;
    let (a, b) = (&api.db.a().key, &api.db.b().key);
    for (path, authorization, status) in [
        (format!("/write?db=x&u=me&p={a}"), None, 204),
        ("/write".to_owned(), Some(format!("Token me:{a}")), 204),
        (format!("/write?p={a}"), Some(format!("Token {b}")), 401),
        (
            "/write".to_owned(),
            Some(format!("Token {UNKNOWN_KEY}")),
            401,
        ),
        ("/api/v2/write".to_owned(), None, 401),
        (format!("/api/v2/write?p={a}"), None, 401),
        (
            "/api/v2/write?precision=d".to_owned(),
            Some(format!("Token {a}")),
            400,
        ),
    ] {
        let reply = write(&api, &path, authorization, "m f=1").await;
        assert_eq!(reply.status, status, "{path}: {}", reply.text);
    }
    let keyless = write(&api, "/write", None, "m f=1").await;
    let told = &keyless.text;
    assert!(told.contains("Authorization: Token"), "{told}");
    let unit = "/api/v2/write?precision=d";
    let reply = write(&api, unit, Some(format!("Token {a}")), "m f=1").await;
    assert!(
        reply.text.contains("ns, us, ms, s, m or h"),
        "{}",
        reply.text
    );
    let others = api.server.get("/values", Some(b)).await;
    assert_eq!(others.json()["count"], 0, "{}", others.text);
    assert!(
        !api.server.log().contains(a.as_str()),
        "a key is in the log"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_writes() {
    let api = Api::start().await;
    let program = r#"
import os
from datetime import datetime, timezone
from influxdb_client import InfluxDBClient, Point, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
with InfluxDBClient(os.environ["URL"], os.environ["KEY_A"], org="any", enable_gzip=True) as client:
    write = client.write_api(write_options=SYNCHRONOUS)
    at = datetime(2025, 1, 1, tzinfo=timezone.utc)
    points = [Point("room, 1").tag("floor", "first = 1").field("t", n / 2).time(at.replace(minute=n)) for n in range(50)]
    write.write("any", record=points, write_precision=WritePrecision.NS)
    try:
        write.write("any", record="m f=")
        raise SystemExit("no error")
    except ApiException as error:
        assert error.status == 400 and "missing field value" in str(error), error
"#;
    let output = python(&["-c", program])
        .env("URL", api.server.url())
        .env("KEY_A", &api.db.a().key)
        .run();
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    let stored = api.get("/values").await;
    let expected: Vec<_> = (0..50)
        .map(|n| ("room, 1.t".to_owned(), f64::from(n) / 2.0))
        .collect();
    assert_eq!(values(&stored), expected);
}
