//! What an upload refuses, with which SQLSTATE and words, and that nothing of it stays.

use timedb_tests::times::Micros;
use timedb_tests::{Db, Role, count, refusal, upload};
use uuid::Uuid;

use super::upload_sql;

/// Rows of everything that an upload writes, as the superuser sees them.
pub async fn rows_of_all_kinds(db: &Db) -> Vec<i64> {
    let client = db.connect(Role::Superuser).await;
    let mut rows = Vec::new();
    for table in [
        "series",
        "series_labels",
        "requests",
        "write_log",
        "segments",
    ] {
        rows.push(
            count(
                &client,
                &format!(
                    "SELECT count(*) FROM {full_name}",
                    full_name = timedb_tests::qualified(table)
                ),
                &[],
            )
            .await,
        );
    }
    rows
}

/// Each call is refused with this SQLSTATE, says each of these words, and leaves nothing behind.
async fn refused(db: &Db, calls: &[(&str, &str, &[&str])]) {
    let client = db.login(db.a()).await;
    let before = rows_of_all_kinds(db).await;
    for (arguments, code, words) in calls {
        let answer = upload_sql(&client, arguments).await;
        let refused = refusal(answer);
        assert_eq!(refused.0, *code, "{arguments}: {refused:?}");
        for word in *words {
            assert!(
                refused.1.contains(word),
                "{arguments}: {word} is not in {:?}",
                refused.1
            );
        }
    }
    assert_eq!(rows_of_all_kinds(db).await, before);
}

#[tokio::test]
async fn arrays_of_other_lengths_are_refused_by_name() {
    let db = Db::new().await;
    let two = "'{2025-01-01,2025-01-02}', '{1,2}'";
    let call = |rest: &str| format!("{two}, {rest}");
    let id = Uuid::new_v4();
    let calls = [
        (
            "'{2025-01-01,2025-01-02}', '{1}', '{x}'".to_owned(),
            "value",
        ),
        ("'{2025-01-01}', '{1,2}', '{x}'".to_owned(), "value"),
        (call("'{x,y,z}'"), "name"),
        (
            call(&format!("series_id => '{{{id},{id},{id}}}'")),
            "series_id",
        ),
        (
            call("'{x}', valid_time_end => '{2025-01-03}'"),
            "valid_time_end",
        ),
        (call("'{x}', series_index => '{1}'"), "series_index"),
        (call("'{x}', series_index => '{1,2}'"), "series_index"),
        (call("'{x}', series_index => '{1,0}'"), "series_index"),
        (call("'{x,y}', series_index => '{1,-1}'"), "series_index"),
        (call("'{x,y}', unit => '{a,b,c}'"), "unit"),
        (
            call("'{x,y,z}', series_index => '{1,2}', unit => '{a,b}'"),
            "unit",
        ),
        (call("'{x}', description => '{a,b}'"), "description"),
        (call("'{x}', labels => ARRAY['{}','{}']::jsonb[]"), "labels"),
        (call("'{}'"), "name"),
    ];
    let calls: Vec<_> = calls
        .iter()
        .map(|(call, word)| (call.as_str(), "2202E", std::slice::from_ref(word)))
        .collect();
    refused(&db, &calls).await;
}

