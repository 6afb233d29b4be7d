//! A database that gets timedb's tables by logical replication: it reads what has come over, and refuses what rests
//! on knowing up to when all has.

use std::time::{Duration, Instant};

use timedb_tests::{Server, ThrowawayCluster, count, login, refusal, upload};
use tokio_postgres::Client;

/// What cannot be answered there.
const REFUSED: &[&str] = &[
    "SELECT * FROM timedb.read_changes()",
    "SELECT timedb.changes_cursor()",
    "SELECT * FROM timedb_internal._read_changes_packed()",
    "SELECT * FROM timedb.read_flat(as_of_change => '2025-01-01Z')",
    "SELECT * FROM timedb.read_versions(as_of_change => now())",
    "SELECT * FROM timedb.read_last(as_of_change => now())",
    "SELECT * FROM timedb.read_buckets('1 hour', as_of_change => now())",
    "SELECT timedb_internal._read_packed('flat', as_of_change => now())",
    "SELECT timedb_internal._read_packed('relative', as_of_change => now(), days_ahead => 1, time_of_day => '06:00')",
];

/// Both databases of one cluster, and a tenant's key, which works in both.
async fn pair() -> (ThrowawayCluster, String) {
    let cluster = ThrowawayCluster::start(&["wal_level = logical"]);
    let superuser = cluster.connect("postgres").await;
    for database in ["publisher", "subscriber"] {
        let create = format!("CREATE DATABASE {database}");
        superuser.batch_execute(&create).await.unwrap();
        let client = cluster.connect(database).await;
        client
            .batch_execute("CREATE EXTENSION timedb")
            .await
            .unwrap();
    }
    superuser
        .batch_execute(
            "CREATE ROLE analyst LOGIN IN ROLE timedb_session; CREATE ROLE app LOGIN IN ROLE timedb_user",
        )
        .await
        .unwrap();
    let publisher = cluster.connect("publisher").await;
    let create = "SELECT api_key FROM timedb.create_user(timedb.create_tenant(), 'a@a.example')";
    let key = publisher.query_one(create, &[]).await.unwrap().get(0);
    (cluster, key)
}

async fn until(client: &Client, query: &str, expected: i64) {
    let start = Instant::now();
    while count(client, query, &[]).await != expected {
        assert!(start.elapsed() < Duration::from_secs(30), "{query}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_logical_subscriber_reads_and_tells_no_changes() {
    let (cluster, key) = pair().await;
    let writer = cluster.connect_as("publisher", "analyst").await;
    login(&writer, &key).await.unwrap();
    upload(&writer, "x", &[1.0, 2.0]).await.unwrap();
    let subscriber = cluster.connect("subscriber").await;
    let limit = Duration::from_secs(30);
    cluster.subscribe("subscriber", "publisher", limit).await;
    upload(&writer, "x", &[3.0]).await.unwrap();
    until(
        &subscriber,
        "SELECT count(*) FROM timedb_internal.write_log",
        2,
    )
    .await;

    let reader = cluster.connect_as("subscriber", "analyst").await;
    login(&reader, &key).await.unwrap();
    for (query, expected) in [
        ("SELECT count(*) FROM timedb.values", 2),
        ("SELECT count(*) FROM timedb.read_versions()", 3),
        ("SELECT count(*) FROM timedb.read_flat(as_of => now())", 2),
    ] {
        assert_eq!(count(&reader, query, &[]).await, expected, "{query}");
    }
    for isolation in ["READ COMMITTED", "REPEATABLE READ"] {
        for query in REFUSED {
            let begin = format!("BEGIN ISOLATION LEVEL {isolation}");
            reader.batch_execute(&begin).await.unwrap();
            let (code, message) = refusal(reader.query(*query, &[]).await);
            assert_eq!(code, "0A000", "{query}: {message}");
            assert!(message.ends_with("on a logical subscriber"), "{message}");
            reader.batch_execute("ROLLBACK").await.unwrap();
            // The publisher is in the same cluster, and answers.
            writer.query(*query, &[]).await.unwrap();
        }
    }
    // A binding that comes over counts for the role of that name, and goes as it came.
    let publisher = cluster.connect("publisher").await;
    let bind = "CREATE ROLE tool LOGIN; SELECT timedb.bind_role('tool', 'a@a.example')";
    publisher.batch_execute(bind).await.unwrap();
    let bound = "SELECT count(*) FROM timedb_internal.bound_roles";
    until(&subscriber, bound, 1).await;
    let tool = cluster.connect_as("subscriber", "tool").await;
    let values = "SELECT count(*) FROM timedb.values";
    assert_eq!(count(&tool, values, &[]).await, 2);
    let unbind = "SELECT timedb.unbind_role('tool')";
    publisher.batch_execute(unbind).await.unwrap();
    until(&subscriber, bound, 0).await;
    assert_eq!(count(&tool, values, &[]).await, 0);

    let server = Server::start_with(&cluster.dsn_as("subscriber", "app"), &[], &[]);
    assert_eq!(server.get("/values", Some(&key)).await.json()["count"], 2);
    for path in ["/changes", "/values?as_of_change=2025-01-01"] {
        let reply = server.get(path, Some(&key)).await;
        assert_eq!(reply.status, 501, "{path}: {reply:?}");
        let told = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(told.contains("on a logical subscriber"), "{told}");
    }

    // It takes over: what it has is all there is.
    for statement in [
        "ALTER SUBSCRIPTION s DISABLE",
        "ALTER SUBSCRIPTION s SET (slot_name = NONE)",
        "DROP SUBSCRIPTION s",
    ] {
        subscriber.batch_execute(statement).await.unwrap();
    }
    for query in REFUSED {
        reader.query(*query, &[]).await.unwrap();
    }
    assert_eq!(reader.query(REFUSED[0], &[]).await.unwrap().len(), 3);
    upload(&reader, "x", &[4.0]).await.unwrap();
    assert_eq!(server.get("/changes", Some(&key)).await.status, 200);
    let publisher = cluster.connect("publisher").await;
    publisher
        .batch_execute("SELECT pg_drop_replication_slot('s')")
        .await
        .unwrap();
}
