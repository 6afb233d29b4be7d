//! A column of times of one answer is one that pandas reads: it takes the form of the first for that of all.

use serde_json::json;
use timedb_tests::python;

use super::{Api, batch};

/// Reads answers as a data frame and holds each time against Python's own reading of it. Prints how long the
/// times of each answer are.
const READ: &str = r#"
import datetime, os, sys
import pandas as pd, requests
for path in sys.argv[1:]:
    answer = requests.get(os.environ["URL"] + path, headers={"X-API-Key": os.environ["API_KEY"]}).json()
    frame = pd.DataFrame(answer["data"])
    lengths = set()
    for column in frame.columns:
        if column.endswith("_time") or column in ("valid_time_end", "created_at"):
            if column == "lead_time":
                continue
            texts = frame[column].dropna()
            read = pd.DatetimeIndex(pd.to_datetime(texts)).to_pydatetime()
            assert list(read) == [datetime.datetime.fromisoformat(text) for text in texts], (path, column)
            lengths |= set(texts.str.len())
    print(path, len(frame), *sorted(lengths))
"#;

/// What the program prints of these answers.
fn read(api: &Api, paths: &[&str]) -> Vec<String> {
    let arguments: Vec<&str> = ["-c", READ]
        .into_iter()
        .chain(paths.iter().copied())
        .collect();
    let output = python(&arguments)
        .env("URL", api.server.url())
        .env("API_KEY", &api.db.a().key)
        .run();
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    output.stdout.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_time_with_a_fraction_gives_all_of_them_six_digits() {
    let api = Api::start().await;
    let row = |time: &str, rest: serde_json::Value| {
        let mut row =
            json!({"valid_time": time, "value_key": "x", "value": 1, "known_time": "2024-12-31"});
        row.as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        row
    };
    api.upload(json!([
        row("2025-01-01", json!({})),
        row("2025-01-01", json!({"valid_time_end": "2025-01-02"})),
        row(
            "2025-01-02",
            json!({"known_time": "2024-12-31T00:00:00.5Z"})
        ),
        row(
            "2025-01-03",
            json!({"valid_time_end": "2025-01-03T00:00:00.000001Z"})
        ),
        row("2025-01-04T00:00:00.25Z", json!({})),
    ]))
    .await;
    let (short, long) = (25, 32);
    let answers = [
        ("/values?end_valid=2025-01-02", 2, short),
        ("/values?end_valid=2025-01-03", 3, short),
        ("/values?end_valid=2025-01-02&mode=overlapping", 2, short),
        ("/values?end_valid=2025-01-03&mode=overlapping", 3, long),
        ("/values?end_valid=2025-01-04", 4, long),
        ("/values", 5, long),
        ("/values?start_valid=2025-01-04", 1, long),
        ("/values?all_versions=true", 5, long),
        (
            "/values?mode=relative&days_ahead=0&time_of_day=00:00&end_valid=2025-01-02",
            2,
            short,
        ),
        ("/values/last?end_valid=2025-01-02", 1, short),
        ("/values/last", 1, long),
        ("/values?bucket=1d&end_valid=2025-01-02", 1, short),
        ("/changes", 5, long),
        ("/changes?max_points=1", 1, long),
        ("/series", 1, long),
    ];
    // One program for all of them: it takes seconds to start.
    let expected = answers.map(|(path, rows, length)| format!("{path} {rows} {length}"));
    assert_eq!(read(&api, &answers.map(|(path, _, _)| path)), expected);
    let id = api.rows("").await[0]["series_id"].clone();
    let series = api
        .get(&format!("/series/{}", id.as_str().unwrap()))
        .await
        .json();
    for name in [
        "created_at",
        "first_valid_time",
        "last_valid_time",
        "first_known_time",
        "last_known_time",
        "last_change_time",
    ] {
        assert_eq!(series[name].as_str().unwrap().len(), long, "{series}");
    }
    // And what a correction answers.
    let update = |time: &str, value: u8| json!({"series_id": id, "valid_time": time, "value": value, "valid_time_end": null});
    for (updates, length) in [
        (json!([update("2025-01-01", 2)]), short),
        (
            json!([update("2025-01-01", 3), update("2025-01-02", 1)]),
            long,
        ),
    ] {
        let put = api
            .server
            .request(reqwest::Method::PUT, "/values", Some(&api.db.a().key));
        let answer = api
            .server
            .send(put.json(&json!({"updates": updates})))
            .await
            .json();
        let rows = answer["updated"]
            .as_array()
            .unwrap()
            .iter()
            .chain(answer["skipped_no_ops"].as_array().unwrap());
        for row in rows {
            for name in ["valid_time", "known_time"] {
                assert_eq!(row[name].as_str().unwrap().len(), length, "{answer}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_answer_is_read_whatever_comes_last() {
    let api = Api::start().await;
    let client = api.db.login(api.db.a()).await;
    let minutes = "SELECT * FROM timedb.upload(
        ARRAY(SELECT timestamptz '2025-01-01Z' + i * interval '1 minute' FROM generate_series(0, 259999) AS i),
        ARRAY(SELECT i::float8 FROM generate_series(0, 259999) AS i), '{NAME}', known_time => '2024-12-31Z')";
    for name in ["whole", "other"] {
        client
            .batch_execute(&minutes.replace("NAME", name))
            .await
            .unwrap();
    }
    let mut last =
        batch(json!([{"valid_time": "2030-01-01T00:00:00.5Z", "value_key": "other", "value": 1}]));
    last["known_time"] = json!("2024-12-31T00:00:00.000001Z");
    assert_eq!(api.post("/upload", &last).await.status, 200);
    assert_eq!(
        read(
            &api,
            &[
                "/values?name=other&mode=overlapping",
                "/values?name=whole",
                "/values?name=whole&end_valid=2025-01-02"
            ]
        ),
        [
            "/values?name=other&mode=overlapping 260001 32",
            "/values?name=whole 260000 32",
            "/values?name=whole&end_valid=2025-01-02 1440 25",
        ]
    );
}
