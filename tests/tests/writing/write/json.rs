//! JSON of the caller's, labels and batch_params: kept to the digit, or refused; what is different stays
//! different, and nothing in it is an internal error.

use serde_json::Value;
use timedb_tests::{Db, count, refusal};
use tokio_postgres::Client;
use uuid::Uuid;

/// The series with these labels, or `None` when they are refused as the caller's mistake.
async fn create(client: &Client, labels: &str) -> Option<Uuid> {
    let query = "SELECT series_id FROM timedb.create_series('x', labels => $1::text::jsonb)";
    match client.query_one(query, &[&labels]).await {
        Ok(row) => Some(row.get(0)),
        Err(error) => {
            let (code, message) = refusal::<()>(Err(error));
            assert!(
                code.starts_with("22") || code == "54000",
                "{labels}: {code} {message}"
            );
            None
        }
    }
}

#[tokio::test]
async fn labels_that_differ_in_any_digit_are_different_or_refused() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for (one, two) in [
        ("12345678901234567890123", "12345678901234567890124"),
        ("9007199254740993", "9007199254740992"),
        ("18446744073709551616", "18446744073709551617"),
        ("0.1234567890123456789", "0.1234567890123456780"),
        ("1", "\"1\""),
        ("true", "\"true\""),
        ("1", "true"),
    ] {
        let [one, two] = [one, two].map(|number| format!("{{\"n\": {number}}}"));
        let ids = (create(&client, &one).await, create(&client, &two).await);
        assert!(
            ids.0.is_none() || ids.0 != ids.1,
            "{one} and {two} are one series"
        );
        for (labels, id) in [(&one, ids.0), (&two, ids.1)] {
            let Some(id) = id else { continue };
            let query = "SELECT count(*) FROM timedb.series WHERE series_id = $1 AND labels = $2::text::jsonb";
            assert_eq!(
                count(&client, query, &[&id, labels]).await,
                1,
                "{labels} were changed"
            );
        }
    }
}

#[tokio::test]
async fn labels_that_are_equal_as_jsonb_are_one_series() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for (one, two) in [
        (r#"{"a": "1", "b": "2"}"#, r#"{"b": "2", "a": "1"}"#),
        (r#"{"a": "x"}"#, r#"{"a": "old", "a": "x"}"#),
        (r#"{"ä": "é"}"#, r#"{"\u00e4": "\u00e9"}"#),
    ] {
        assert_eq!(
            create(&client, one).await.unwrap(),
            create(&client, two).await.unwrap(),
            "{one} {two}"
        );
    }
}

#[tokio::test]
async fn labels_are_strings() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for (labels, named) in [
        (r#"{"site": 1}"#, "site"),
        (r#"{"site": true}"#, "site"),
        (r#"{"site": null}"#, "site"),
        (r#"{"ok": "x", "site": ["x"]}"#, "site"),
        (r#"{"site": {"a": "x"}}"#, "site"),
        (r#"["site"]"#, "object"),
        (r#""site""#, "object"),
        (r#"{"": "x"}"#, "name of a label"),
    ] {
        for call in [
            "SELECT timedb.create_series('x', labels => $1::text::jsonb)",
            "SELECT timedb.upload('{2025-01-01}', '{1}', '{x}', labels => ARRAY[$1::text::jsonb])",
            "SELECT * FROM timedb.read_flat(labels => $1::text::jsonb)",
        ] {
            let (code, message) = refusal(client.query(call, &[&labels]).await);
            assert_eq!(code, "22023", "{labels}: {call}: {message}");
            assert!(message.contains(named), "{labels}: {call}: {message}");
        }
    }
}

/// JSON that PostgreSQL takes and that is hard on a careless reader.
fn demanding() -> Vec<String> {
    let nested = |depth: usize| format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
    vec![
        nested(100),
        nested(130),
        nested(1_000),
        r#"{"a": 1e400}"#.to_owned(),
        r#"{"a": -1e4000}"#.to_owned(),
        r#"{"a": 1e-4000}"#.to_owned(),
        format!(r#"{{"a": {}}}"#, "9".repeat(2_000)),
        format!(r#"{{"a": "{}"}}"#, "x".repeat(1 << 20)),
        format!(
            r#"{{{}"z": 1}}"#,
            (0..20_000)
                .map(|i| format!("\"k{i}\": {i}, "))
                .collect::<String>()
        ),
    ]
}

#[tokio::test]
async fn demanding_json_is_stored_or_refused_and_never_an_internal_error() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for json in demanding() {
        let short: String = json.chars().take(60).collect();
        create(&client, &json).await;
        for call in [
            "SELECT count(*) FROM timedb.read_flat(labels => $1::text::jsonb)",
            "SELECT count(*) FROM timedb.upload('{2025-01-01}', '{1}', '{x}', batch_params => $1::text::jsonb)",
            "SELECT count(*) FROM timedb.upload('{2025-01-01}', '{1}', '{x}', labels => ARRAY[$1::text::jsonb])",
        ] {
            if let Err(error) = client.query(call, &[&json]).await {
                let (code, message) = refusal::<()>(Err(error));
                assert!(
                    code.starts_with("22") || code.starts_with("54"),
                    "{short}: {call}: {code} {message}"
                );
            }
        }
    }
}

#[tokio::test]
async fn objects_that_are_kept_are_nested_to_64_levels() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    // The object itself is a level. What stands in texts is none.
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        format!(r#"{{"a": {open}"[[[\"{{"{close}, "b": [[]]}}"#)
    };
    let upload = "SELECT series_ids[1] FROM timedb.upload('{2025-01-01}', '{1}', '{x}', batch_params => $1::text::jsonb)";
    let row = client.query_one(upload, &[&nested(64)]).await.unwrap();
    let id: Uuid = row.get(0);
    let update =
        "SELECT timedb.update_values(jsonb_build_array(jsonb_build_object('series_id', $2::uuid,
                  'valid_time', '2025-01-01', 'metadata', $1::text::jsonb)))::text";
    client.query_one(update, &[&nested(64), &id]).await.unwrap();
    for levels in [65, 66, 1_000] {
        let deep = nested(levels);
        let of_upload = refusal(client.query_one(upload, &[&deep]).await);
        let of_update = refusal(client.query_one(update, &[&deep, &id]).await);
        for ((code, message), what) in [(of_upload, "batch_params"), (of_update, "metadata")] {
            assert_eq!(code, "22023", "{message}");
            let told = format!("{what} may be nested at most 64 levels deep, not {levels}");
            assert!(message.contains(&told), "{message}");
        }
    }
}

#[tokio::test]
async fn batch_params_are_kept_to_the_digit() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for params in [
        r#"{"n": 12345678901234567890123.5, "m": 0.1000000000000000000001, "k": 1.50}"#,
        r#"{"text": "ü \" \\ \n", "list": [1, null, true, {"deep": []}], "": ""}"#,
        "{}",
    ] {
        let upload = "SELECT batch_id FROM timedb.upload('{2025-01-01}', '{1}', '{x}', batch_params => $1::text::jsonb)";
        let row = client.query_one(upload, &[&params]).await.unwrap();
        let query = "SELECT batch_params::text = $2::text::jsonb::text, batch_params FROM timedb.batches WHERE batch_id = $1";
        let row = client
            .query_one(query, &[&row.get::<_, Uuid>(0), &params])
            .await
            .unwrap();
        assert!(
            row.get::<_, bool>(0),
            "{params} became {}",
            row.get::<_, Value>(1)
        );
    }
}
