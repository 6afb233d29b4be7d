//! Names and labels that are hard to keep: what differs in a byte is another series, at both doors.

use serde_json::{Value, json};

use super::{Doors, refused_in_sql, refused_with};

fn names() -> Vec<String> {
    [
        // é in one character and in two.
        "caf\u{e9}",
        "cafe\u{301}",
        "\u{212b}",
        "\u{c5}",
        "🌬️ 👩‍👩‍👧 \u{1f3f4}\u{e0067}\u{e0062}\u{e007f}",
        "سرعة الرياح می\u{200c}خواهم",
        "מהירות",
        "風速",
        "wind  speed at\u{a0}100\u{3000}m",
        "x",
        "x ",
        " x",
        "X",
        "\u{feff}x",
        "x\u{200b}",
        "'; DROP TABLE timedb.series; --",
        "%_\\ \" / ?&=+#",
        "NULL",
        "null",
        "{\"a\": \"b\"}",
        "\u{3164}.",
        "\u{fffd}\u{ffff}\u{10ffff}",
    ]
    .iter()
    .map(|name| (*name).to_owned())
    .chain(["n".repeat(1024), "ж".repeat(512), "🌬".repeat(256)])
    .collect()
}

/// Names that do more than be seen, or cannot be seen at all, and the word that they are refused with.
fn unseen_names() -> [(&'static str, &'static str); 20] {
    [
        (" ", "blank"),
        ("  \u{a0}\u{3000}", "blank"),
        ("\u{200b}", "blank"),
        ("\u{feff}\u{2060}", "blank"),
        ("\u{3164}\u{2800} \u{e0067}", "blank"),
        ("\u{200d}\u{fe0f}", "blank"),
        ("line\nbreak", "U+000A"),
        ("tab\t", "U+0009"),
        ("\r", "U+000D"),
        ("\u{1b}[2Jx", "U+001B"),
        ("x\u{7f}", "U+007F"),
        ("x\u{85}", "U+0085"),
        ("\u{9b}31mx", "U+009B"),
        ("x\u{2028}y", "U+2028"),
        ("x\u{2029}", "U+2029"),
        ("سرعة\u{202e}gnp.", "U+202E"),
        ("\u{202a}x", "U+202A"),
        ("\u{2066}x\u{2069}", "U+2066"),
        ("x\u{200e}", "U+200E"),
        ("\u{61c}x", "U+061C"),
    ]
}

