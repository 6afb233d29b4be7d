//! Transactions with one snapshot from beginning to end: what that is known to hold can be read, and
//! what it may lack is refused.

use timedb_tests::{Db, run, upload};

use super::{now, refusal_and_hint, values_as_of, values_at_once};

#[tokio::test]
async fn up_to_where_the_snapshot_is_known_to_be_whole_it_can_be_read() {
    let db = Db::new().await;
    let (client, writer) = (db.login(db.a()).await, db.login(db.a()).await);
    for isolation in ["REPEATABLE READ", "SERIALIZABLE"] {
        upload(&writer, "wind", &[1.0]).await.unwrap();
        let between = now(&writer).await;
        upload(&writer, "wind", &[2.0]).await.unwrap();
        let after = now(&writer).await;
        let begin = format!("BEGIN ISOLATION LEVEL {isolation}; SELECT 1 FROM timedb.series");
        run(&client, &begin).await;
        upload(&writer, "wind", &[3.0]).await.unwrap();
        let settled: String = client
            .query_one("SELECT max(settled_time)::text FROM timedb.batches", &[])
            .await
            .unwrap()
            .get(0);
        assert_eq!(
            values_at_once(&client, &settled).await,
            [1.0],
            "{isolation}"
        );
        assert_eq!(
            values_at_once(&client, &between).await,
            [1.0],
            "{isolation}"
        );
        for later in [after, now(&writer).await] {
            run(&client, "SAVEPOINT s").await;
            let (code, hint) = refusal_and_hint(values_as_of(&client, &later).await);
            assert_eq!(code, "55P03", "{isolation}");
            assert!(hint.contains("READ COMMITTED"), "{hint}");
            run(&client, "ROLLBACK TO s").await;
        }
        run(&client, "COMMIT").await;
    }
}

/// Its own write is noted later than its snapshot was taken: what was committed in between is not in it.
#[tokio::test]
async fn a_write_of_its_own_tells_nothing_of_the_snapshot() {
    let db = Db::new().await;
    let (client, writer) = (db.login(db.a()).await, db.login(db.a()).await);
    upload(&writer, "wind", &[1.0]).await.unwrap();
    upload(&writer, "load", &[1.0]).await.unwrap();
    run(
        &client,
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM timedb.series",
    )
    .await;
    upload(&writer, "wind", &[2.0]).await.unwrap();
    let moment = now(&writer).await;
    for savepoint in ["", "SAVEPOINT s"] {
        run(&client, savepoint).await;
        upload(&client, "own", &[3.0]).await.unwrap();
        run(&client, "SAVEPOINT t").await;
        let (code, _) = refusal_and_hint(values_as_of(&client, &moment).await);
        assert_eq!(code, "55P03");
        run(&client, "ROLLBACK TO t").await;
    }
}

#[tokio::test]
async fn without_any_write_nothing_is_known() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(&client, "BEGIN ISOLATION LEVEL REPEATABLE READ").await;
    let (code, _) = refusal_and_hint(values_as_of(&client, "2025-01-01Z").await);
    assert_eq!(code, "55P03");
    run(&client, "ROLLBACK").await;
    assert_eq!(values_at_once(&client, "2025-01-01Z").await, [0.0; 0]);
}
