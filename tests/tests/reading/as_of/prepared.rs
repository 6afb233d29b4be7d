//! A transaction that is prepared has left its session; its locks stay until it ends.

use std::time::{Duration, Instant};

use timedb_tests::{ThrowawayCluster, authenticate, connect, run, upload};

use super::{now, values_as_of};

#[tokio::test]
async fn a_prepared_write_is_waited_for_also_after_a_restart() {
    let cluster = ThrowawayCluster::start(&["max_prepared_transactions = 5"]);
    let superuser = cluster.connect("postgres").await;
    run(
        &superuser,
        "CREATE EXTENSION timedb; CREATE ROLE app LOGIN IN ROLE timedb_user",
    )
    .await;
    let create = "SELECT api_key FROM timedb.create_user(timedb.create_tenant(), 'a@a.example')";
    let key: String = superuser.query_one(create, &[]).await.unwrap().get(0);
    let dsn = cluster.dsn_as("postgres", "app");
    let writer = connect(&dsn).await;
    run(&writer, "BEGIN").await;
    authenticate(&writer, &key).await.unwrap();
    upload(&writer, "wind", &[1.0]).await.unwrap();
    run(&writer, "PREPARE TRANSACTION 'write'").await;
    drop((writer, superuser));
    for restarted in [false, true] {
        if restarted {
            cluster.restart();
        }
        let (reader, other) = (connect(&dsn).await, connect(&dsn).await);
        run(&reader, "BEGIN").await;
        authenticate(&reader, &key).await.unwrap();
        let changes = "SELECT * FROM timedb.read_changes()";
        assert!(reader.query(changes, &[]).await.unwrap().is_empty());
        let moment = now(&reader).await;
        run(
            &reader,
            "SET LOCAL statement_timeout = '700ms'; SAVEPOINT s",
        )
        .await;
        let refused = values_as_of(&reader, &moment).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "57014", "{refused:?}");
        run(
            &reader,
            "ROLLBACK TO s; SET LOCAL statement_timeout = '20s'",
        )
        .await;
        if !restarted {
            continue;
        }
        let started = Instant::now();
        let reading = async { values_as_of(&reader, &moment).await.unwrap() };
        let ending = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            run(&other, "COMMIT PREPARED 'write'").await;
        };
        let (values, ()) = tokio::join!(reading, ending);
        assert!(started.elapsed() >= Duration::from_millis(300));
        assert_eq!(values, [1.0]);
        assert_eq!(reader.query(changes, &[]).await.unwrap().len(), 1);
    }
}
