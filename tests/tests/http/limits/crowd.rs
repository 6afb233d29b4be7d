//! Many requests of both tenants at once, good and bad ones mixed: nobody ever sees a foreign row.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use timedb_tests::wire::{Wire, request};
use timedb_tests::{Db, Server, Tenant};

use super::{start_with, upload_body};

/// What each tenant writes, so that a row tells whose it is.
fn value_of(tenant: &str) -> f64 {
    if tenant == "a" { 1.0 } else { 2.0 }
}

/// The request number `number` of a tenant: its status is as expected, its rows are the tenant's.
async fn one_of_many(server: &Server, tenant: &Tenant, who: &str, number: usize) {
    let key = Some(tenant.key.as_str());
    let name = format!("series {}", number % 7);
    let rows_are_own = |answer: &Value| {
        for row in answer["data"].as_array().unwrap() {
            assert_eq!(row["value"], value_of(who), "tenant {who} sees {row}");
        }
    };
    match number % 10 {
        0..=2 => {
            let reply = server
                .post("/upload", key, &upload_body(&name, value_of(who)))
                .await;
            assert_eq!(reply.status, 200, "{reply:?}");
        }
        3..=5 => {
            let path = [
                "/values",
                "/values?mode=overlapping",
                "/values?all_versions=true",
            ][number % 3];
            let reply = server.get(path, key).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            rows_are_own(&reply.json());
        }
        6 => {
            let point = json!({"valid_time": 0, "value_key": name, "value": value_of(who)});
            let twice =
                json!({"time_unit": "s", "batch_start_time": 0, "value_rows": [point, point]});
            let reply = server.post("/upload", key, &twice).await;
            assert_eq!(reply.status, 400, "{reply:?}");
        }
        7 => {
            let reply = server.get("/list_timeseries", key).await;
            assert_eq!(reply.status, 200);
            let listed = reply.json();
            for series in listed.as_object().unwrap().values() {
                assert_eq!(series["unit"], who, "tenant {who} sees {series}");
            }
        }
        8 => {
            let conflict = json!({"name": "series 0", "unit": "of nobody"});
            assert_eq!(server.post("/series", key, &conflict).await.status, 409);
        }
        _ => {
            let wrong = format!("{}x", tenant.key);
            assert_eq!(server.get("/values", Some(&wrong)).await.status, 401);
            assert_eq!(server.get("/values?mode=best", key).await.status, 422);
        }
    }
}

#[tokio::test]
async fn among_hundreds_of_mixed_requests_nobody_sees_a_foreign_row() {
    let db = Db::new().await;
    let server = start_with(
        &db,
        &[("TIMEDB_POOL_SIZE", "4"), ("TIMEDB_ACQUIRE_TIMEOUT", "60")],
    );
    let tenants = [(db.a(), "a"), (db.b(), "b")];
    for (tenant, who) in tenants {
        for number in 0..7 {
            let series = json!({"name": format!("series {number}"), "unit": who});
            assert_eq!(
                server
                    .post("/series", Some(&tenant.key), &series)
                    .await
                    .status,
                200
            );
        }
    }
    let server = &server;
    let requests = (0..1_000).map(|number| {
        let (tenant, who) = tenants[number % 2];
        async move { one_of_many(server, tenant, who, number / 2).await }
    });
    stream::iter(requests)
        .buffer_unordered(200)
        .collect::<Vec<()>>()
        .await;
    for (tenant, who) in tenants {
        let answer = server.get("/values", Some(&tenant.key)).await.json();
        assert_eq!(answer["count"], 7);
        assert!(
            answer["data"]
                .as_array()
                .unwrap()
                .iter()
                .all(|row| row["value"] == value_of(who))
        );
    }
}

#[tokio::test]
async fn a_large_read_keeps_nobody_waiting() {
    let db = Db::new().await;
    let server = start_with(&db, &[("TIMEDB_POOL_SIZE", "3")]);
    let client = db.begin(db.a()).await;
    let upload = "SELECT points FROM timedb.upload(
        ARRAY(SELECT timestamptz '2020-01-01Z' + i * interval '1 minute' FROM generate_series(0, 599999) AS i ORDER BY i),
        ARRAY(SELECT i FROM generate_series(0, 599999) AS i ORDER BY i)::float8[], '{many}')";
    client.batch_execute(upload).await.unwrap();
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(
        server
            .post("/upload", Some(&db.b().key), &upload_body("x", 2.0))
            .await
            .status,
        200
    );
    // Two readers that take their time over some 80 MB each.
    let header = format!("X-API-Key: {}", db.a().key);
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut wire = Wire::send_to(&server, request("GET /values", &[&header], "")).await;
        wire.read_some(100_000).await;
        slow.push(wire);
    }
    let start = Instant::now();
    for _ in 0..20 {
        let reply = server.get("/values", Some(&db.b().key)).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["count"]),
            (200, &json!(1))
        );
    }
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    for wire in &mut slow {
        wire.read_some(1_000_000).await;
    }
}
