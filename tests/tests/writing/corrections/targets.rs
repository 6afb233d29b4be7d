//! Which version an update means.

use serde_json::{Value, json};
use timedb_tests::times::{HOUR, Micros, START};
use timedb_tests::{Db, refusal};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{Version, at, update, updated, versions};

/// Uploads one value of `wind` at START, known `known` hours later; returns series and batch.
async fn known(client: &Client, known: i64, end: Option<i64>, value: f64) -> (Uuid, Uuid) {
    let row = client
        .query_one(
            "SELECT series_ids[1], batch_id FROM timedb.upload(
                 ARRAY[$1::timestamptz], ARRAY[$2::float8], '{wind}', valid_time_end => ARRAY[$3::timestamptz],
                 known_time => $4)",
            &[
                &Micros(START),
                &value,
                &end.map(|hours| Micros(START + hours * HOUR)),
                &Micros(START + known * HOUR),
            ],
        )
        .await
        .unwrap();
    (row.get(0), row.get(1))
}

/// The versions that one update adds, without what tells them apart.
async fn added(client: &Client, series: Uuid, change: Value) -> Version {
    let before = versions(client, series).await;
    updated(client, &json!([at(series, 0, change)])).await;
    let after = versions(client, series).await;
    let mut new = after.iter().filter(|version| !before.contains(version));
    let version = new.next().expect("a new version").clone();
    assert_eq!(new.next(), None);
    version
}

#[tokio::test]
async fn without_more_it_is_the_version_that_a_flat_read_shows() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let (series, _) = known(&client, 2, None, 20.0).await;
    let (_, batch) = known(&client, 2, None, 21.0).await;
    known(&client, 1, None, 10.0).await;
    let new = added(&client, series, json!({"annotation": "x"})).await;
    assert_eq!(
        (new.known, new.batch, new.value),
        (START + 2 * HOUR, batch, Some(21.0))
    );
}

#[tokio::test]
async fn known_time_and_batch_choose_another_version() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let (series, first) = known(&client, 1, None, 10.0).await;
    let (_, second) = known(&client, 1, None, 11.0).await;
    let (_, third) = known(&client, 2, None, 20.0).await;
    for (choice, expected) in [
        (json!({"known_time": "2025-01-01 01:00Z"}), (second, 11.0)),
        (
            json!({"knowledge_time": "2025-01-01T02:00:00+01:00"}),
            (second, 11.0),
        ),
        (
            json!({"known_time": "2025-01-01 01:00Z", "knowledge_time": "2025-01-01 01:00+00"}),
            (second, 11.0),
        ),
        (json!({"batch_id": third}), (third, 20.0)),
        (
            json!({"batch_id": second, "known_time": "2025-01-01 01:00Z"}),
            (second, 11.0),
        ),
        (json!({"batch_id": null, "known_time": null}), (third, 20.0)),
        // Last: it becomes the newest one that was known then.
        (json!({"batch_id": first}), (first, 10.0)),
    ] {
        let mut change = choice.clone();
        change["annotation"] = json!(choice.to_string());
        let new = added(&client, series, change).await;
        assert_eq!(
            (new.batch, new.value),
            (expected.0, Some(expected.1)),
            "{choice}"
        );
    }
    // A batch is also meant by what has corrected it.
    added(&client, series, json!({"batch_id": third, "value": 22})).await;
    let new = added(&client, series, json!({"batch_id": third, "tags": ["x"]})).await;
    assert_eq!((new.batch, new.value), (third, Some(22.0)));
    let both = json!({"batch_id": third, "known_time": "2025-01-01 01:00Z", "value": 1});
    let refused = refusal(update(&client, &json!([at(series, 0, both)])).await);
    assert_eq!(refused.0, "42704");
}

#[tokio::test]
async fn the_end_of_an_interval_chooses_among_points_of_one_start() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let (series, _) = known(&client, 1, None, 1.0).await;
    let alone = added(&client, series, json!({"value": 2})).await;
    assert_eq!((alone.end, alone.value), (None, Some(2.0)));
    known(&client, 1, Some(1), 3.0).await;
    known(&client, 2, Some(24), 4.0).await;
    for (end, expected) in [
        (Value::Null, None),
        (json!("2025-01-01 01:00Z"), Some(START + HOUR)),
        (json!("2025-01-02 00:00Z"), Some(START + 24 * HOUR)),
    ] {
        let new = added(
            &client,
            series,
            json!({"valid_time_end": end, "annotation": "x"}),
        )
        .await;
        assert_eq!(new.end, expected);
    }
    let refused = refusal(update(&client, &json!([at(series, 0, json!({"value": 1}))])).await);
    assert_eq!(refused.0, "P0003");
    for part in [
        "updates[0]",
        &series.to_string(),
        "2025-01-01 00:00:00+00",
        "null",
        "2025-01-02 00:00:00+00",
    ] {
        assert!(refused.1.contains(part), "{refused:?}");
    }
    // Where what is named fits one of them only, that one is meant.
    let new = added(
        &client,
        series,
        json!({"known_time": "2025-01-01 02:00Z", "value": 7}),
    )
    .await;
    assert_eq!(new.end, Some(START + 24 * HOUR));
}

#[tokio::test]
async fn an_interval_alone_needs_no_end_and_is_answered_with_it() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let (series, batch) = known(&client, 1, Some(24), 1.0).await;
    let answer = updated(&client, &json!([at(series, 0, json!({"value": 2})),])).await;
    let id = answer["updated"][0]["value_id"].clone();
    assert_eq!(
        answer["updated"][0],
        json!({"batch_id": batch, "tenant_id": db.a().tenant_id, "series_id": series, "value_id": id,
               "valid_time": "2025-01-01T00:00:00+00:00", "valid_time_end": "2025-01-02T00:00:00+00:00",
               "known_time": "2025-01-01T01:00:00+00:00"})
    );
    let missing = at(series, 0, json!({"valid_time_end": null, "value": 2}));
    assert_eq!(refusal(update(&client, &json!([missing])).await).0, "42704");
}

#[tokio::test]
async fn one_version_twice_in_one_call_is_refused_however_it_is_named() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let (series, batch) = known(&client, 1, None, 1.0).await;
    let (_, other) = known(&client, 1, None, 2.0).await;
    for (one, two) in [
        (json!({}), json!({})),
        (json!({}), json!({"known_time": "2025-01-01 01:00Z"})),
        (json!({"valid_time_end": null}), json!({"batch_id": other})),
        // Two batches, but both new versions would have one known_time and one change_time.
        (json!({"batch_id": batch}), json!({"batch_id": other})),
    ] {
        let updates: Vec<Value> = [one, two]
            .into_iter()
            .enumerate()
            .map(|(i, mut change)| {
                change["value"] = json!(i);
                at(series, 0, change)
            })
            .collect();
        let refused = refusal(update(&client, &json!(updates)).await);
        assert_eq!(refused.0, "21000", "{updates:?}");
        assert!(
            refused.1.starts_with("updates[0] and updates[1]"),
            "{refused:?}"
        );
    }
    assert_eq!(versions(&client, series).await.len(), 2);
}
