//! Numbers that are hard to keep, and numbers of points.

use serde_json::json;

use super::{Doors, refused_in_sql, refused_with};

/// A number as text, which is its bits or nothing that could be stored.
const NUMBERS: [(&str, Option<f64>); 22] = [
    ("0", Some(0.0)),
    ("-0", Some(-0.0)),
    ("-0.0", Some(-0.0)),
    ("5e-324", Some(5e-324)),
    ("-5e-324", Some(-5e-324)),
    ("2.2250738585072009e-308", Some(2.225_073_858_507_201e-308)),
    ("2.2250738585072014e-308", Some(f64::MIN_POSITIVE)),
    ("1e308", Some(1e308)),
    ("1.7976931348623157e308", Some(f64::MAX)),
    ("-1.7976931348623157e308", Some(f64::MIN)),
    ("9007199254740993", Some(9_007_199_254_740_992.0)),
    ("0.1", Some(0.1)),
    ("0.30000000000000004", Some(0.1 + 0.2)),
    (
        "123456789012345678901234567890",
        Some(1.234_567_890_123_456_8e29),
    ),
    (
        "3.141592653589793238462643383279",
        Some(std::f64::consts::PI),
    ),
    ("1e309", None),
    ("-1e309", None),
    ("NaN", None),
    ("Infinity", None),
    ("-Infinity", None),
    ("inf", None),
    ("one", None),
];

#[tokio::test]
async fn numbers_at_the_edge_come_back_to_the_bit_or_are_refused() {
    let doors = Doors::open().await;
    for (number, (text, expected)) in NUMBERS.iter().enumerate() {
        let name = format!("number {number}");
        let call = "SELECT points FROM timedb.upload('{2025-01-01 00:00Z}', ARRAY[$1::text::float8], ARRAY[$2])";
        let uploaded = doors.client.query(call, &[text, &name]).await;
        let body = |value: &str, hour: u8| {
            format!(
                r#"{{"time_unit":"s","batch_start_time":0,"value_rows":[{{"valid_time":"2025-01-01T{hour:02}:00:00Z","value_key":"{name}","value":{value}}}]}}"#
            )
        };
        // As a number where JSON has it, and as a text.
        let is_json =
            serde_json::from_str::<serde_json::Value>(text).is_ok() || text.contains("e309");
        let as_number = doors.post("/upload", &body(text, 1)).await;
        let as_text = doors.post("/upload", &body(&format!("{text:?}"), 2)).await;
        let Some(expected) = expected else {
            refused_in_sql(
                uploaded,
                text.trim_start_matches(['-', 'I']).get(..2).unwrap_or(text),
                text,
            );
            refused_with(&as_text, "value", text);
            assert!(
                matches!(as_number.status.as_u16(), 400 | 422),
                "{text}: {as_number:?}"
            );
            assert!(doors.versions(&name).await.is_empty(), "{text}");
            continue;
        };
        uploaded.unwrap_or_else(|error| panic!("{text}: {error:?}"));
        assert!(is_json, "{text}");
        assert_eq!(
            (as_number.status, as_text.status),
            (as_text.status, reqwest::StatusCode::OK),
            "{text}"
        );
        let query = "SELECT value FROM timedb.read_flat(name => $1)";
        let rows = doors.client.query(query, &[&name]).await.unwrap();
        let in_sql: Vec<u64> = rows
            .iter()
            .map(|row| row.get::<_, f64>(0).to_bits())
            .collect();
        // `-0` is an integer in JSON, which has no sign to lose there: it stays -0.0 here.
        assert_eq!(in_sql, [expected.to_bits(); 3], "{text}");
        let rows = doors.versions(&name).await;
        let over_http: Vec<u64> = rows
            .iter()
            .map(|row| row["value"].as_f64().expect("a number").to_bits())
            .collect();
        assert_eq!(over_http, [expected.to_bits(); 3], "{text}");
    }
}

