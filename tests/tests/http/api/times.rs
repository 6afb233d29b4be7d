//! Times as clients send them, in bodies and in queries.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{Api, batch, first_error};

/// All of them mean 2025-06-01T12:00:00Z.
const NOON: [&str; 13] = [
    "2025-06-01T12:00:00Z",
    "2025-06-01T12:00:00z",
    "2025-06-01T12:00:00+00:00",
    "2025-06-01T14:00:00+02:00",
    "2025-06-01T14:00:00+0200",
    "2025-06-01T06:30:00-05:30",
    "2025-06-01 12:00:00Z",
    "2025-06-01 12:00:00",
    "2025-06-01T12:00Z",
    "2025-06-01T12:00",
    "2025-06-01T12:00:00",
    "2025-06-01T12:00:00.000000",
    "2025-06-01T12:00:00.0000009Z",
];

/// The same as numbers, with what they count.
const NOON_IN_NUMBERS: [(&str, &str); 7] = [
    ("s", "1748779200"),
    ("s", "1748779200.0"),
    ("s", "1.7487792e9"),
    ("ms", "1748779200000"),
    ("us", "1748779200000000"),
    ("ns", "1748779200000000000"),
    ("ns", "1748779200000000999"),
];

#[tokio::test]
async fn every_form_of_a_time_means_the_same_in_a_body() {
    let api = Api::start().await;
    let texts = NOON.map(|form| (format!("{form:?}"), None));
    let numbers = NOON_IN_NUMBERS.map(|(unit, form)| (form.to_owned(), Some(unit)));
    for (number, (form, unit)) in texts.into_iter().chain(numbers).enumerate() {
        let key = format!("x{number}");
        let body = |time_unit: &str| {
            format!(
                r#"{{{time_unit}"batch_start_time":{form},"batch_finish_time":{form},"known_time":{form},
                "value_rows":[{{"valid_time":{form},"value_key":"{key}","value":1}}]}}"#
            )
        };
        let reply = match unit {
            None => api.post_text("/upload", body("")).await,
            // In the body, or in the query.
            Some(unit) if number % 2 == 0 => {
                api.post_text("/upload", body(&format!(r#""time_unit":"{unit}","#)))
                    .await
            }
            Some(unit) => {
                api.post_text(&format!("/upload?time_unit={unit}"), body(""))
                    .await
            }
        };
        assert_eq!(reply.status, 200, "{form}: {reply:?}");
        let rows = api.rows(&format!("?mode=overlapping&name={key}")).await;
        for column in ["valid_time", "known_time"] {
            assert_eq!(rows[0][column], "2025-06-01T12:00:00+00:00", "{form}");
        }
    }
    let rows = json!([{"valid_time": "2025-06-01", "value_key": "day", "value": 1},
                      {"valid_time": "2025-06-01T00:00:00.1234567Z", "value_key": "day", "value": 1}]);
    api.upload(rows).await;
    let rows = api.rows("?name=day").await;
    assert_eq!(rows[0]["valid_time"], "2025-06-01T00:00:00.000000+00:00");
    assert_eq!(rows[1]["valid_time"], "2025-06-01T00:00:00.123456+00:00");
}

#[tokio::test]
async fn every_form_of_a_time_means_the_same_in_a_query() {
    let api = Api::start().await;
    let rows = json!([{"valid_time": "2025-06-01T11:59:59.999999Z", "value_key": "x", "value": 1},
                      {"valid_time": "2025-06-01T12:00:00Z", "value_key": "x", "value": 2},
                      {"valid_time": "2025-06-01T12:00:00.000001Z", "value_key": "x", "value": 3}]);
    api.upload(rows).await;
    let texts = NOON.map(|form| (form, String::new()));
    let numbers = NOON_IN_NUMBERS.map(|(unit, form)| (form, format!("&time_unit={unit}")));
    for (form, unit) in texts.into_iter().chain(numbers) {
        let encoded = utf8_percent_encode(form, NON_ALPHANUMERIC).to_string();
        let values = async |query: String| -> Vec<f64> {
            api.rows(&query)
                .await
                .iter()
                .map(|row| row["value"].as_f64().unwrap())
                .collect()
        };
        assert_eq!(
            values(format!("?start_valid={encoded}{unit}")).await,
            [2.0, 3.0],
            "{form}"
        );
        assert_eq!(
            values(format!("?end_valid={encoded}{unit}")).await,
            [1.0],
            "{form}"
        );
    }
}

#[tokio::test]
async fn what_an_answer_says_can_be_pasted_into_a_url() {
    let api = Api::start().await;
    api.upload(
        json!([{"valid_time": "2025-01-01T00:00:00.5Z", "value_key": "x", "value": 1},
                      {"valid_time": "2025-01-02T00:00:00.5Z", "value_key": "x", "value": 2}]),
    )
    .await;
    let rows = api.rows("").await;
    let start = rows[1]["valid_time"].as_str().unwrap();
    assert!(start.ends_with("+00:00"), "{start}");
    // The plus arrives as a space.
    let found = api.rows(&format!("?start_valid={start}")).await;
    assert_eq!((found.len(), &found[0]["value"]), (1, &json!(2.0)));
    for (query, count) in [
        ("start_valid=2025-01-02T02:00:00+02:00", 1),
        ("start_valid=2025-01-02+02:00:00+0200", 1),
        ("start_valid=2025-01-02T00:00+00", 1),
        ("end_valid=2025-01-02T00:00:00.5+00:00", 1),
        ("start_known=2025-01-01T00:00:00+00:00", 2),
        ("as_of=2020-01-01T00:00:00+00:00", 0),
    ] {
        assert_eq!(api.rows(&format!("?{query}")).await.len(), count, "{query}");
    }
    let changes = api.get("/changes?since=2025-01-01T00:00:00+00:00").await;
    assert_eq!(changes.json()["count"], 2);
    for form in [
        "2025-01-01+",
        "2025-01-01T00:00:00+",
        "2025-01-01T00:00:00++00:00",
        "2025-01-01T00:00:00+0",
    ] {
        let error = first_error(&api.get(&format!("/values?start_valid={form}")).await);
        assert_eq!(error["type"], "datetime_from_date_parsing", "{form}");
    }
    // A body is no URL.
    let rows = json!([{"valid_time": "2025-01-01T00:00:00 00:00", "value_key": "x", "value": 1}]);
    assert_eq!(api.post("/upload", &batch(rows)).await.status, 422);
}

#[tokio::test]
async fn digits_are_no_time_and_a_number_is_one_only_with_a_unit() {
    let api = Api::start().await;
    for digits in [
        "20250101",
        "2025",
        "45658.0",
        "1735689600",
        "1735689600000",
        "-1",
        "+1",
        "1e9",
    ] {
        let encoded = utf8_percent_encode(digits, NON_ALPHANUMERIC).to_string();
        for path in [
            "/values?start_valid=",
            "/values?as_of=",
            "/values/last?as_of=",
            "/changes?since=",
        ] {
            let error = first_error(&api.get(&format!("{path}{encoded}")).await);
            assert_eq!(error["type"], "datetime_from_date_parsing", "{digits}");
            let told = error["msg"].as_str().unwrap();
            assert!(
                told.contains("ISO 8601") && told.contains("time_unit"),
                "{told}"
            );
        }
        let row = |digits: Value| json!([{"valid_time": digits, "value_key": "x", "value": 1}]);
        // A text of digits stays one, whatever numbers count.
        for unit in [Value::Null, json!("s")] {
            let mut body = batch(row(json!(digits)));
            body["time_unit"] = unit;
            let error = first_error(&api.post("/upload", &body).await);
            assert_eq!(error["type"], "datetime_from_date_parsing", "{digits}");
            assert_eq!(error["loc"], json!(["body", "value_rows", 0, "valid_time"]));
            let told = error["msg"].as_str().unwrap();
            assert!(
                told.contains("ISO 8601") && told.contains("time_unit"),
                "{told}"
            );
        }
        if digits == "+1" {
            continue;
        }
        let number: Value = serde_json::from_str(digits).unwrap();
        for field in [
            "batch_start_time",
            "batch_finish_time",
            "known_time",
            "knowledge_time",
        ] {
            let mut body = batch(json!([]));
            body[field] = number.clone();
            let error = first_error(&api.post("/upload", &body).await);
            assert_eq!(
                (&error["type"], &error["loc"]),
                (&json!("datetime_type"), &json!(["body", field]))
            );
        }
        let error = first_error(&api.post("/upload", &batch(row(number.clone()))).await);
        assert_eq!(error["type"], "datetime_type", "{digits}");
        assert!(
            error["msg"].as_str().unwrap().contains("time_unit"),
            "{error}"
        );
        let update = json!({"updates": [{"series_id": uuid::Uuid::nil(), "valid_time": number, "value": 1}]});
        let put = api
            .server
            .request(reqwest::Method::PUT, "/values", Some(&api.db.a().key));
        let reply = api.server.send(put.json(&update)).await;
        assert_eq!(
            first_error(&reply)["loc"],
            json!(["body", "updates", 0, "valid_time"])
        );
    }
    assert_eq!(api.get("/list_timeseries").await.text, "{}");
}

#[tokio::test]
async fn numbers_keep_their_microseconds_and_never_change_their_unit() {
    let api = Api::start().await;
    for (number, (unit, text, expected)) in [
        ("s", "1735689600.123456", "2025-01-01T00:00:00.123456+00:00"),
        ("s", "-1.5", "1969-12-31T23:59:58.500000+00:00"),
        // Ten years of milliseconds around 1970, which a guess takes for seconds.
        ("ms", "157766400000", "1975-01-01T00:00:00+00:00"),
        (
            "ms",
            "1735689600123.456789",
            "2025-01-01T00:00:00.123456+00:00",
        ),
        ("us", "1735689600123456", "2025-01-01T00:00:00.123456+00:00"),
        (
            "ns",
            "1735689600123456789",
            "2025-01-01T00:00:00.123456+00:00",
        ),
        ("s", "32503680000", "3000-01-01T00:00:00+00:00"),
    ]
    .into_iter()
    .enumerate()
    {
        // What tells the unit may stand behind what needs it.
        let body = format!(
            r#"{{"value_rows":[{{"valid_time":{text},"value_key":"x{number}"}}],
            "batch_start_time":{text},"time_unit":"{unit}"}}"#
        );
        let reply = api.post_text("/upload", body).await;
        assert_eq!(reply.status, 200, "{text}: {reply:?}");
        let name = format!("x{number}");
        let rows = api
            .rows(&format!("?name={name}&start_valid={text}&time_unit={unit}"))
            .await;
        assert_eq!(rows[0]["valid_time"], expected, "{text}");
    }
    for unit in ["m", "S", "sec", ""] {
        let body = json!({"time_unit": unit, "batch_start_time": 1});
        let error = first_error(&api.post("/upload", &body).await);
        assert_eq!(
            (&error["type"], &error["loc"]),
            (&json!("literal_error"), &json!(["body", "time_unit"]))
        );
        let error = first_error(&api.get(&format!("/values?time_unit={unit}")).await);
        assert_eq!(
            (&error["type"], &error["loc"]),
            (&json!("literal_error"), &json!(["query", "time_unit"]))
        );
    }
    let two = json!({"time_unit": "s", "batch_start_time": 1});
    let error = first_error(&api.post("/upload?time_unit=ms", &two).await);
    assert_eq!(error["type"], "value_error");
    let error = first_error(&api.post("/upload?unit=ms", &two).await);
    assert_eq!(
        (&error["type"], &error["loc"]),
        (&json!("extra_forbidden"), &json!(["query", "unit"]))
    );
}

