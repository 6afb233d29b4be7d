//! Many updates at once, few updates far apart, and what that costs.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use timedb_tests::{Db, count};
use uuid::Uuid;

use super::{updated, versions};

#[tokio::test]
async fn ten_thousand_updates_of_one_series_are_one_quick_write() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let row = client
        .query_one(
            "SELECT series_ids[1] FROM timedb.upload(
                 ARRAY(SELECT timestamptz '2000-01-01Z' + i * interval '15 minutes' FROM generate_series(0, 399999) AS i ORDER BY i),
                 ARRAY(SELECT i / 100.0 FROM generate_series(0, 399999) AS i ORDER BY i)::float8[], '{wind}')",
            &[],
        )
        .await
        .unwrap();
    let series: Uuid = row.get(0);
    // Neighbours, and points all over eleven years.
    for step in ["1", "37"] {
        let query = format!(
            "SELECT timedb.update_values(jsonb_agg(jsonb_build_object(
                 'series_id', $1::uuid, 'valid_time', timestamptz '2000-01-01Z' + i * {step} * interval '15 minutes',
                 'value', -i - {step}, 'annotation', 'remark ' || i % 10))) FROM generate_series(0, 9999) AS i"
        );
        let started = Instant::now();
        let answer: Value = client.query_one(&query, &[&series]).await.unwrap().get(0);
        let took = started.elapsed();
        println!("10,000 corrections {step} apart: {took:?}");
        assert_eq!(answer["updated"].as_array().unwrap().len(), 10_000);
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
    let corrected = "SELECT count(*) FROM timedb.read_flat() WHERE value < 0";
    // Those at 0 and at multiples of 37 below 10,000 were corrected twice.
    let twice = 9_999 / 37 + 1;
    assert_eq!(count(&client, corrected, &[]).await, 20_000 - twice);
    let notes = "SELECT count(*) FROM timedb.read_versions() WHERE annotation IS NOT NULL";
    assert_eq!(count(&client, notes, &[]).await, 20_000);
}

#[tokio::test]
async fn two_points_centuries_apart_are_corrected_without_reading_what_lies_between() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let row = client
        .query_one(
            "SELECT series_ids[1] FROM timedb.upload(
                 '{0001-01-01Z, 2025-01-01Z, 9999-12-31 23:59:59.999999Z}', '{1, 2, 3}', '{wind}')",
            &[],
        )
        .await
        .unwrap();
    let series: Uuid = row.get(0);
    let updates = json!([
        {"series_id": series, "valid_time": "9999-12-31T23:59:59.999999Z", "value": 30},
        {"series_id": series, "valid_time": "0001-01-01T00:00:00Z", "value": 10},
    ]);
    let answer = updated(&client, &updates).await;
    // In the order of the request.
    assert_eq!(
        answer["updated"][0]["valid_time"],
        "9999-12-31T23:59:59.999999+00:00"
    );
    assert_eq!(
        answer["updated"][1]["valid_time"],
        "0001-01-01T00:00:00.000000+00:00"
    );
    let values: Vec<_> = versions(&client, series)
        .await
        .iter()
        .map(|v| v.value.unwrap())
        .collect();
    assert_eq!(values, [1.0, 10.0, 2.0, 3.0, 30.0]);
}

#[tokio::test]
async fn one_call_corrects_a_thousand_series() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    client
        .batch_execute(
            "SELECT timedb.upload(ARRAY[timestamptz '2025-01-01Z' + i * interval '3 days'], ARRAY[i::float8], ARRAY['s' || i])
             FROM generate_series(1, 1000) AS i",
        )
        .await
        .unwrap();
    let query = "SELECT timedb.update_values(jsonb_agg(jsonb_build_object(
                     'series_id', series_id, 'valid_time', valid_time, 'value', -value))) FROM timedb.values";
    let started = Instant::now();
    client.query_one(query, &[]).await.unwrap();
    println!(
        "1,000 corrections of as many series: {:?}",
        started.elapsed()
    );
    let wrong = "SELECT count(*) FROM timedb.values WHERE name <> 's' || -value";
    assert_eq!(count(&client, wrong, &[]).await, 0);
}
