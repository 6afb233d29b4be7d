//! Rows in other formats than JSON, both ways: small answers and streams, what is refused, and who may.

use reqwest::Method;
use serde_json::{Value, json};
use timedb_tests::{Reply, UNKNOWN_KEY, python};

use super::{Api, row};

/// The rest of the programs below: a client as a user would write it.
const CLIENT: &str = r#"
import io, json, os, sys
import pandas, pyarrow, pyarrow.parquet, requests
URL, A, B = os.environ["URL"], {"X-API-Key": os.environ["KEY_A"]}, {"X-API-Key": os.environ["KEY_B"]}
ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
def stream_of(table, options=None):
    out = io.BytesIO()
    with pyarrow.ipc.new_stream(out, table.schema, options=options) as writer:
        writer.write_table(table)
    return out.getvalue()
def file_of(table, **options):
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out, **options)
    return out.getvalue()
def upload(body, kind, key=A, query=""):
    return requests.post(URL + "/upload" + query, data=body, headers=key | {"Content-Type": kind})
def get(path, key=A, **headers):
    return requests.get(URL + path, headers=key | headers)
def read(format, query="", key=A):
    reply = get(f"/values?format={format}{query}", key)
    assert reply.status_code == 200, reply.text
    body = io.BytesIO(reply.content)
    return {"arrow": lambda: pyarrow.ipc.open_stream(body).read_all().to_pandas(),
            "parquet": lambda: pyarrow.parquet.read_table(body).to_pandas(),
            "csv": lambda: pandas.read_csv(body),
            "ndjson": lambda: pandas.read_json(body, lines=True)}[format]()
def times(n):
    return pyarrow.array([1735689600_000_000 + at * 60_000_000 for at in range(n)], pyarrow.timestamp("us", "UTC"))
"#;

/// Runs a program behind that client, which must not complain.
fn run(api: &Api, program: &str) -> String {
    let output = python(&["-c", &[CLIENT, program].concat()])
        .env("URL", api.server.url())
        .env("KEY_A", &api.db.a().key)
        .env("KEY_B", &api.db.b().key)
        .run();
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    output.stdout
}

