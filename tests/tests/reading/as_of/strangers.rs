//! Whom a read or a write never waits for: other tenants, and locks that somebody else takes.

use std::time::{Duration, Instant};

use timedb_tests::{Db, Role, login, run, upload};

use super::{now, values_at_once};

#[tokio::test]
async fn an_open_write_of_another_tenant_holds_no_read_up() {
    let db = Db::new().await;
    let (of_b, client) = (db.begin(db.b()).await, db.login(db.a()).await);
    upload(&of_b, "wind", &[2.0]).await.unwrap();
    upload(&client, "wind", &[1.0]).await.unwrap();
    for _ in 0..3 {
        let moment = now(&client).await;
        assert_eq!(values_at_once(&client, &moment).await, [1.0]);
        upload(&of_b, "load", &[3.0]).await.unwrap();
    }
    run(&of_b, "COMMIT").await;
}

#[tokio::test]
async fn advisory_locks_with_all_numbers_of_pg_locks_hold_up_neither_writer_nor_reader() {
    let db = Db::new().await;
    let (writer, reader) = (db.begin(db.a()).await, db.login(db.a()).await);
    upload(&writer, "wind", &[1.0]).await.unwrap();
    let stranger = db.connect(Role::Session).await;
    login(&stranger, &db.b().key).await.unwrap();
    let locks = stranger
        .query(
            "SELECT database::int8, classid::int8, objid::int8, objsubid::int8 FROM pg_locks
             WHERE locktype = 'advisory' AND objsubid = 3",
            &[],
        )
        .await
        .unwrap();
    assert!(!locks.is_empty(), "the write is to be seen");
    let mut numbers: Vec<i64> = Vec::new();
    for lock in &locks {
        numbers.extend((0..4).map(|column| lock.get::<_, i64>(column)));
    }
    // What comes next has a later second.
    let second = numbers[2];
    numbers.extend(second + 1..second + 8);
    for &one in &numbers {
        let narrow = |number: i64| number as u32 as i32;
        run(&stranger, &format!("SELECT pg_advisory_lock({one})")).await;
        for &other in &numbers {
            let wide = one << 32 | other;
            let (one, other) = (narrow(one), narrow(other));
            run(
                &stranger,
                &format!("SELECT pg_advisory_lock({wide}), pg_advisory_lock({one}, {other})"),
            )
            .await;
        }
    }
    let started = Instant::now();
    upload(&writer, "load", &[2.0]).await.unwrap();
    run(&writer, "COMMIT").await;
    upload(&reader, "sun", &[3.0]).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(1));
    let moment = now(&reader).await;
    assert_eq!(values_at_once(&reader, &moment).await.len(), 3);
}
