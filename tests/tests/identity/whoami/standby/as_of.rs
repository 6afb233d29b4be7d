//! Reading as of a change_time on a standby, and changes there: up to where its newest write says that it
//! has everything.

use timedb_tests::{authenticate, connect, count, refusal, run, upload};
use tokio_postgres::Client;

use super::pair::Pair;
use super::rows;

async fn begin(dsn: &str, key: &str) -> Client {
    let client = connect(dsn).await;
    run(&client, "BEGIN").await;
    authenticate(&client, key).await.unwrap();
    client
}

#[tokio::test]
async fn a_standby_reads_as_of_what_it_is_known_to_have() {
    let pair = Pair::start().await;
    let writer = begin(&pair.primary.dsn_as("postgres", "app"), &pair.key).await;
    upload(&writer, "wind", &[3.0]).await.unwrap();
    run(&writer, "COMMIT").await;
    pair.catch_up().await;
    let reader = begin(&pair.standby("app"), &pair.key).await;
    let as_of =
        |moment: &str| format!("SELECT value FROM timedb.read_flat(as_of_change => {moment})");
    let first = "(SELECT min(change_time) FROM timedb.batches)";
    let settled = "(SELECT max(settled_time) FROM timedb.batches)";
    for moment in [first, settled] {
        assert_eq!(rows(&reader, &as_of(moment)).await, 2, "{moment}");
    }
    let newest = "SELECT count(*) FROM timedb.read_flat(as_of_change => '-1') WHERE value = 3";
    let newest = newest.replace("'-1'", settled);
    assert_eq!(count(&reader, &newest, &[]).await, 0);
    assert_eq!(
        rows(&reader, "SELECT * FROM timedb.read_changes()").await,
        2
    );
    for moment in [
        "(SELECT max(change_time) FROM timedb.batches)",
        "clock_timestamp()",
    ] {
        run(&reader, "SAVEPOINT s").await;
        let error = reader.batch_execute(&as_of(moment)).await.unwrap_err();
        let refused = error.as_db_error().unwrap();
        assert_eq!(refused.code().code(), "55P03", "{moment}");
        assert!(refused.message().contains("standby"), "{refused:?}");
        assert!(refused.hint().unwrap().contains("primary"), "{refused:?}");
        run(&reader, "ROLLBACK TO s").await;
    }
    run(&reader, "COMMIT").await;
    // Another write tells that the one before it is there.
    let writer = begin(&pair.primary.dsn_as("postgres", "app"), &pair.key).await;
    upload(&writer, "load", &[4.0]).await.unwrap();
    run(&writer, "COMMIT").await;
    pair.catch_up().await;
    let reader = begin(&pair.standby("app"), &pair.key).await;
    assert_eq!(
        rows(&reader, "SELECT * FROM timedb.read_changes()").await,
        3
    );
    let (code, _) = refusal(reader.batch_execute(&as_of("'infinity'")).await);
    assert_eq!(code, "22008");
}
