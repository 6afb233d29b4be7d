//! The server compacts what is written through it, as the tenant that wrote, unless it is told not to.

use std::time::{Duration, Instant};

use serde_json::json;
use timedb_tests::{Db, Role, Server, count};

/// Uploads one point, so many times.
async fn write(server: &Server, key: &str, times: usize) {
    for i in 0..times {
        let time = format!("2025-01-{:02}T{:02}:00:00Z", 1 + i / 24, i % 24);
        let body = json!({
            "batch_start_time": time,
            "value_rows": [{"value_key": "wind", "valid_time": time, "value": i}],
        });
        let reply = server.post("/upload", Some(key), &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
}

#[tokio::test]
async fn what_is_written_is_compacted_by_the_server_unless_that_is_switched_off() {
    let db = Db::new().await;
    let superuser = db.connect(Role::Superuser).await;
    let dsn = db.dsn(Role::User);
    let in_log = |tenant: uuid::Uuid| {
        format!("SELECT count(*) FROM timedb_internal.write_log WHERE tenant_id = '{tenant}'")
    };
    let off = Server::start_with(&dsn, &["--no-compaction"], &[]);
    write(&off, &db.b().key, 40).await;
    let on = Server::start(&db);
    // The last of these makes the store due. What is written beside a compaction may keep it from folding the same second.
    write(&on, &db.a().key, 32).await;
    let of_a = in_log(db.a().tenant_id);
    let started = Instant::now();
    while count(&superuser, &of_a, &[]).await > 10 {
        assert!(started.elapsed() < Duration::from_secs(20), "{}", on.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(count(&superuser, &in_log(db.b().tenant_id), &[]).await, 40);
    for (server, tenant, points) in [(&on, db.a(), 32), (&off, db.b(), 40)] {
        let read = server.get("/values?name=wind", Some(&tenant.key)).await;
        assert_eq!(read.json()["count"], points);
    }
    // Somebody else's writes are not waited for, nor what is wrong with them.
    write(&on, &db.a().key, 40).await;
}
