//! The parameters of `GET /values` that choose versions: as of an instant, by lead time, relative to a cut-off,
//! in another unit, by labels; each of them, and each mistake.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{Api, batch, first_error, row};

/// Three forecasts of 2025-01-02T00:00:00Z and the hour after, known at 6:00, 18:00 and 12:00 the day before.
async fn three_forecasts() -> Api {
    let api = Api::start().await;
    for hour in [6, 18, 12] {
        let value = f64::from(hour);
        let mut body = batch(json!([
            row("2025-01-02T00:00:00Z", "wind", value),
            row("2025-01-02T01:00:00Z", "wind", value + 0.5),
        ]));
        body["known_time"] = json!(format!("2025-01-01T{hour:02}:00:00Z"));
        let reply = api.post("/upload", &body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    api
}

async fn values(api: &Api, query: &str) -> Vec<f64> {
    let rows = api.rows(query).await;
    rows.iter()
        .map(|row| row["value"].as_f64().unwrap())
        .collect()
}

#[tokio::test]
async fn each_parameter_chooses_its_versions() {
    let api = three_forecasts().await;
    let none: &[f64] = &[];
    for (query, expected) in [
        ("?as_of=2025-01-01T12:00:00Z", &[12.0, 12.5][..]),
        ("?as_of=2025-01-01T11:59:59.999999Z", &[6.0, 6.5]),
        ("?as_of=2025-01-01T13:00:00%2B01:00", &[12.0, 12.5]),
        ("?as_of=2025-01-01T05:00:00Z", none),
        (
            "?as_of=2025-01-01T12:00:00Z&mode=overlapping",
            &[6.0, 6.5, 12.0, 12.5],
        ),
        ("?as_of=1735732800&time_unit=s", &[12.0, 12.5]),
        ("?min_lead=12h", &[12.0, 12.5]),
        ("?min_lead=PT12H&max_lead=43200", &[12.0]),
        ("?max_lead=12:00:00&min_lead=12:00:00", &[12.0]),
        (
            "?min_lead=12h&max_lead=12.5+hours&mode=overlapping",
            &[12.0],
        ),
        ("?min_lead=17.5+hours", &[6.0, 6.5]),
        ("?min_lead=1d&max_lead=1h", none),
        ("?max_lead=-1h", none),
        (
            "?mode=relative&days_ahead=1&time_of_day=12:00",
            &[12.0, 12.5],
        ),
        (
            "?mode=relative&days_ahead=1&time_of_day=11:59:59.999999",
            &[6.0, 6.5],
        ),
        (
            "?mode=relative&days_ahead=1&time_of_day=24:00",
            &[18.0, 18.5],
        ),
        (
            "?mode=relative&days_ahead=1&time_of_day=12:59:59&tz=Europe/Stockholm",
            &[6.0, 6.5],
        ),
        (
            "?mode=relative&days_ahead=1&time_of_day=13:00&tz=Europe%2FStockholm",
            &[12.0, 12.5],
        ),
        (
            "?mode=relative&window_length=1h&issue_offset=-12h&start_window=2025-01-01",
            &[12.0, 12.5],
        ),
        (
            "?mode=relative&window_length=1h&issue_offset=-12h&start_valid=2025-01-02T01:00:00Z",
            &[12.5],
        ),
        (
            "?mode=relative&window_length=1h&issue_offset=-12h1us&start_window=1970-01-01",
            &[6.0, 12.5],
        ),
        (
            "?mode=relative&window_length=P1D&issue_offset=-PT12H&start_window=1970-01-01",
            &[12.0, 12.5],
        ),
        (
            "?mode=relative&days_ahead=1&time_of_day=12:00&as_of=2025-01-01T08:00:00Z",
            &[6.0, 6.5],
        ),
        (
            "?mode=relative&days_ahead=1&time_of_day=24:00&end_known=2025-01-01T18:00:00Z",
            &[12.0, 12.5],
        ),
        (
            "?mode=relative&days_ahead=1&time_of_day=24:00&min_lead=7.5h",
            &[12.0, 12.5],
        ),
        ("?unit=dimensionless", &[18.0, 18.5]),
    ] {
        assert_eq!(values(&api, query).await, expected, "{query}");
    }
    let mut all = values(&api, "?include_updates=true&as_of=2025-01-01T12:00:00Z").await;
    all.sort_by(f64::total_cmp);
    assert_eq!(all, [6.0, 6.5, 12.0, 12.5]);
    assert_eq!(values(&api, "?include_updates=false").await, [18.0, 18.5]);
    let both = "?include_updates=false&all_versions=true";
    assert_eq!(values(&api, both).await.len(), 6);
}

#[tokio::test]
async fn a_change_time_that_was_answered_can_be_asked_for() {
    let api = three_forecasts().await;
    let rows = api.rows("?all_versions=true").await;
    for (value, flat) in [(6.0, 6.0), (18.0, 18.0), (12.0, 18.0)] {
        let written = rows
            .iter()
            .find(|row| row["value"] == value)
            .expect("a version");
        let change_time = written["change_time"].as_str().unwrap();
        let change_time = utf8_percent_encode(change_time, NON_ALPHANUMERIC).to_string();
        let found = values(&api, &format!("?as_of_change={change_time}")).await;
        assert_eq!(found, [flat, flat + 0.5], "{value}");
        let known = "as_of=2025-01-01T12:00:00Z";
        let found = values(&api, &format!("?as_of_change={change_time}&{known}")).await;
        let expected = if value == 12.0 { 12.0 } else { 6.0 };
        assert_eq!(found, [expected, expected + 0.5], "{value}");
    }
    assert!(values(&api, "?as_of_change=2025-01-01").await.is_empty());
}

#[tokio::test]
async fn rows_of_each_mode_have_their_columns_in_their_order() {
    let api = Api::start().await;
    let mut body = batch(json!([row("2025-01-02T00:00:00Z", "x", 1.0)]));
    body["known_time"] = json!("2025-01-01T12:00:00Z");
    let answer = api.post("/upload", &body).await.json();
    let id = answer["series_ids"]["x"].as_str().unwrap();
    let tail = r#""valid_time":"2025-01-02T00:00:00+00:00","series_id":"ID","value":1.0,"name":"x","unit":"dimensionless","labels":{}"#
        .replace("ID", id);
    let known = r#""known_time":"2025-01-01T12:00:00+00:00","#;
    for (query, expected) in [
        ("", format!("{{{tail}}}")),
        (
            "?mode=relative&days_ahead=1&time_of_day=12:00",
            format!("{{{known}{tail}}}"),
        ),
        (
            "?mode=overlapping",
            format!(r#"{{{known}{tail},"lead_time":43200.0}}"#),
        ),
    ] {
        let text = api.get(&format!("/values{query}")).await.text;
        assert_eq!(
            text,
            format!(r#"{{"count":1,"data":[{expected}]}}"#),
            "{query}"
        );
    }
    let reply = api.get("/values?include_updates=true").await;
    let version = reply.json()["data"][0].clone();
    let user = api.db.a().user_id;
    let of_write = format!(
        r#""batch_id":{},"value_id":{},"changed_by":"{user}","annotation":null,"tags":null,"metadata":null"#,
        answer["batch_id"], version["value_id"]
    );
    let change = format!(r#""change_time":{},"#, version["change_time"]);
    let expected = format!(r#"{{"count":1,"data":[{{{known}{change}{tail},{of_write}}}]}}"#);
    // A change_time has a fraction of a second, so all times have one.
    let expected = expected.replace(":00+00:00", ":00.000000+00:00");
    assert_eq!(reply.text, expected);
    assert!(
        version["value_id"]
            .as_i64()
            .is_some_and(|id| id.unsigned_abs() < 1 << 53)
    );
}

#[tokio::test]
async fn labels_and_units_choose_and_convert() {
    let api = Api::start().await;
    for (site, unit, value) in [("north", "kW", 1500.0), ("south", "kW", 2500.0)] {
        let labels = json!({"site": site, "kind": "wind"});
        let series = json!({"name": "power", "labels": labels, "unit": unit});
        let id = api.post("/series", &series).await.json()["series_id"].clone();
        let rows = json!([
            {"valid_time": "1970-01-01", "value_key": "power", "series_id": id, "value": value},
            {"valid_time": "1970-01-01 01:00", "value_key": "power", "series_id": id, "value": null}]);
        api.upload(rows).await;
    }
    let read = async |query: &str| -> Vec<(Value, Value)> {
        let rows = api.rows(query).await;
        let pair = |row: &Value| (row["value"].clone(), row["unit"].clone());
        rows.iter().map(pair).collect()
    };
    let labels = |json: &str| utf8_percent_encode(json, NON_ALPHANUMERIC).to_string();
    let north = labels(r#"{"site": "north"}"#);
    let megawatts = [(json!(1.5), json!("MW")), (json!(null), json!("MW"))];
    assert_eq!(read(&format!("?labels={north}&unit=MW")).await, megawatts);
    assert_eq!(read(&format!("?labels={}", labels("{}"))).await.len(), 4);
    assert_eq!(
        read(&format!("?labels={}", labels(r#"{"kind": "wind"}"#)))
            .await
            .len(),
        4
    );
    let unknown = labels(r#"{"kind": "wind", "site": "west"}"#);
    assert!(read(&format!("?labels={unknown}&unit=MW")).await.is_empty());
    for (query, word) in [
        ("unit=MWh".to_owned(), "MWh"),
        ("unit=mw".to_owned(), "mw"),
        (format!("labels={}", labels(r#"{"site": 1}"#)), "site"),
    ] {
        let reply = api.get(&format!("/values?{query}")).await;
        assert_eq!(reply.status, 400, "{query}: {reply:?}");
        assert!(reply.text.contains(word), "{query}: {reply:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_a_422_that_names_its_parameter() {
    let api = Api::start().await;
    for (query, kind, parameter) in [
        ("as_of=soon", "datetime_from_date_parsing", "as_of"),
        ("as_of=", "datetime_from_date_parsing", "as_of"),
        ("as_of=infinity", "datetime_from_date_parsing", "as_of"),
        // A `+` that is not escaped is a space, which can be nothing but a `+` only behind a time.
        ("as_of=2025-01-01+", "datetime_from_date_parsing", "as_of"),
        (
            "as_of_change=2025-01-01T00:00:00++00:00",
            "datetime_from_date_parsing",
            "as_of_change",
        ),
        (
            "as_of_change=10000-01-01",
            "datetime_from_date_parsing",
            "as_of_change",
        ),
        (
            "start_window=2025-13-01",
            "datetime_from_date_parsing",
            "start_window",
        ),
        (
            "start_window=2025-01-01T00:00:00+1",
            "datetime_from_date_parsing",
            "start_window",
        ),
        ("min_lead=long", "time_delta_parsing", "min_lead"),
        // A minute to some, a month to others.
        ("min_lead=1M", "time_delta_parsing", "min_lead"),
        ("max_lead=1h+15M", "time_delta_parsing", "max_lead"),
        ("window_length=1M", "time_delta_parsing", "window_length"),
        ("issue_offset=-1M", "time_delta_parsing", "issue_offset"),
        ("min_lead=", "time_delta_parsing", "min_lead"),
        ("max_lead=1+fortnight", "time_delta_parsing", "max_lead"),
        ("max_lead=NaN", "time_delta_parsing", "max_lead"),
        ("max_lead=1e300", "time_delta_parsing", "max_lead"),
        ("window_length=inf", "time_delta_parsing", "window_length"),
        ("issue_offset=12:00+h", "time_delta_parsing", "issue_offset"),
        ("days_ahead=1.5", "int_parsing", "days_ahead"),
        ("days_ahead=", "int_parsing", "days_ahead"),
        ("days_ahead=99999999999", "int_parsing", "days_ahead"),
        ("time_of_day=25:00", "time_parsing", "time_of_day"),
        ("time_of_day=24:00:01", "time_parsing", "time_of_day"),
        ("time_of_day=10", "time_parsing", "time_of_day"),
        ("time_of_day=10:00Z", "time_parsing", "time_of_day"),
        ("time_of_day=23:59:60", "time_parsing", "time_of_day"),
        ("tz=%00", "string_pattern_mismatch", "tz"),
        ("unit=%00", "string_pattern_mismatch", "unit"),
        ("labels=north", "dict_type", "labels"),
        ("labels=%5B1%5D", "dict_type", "labels"),
        ("include_updates=maybe", "bool_parsing", "include_updates"),
        ("mode=versions", "literal_error", "mode"),
        ("as_off=2025-01-01", "extra_forbidden", "as_off"),
    ] {
        let error = first_error(&api.get(&format!("/values?{query}")).await);
        assert_eq!(error["type"], kind, "{query}");
        assert_eq!(error["loc"], json!(["query", parameter]), "{query}");
    }
}

#[tokio::test]
async fn what_cannot_be_is_a_400_that_names_its_parameter() {
    let api = Api::start().await;
    let relative = "mode=relative";
    let windows = "mode=relative&window_length=6h&issue_offset=-1h&start_window=1970-01-01";
    let days = "mode=relative&days_ahead=1&time_of_day=10:00";
    for (query, word) in [
        ("as_of_change=9999-12-31".to_owned(), "as_of_change"),
        ("min_lead=1+month".to_owned(), "min_lead"),
        ("max_lead=P1Y".to_owned(), "max_lead"),
        (relative.to_owned(), "cut-off"),
        (format!("{relative}&window_length=6h"), "issue_offset"),
        (format!("{relative}&issue_offset=6h"), "window_length"),
        (
            format!("{relative}&window_length=6h&issue_offset=1h"),
            "start_window",
        ),
        (
            format!("{relative}&start_window=1970-01-01"),
            "window_length",
        ),
        (format!("{relative}&days_ahead=1"), "time_of_day"),
        (format!("{relative}&time_of_day=10:00"), "days_ahead"),
        (format!("{relative}&tz=UTC"), "days_ahead"),
        (format!("{windows}&days_ahead=1"), "days_ahead"),
        (format!("{windows}&tz=UTC"), "tz"),
        (format!("{days}&window_length=1h"), "window_length"),
        (days.replace("days_ahead=1", "days_ahead=-1"), "days_ahead"),
        (format!("{days}&tz=Europe/Stokholm"), "Stokholm"),
        (format!("{days}&tz="), "tz"),
        (windows.replace("=6h", "=0"), "window_length"),
        (windows.replace("=6h", "=-6h"), "window_length"),
        (windows.replace("=6h", "=1+month"), "window_length"),
        (windows.replace("=-1h", "=-1mo"), "issue_offset"),
    ] {
        let reply = api.get(&format!("/values?{query}")).await;
        assert_eq!(reply.status, 400, "{query}: {reply:?}");
        assert!(reply.text.contains(word), "{query}: {reply:?}");
    }
    for mode in ["", "&mode=flat", "&mode=overlapping", "&all_versions=1"] {
        for (name, value) in [
            ("window_length", "6h"),
            ("issue_offset", "1h"),
            ("start_window", "1970-01-01"),
            ("days_ahead", "1"),
            ("time_of_day", "10:00"),
            ("tz", "UTC"),
        ] {
            let reply = api.get(&format!("/values?{name}={value}{mode}")).await;
            assert_eq!(reply.status, 400, "{name} {mode}: {reply:?}");
            assert!(reply.text.contains(name), "{name} {mode}: {reply:?}");
        }
    }
}
