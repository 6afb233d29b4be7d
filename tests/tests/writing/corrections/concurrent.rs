//! Two sessions that correct one point: the later one waits, and builds on the earlier one.

use serde_json::json;
use timedb_tests::{Db, Role, authenticate, refusal, until_somebody_waits, upload};

use super::{at, flat, update, updated, versions, wind};

#[tokio::test]
async fn the_later_correction_waits_and_builds_on_the_earlier_one() {
    let (db, reader, series) = wind(&[1.0]).await;
    let observer = db.connect(Role::Superuser).await;
    let (first, second) = (db.begin(db.a()).await, db.begin(db.a()).await);
    updated(
        &first,
        &json!([at(series, 0, json!({"annotation": "first"}))]),
    )
    .await;
    let updates = json!([at(series, 0, json!({"value": 2}))]);
    let waiting = updated(&second, &updates);
    let ending = async {
        until_somebody_waits(&observer).await;
        first.batch_execute("COMMIT").await.unwrap();
    };
    tokio::join!(waiting, ending);
    second.batch_execute("COMMIT").await.unwrap();
    let all = versions(&reader, series).await;
    assert_eq!(all.len(), 3);
    assert_eq!(
        (all[1].value, all[1].annotation.as_deref()),
        (Some(1.0), Some("first"))
    );
    assert_eq!(
        (all[2].value, all[2].annotation.as_deref()),
        (Some(2.0), Some("first"))
    );
    assert!(all[1].change < all[2].change);
}

#[tokio::test]
async fn after_a_rollback_the_one_who_waited_builds_on_what_was_there() {
    let (db, reader, series) = wind(&[1.0]).await;
    let observer = db.connect(Role::Superuser).await;
    let (first, second) = (db.begin(db.a()).await, db.begin(db.a()).await);
    updated(
        &first,
        &json!([at(series, 0, json!({"annotation": "first"}))]),
    )
    .await;
    let updates = json!([at(series, 0, json!({"value": 2}))]);
    let waiting = updated(&second, &updates);
    let ending = async {
        until_somebody_waits(&observer).await;
        first.batch_execute("ROLLBACK").await.unwrap();
    };
    tokio::join!(waiting, ending);
    second.batch_execute("COMMIT").await.unwrap();
    let all = versions(&reader, series).await;
    assert_eq!(all.len(), 2);
    assert_eq!(
        (all[1].value, all[1].annotation.as_deref()),
        (Some(2.0), None)
    );
}

#[tokio::test]
async fn sessions_that_correct_many_series_in_any_order_do_not_deadlock_and_lose_nothing() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let mut series = Vec::new();
    for i in 0..40 {
        series.push(upload(&client, &format!("s{i}"), &[0.0]).await.unwrap());
    }
    let work = async |writer: usize| {
        let client = db.login(db.a()).await;
        for round in 0..10 {
            let mut updates: Vec<_> = series
                .iter()
                .map(|id| at(*id, 0, json!({"value": writer * 100 + round + 1})))
                .collect();
            if writer % 2 == 1 {
                updates.reverse();
            }
            updated(&client, &json!(updates)).await;
        }
    };
    tokio::join!(work(0), work(1), work(2), work(3));
    for id in series {
        let all = versions(&client, id).await;
        assert_eq!(all.len(), 41);
        assert!(all.is_sorted_by(|a, b| a.change < b.change), "{all:?}");
    }
}

#[tokio::test]
async fn two_tenants_do_not_wait_for_each_other() {
    let (db, client, of_a) = wind(&[1.0]).await;
    let other = db.login(db.b()).await;
    let of_b = upload(&other, "wind", &[1.0]).await.unwrap();
    client.batch_execute("BEGIN").await.unwrap();
    updated(&client, &json!([at(of_a, 0, json!({"value": 2}))])).await;
    other
        .batch_execute("SET lock_timeout = '2s'")
        .await
        .unwrap();
    updated(&other, &json!([at(of_b, 0, json!({"value": 2}))])).await;
    client.batch_execute("COMMIT").await.unwrap();
}

#[tokio::test]
async fn what_a_snapshot_cannot_see_it_does_not_correct() {
    let (db, client, series) = wind(&[1.0, 2.0]).await;
    for isolation in ["REPEATABLE READ", "SERIALIZABLE"] {
        let late = db.connect(Role::User).await;
        let begin = format!("BEGIN ISOLATION LEVEL {isolation}");
        late.batch_execute(&begin).await.unwrap();
        authenticate(&late, &db.a().key).await.unwrap();
        assert_eq!(flat(&late, series).await.len(), 2);
        updated(
            &client,
            &json!([at(series, 0, json!({"annotation": isolation}))]),
        )
        .await;
        // The other point is as the snapshot has it.
        late.batch_execute("SAVEPOINT s").await.unwrap();
        updated(
            &late,
            &json!([at(series, 1, json!({"value": isolation.len()}))]),
        )
        .await;
        let updates = json!([at(series, 0, json!({"value": 9}))]);
        assert_eq!(
            refusal(update(&late, &updates).await).0,
            "40001",
            "{isolation}"
        );
        late.batch_execute("ROLLBACK").await.unwrap();
    }
    assert_eq!(flat(&client, series).await, [Some(1.0), Some(2.0)]);
}