/// POST /upload of a table.
async fn upload(api: &Api, query: &str, kind: &str, body: impl Into<Vec<u8>>, key: &str) -> Reply {
    let path = format!("/upload{query}");
    let request = api.server.request(Method::POST, &path, Some(key));
    let request = request.header("Content-Type", kind).body(body.into());
    api.server.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_streamed_in_a_format_is_what_was_uploaded_in_one() {
    let api = Api::start().await;
    run(
        &api,
        r#"
n = 300_000
values = pyarrow.array([at % 1000 / 8 if at % 7 else None for at in range(n)], pyarrow.float64())
names = pyarrow.array(["a", "b"] * (n // 2)).dictionary_encode()
table = pyarrow.table({"valid_time": times(n), "name": names, "value": values})
reply = upload(stream_of(table), ARROW)
assert reply.status_code == 200, reply.text
total = pyarrow.compute.sum(values).as_py()
for format in ["arrow", "parquet", "csv", "ndjson"]:
    frame = read(format)
    assert len(frame) == n, (format, len(frame))
    assert frame["value"].sum() == total and frame["value"].isna().sum() == values.null_count, format
    assert list(frame["name"].astype(str).unique()) in (["a", "b"], ["b", "a"]), format
    last = pandas.to_datetime(frame["valid_time"]).max()
    assert last == table["valid_time"][-1].as_py(), (format, last)
    few = read(format, "&end_valid=2025-01-01T00:03:00Z")
    assert len(few) == 3 and few["value"].tolist()[1:] == [0.125, 0.25], (format, few)
reply = get("/values?orient=columns")
assert reply.status_code == 400 and "250000" in reply.text, reply.text
# What was read can be written again: by its ids, and elsewhere by name and labels.
for format, kind, write in [("arrow", ARROW, stream_of), ("parquet", PARQUET, file_of)]:
    body = io.BytesIO(get(f"/values?format={format}&name=a").content)
    table = pyarrow.ipc.open_stream(body).read_all() if format == "arrow" else pyarrow.parquet.read_table(body)
    again = upload(write(table), kind, query="?skip_unchanged=true")
    assert again.json()["points"] == 0 and again.json()["skipped_unchanged"] == n // 2, again.text
    foreign = upload(write(table), kind, B)
    assert foreign.status_code == 404, foreign.text
    assert len(read("csv", key=B)) == (0 if format == "arrow" else n // 2)
    reply = upload(write(table.drop_columns(["series_id"])), kind, B)
    assert reply.status_code == 200, reply.text
    assert read("csv", key=B)["value"].sum() == table.to_pandas()["value"].sum()
"#,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_lie_or_swell_are_refused() {
    let api = Api::start().await;
    let told = run(
        &api,
        r#"
def told(reply):
    detail = reply.json()["detail"]
    print(reply.status_code, detail if isinstance(detail, str) else [detail[0]["type"], *detail[0]["loc"]])
table = pyarrow.table({"valid_time": times(3), "name": ["a"] * 3, "value": [1.0, float("nan"), 2.0]})
told(upload(stream_of(table), ARROW))
told(upload(file_of(table), PARQUET))
good = pyarrow.table({"valid_time": times(1000), "name": ["a"] * 1000, "value": [1.0] * 1000})
told(upload(stream_of(good, pyarrow.ipc.IpcWriteOptions(compression="zstd")), ARROW))
sink = io.BytesIO()
with pyarrow.ipc.new_file(sink, good.schema) as writer:
    writer.write_table(good)
told(upload(sink.getvalue(), ARROW))
told(upload(stream_of(good)[:-100], ARROW))
told(upload(file_of(good), ARROW))
told(upload(stream_of(good), PARQUET))
told(upload(file_of(good)[:-1], PARQUET))
print(upload(file_of(good, compression="gzip"), PARQUET).json()["detail"][0]["msg"])
# A few kilobytes that are millions of rows.
n = 6_000_000
constant = lambda value, kind: pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * n, pyarrow.int8()), pyarrow.array([value], kind))
bomb = file_of(pyarrow.table({"valid_time": constant(0, pyarrow.timestamp("us")), "name": constant("a", pyarrow.string())}), compression="zstd")
print(len(bomb) < 100_000)
told(upload(bomb, PARQUET))
told(upload(b"," * 1_000_000, "text/csv"))
told(upload(b"valid_time,name\n2025-01-01,a\n2025-01-01,a", "text/csv", query="?batch_id=01a2265c-6dcd-7028-bd39-d9d2e92581a6"))
told(upload(b"{}", "application/json", query="?workflow_id=x"))
told(upload(b"x", "image/png"))
print(get("/values").json()["count"])
"#,
    );
    let expected = "\
422 ['finite_number', 'body', 1, 'value']
422 ['finite_number', 'body', 1, 'value']
422 ['arrow_invalid', 'body']
422 ['arrow_invalid', 'body']
422 ['arrow_invalid', 'body']
422 ['arrow_invalid', 'body']
422 ['parquet_invalid', 'body']
422 ['parquet_invalid', 'body']
Input should be a valid Parquet file, compressed with zstd, with snappy or not at all
True
413 The rows of the request body take more memory than the limit of 268435456 bytes: send them in several requests.
422 ['csv_invalid', 'body']
422 ['missing', 'query', 'batch_start_time']
422 ['extra_forbidden', 'query', 'workflow_id']
415 The request body must be JSON (Content-Type: application/json), NDJSON (application/x-ndjson), CSV (text/csv), an Arrow IPC stream (application/vnd.apache.arrow.stream) or a Parquet file (application/vnd.apache.parquet), not image/png.
0
";
    assert_eq!(told, expected);
}

#[tokio::test]
async fn lines_of_json_are_rows_with_names_or_ids() {
    let api = Api::start().await;
    let lines = concat!(
        r#"{"valid_time":"2025-01-01T00:00:00Z","name":"x","value":1.5,"labels":{"site":"a"},"unit":"MW"}"#,
        "\n\n",
        r#"{"valid_time":"2025-01-01T00:00:00Z","value_key":"y","value":null,"known_time":"2024-12-31"}"#,
    );
    let key = &api.db.a().key;
    let kind = "application/x-ndjson";
    let reply = upload(&api, "?workflow_id=lines", kind, lines, key).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let told = reply.json();
    let id = told["series_ids"]["x"].clone();
    assert_eq!(
        told["series"][0],
        json!({"name": "x", "labels": {"site": "a"}, "series_id": id})
    );
    let read = api.get("/values?format=ndjson&name=x").await;
    let line: Value = serde_json::from_str(read.text.trim_end()).expect("one line");
    assert_eq!(line["labels"], json!({"site": "a"}));
    let bad = concat!(
        r#"{"valid_time":"2025-01-01T00:00:00Z","name":"x","value":1.5}"#,
        "\n",
        r#"{"valid_time":"soon","name":"x","val":1}"#,
        "\n{\n",
    );
    let reply = upload(&api, "", kind, bad, key).await;
    assert_eq!(reply.status, 422, "{reply:?}");
    let told = reply.json();
    let places: Vec<Value> = told["detail"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|error| json!([error["type"], error["loc"]]))
        .collect();
    assert_eq!(
        places,
        [
            json!(["datetime_from_date_parsing", ["body", 1, "valid_time"]]),
            json!(["extra_forbidden", ["body", 1, "val"]]),
            json!(["json_invalid", ["body", 2, 0]]),
        ]
    );
    // Without a key nobody learns what is wrong.
    let reply = upload(&api, "", kind, bad, UNKNOWN_KEY).await;
    assert_eq!(reply.status, 401, "{reply:?}");
}

#[tokio::test]
async fn answers_say_what_they_depend_on_and_come_packed_where_that_is_taken() {
    let api = Api::start().await;
    let rows: Vec<Value> = (0..60)
        .map(|minute| row(&format!("2025-01-01T00:{minute:02}:00Z"), "x", 1.0))
        .collect();
    api.upload(json!(rows)).await;
    let ask = async |path: &str, headers: &[(&str, &str)]| {
        let mut request = api.server.request(Method::GET, path, Some(&api.db.a().key));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer")
    };
    let plain = ask("/values", &[]).await;
    let vary: Vec<_> = plain.headers().get_all("vary").iter().collect();
    let vary = format!("{vary:?}").to_lowercase();
    assert!(
        vary.contains("\"accept\"") && vary.contains("accept-encoding"),
        "{vary}"
    );
    assert_eq!(plain.headers()["content-type"], "application/json");
    let plain = plain.bytes().await.expect("a body");
    for coding in ["gzip", "zstd"] {
        let packed = ask("/values", &[("Accept-Encoding", coding)]).await;
        assert_eq!(packed.headers()["content-encoding"], coding);
        let packed = packed.bytes().await.expect("a body");
        assert!(packed.len() < plain.len() / 4, "{coding}: {}", packed.len());
    }
    for (accept, kind) in [
        ("text/csv", "text/csv; charset=utf-8"),
        (
            "application/x-ndjson;q=0.9, */*;q=0.1",
            "application/x-ndjson",
        ),
        (
            "application/vnd.apache.parquet",
            "application/vnd.apache.parquet",
        ),
        ("text/html", "application/json"),
    ] {
        let answer = ask(
            "/values",
            &[("Accept", accept), ("Accept-Encoding", "gzip")],
        )
        .await;
        assert_eq!(answer.headers()["content-type"], kind);
        let is_packed = answer.headers().contains_key("content-encoding");
        assert_eq!(is_packed, !kind.ends_with("parquet"), "{kind}");
    }
    let changes = ask("/changes?format=csv&max_points=7", &[]).await;
    assert_eq!(changes.headers()["timedb-more"], "true");
    let cursor = changes.headers()["timedb-cursor"]
        .to_str()
        .expect("a text")
        .to_owned();
    assert_eq!(changes.text().await.expect("CSV").lines().count(), 8);
    let rest = ask(&format!("/changes?format=csv&cursor={cursor}"), &[]).await;
    assert_eq!(rest.headers()["timedb-more"], "false");
    assert_eq!(rest.text().await.expect("CSV").lines().count(), 54);
    for (query, place) in [
        ("format=xml", "format"),
        ("format=csv&orient=columns", "orient"),
    ] {
        let reply = api.get(&format!("/values?{query}")).await;
        assert_eq!(super::first_error(&reply)["loc"], json!(["query", place]));
    }
}

/// Rows of the large answer below; with more of them it is a measurement.
fn large() -> String {
    std::env::var("TIMEDB_TEST_ROWS").unwrap_or_else(|_| "1000000".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_streams_in_every_format_and_in_bounded_memory() {
    let mut api = Api::start().await;
    let upload = r#"
n, piece = int(os.environ["ROWS"]), 1_000_000
import numpy
minutes = numpy.arange(n // 10, dtype="int64") * 60_000_000 + 1735689600_000_000
for series in range(0, 10):
    for start in range(0, n // 10, piece):
        part = minutes[start:start + piece]
        table = pyarrow.table({
            "valid_time": pyarrow.array(part, pyarrow.timestamp("us", "UTC")),
            "name": pyarrow.DictionaryArray.from_arrays(pyarrow.array(numpy.zeros(len(part), dtype="int8")), [f"s{series}"]),
            "value": pyarrow.array((part // 60_000_000 % 1000) / 8)})
        reply = upload(stream_of(table), ARROW)
        assert reply.status_code == 200, reply.text
"#;
    let read = r#"
import time
def peak():
    return int(next(line for line in open(f"/proc/{os.environ['PID']}/status") if line.startswith("VmHWM")).split()[1]) // 1024
n = int(os.environ["ROWS"])
print("at first", peak(), "MB")
for format, coding in [("json", None), ("ndjson", None), ("csv", None), ("arrow", None), ("parquet", None), ("csv", "gzip"), ("arrow", "zstd")]:
    started = time.monotonic()
    with requests.get(URL + "/values", params={"format": format}, headers=A | {"Accept-Encoding": coding or "identity"}, stream=True) as reply:
        size, first = 0, None
        for part in reply.raw.stream(1 << 16, decode_content=False):
            first = first or time.monotonic() - started
            size += len(part)
            tail = part[-100:]
    took = time.monotonic() - started
    if format == "json":
        assert tail.endswith(b'"count":%d}' % n), tail
    print(f"{format} {coding}: {size / 1e6:.0f} MB in {took:.2f} s, the first byte after {first * 1e3:.0f} ms; peak {peak()} MB")
assert len(read("parquet")) == n and len(read("arrow")) == n
print("largest", peak(), "MB")
assert peak() < 150, peak()
"#;
    let rows = large();
    let run = |api: &Api, program: &str| {
        let output = python(&["-c", &[CLIENT, program].concat()])
            .env("URL", api.server.url())
            .env("KEY_A", &api.db.a().key)
            .env("KEY_B", &api.db.b().key)
            .env("ROWS", &rows)
            .env("PID", api.server.process_id().to_string())
            .run();
        assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
        output.stdout
    };
    run(&api, upload);
    // One that has not held the bodies.
    api.server = timedb_tests::Server::start(&api.db);
    println!("{}", run(&api, read));
}
