//! Renaming, describing, another unit: what changes, what stays, and what is told of a series.

use serde_json::{Value, json};
use timedb_tests::{Db, Role, compact, count, refusal, run, upload};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{create, names, upload_in, values};

async fn rename(
    client: &Client,
    id: Uuid,
    name: Option<&str>,
    labels: Option<Value>,
) -> Result<bool, tokio_postgres::Error> {
    let labels = labels.map(|labels| labels.to_string());
    let query = "SELECT timedb.rename_series($1, $2, $3::text::jsonb)";
    let row = client.query_one(query, &[&id, &name, &labels]).await?;
    Ok(row.get(0))
}

/// The labels as they stand a row each, and as `timedb.series` has them: they must be the same.
async fn stored_labels(client: &Client, id: Uuid) -> Value {
    let row = client
        .query_one(
            "SELECT (SELECT coalesce(jsonb_object_agg(label, value), '{}')::text FROM timedb.series_labels WHERE series_id = $1),
                    (SELECT labels::text FROM timedb.series WHERE series_id = $1)",
            &[&id],
        )
        .await
        .unwrap();
    let [rows, object]: [Value; 2] =
        [0, 1].map(|column| serde_json::from_str(row.get(column)).unwrap());
    assert_eq!(rows, object);
    object
}

#[tokio::test]
async fn a_renamed_series_keeps_its_id_and_points_and_is_found_by_its_new_name_and_labels() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let labels = json!({"site": "north", "height": "80", "ключ": "значение"});
    let id = create(&client, "wind", &labels, "kW").await;
    upload_in(&client, &[1.0, 2.0], &format!("series_id => '{{{id}}}'"))
        .await
        .unwrap();
    assert!(rename(&client, id, Some("风/wind"), None).await.unwrap());
    assert_eq!(stored_labels(&client, id).await, labels);
    let new = json!({"site": "south", "height": "80"});
    assert!(rename(&client, id, None, Some(new.clone())).await.unwrap());
    assert_eq!(stored_labels(&client, id).await, new);
    for filter in [
        "name => '风/wind'",
        r#"labels => '{"site": "south"}'"#,
        r#"labels => '{"height": "80"}', name => '风/wind'"#,
    ] {
        let query = format!("SELECT value FROM timedb.read_flat({filter})");
        assert_eq!(values(&client, &query).await, [1.0, 2.0], "{filter}");
        assert_eq!(names(&client, filter).await, ["风/wind"], "{filter}");
    }
    for filter in [
        "name => 'wind'",
        r#"labels => '{"site": "north"}'"#,
        r#"labels => '{"ключ": "значение"}'"#,
    ] {
        let query = format!("SELECT value FROM timedb.read_flat({filter})");
        assert_eq!(values(&client, &query).await.len(), 0, "{filter}");
        assert_eq!(names(&client, filter).await.len(), 0, "{filter}");
    }
    // It is what a writer finds under the new name.
    assert_eq!(create(&client, "风/wind", &new, "kW").await, id);
    assert!(
        rename(&client, id, Some("wind"), Some(json!({})))
            .await
            .unwrap()
    );
    assert_eq!(stored_labels(&client, id).await, json!({}));
    // Nothing changes.
    assert!(!rename(&client, id, None, None).await.unwrap());
    assert!(
        !rename(&client, id, Some("wind"), Some(json!({})))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn an_upload_under_the_old_name_creates_a_new_series() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let old = upload(&client, "wind", &[1.0]).await.unwrap();
    rename(&client, old, Some("wind_2024"), None).await.unwrap();
    let new = upload(&client, "wind", &[2.0]).await.unwrap();
    assert_ne!(old, new);
    assert_eq!(names(&client, "").await, ["wind", "wind_2024"]);
    let query = "SELECT value FROM timedb.read_flat(name => 'wind_2024')";
    assert_eq!(values(&client, query).await, [1.0]);
}