#[tokio::test]
async fn no_point_one_point_and_a_point_twice() {
    let doors = Doors::open().await;
    let in_sql = async |arguments: &str| {
        let call = format!("SELECT points FROM timedb.upload({arguments})");
        let row = doors.client.query_one(&call, &[]).await?;
        Ok::<i64, tokio_postgres::Error>(row.get(0))
    };
    let row = |time: &str, value: u8| json!({"valid_time": time, "value_key": "x", "value": value});
    let over_http = async |rows| {
        let body = json!({"time_unit": "s", "batch_start_time": 0, "value_rows": rows});
        doors.post("/upload", &body.to_string()).await
    };
    assert_eq!(in_sql("'{}', '{}', '{}'").await.unwrap(), 0);
    assert_eq!(over_http(json!([])).await.status, 200);
    assert!(doors.versions("x").await.is_empty());
    assert_eq!(
        in_sql("'{2025-01-01 00:00Z}', '{1}', '{x}'").await.unwrap(),
        1
    );
    assert_eq!(
        over_http(json!([row("2025-01-01T01:00:00Z", 2)]))
            .await
            .status,
        200
    );
    assert_eq!(doors.versions("x").await.len(), 2);
    let twice = in_sql("'{2025-01-01 02:00Z,2025-01-01 04:00+02}', '{1,1}', '{x}'").await;
    refused_in_sql(twice, "\"x\"", "twice in SQL");
    let rows = json!([
        row("2025-01-01T02:00:00Z", 1),
        row("2025-01-01T04:00:00+02:00", 1)
    ]);
    let reply = over_http(rows).await;
    refused_with(&reply, "x", "twice over HTTP");
    assert!(reply.text.contains("2025-01-01 02:00:00"), "{reply:?}");
    // An interval of no length, and one that goes back.
    for end in ["2025-01-01T03:00:00Z", "2025-01-01T02:59:59.999999Z"] {
        let call =
            format!("'{{2025-01-01 03:00Z}}', '{{1}}', '{{x}}', valid_time_end => '{{{end}}}'");
        refused_in_sql(in_sql(&call).await, "valid_time_end", end);
        let mut interval = row("2025-01-01T03:00:00Z", 1);
        interval["valid_time_end"] = json!(end);
        refused_with(&over_http(json!([interval])).await, "valid_time_end", end);
    }
    assert_eq!(
        doors.versions("x").await.len(),
        2,
        "nothing of what was refused is there"
    );
}

#[tokio::test]
async fn reversed_and_empty_ranges_have_no_points_through_both_doors() {
    let doors = Doors::open().await;
    let call = "SELECT points FROM timedb.upload('{2025-01-02 00:00Z}', '{1}', '{x}', known_time => '2025-01-01 00:00Z')";
    doors.client.query(call, &[]).await.unwrap();
    for (start, end, points) in [
        ("2025-01-01T00:00:00Z", "2025-01-03T00:00:00Z", 1),
        ("2025-01-02T00:00:00Z", "2025-01-02T00:00:00.000001Z", 1),
        ("2025-01-02T00:00:00Z", "2025-01-02T00:00:00Z", 0),
        ("2025-01-03T00:00:00Z", "2025-01-01T00:00:00Z", 0),
        ("9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", 1),
    ] {
        for axis in ["valid", "known"] {
            // The known_time is a day before the valid_time; so is its range.
            let shift = if axis == "known" && !start.starts_with(['0', '9']) {
                "1 day"
            } else {
                "0"
            };
            let query = format!(
                "SELECT valid_time FROM timedb.read_flat(start_{axis} => $1::text::timestamptz - interval '{shift}',
                                                          end_{axis} => $2::text::timestamptz - interval '{shift}')"
            );
            let found = doors.client.query(&query, &[&start, &end]).await.unwrap();
            assert_eq!(found.len(), points, "{axis} {start} {end}");
        }
        let reply = doors
            .get(&format!("/values?start_valid={start}&end_valid={end}"))
            .await;
        assert_eq!(reply.json()["count"], points, "{start} {end}: {reply:?}");
    }
}
