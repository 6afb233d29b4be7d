//! Corrections of points: what an update changes and what stays, which version it means, what is refused,
//! who waits for whom, and that all of it can be read again as history.

mod concurrent;
mod fields;
mod http;
mod large;
mod random;
mod refused;
mod repeated;
mod targets;

use serde_json::{Value, json};
use timedb_tests::times::{HOUR, Micros, START};
use timedb_tests::{Db, Tenant, count, upload};
use tokio_postgres::{Client, Error};
use uuid::Uuid;

/// A version as `read_versions` tells it.
#[derive(Clone, Debug, PartialEq)]
struct Version {
    known: i64,
    change: i64,
    valid: i64,
    end: Option<i64>,
    value: Option<f64>,
    batch: Uuid,
    value_id: i64,
    changed_by: Option<Uuid>,
    annotation: Option<String>,
    tags: Option<Vec<String>>,
    metadata: Option<Value>,
}

/// Calls `timedb.update_values`.
async fn update(client: &Client, updates: &Value) -> Result<Value, Error> {
    let row = client
        .query_one("SELECT timedb.update_values($1)", &[updates])
        .await?;
    Ok(row.get(0))
}

async fn updated(client: &Client, updates: &Value) -> Value {
    update(client, updates)
        .await
        .unwrap_or_else(|error| panic!("{updates}: {error:?}"))
}

/// Every version of a series, by valid_time, known_time and change_time.
async fn versions(client: &Client, series: Uuid) -> Vec<Version> {
    let query = "SELECT * FROM timedb.read_versions(series_id => ARRAY[$1::uuid])
                 ORDER BY valid_time, valid_time_end NULLS FIRST, known_time, change_time";
    let rows = client.query(query, &[&series]).await.unwrap();
    rows.iter()
        .map(|row| Version {
            known: row.get::<_, Micros>("known_time").0,
            change: row.get::<_, Micros>("change_time").0,
            valid: row.get::<_, Micros>("valid_time").0,
            end: row
                .get::<_, Option<Micros>>("valid_time_end")
                .map(|end| end.0),
            value: row.get("value"),
            batch: row.get("batch_id"),
            value_id: row.get("value_id"),
            changed_by: row.get("changed_by"),
            annotation: row.get("annotation"),
            tags: row.get("tags"),
            metadata: row.get("metadata"),
        })
        .collect()
}