#[tokio::test]
async fn a_name_and_labels_that_are_taken_are_refused_and_nothing_changes() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let one = create(&client, "one", &json!({"l": "1"}), "kW").await;
    let two = create(&client, "two", &json!({"l": "2"}), "kW").await;
    assert!(rename(&client, two, Some("one"), None).await.unwrap());
    let (code, message) = refusal(rename(&client, two, None, Some(json!({"l": "1"}))).await);
    assert_eq!(code, "23505");
    assert_eq!(
        message,
        r#"another series is named "one" and has the same labels"#
    );
    assert_eq!(stored_labels(&client, two).await, json!({"l": "2"}));
    // What belongs to somebody else is not taken.
    let of_b = create(&db.login(db.b()).await, "theirs", &json!({}), "kW").await;
    assert!(
        rename(&client, one, Some("theirs"), Some(json!({})))
            .await
            .unwrap()
    );
    for (id, name, labels, code) in [
        (one, Some(""), None, "22023"),
        (one, Some("n".repeat(1025).as_str()), None, "22023"),
        (one, None, Some(json!({"l": 1})), "22023"),
        (one, None, Some(json!(["l"])), "22023"),
        (Uuid::new_v4(), Some("x"), None, "42704"),
        (of_b, Some("x"), None, "42704"),
    ] {
        assert_eq!(refusal(rename(&client, id, name, labels).await).0, code);
    }
    let null = client.query("SELECT timedb.rename_series(NULL, 'x')", &[]);
    assert_eq!(refusal(null.await).0, "22004");
}

#[tokio::test]
async fn two_series_swap_their_names_within_a_transaction() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let one = create(&client, "one", &json!({"l": "1"}), "kW").await;
    let two = create(&client, "two", &json!({"l": "1"}), "kW").await;
    run(&client, "BEGIN").await;
    for (id, name) in [(one, "three"), (two, "one"), (one, "two")] {
        assert!(rename(&client, id, Some(name), None).await.unwrap());
    }
    run(&client, "COMMIT").await;
    assert_eq!(create(&client, "one", &json!({"l": "1"}), "kW").await, two);
    assert_eq!(create(&client, "two", &json!({"l": "1"}), "kW").await, one);
}

#[tokio::test]
async fn a_description_changes_and_goes_and_a_unit_changes_as_long_as_there_are_no_points() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let id = create(&client, "p", &json!({}), "kW").await;
    let update = async |description: Option<&str>, unit: Option<&str>| {
        let query = "SELECT timedb.update_series($1, $2, $3)";
        let row = client.query_one(query, &[&id, &description, &unit]).await?;
        Ok::<bool, tokio_postgres::Error>(row.get(0))
    };
    let now = async || {
        let query = "SELECT description, unit FROM timedb.describe_series($1)";
        let row = client.query_one(query, &[&id]).await.unwrap();
        (row.get::<_, Option<String>>(0), row.get::<_, String>(1))
    };
    assert!(!update(None, None).await.unwrap());
    assert!(!update(Some(""), Some("kW")).await.unwrap());
    assert!(update(Some("at the roof"), Some("MW")).await.unwrap());
    assert_eq!(now().await, (Some("at the roof".into()), "MW".into()));
    assert!(!update(Some("at the roof"), None).await.unwrap());
    assert!(update(Some(""), None).await.unwrap());
    assert_eq!(now().await, (None, "MW".into()));
    assert_eq!(refusal(update(None, Some("")).await).0, "22023");
    upload_in(&client, &[1500.0], "'{p}', unit => '{kW}'")
        .await
        .unwrap();
    let (code, message) = refusal(update(Some("lost"), Some("kW")).await);
    assert_eq!(code, "55000");
    assert!(
        message.starts_with("the unit of series \"p\" stays \"MW\""),
        "{message}"
    );
    assert!(update(Some("kept"), Some("MW")).await.unwrap());
    assert_eq!(now().await, (Some("kept".into()), "MW".into()));
    let query = "SELECT value FROM timedb.read_flat()";
    assert_eq!(values(&client, query).await, [1.5]);
    for unknown in [
        Uuid::new_v4(),
        create(&db.login(db.b()).await, "p", &json!({}), "kW").await,
    ] {
        let query = format!("SELECT timedb.update_series('{unknown}', 'x')");
        assert_eq!(refusal(client.query(&query, &[]).await).0, "42704");
        let query = format!("SELECT * FROM timedb.describe_series('{unknown}')");
        assert_eq!(refusal(client.query(&query, &[]).await).0, "42704");
    }
}

