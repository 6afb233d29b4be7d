//! The same request several times at once: one carries it out, the others are told at once that it is under
//! way, or get its answer.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use timedb_tests::{Reply, refusal};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{Api, SAME_AS_BODY_OF_1_2, body, done, is_replay, stored, upload_sql, uploaded};

/// Begins the upload of [`body`]`(&[1.0, 2.0])` under a name, and does not end it.
async fn hold(api: &Api, name: &str) -> Client {
    let holder = api.db.begin(api.db.a()).await;
    uploaded(&holder, &format!("{SAME_AS_BODY_OF_1_2}, {name}")).await;
    holder
}

#[track_caller]
fn assert_under_way(reply: &Reply, asked: Instant) {
    assert_eq!(reply.status, 409, "{reply:?}");
    assert_eq!(reply.headers["retry-after"], "1");
    let told = reply.json()["detail"].as_str().unwrap().to_owned();
    assert!(told.contains("is in progress"), "{told}");
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "{:?}",
        asked.elapsed()
    );
}

#[tokio::test]
async fn a_request_under_way_is_409_at_once_and_answered_when_it_has_ended() {
    let api = Api::start().await;
    let batch_id = Uuid::new_v4().to_string();
    let mut with_id = body(&[1.0, 2.0]);
    with_id["batch_id"] = json!(batch_id);
    for (key, name, upload) in [
        (
            Some("k"),
            "idempotency_key => 'k'".to_owned(),
            body(&[1.0, 2.0]),
        ),
        (None, format!("batch_id => '{batch_id}'"), with_id),
    ] {
        let (versions, batches) = api.stored().await;
        for end in ["ROLLBACK", "COMMIT"] {
            let holder = hold(&api, &name).await;
            for _ in 0..3 {
                let asked = Instant::now();
                assert_under_way(&api.upload(key, &upload).await, asked);
            }
            // Another request under that name does not wait either.
            let asked = Instant::now();
            let mut other = upload.clone();
            other["workflow_id"] = json!("another");
            assert_under_way(&api.upload(key, &other).await, asked);
            holder.batch_execute(end).await.unwrap();
            if end == "COMMIT" {
                let reply = done(api.upload(key, &upload).await);
                assert!(is_replay(&reply), "{reply:?}");
            }
        }
        assert_eq!(api.stored().await, (versions + 2, batches + 1));
    }
}

#[tokio::test]
async fn a_request_whose_first_attempt_was_rolled_back_is_carried_out() {
    let api = Api::start().await;
    let holder = hold(&api, "idempotency_key => 'k'").await;
    assert_eq!(api.upload(Some("k"), &body(&[1.0, 2.0])).await.status, 409);
    holder.batch_execute("ROLLBACK").await.unwrap();
    let reply = done(api.upload(Some("k"), &body(&[1.0, 2.0])).await);
    assert!(!is_replay(&reply));
    assert_eq!(api.stored().await, (2, 1));
}

#[tokio::test]
async fn nobody_else_is_kept_waiting_by_a_request_under_way() {
    let api = Api::start().await;
    let client = api.db.login(api.db.a()).await;
    done(api.upload(None, &body(&[0.0])).await);
    let _holder = hold(&api, "idempotency_key => 'k'").await;
    let asked = Instant::now();
    let same = format!("{SAME_AS_BODY_OF_1_2}, idempotency_key => 'k'");
    assert_eq!(refusal(upload_sql(&client, &same).await).0, "55006");
    for name in [None, Some("another")] {
        assert!(!is_replay(&done(api.upload(name, &body(&[3.0])).await)));
    }
    let of_b = api
        .upload_as(api.db.b(), Some("k"), body(&[4.0]).to_string())
        .await;
    assert!(!is_replay(&done(of_b)));
    assert!(asked.elapsed() < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_with_the_same_request_store_it_once() {
    let api = Api::start().await;
    let race = async |number: usize| {
        let mut upload = body(&[1.0, 2.0, number as f64]);
        upload["value_rows"][0]["value_key"] = json!(format!("series {}", number % 5));
        let name = format!("key {number}");
        let both = join_all((0..2).map(|_| api.upload(Some(&name), &upload))).await;
        let answered: Vec<&Reply> = both.iter().filter(|r| r.status == 200).collect();
        assert!(!answered.is_empty(), "{both:?}");
        assert!(
            answered.iter().all(|r| r.text == answered[0].text),
            "{both:?}"
        );
        assert_eq!(
            answered.iter().filter(|r| !is_replay(r)).count(),
            1,
            "{both:?}"
        );
        assert!(
            both.iter().all(|r| [200, 409].contains(&r.status.as_u16())),
            "{both:?}"
        );
        let last = done(api.upload(Some(&name), &upload).await);
        assert!(is_replay(&last));
        assert_eq!(last.text, answered[0].text);
    };
    // Several pairs at a time, one after the other: 50 in all.
    for round in 0..5 {
        join_all((0..10).map(|i| race(round * 10 + i))).await;
    }
    let client = api.db.login(api.db.a()).await;
    assert_eq!(stored(&client).await, (150, 50));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_with_the_same_request_stores_it_once() {
    let api = Api::start().await;
    let values: Vec<f64> = (0..24).map(f64::from).collect();
    let upload = body(&values);
    let crowd = join_all((0..50).map(|_| api.upload(Some("k"), &upload))).await;
    let first = crowd.iter().filter(|r| r.status == 200 && !is_replay(r));
    assert_eq!(first.count(), 1);
    assert!(
        crowd
            .iter()
            .all(|r| [200, 409].contains(&r.status.as_u16())),
        "{crowd:?}"
    );
    assert_eq!(api.stored().await, (24, 1));
}
