//! `last_used_at`: true to the minute, at most one write per key and minute, and in nobody's way.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use timedb_tests::{Db, Role, Server, authenticate, count, upload};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{administer, create_key};

/// When a key was last used, in seconds before now; `None` is never.
async fn last_used(db: &Db, key: &str) -> Option<f64> {
    administer(
        db,
        &format!(
            "SELECT extract(epoch FROM clock_timestamp() - last_used_at)::float8
             FROM timedb.list_keys() WHERE key_prefix = '{}'",
            &key[..12]
        ),
    )
    .await
    .get(0)
}

async fn until_used(db: &Db, key: &str) -> f64 {
    let start = Instant::now();
    loop {
        if let Some(seconds) = last_used(db, key).await {
            return seconds;
        }
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "the use was not noted"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Ends a server, which tells then what keys were used for; otherwise it does so once a minute.
fn end(mut server: Server) {
    server.signal("TERM");
    assert!(server.wait(Duration::from_secs(20)).success());
}

/// Reports the use of the key that the session has authenticated with; whether that wrote.
async fn report(client: &Client) -> bool {
    let report = "SELECT timedb.report_key_use()";
    client.query_one(report, &[]).await.unwrap().get(0)
}

/// Writes to `timedb_internal.key_usage` beyond the rows' making.
async fn updates(client: &Client) -> i64 {
    let query = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relid = 'timedb_internal.key_usage'::regclass";
    count(client, query, &[]).await
}

/// Moves what stands in the table into the past, as if that much time had gone by.
async fn age(db: &Db, interval: &str) {
    let client = db.connect(Role::Superuser).await;
    client
        .execute(
            &format!(
                "UPDATE timedb_internal.key_usage SET last_used_at = last_used_at - interval '{interval}'"
            ),
            &[],
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn a_request_is_noted_and_a_refused_one_is_not() {
    let db = Db::new().await;
    let server = Server::start(&db);
    assert_eq!(last_used(&db, &db.a().key).await, None);
    assert_eq!(server.get("/values", Some(&db.a().key)).await.status, 200);
    let (id, key) = create_key(&db, "'ended'").await;
    administer(&db, &format!("SELECT timedb.revoke_key('{id}')")).await;
    assert_eq!(server.get("/values", Some(&key)).await.status, 401);
    end(server);
    assert!(last_used(&db, &db.a().key).await.unwrap() < 10.0);
    assert_eq!(last_used(&db, &db.b().key).await, None);
    let row = administer(
        &db,
        &format!("SELECT last_used_at IS NULL FROM timedb.list_keys(include_dead => true) WHERE key_id = '{id}'"),
    )
    .await;
    assert!(row.get::<_, bool>(0));
}

#[tokio::test]
async fn ten_thousand_requests_are_two_writes_at_most() {
    let db = Db::new().await;
    let servers = [Server::start(&db), Server::start(&db)];
    let start = Instant::now();
    let key = db.a().key.as_str();
    for _ in 0..100 {
        let requests = (0..100).map(|i| servers[i % 2].get("/list_timeseries", Some(key)));
        for reply in join_all(requests).await {
            assert_eq!(reply.status, 200);
        }
    }
    let took = start.elapsed();
    // The statistics of a session are reported when it has been idle for a second or has ended.
    servers.into_iter().for_each(end);
    assert!(last_used(&db, key).await.is_some());
    let client = db.connect(Role::Superuser).await;
    let deadline = Instant::now() + Duration::from_secs(15);
    while updates(&client).await == 0 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let updates = updates(&client).await;
    let minutes = took.as_secs() as i64 / 60;
    assert!(
        (1..=2 + minutes).contains(&updates),
        "{updates} updates in {took:?}"
    );
}

#[tokio::test]
async fn sql_notes_logins_and_writes_and_what_is_asked_for() {
    let db = Db::new().await;
    let client = db.begin(db.a()).await;
    assert_eq!(last_used(&db, &db.a().key).await, None);
    upload(&client, "level", &[1.0]).await.unwrap();
    client.batch_execute("COMMIT").await.unwrap();
    assert!(until_used(&db, &db.a().key).await < 10.0);
    age(&db, "10 minutes").await;
    assert!(last_used(&db, &db.a().key).await.unwrap() > 590.0);
    // Reading notes nothing by itself; the session can.
    client.batch_execute("BEGIN").await.unwrap();
    authenticate(&client, &db.a().key).await.unwrap();
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.values", &[]).await,
        1
    );
    client.batch_execute("COMMIT").await.unwrap();
    assert!(last_used(&db, &db.a().key).await.unwrap() > 590.0);
    client.batch_execute("BEGIN").await.unwrap();
    authenticate(&client, &db.a().key).await.unwrap();
    for expected in [true, false] {
        assert_eq!(report(&client).await, expected);
    }
    client.batch_execute("COMMIT").await.unwrap();
    assert!(last_used(&db, &db.a().key).await.unwrap() < 10.0);

    assert_eq!(last_used(&db, &db.b().key).await, None);
    db.login(db.b()).await;
    assert!(last_used(&db, &db.b().key).await.unwrap() < 10.0);
}

#[tokio::test]
async fn a_use_after_a_minute_is_noted_by_a_session_that_noted_one_before() {
    let db = Db::new().await;
    let client = db.connect(Role::User).await;
    for round in 0..2 {
        for expected in [true, false, false] {
            client.batch_execute("BEGIN").await.unwrap();
            authenticate(&client, &db.a().key).await.unwrap();
            assert_eq!(report(&client).await, expected);
            client.batch_execute("COMMIT").await.unwrap();
        }
        if round == 0 {
            tokio::time::sleep(Duration::from_secs(61)).await;
        }
    }
}

#[tokio::test]
async fn nothing_waits_for_a_use_that_another_transaction_is_noting() {
    let db = Db::new().await;
    let holder = db.connect(Role::Superuser).await;
    holder
        .batch_execute("BEGIN; UPDATE timedb_internal.key_usage SET last_used_at = NULL")
        .await
        .unwrap();
    let client = db.connect(Role::User).await;
    for isolation in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
        client
            .batch_execute(&format!(
                "BEGIN ISOLATION LEVEL {isolation}; SET LOCAL lock_timeout = '2s'"
            ))
            .await
            .unwrap();
        authenticate(&client, &db.a().key).await.unwrap();
        upload(&client, isolation, &[1.0]).await.unwrap();
        client.batch_execute("COMMIT").await.unwrap();
    }
    let server = Server::start(&db);
    assert_eq!(server.get("/values", Some(&db.a().key)).await.status, 200);
    end(server);
    let of_a = db.login(db.a()).await;
    let counted = "SELECT sum(requests)::bigint FROM timedb.usage()";
    assert_eq!(count(&of_a, counted, &[]).await, 1);
    holder.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_cannot_write_notes_nothing_and_does_not_fail() {
    let db = Db::new().await;
    let client = db.connect(Role::User).await;
    client.batch_execute("BEGIN READ ONLY").await.unwrap();
    authenticate(&client, &db.a().key).await.unwrap();
    assert!(!report(&client).await);
    client.batch_execute("COMMIT").await.unwrap();
    // Nobody has no key.
    assert!(!report(&client).await);
    let nobody: Option<Uuid> = client
        .query_one("SELECT timedb.current_tenant()", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(nobody, None);
}