/// Whoever sends a description that could not be stored is told, whether or not the series has one of its own.
#[tokio::test]
async fn a_wrong_description_is_refused_also_for_a_series_that_exists() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for (name, query) in [
        (
            "p",
            "SELECT timedb.create_series(name => $1, description => $2)",
        ),
        (
            "q",
            "SELECT timedb.upload('{2025-01-01}', '{1}', ARRAY[$1], description => ARRAY[$2])",
        ),
    ] {
        for right in ["of a new one", "of one that exists"] {
            for wrong in ["\u{84}".to_owned(), "x".repeat(100_000)] {
                let refused = client.query(query, &[&name, &wrong]).await;
                assert_eq!(refusal(refused).0, "22023", "{query}");
            }
            client.query(query, &[&name, &right]).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_series_is_described_by_what_is_stored_of_it() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let id = create(&client, "p", &json!({"l": "1"}), "kW").await;
    let described = async |client: &Client| -> Value {
        let query = "SELECT to_jsonb(d)::text FROM timedb.describe_series($1) AS d";
        let row = client.query_one(query, &[&id]).await.unwrap();
        serde_json::from_str(row.get(0)).unwrap()
    };
    let empty = described(&client).await;
    assert_eq!(
        (&empty["versions"], &empty["segments"], &empty["bytes"]),
        (&json!(0), &json!(0), &json!(0))
    );
    for field in [
        "first_valid_time",
        "last_valid_time",
        "first_known_time",
        "last_known_time",
        "last_change_time",
    ] {
        assert_eq!(empty[field], Value::Null, "{field}");
    }
    // 5000 points make two segments; the other series counts for nothing.
    let many: Vec<f64> = (0..5000).map(f64::from).collect();
    let to_it = |known: &str| format!("series_id => '{{{id}}}', known_time => '{known}'");
    upload_in(&client, &many, &to_it("2025-03-01Z"))
        .await
        .unwrap();
    upload_in(&client, &[1.0, 2.0], &to_it("2025-02-01Z"))
        .await
        .unwrap();
    upload(&client, "other", &[1.0]).await.unwrap();
    // Two are in the log, and count for as much.
    let in_log = described(&client).await;
    assert_eq!(
        (&in_log["versions"], &in_log["segments"]),
        (&json!(5002), &json!(2))
    );
    compact(&client).await;
    let told = described(&client).await;
    assert_eq!(told["versions"], 5002);
    assert_eq!(told["segments"], 3);
    for field in [
        "first_valid_time",
        "last_valid_time",
        "first_known_time",
        "last_known_time",
        "last_change_time",
    ] {
        assert_eq!(in_log[field], told[field], "{field}");
    }
    let superuser = db.connect(Role::Superuser).await;
    // Each segment has a row and an entry of the index.
    let bytes =
        "SELECT sum(length(blob) + 200)::bigint FROM timedb_internal.segments WHERE series_id = $1";
    let least = count(&superuser, bytes, &[&id]).await;
    let bytes = told["bytes"].as_i64().unwrap();
    assert!((least..least + least / 10).contains(&bytes), "{told}");
    let same = format!(
        "SELECT count(*) FROM timedb.describe_series('{id}') AS d,
             (SELECT min(valid_time) AS a, max(valid_time) AS b, min(known_time) AS c, max(known_time) AS d,
                     max(change_time) AS e FROM timedb.read_versions('{{{id}}}')) AS v
         WHERE (d.first_valid_time, d.last_valid_time, d.first_known_time, d.last_known_time, d.last_change_time)
             = (v.a, v.b, v.c, v.d, v.e)
           AND created_at = (SELECT created_at FROM timedb.series WHERE series_id = '{id}')"
    );
    assert_eq!(count(&client, &same, &[]).await, 1);
}