/// What flat reads show of a series.
async fn flat(client: &Client, series: Uuid) -> Vec<Option<f64>> {
    let query =
        "SELECT value FROM timedb.read_flat(series_id => ARRAY[$1::uuid]) ORDER BY valid_time";
    let rows = client.query(query, &[&series]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Everything in the tables that writes fill, as numbers of rows.
async fn sizes(db: &Db) -> [i64; 3] {
    let client = db.connect(timedb_tests::Role::Superuser).await;
    let mut sizes = [0; 3];
    for (size, table) in sizes.iter_mut().zip(["batches", "segments", "series"]) {
        *size = count(
            &client,
            &format!(
                "SELECT count(*) FROM {full_name}",
                full_name = timedb_tests::qualified(table)
            ),
            &[],
        )
        .await;
    }
    sizes
}

/// A database, a client of A, and A's series `wind` with three hourly values.
async fn wind(values: &[f64]) -> (Db, Client, Uuid) {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let series = upload(&client, "wind", values).await.unwrap();
    (db, client, series)
}

/// An update of a series at an hour of 2025-01-01, with more members.
fn at(series: Uuid, hour: i64, more: Value) -> Value {
    let mut update =
        json!({"series_id": series, "valid_time": format!("2025-01-01T{hour:02}:00:00+00:00")});
    let members = more.as_object().expect("members").clone();
    update.as_object_mut().expect("an object").extend(members);
    update
}

/// The user of a tenant.
fn user(tenant: &Tenant) -> Option<Uuid> {
    Some(tenant.user_id)
}

#[tokio::test]
async fn a_correction_is_a_new_version_with_known_time_and_batch_of_the_old_one() {
    let (db, client, series) = wind(&[1.0, 2.0, 3.0]).await;
    let before = versions(&client, series).await;
    let answer = updated(&client, &json!([at(series, 1, json!({"value": 20.5}))])).await;
    let after = versions(&client, series).await;
    assert_eq!(after.len(), 4);
    let (old, new) = (&after[1], &after[2]);
    assert_eq!(old, &before[1]);
    assert!(new.change > old.change && new.value_id != old.value_id);
    let expected = Version {
        value: Some(20.5),
        change: new.change,
        value_id: new.value_id,
        changed_by: user(db.a()),
        ..old.clone()
    };
    assert_eq!(*new, expected);
    assert_eq!(
        flat(&client, series).await,
        [Some(1.0), Some(20.5), Some(3.0)]
    );
    assert_eq!(
        answer["updated"],
        json!([{
            "batch_id": old.batch,
            "tenant_id": db.a().tenant_id,
            // As known_time has a fraction of a second.
            "valid_time": "2025-01-01T01:00:00.000000+00:00",
            "series_id": series,
            "value_id": new.value_id,
            "known_time": answer["updated"][0]["known_time"],
        }])
    );
    assert_eq!(answer["skipped_no_ops"], json!([]));
}

#[tokio::test]
async fn a_call_is_one_batch_of_the_kind_correction() {
    let (db, client, one) = wind(&[1.0, 2.0]).await;
    let two = upload(&client, "load", &[5.0]).await.unwrap();
    updated(
        &client,
        &json!([
            at(two, 0, json!({"value": 6})),
            at(one, 1, json!({"value": 7})),
            at(one, 0, json!({"value": 1})),
        ]),
    )
    .await;
    let row = client
        .query_one(
            "SELECT * FROM timedb.batches WHERE kind = 'correction'",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, Option<Uuid>>("user_id"), user(db.a()));
    assert_eq!(row.get::<_, Option<Micros>>("known_time"), None);
    assert_eq!(row.get::<_, i64>("points"), 2);
    assert_eq!(row.get::<_, i64>("skipped"), 1);
    assert_eq!(row.get::<_, Vec<Uuid>>("series_ids"), [two, one]);
    assert_eq!(row.get::<_, Micros>("min_valid"), Micros(START));
    assert_eq!(row.get::<_, Micros>("max_valid"), Micros(START + HOUR));
    let change: Micros = row.get("change_time");
    let mut written = Vec::new();
    for series in [one, two] {
        let versions = versions(&client, series).await;
        written.extend(versions.into_iter().filter(|v| v.change == change.0));
    }
    assert_eq!(written.len(), 2);
    assert_eq!(written[0].value_id, written[1].value_id);
    let id: Uuid = row.get("batch_id");
    assert!(written.iter().all(|version| version.batch != id));
}

#[tokio::test]
async fn what_changes_nothing_is_told_and_writes_nothing() {
    let (db, client, series) = wind(&[1.0, 2.0]).await;
    let sizes_before = sizes(&db).await;
    for same in [
        json!({"value": 1.0}),
        json!({"annotation": null}),
        json!({"annotation": " \n"}),
        json!({"tags": null}),
        json!({"tags": []}),
        json!({"tags": [" "]}),
        json!({"metadata": null}),
        json!({"value": 1, "annotation": "", "tags": [], "metadata": null}),
    ] {
        let answer = updated(&client, &json!([at(series, 0, same.clone())])).await;
        assert_eq!(answer["updated"], json!([]), "{same}");
        let skipped = answer["skipped_no_ops"][0].as_object().unwrap();
        assert!(!skipped.contains_key("value_id"), "{skipped:?}");
        assert_eq!(skipped["series_id"], json!(series));
        assert_eq!(skipped["tenant_id"], json!(db.a().tenant_id));
        assert!(skipped["batch_id"].is_string() && skipped["valid_time"].is_string());
    }
    let nothing = json!({"updated": [], "skipped_no_ops": []});
    assert_eq!(updated(&client, &json!([])).await, nothing);
    assert_eq!(sizes(&db).await, sizes_before);
}

#[tokio::test]
async fn a_rollback_leaves_nothing_and_an_error_leaves_nothing_of_the_others() {
    let (db, client, series) = wind(&[1.0, 2.0]).await;
    let sizes_before = sizes(&db).await;
    client.batch_execute("BEGIN").await.unwrap();
    updated(&client, &json!([at(series, 0, json!({"value": 9}))])).await;
    assert_eq!(flat(&client, series).await, [Some(9.0), Some(2.0)]);
    client.batch_execute("ROLLBACK").await.unwrap();
    let half = json!([
        at(series, 0, json!({"value": 9})),
        at(series, 7, json!({"value": 9}))
    ]);
    assert!(update(&client, &half).await.is_err());
    assert_eq!(sizes(&db).await, sizes_before);
    assert_eq!(flat(&client, series).await, [Some(1.0), Some(2.0)]);
}

#[tokio::test]
async fn corrections_of_one_statement_and_one_transaction_build_on_each_other() {
    let (_db, client, series) = wind(&[1.0]).await;
    let first = json!([at(series, 0, json!({"annotation": "first"}))]);
    let second = json!([at(series, 0, json!({"tags": ["second"]}))]);
    for isolation in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
        let begin = format!("BEGIN ISOLATION LEVEL {isolation}");
        client.batch_execute(&begin).await.unwrap();
        let series = upload(&client, isolation, &[1.0]).await.unwrap();
        let name = |update: &Value| {
            let mut update = update.clone();
            update[0]["series_id"] = json!(series);
            update
        };
        client
            .query_one(
                "SELECT timedb.update_values($1), timedb.update_values($2)",
                &[&name(&first), &name(&second)],
            )
            .await
            .unwrap();
        let all = versions(&client, series).await;
        assert_eq!(all.len(), 3, "{isolation}");
        assert_eq!(all[2].annotation.as_deref(), Some("first"), "{isolation}");
        assert_eq!(all[2].tags, Some(vec!["second".to_owned()]), "{isolation}");
        assert!(all.is_sorted_by(|a, b| a.change < b.change), "{isolation}");
        client.batch_execute("COMMIT").await.unwrap();
    }
    assert_eq!(versions(&client, series).await.len(), 1);
}

#[tokio::test]
async fn reads_as_of_an_earlier_change_show_what_stood_there() {
    let (_db, client, series) = wind(&[1.0]).await;
    updated(&client, &json!([at(series, 0, json!({"value": 2}))])).await;
    updated(&client, &json!([at(series, 0, json!({"value": 3}))])).await;
    for version in versions(&client, series).await {
        let row = client
            .query_one(
                "SELECT value FROM timedb.read_flat(ARRAY[$1::uuid], as_of_change => $2)",
                &[&series, &Micros(version.change)],
            )
            .await
            .unwrap();
        assert_eq!(row.get::<_, Option<f64>>(0), version.value);
    }
}