#[tokio::test]
async fn a_name_is_its_bytes_through_both_doors() {
    let doors = Doors::open().await;
    let names = names();
    for (number, name) in names.iter().enumerate() {
        let number = number as f64;
        let call = "SELECT series_ids[1]::text FROM timedb.upload('{2025-01-01 00:00Z}', ARRAY[$1::float8], ARRAY[$2])";
        let row = doors.client.query_one(call, &[&number, name]).await;
        let row = row.unwrap_or_else(|error| panic!("{name:?}: {error:?}"));
        let body = json!({"time_unit": "s", "batch_start_time": 0, "value_rows": [
            {"valid_time": "2025-01-01T01:00:00Z", "value_key": name, "value": number + 0.5}]});
        let reply = doors.post("/upload", &body.to_string()).await;
        assert_eq!(reply.status, 200, "{name:?}: {reply:?}");
        assert_eq!(
            reply.json()["series_ids"][name],
            row.get::<_, &str>(0),
            "{name:?} is one series whichever door it comes through"
        );
    }
    for (number, name) in names.iter().enumerate() {
        let expected = [number as f64, number as f64 + 0.5];
        let query = "SELECT name, value FROM timedb.read_flat(name => $1) ORDER BY valid_time";
        let rows = doors.client.query(query, &[name]).await.unwrap();
        let in_sql: Vec<(&str, f64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(in_sql, expected.map(|value| (name.as_str(), value)));
        let rows = doors.versions(name).await;
        let over_http: Vec<(&str, f64)> = rows
            .iter()
            .map(|row| {
                (
                    row["name"].as_str().unwrap_or_default(),
                    row["value"].as_f64().unwrap_or_default(),
                )
            })
            .collect();
        assert_eq!(over_http, expected.map(|value| (name.as_str(), value)));
    }
    let listed = doors.get("/list_timeseries").await.json();
    assert_eq!(
        listed.as_object().map(serde_json::Map::len),
        Some(names.len())
    );
}

#[tokio::test]
async fn a_name_that_cannot_be_is_refused_at_both_doors() {
    let doors = Doors::open().await;
    for name in [String::new(), "n".repeat(1025), "ж".repeat(513)] {
        let call = "SELECT timedb.upload('{2025-01-01}', '{1}', ARRAY[$1::text])";
        refused_in_sql(doors.client.query(call, &[&name]).await, "name", &name);
        let call = "SELECT timedb.create_series($1)";
        refused_in_sql(doors.client.query(call, &[&name]).await, "name", &name);
        let body = json!({"time_unit": "s", "batch_start_time": 0, "value_rows": [{"valid_time": 0, "value_key": name, "value": 1}]});
        refused_with(
            &doors.post("/upload", &body.to_string()).await,
            "name",
            &name,
        );
        let body = json!({"name": name});
        refused_with(
            &doors.post("/series", &body.to_string()).await,
            "name",
            &name,
        );
    }
    for (name, word) in unseen_names() {
        let call = "SELECT timedb.upload('{2025-01-01}', '{1}', ARRAY[$1::text])";
        refused_in_sql(doors.client.query(call, &[&name]).await, word, name);
        let call = "SELECT timedb.create_series($1)";
        refused_in_sql(doors.client.query(call, &[&name]).await, word, name);
        let body = json!({"time_unit": "s", "batch_start_time": 0, "value_rows": [{"valid_time": 0, "value_key": name, "value": 1}]});
        refused_with(&doors.post("/upload", &body.to_string()).await, word, name);
        let body = json!({"name": name});
        refused_with(&doors.post("/series", &body.to_string()).await, word, name);
    }
    // PostgreSQL's texts have no U+0000, and half of a surrogate pair is no text.
    for name in [r#""\u0000""#, r#""x\u0000y""#, r#""\ud800""#] {
        let rows = format!(r#"[{{"valid_time":0,"value_key":{name},"value":1}}]"#);
        let reply = doors
            .post(
                "/upload",
                &format!(r#"{{"time_unit":"s","batch_start_time":0,"value_rows":{rows}}}"#),
            )
            .await;
        assert!(
            [400, 422].contains(&reply.status.as_u16()),
            "{name}: {reply:?}"
        );
        let reply = doors
            .post("/series", &format!(r#"{{"name":{name}}}"#))
            .await;
        assert!(
            [400, 422].contains(&reply.status.as_u16()),
            "{name}: {reply:?}"
        );
    }
    assert_eq!(doors.get("/list_timeseries").await.text, "{}");
}

/// Labels that can be, and labels of which something is too long.
fn labels() -> Vec<(Value, Option<&'static str>)> {
    let long = |bytes: usize| "v".repeat(bytes);
    vec![
        (json!({}), None),
        (json!({"": "x"}), Some("label")),
        (json!({"x": ""}), None),
        (json!({"x": " "}), Some("blank")),
        (json!({"\u{200b}\u{feff}": "x"}), Some("blank")),
        (json!({"x": "north  site "}), None),
        (json!({"caf\u{e9}": "1"}), None),
        (json!({"cafe\u{301}": "1"}), None),
        (json!({"x": "caf\u{e9}"}), None),
        (json!({"x": "cafe\u{301}"}), None),
        (json!({"🌬️": "👩‍👩‍👧", "اتجاه": "ريح"}), None),
        (json!({"x": "\u{202e}ريح"}), Some("U+202E")),
        (json!({"\u{200f}x": "y"}), Some("U+200F")),
        (json!({"quote\"": "back\\slash"}), None),
        (json!({"x": "a\nb"}), Some("U+000A")),
        (json!({"a\tb": "x"}), Some("U+0009")),
        (json!({long(256): "x"}), None),
        (json!({long(257): "x"}), Some("label")),
        (json!({"x": long(64 << 10)}), None),
        (json!({"x": "ж".repeat(32 << 10)}), None),
        (json!({"x": long((128 << 10) - 1)}), None),
        (json!({"x": long(128 << 10)}), Some("labels")),
        (
            json!({"x": long(64 << 10), "y": long((64 << 10) - 2)}),
            None,
        ),
        (
            json!({"x": long(64 << 10), "y": long((64 << 10) - 1)}),
            Some("labels"),
        ),
    ]
}

#[tokio::test]
async fn labels_are_kept_to_the_byte_or_refused_at_both_doors() {
    let doors = Doors::open().await;
    let mut stored = 0;
    for (number, (labels, refused)) in labels().iter().enumerate() {
        let short: String = labels.to_string().chars().take(40).collect();
        let call = "SELECT series_id::text FROM timedb.create_series('x', labels => $1)";
        let in_sql = doors.client.query_one(call, &[labels]).await;
        let body = json!({"name": "x", "labels": labels}).to_string();
        let over_http = doors.post("/series", &body).await;
        if let Some(word) = refused {
            refused_in_sql(in_sql, word, &short);
            refused_with(&over_http, word, &short);
            continue;
        }
        stored += 1;
        let id: String = in_sql
            .unwrap_or_else(|error| panic!("{short}: {error:?}"))
            .get(0);
        assert_eq!(over_http.json()["series_id"], id, "{short}: one series");
        let body = json!({"time_unit": "s", "batch_start_time": 0, "value_rows": [
            {"valid_time": 0, "value_key": "x", "series_id": id, "value": number}]});
        assert_eq!(
            doors.post("/upload", &body.to_string()).await.status,
            200,
            "{short}"
        );
        let rows = doors.get(&format!("/values?series_id={id}")).await.json();
        assert_eq!(rows["data"][0]["labels"], *labels, "{short}");
        for read in [
            "read_flat(labels => $1)",
            "read_versions(name => 'x', labels => $1)",
        ] {
            let query =
                format!("SELECT value, labels FROM timedb.{read} WHERE series_id = $2::text::uuid");
            let row = doors.client.query_one(&query, &[labels, &id]).await;
            let row = row.unwrap_or_else(|error| panic!("{short}: {error:?}"));
            assert_eq!(row.get::<_, f64>(0), number as f64, "{short}");
            assert_eq!(row.get::<_, Value>(1), *labels, "{short}");
        }
    }
    let listed = doors.get("/list_timeseries").await.json();
    assert_eq!(listed.as_object().map(serde_json::Map::len), Some(stored));
}