#[tokio::test]
async fn nulls_and_missing_arguments_are_refused_by_name() {
    let db = Db::new().await;
    refused(
        &db,
        &[
            ("'{2025-01-01,NULL}', '{1,2}', '{x}'", "22004", &["valid_time"]),
            ("NULL, '{1,2}', '{x}'", "22004", &["valid_time"]),
            ("'{2025-01-01}', NULL, '{x}'", "22004", &["value"]),
            ("'{2025-01-01,2025-01-02}', '{1,2}', '{x,NULL}'", "22004", &["name"]),
            ("'{2025-01-01}', '{1}', series_id => '{NULL}'", "22004", &["series_id"]),
            ("'{2025-01-01}', '{1}', '{x}', series_index => '{NULL}'", "22004", &["series_index"]),
            ("'{2025-01-01}', '{1}'", "22023", &["name", "series_id"]),
            (
                "'{2025-01-01}', '{1}', '{x}', series_id => '{00000000-0000-0000-0000-000000000001}'",
                "22023",
                &["name", "series_id"],
            ),
            (
                "'{2025-01-01}', '{1}', series_id => '{00000000-0000-0000-0000-000000000001}', labels => '{NULL}'",
                "22023",
                &["labels", "series_id"],
            ),
            (
                "'{2025-01-01}', '{1}', series_id => '{00000000-0000-0000-0000-000000000001}', description => '{x}'",
                "22023",
                &["description", "series_id"],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn values_and_instants_that_clients_cannot_read_are_refused_by_name() {
    let db = Db::new().await;
    refused(
        &db,
        &[
            ("'{2025-01-01}', '{NaN}', '{x}'", "22003", &["NaN"]),
            ("'{2025-01-01}', '{Infinity}', '{x}'", "22003", &["inf"]),
            (
                "'{2025-01-01,2025-01-02}', '{1,-Infinity}', '{x}'",
                "22003",
                &["-inf"],
            ),
            (
                "'{infinity}', '{1}', '{x}'",
                "22008",
                &["valid_time", "infinity"],
            ),
            (
                "'{2025-01-01,-infinity}', '{1,2}', '{x}'",
                "22008",
                &["valid_time", "infinity"],
            ),
            (
                "ARRAY['10000-01-01Z'::timestamptz], '{1}', '{x}'",
                "22008",
                &["valid_time", "9999"],
            ),
            (
                "ARRAY['0001-12-31 BC'::timestamptz], '{1}', '{x}'",
                "22008",
                &["valid_time", "9999"],
            ),
            (
                "ARRAY['294276-01-01Z'::timestamptz], '{1}', '{x}'",
                "22008",
                &["valid_time", "9999"],
            ),
            (
                "'{2025-01-01}', '{1}', '{x}', known_time => 'infinity'",
                "22008",
                &["known_time", "infinity"],
            ),
            (
                "'{2025-01-01}', '{1}', '{x}', known_time => '10000-01-01Z'",
                "22008",
                &["known_time"],
            ),
            (
                "'{2025-01-01}', '{1}', '{x}', batch_start_time => '-infinity'",
                "22008",
                &["batch_start_time"],
            ),
            (
                "'{2025-01-01}', '{1}', '{x}', batch_finish_time => '0044-03-15 BC'",
                "22008",
                &["batch_finish_time"],
            ),
            (
                "'{2025-01-01}', '{1}', '{x}', valid_time_end => '{infinity}'",
                "22008",
                &["valid_time_end"],
            ),
        ],
    )
    .await;
    let client = db.login(db.a()).await;
    for beyond in [-62_135_596_800_000_001_i64, 253_402_300_800_000_000] {
        let result = client
            .query(
                "SELECT timedb.upload(ARRAY[$1::timestamptz], '{1}', '{x}')",
                &[&Micros(beyond)],
            )
            .await;
        assert_eq!(refusal(result).0, "22008", "{beyond}");
    }
}

#[tokio::test]
async fn an_interval_ends_after_it_starts() {
    let db = Db::new().await;
    refused(
        &db,
        &[
            (
                "'{2025-01-01Z}', '{1}', '{x}', valid_time_end => '{2025-01-01Z}'",
                "22023",
                &["valid_time_end", "2025-01-01"],
            ),
            (
                "'{2025-01-02Z}', '{1}', '{x}', valid_time_end => '{2025-01-01Z}'",
                "22023",
                &["valid_time_end", "2025-01-02"],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn names_and_labels_that_cannot_be_are_refused() {
    let db = Db::new().await;
    let point = "'{2025-01-01}', '{1}'";
    let long_name = format!("{point}, ARRAY[repeat('x', 5000)]");
    let long_label =
        format!("{point}, '{{x}}', labels => ARRAY[jsonb_build_object(repeat('l', 5000), 1)]");
    let label = |json: &str| format!("{point}, '{{x}}', labels => ARRAY['{json}'::jsonb]");
    let calls = [
        (format!("{point}, ARRAY['']"), "name"),
        (long_name, "name"),
        (long_label, "label"),
        (label(r#"{"a": {"b": 1}}"#), "\"a\""),
        (label(r#"{"a": [1]}"#), "\"a\""),
        (label(r#"{"a": null}"#), "\"a\""),
        (label(r#"{"": 1}"#), "label"),
        (label("[1, 2]"), "object"),
        (label("\"x\""), "object"),
    ];
    let calls: Vec<_> = calls
        .iter()
        .map(|(call, word)| (call.as_str(), "22023", std::slice::from_ref(word)))
        .collect();
    refused(&db, &calls).await;
}

#[tokio::test]
async fn long_names_labels_and_many_series_are_stored() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let name = "ж".repeat(500);
    let label = serde_json::json!({"text": "v".repeat(20_000)});
    client
        .query_one(
            "SELECT * FROM timedb.upload('{2025-01-01}', '{1}', ARRAY[$1::text], labels => ARRAY[$2::jsonb])",
            &[&name, &label],
        )
        .await
        .unwrap();
    let query = "SELECT count(*) FROM timedb.read_flat(name => $1, labels => $2)";
    assert_eq!(count(&client, query, &[&name, &label]).await, 1);
    let many = "SELECT count(*) FROM unnest((SELECT series_ids FROM timedb.upload(
                    array_fill('2025-01-01'::timestamptz, ARRAY[10000]), array_fill(1.5::float8, ARRAY[10000]),
                    ARRAY(SELECT 'series ' || i FROM generate_series(1, 10000) AS i))))";
    assert_eq!(count(&client, many, &[]).await, 10_000);
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.values", &[]).await,
        10_001
    );
}

#[tokio::test]
async fn a_point_given_twice_is_refused_with_its_name() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let id = upload(&client, "load", &[1.0]).await.unwrap();
    let by_id = format!("'{{2025-01-01Z,2025-01-01Z}}', '{{1,1}}', series_id => '{{{id}}}'");
    let id = id.to_string();
    refused(
        &db,
        &[
            ("'{2025-01-01Z,2025-01-02Z,2025-01-01Z}', '{1,2,3}', '{wind}'", "21000", &["wind", "2025-01-01 00:00:00"]),
            ("'{2025-01-01Z,2025-01-01Z}', '{1,1}', '{wind,wind}'", "21000", &["wind"]),
            ("'{2025-01-01Z,2025-01-01Z}', '{NULL,NULL}', '{wind,wind}', series_index => '{1,2}'", "21000", &["wind"]),
            (
                "'{2025-01-01Z,2025-01-01Z}', '{1,2}', '{wind}', valid_time_end => '{2025-01-02Z,2025-01-02Z}'",
                "21000",
                &["wind", "2025-01-01", "2025-01-02"],
            ),
            (&by_id, "21000", &[&id]),
        ],
    )
    .await;
    // A point and intervals that start with it are different points, and so are two series.
    let different = "'{2025-01-01Z,2025-01-01Z,2025-01-01Z,2025-01-01Z}', '{1,2,3,4}', '{a,a,a,b}',
                     valid_time_end => '{NULL,2025-01-02Z,2025-01-03Z,NULL}'";
    upload_sql(&client, different).await.unwrap();
}

#[tokio::test]
async fn an_upload_that_fails_late_leaves_nothing_of_what_came_before() {
    let db = Db::new().await;
    refused(
        &db,
        &[
            // New series and labels first, then something wrong.
            (
                r#"'{2025-01-01Z,2025-01-01Z}', '{1,2}', '{new,new}', labels => ARRAY['{"a": "1"}']::jsonb[]"#,
                "21000",
                &["new"],
            ),
            ("'{2025-01-01Z,2025-01-02Z}', '{1,2}', '{first,second}', unit => '{MW,MW}', known_time => 'infinity'", "22008", &[]),
            (
                "'{2025-01-01Z}', '{1}', '{first}', batch_start_time => '2025-01-02', batch_finish_time => '2025-01-01'",
                "22023",
                &["batch_finish_time"],
            ),
        ],
    )
    .await;
    // In a transaction of the caller the savepoint is what counts.
    let client = db.begin(db.a()).await;
    upload(&client, "kept", &[1.0]).await.unwrap();
    client.batch_execute("SAVEPOINT s").await.unwrap();
    assert_eq!(
        refusal(upload_sql(&client, "'{2025-01-01}', '{NaN}', '{lost}'").await).0,
        "22003"
    );
    client.batch_execute("ROLLBACK TO s; COMMIT").await.unwrap();
    assert_eq!(rows_of_all_kinds(&db).await, [1, 0, 0, 1, 0]);
}
