//! What a transaction has written itself, and savepoints.

use std::time::{Duration, Instant};

use timedb_tests::{Db, run, upload};

use super::{next_second, now, values_as_of, values_at_once};

#[tokio::test]
async fn a_transaction_reads_what_it_has_written_without_waiting_for_itself() {
    let db = Db::new().await;
    let client = db.begin(db.a()).await;
    let before = now(&client).await;
    upload(&client, "wind", &[1.0]).await.unwrap();
    let between = now(&client).await;
    upload(&client, "wind", &[2.0]).await.unwrap();
    let after = now(&client).await;
    assert_eq!(values_at_once(&client, &before).await, [0.0; 0]);
    assert_eq!(values_at_once(&client, &between).await, [1.0]);
    assert_eq!(values_at_once(&client, &after).await, [2.0]);
    run(&client, "COMMIT").await;
    let reader = db.login(db.a()).await;
    assert_eq!(values_at_once(&reader, &between).await, [1.0]);
    assert_eq!(values_at_once(&reader, &after).await, [2.0]);
}

/// A rollback to a savepoint gives up the locks that were taken behind it.
#[tokio::test]
async fn a_write_after_a_rollback_to_a_savepoint_is_waited_for() {
    for first_write_stays in [false, true] {
        let db = Db::new().await;
        let (writer, reader) = (db.begin(db.a()).await, db.login(db.a()).await);
        if first_write_stays {
            upload(&writer, "load", &[0.0]).await.unwrap();
        }
        run(&writer, "SAVEPOINT s").await;
        upload(&writer, "wind", &[1.0]).await.unwrap();
        run(&writer, "ROLLBACK TO SAVEPOINT s").await;
        if !first_write_stays {
            // Nothing is under way now.
            let moment = now(&reader).await;
            assert_eq!(values_at_once(&reader, &moment).await, [0.0; 0]);
        }
        next_second().await;
        upload(&writer, "wind", &[2.0]).await.unwrap();
        let moment = now(&reader).await;
        let started = Instant::now();
        let reading = async { values_as_of(&reader, &moment).await.unwrap() };
        let ending = async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            run(&writer, "COMMIT").await;
        };
        let (mut values, ()) = tokio::join!(reading, ending);
        assert!(started.elapsed() >= Duration::from_millis(400));
        values.sort_by(f64::total_cmp);
        let expected: &[f64] = if first_write_stays {
            &[0.0, 2.0]
        } else {
            &[2.0]
        };
        assert_eq!(values, expected);
    }
}

#[tokio::test]
async fn a_released_savepoint_and_writes_of_nested_ones_are_waited_for() {
    let db = Db::new().await;
    let (writer, reader) = (db.begin(db.a()).await, db.login(db.a()).await);
    run(&writer, "SAVEPOINT one").await;
    upload(&writer, "one", &[1.0]).await.unwrap();
    run(&writer, "SAVEPOINT two").await;
    upload(&writer, "two", &[2.0]).await.unwrap();
    run(&writer, "ROLLBACK TO two; RELEASE one").await;
    let moment = now(&reader).await;
    let reading = async { values_as_of(&reader, &moment).await.unwrap() };
    let ending = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        run(&writer, "COMMIT").await;
    };
    let (values, ()) = tokio::join!(reading, ending);
    assert_eq!(values, [1.0]);
}