#[tokio::test]
async fn what_is_no_time_is_refused_by_its_place() {
    let api = Api::start().await;
    for text in [
        "soon",
        "",
        "2025-13-01",
        "2025-02-30",
        "2025-01-01T25:00:00Z",
        "2025-01-01T00:00:00+25:00",
        "infinity",
        "-infinity",
        "NaN",
        "now",
        "today",
        "10000-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2025-01-01T00:00:00Zx",
        "1e400",
        "99999999999999999999",
        "\u{0}",
        "2025-01-01\u{0}",
    ] {
        let encoded = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let error = first_error(&api.get(&format!("/values?start_valid={encoded}")).await);
        assert_eq!(error["loc"], json!(["query", "start_valid"]), "{text}");
        let rows = json!([{"valid_time": text, "value_key": "x", "value": 1}]);
        let error = first_error(&api.post("/upload", &batch(rows)).await);
        assert_eq!(
            error["loc"],
            json!(["body", "value_rows", 0, "valid_time"]),
            "{text}"
        );
        for field in ["batch_start_time", "batch_finish_time", "known_time"] {
            let mut body = batch(json!([]));
            body[field] = json!(text);
            let error = first_error(&api.post("/upload", &body).await);
            assert_eq!(error["loc"], json!(["body", field]), "{text}");
        }
    }
    assert_eq!(api.get("/list_timeseries").await.text, "{}");
}

#[tokio::test]
async fn the_first_and_the_last_instant_are_stored_and_stay_readable() {
    let api = Api::start().await;
    for text in [
        "0001-01-01T00:00:00+00:00",
        "9999-12-31T23:59:59.999999+00:00",
    ] {
        let rows = json!([{"valid_time": text, "value_key": "edge", "value": 1}]);
        let mut body = batch(rows);
        body["known_time"] = json!(text);
        assert_eq!(api.post("/upload", &body).await.status, 200, "{text}");
        let rows = api.rows("?mode=overlapping").await;
        assert!(
            rows.iter()
                .any(|row| row["valid_time"] == text && row["known_time"] == text),
            "{rows:?}"
        );
    }
    let encoded =
        utf8_percent_encode("9999-12-31T23:59:59.999999+00:00", NON_ALPHANUMERIC).to_string();
    assert_eq!(api.rows(&format!("?end_valid={encoded}")).await.len(), 1);
}
