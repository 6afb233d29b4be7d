//! Many at once: series created by two uploads, writers and readers, administration in between.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use timedb_tests::{
    Db, Role, Server, Tenant, authenticate, count, refusal, run, until_somebody_waits, upload,
};
use tokio_postgres::Client;
use uuid::Uuid;

#[tokio::test]
async fn two_uploads_that_create_the_same_series_both_succeed_with_one_series() {
    let db = Db::new().await;
    let observer = db.connect(Role::Superuser).await;
    let (first, second) = (db.begin(db.a()).await, db.begin(db.a()).await);
    let one = upload(&first, "new", &[1.0]).await.unwrap();
    let waiting = async { upload(&second, "new", &[2.0, 3.0]).await.unwrap() };
    let ending = async {
        until_somebody_waits(&observer).await;
        run(&first, "COMMIT").await;
    };
    let (two, ()) = tokio::join!(waiting, ending);
    run(&second, "COMMIT").await;
    assert_eq!(one, two);
    assert_eq!(
        count(&observer, "SELECT count(*) FROM timedb.series", &[]).await,
        1
    );
    let reader = db.login(db.a()).await;
    assert_eq!(
        count(&reader, "SELECT count(*) FROM timedb.read_versions()", &[]).await,
        3
    );
}

#[tokio::test]
async fn a_series_whose_creator_rolls_back_is_created_by_the_one_who_waited() {
    let db = Db::new().await;
    let observer = db.connect(Role::Superuser).await;
    let (first, second) = (db.begin(db.a()).await, db.begin(db.a()).await);
    let one = upload(&first, "new", &[1.0]).await.unwrap();
    let waiting = async { upload(&second, "new", &[2.0]).await.unwrap() };
    let ending = async {
        until_somebody_waits(&observer).await;
        run(&first, "ROLLBACK").await;
    };
    let (two, ()) = tokio::join!(waiting, ending);
    run(&second, "COMMIT").await;
    assert_ne!(one, two);
    let reader = db.login(db.a()).await;
    assert_eq!(
        count(
            &reader,
            "SELECT count(*) FROM timedb.values WHERE value = 2",
            &[]
        )
        .await,
        1
    );
    assert_eq!(
        count(&reader, "SELECT count(*) FROM timedb.values", &[]).await,
        1
    );
}

#[tokio::test]
async fn two_tenants_that_create_the_same_name_do_not_wait_for_each_other() {
    let db = Db::new().await;
    let (of_a, of_b) = (db.begin(db.a()).await, db.begin(db.b()).await);
    run(&of_b, "SET LOCAL lock_timeout = '2s'").await;
    let one = upload(&of_a, "new", &[1.0]).await.unwrap();
    let two = upload(&of_b, "new", &[1.0]).await.unwrap();
    assert_ne!(one, two);
    run(&of_b, "COMMIT").await;
    run(&of_a, "COMMIT").await;
}

#[tokio::test]
async fn a_series_that_a_snapshot_cannot_see_is_a_serialization_failure() {
    let db = Db::new().await;
    let late = db.connect(Role::User).await;
    run(&late, "BEGIN ISOLATION LEVEL REPEATABLE READ").await;
    authenticate(&late, &db.a().key).await.unwrap();
    let other = db.login(db.a()).await;
    upload(&other, "new", &[1.0]).await.unwrap();
    assert_eq!(refusal(upload(&late, "new", &[2.0]).await).0, "40001");
    run(&late, "ROLLBACK").await;
    assert_eq!(
        count(&other, "SELECT count(*) FROM timedb.values", &[]).await,
        1
    );
}

/// Uploads one point of each name in this order, each batch in a transaction of its own.
async fn upload_names(client: &Client, names: &[String]) {
    client
        .query_one(
            "SELECT * FROM timedb.upload(array_fill('2025-01-01'::timestamptz, ARRAY[cardinality($1::text[])]),
                 array_fill(1::float8, ARRAY[cardinality($1::text[])]), $1)",
            &[&names],
        )
        .await
        .unwrap_or_else(|error| panic!("{names:?}: {error:?}"));
}

#[tokio::test]
async fn uploads_that_create_series_in_opposite_orders_do_not_deadlock() {
    let db = Db::new().await;
    let clients = join_all((0..4).map(|_| db.login(db.a()))).await;
    for round in 0..40 {
        let names: Vec<String> = (0..50)
            .map(|i| format!("round {round} series {i}"))
            .collect();
        let mut backwards = names.clone();
        backwards.reverse();
        let mut turned = names.clone();
        turned.rotate_left(25);
        let orders = [&names, &backwards, &turned, &names];
        join_all(
            clients
                .iter()
                .zip(orders)
                .map(|(client, order)| upload_names(client, order)),
        )
        .await;
    }
    assert_eq!(
        count(&clients[0], "SELECT count(*) FROM timedb.series", &[]).await,
        2_000
    );
    let query = "SELECT count(*) FROM timedb.read_versions()";
    assert_eq!(count(&clients[0], query, &[]).await, 4 * 2_000);
}

const WRITERS: usize = 8;
const BATCHES: usize = 25;
const POINTS: usize = 24;

/// Writes the same value to all points of its own series and of the one that all share.
async fn keep_writing(db: &Db, tenant: &Tenant, writer: usize) {
    let client = db.login(tenant).await;
    let own = format!("of writer {writer}");
    for batch in 0..BATCHES {
        let value = (writer * BATCHES + batch) as f64;
        client
            .query_one(
                "SELECT * FROM timedb.upload(
                     ARRAY(SELECT '2025-01-01Z'::timestamptz + (i % $2) * interval '1 hour'
                           FROM generate_series(0, 2 * $2 - 1) AS i ORDER BY i),
                     array_fill($1::float8, ARRAY[2 * $2]), ARRAY['shared', $3],
                     series_index => ARRAY(SELECT 1 + i / $2 FROM generate_series(0, 2 * $2 - 1) AS i ORDER BY i))",
                &[&value, &(POINTS as i32), &own],
            )
            .await
            .unwrap_or_else(|error| panic!("writer {writer}: {error:?}"));
    }
}

/// Reads until the writers are done: every batch is there as a whole or not at all.
async fn keep_reading(db: &Db, tenant: &Tenant, done: &tokio::sync::Notify) {
    let client = db.login(tenant).await;
    let torn = "SELECT count(*) FROM (
                    SELECT name FROM timedb.read_flat() GROUP BY name, series_id
                    HAVING count(*) <> $1 OR name <> 'shared' AND min(value) <> max(value)
                    UNION ALL
                    SELECT name FROM timedb.read_versions() GROUP BY name, change_time, value
                    HAVING count(*) <> $1) AS torn";
    let finished = done.notified();
    tokio::pin!(finished);
    loop {
        assert_eq!(count(&client, torn, &[&(POINTS as i64)]).await, 0);
        if tokio::time::timeout(Duration::from_millis(1), &mut finished)
            .await
            .is_ok()
        {
            return;
        }
    }
}

#[tokio::test]
async fn eight_writers_and_their_readers_see_whole_batches_of_their_tenant() {
    let db = Db::new().await;
    let (of_a, of_b) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
    let writing = async {
        let tenants = [db.a(), db.b()];
        join_all((0..WRITERS).map(|writer| keep_writing(&db, tenants[writer % 2], writer))).await;
        of_a.notify_one();
        of_b.notify_one();
    };
    tokio::join!(
        writing,
        keep_reading(&db, db.a(), &of_a),
        keep_reading(&db, db.b(), &of_b)
    );
    for tenant in [db.a(), db.b()] {
        let client = db.login(tenant).await;
        let versions = count(&client, "SELECT count(*) FROM timedb.read_versions()", &[]).await;
        assert_eq!(versions, (WRITERS / 2 * BATCHES * POINTS * 2) as i64);
        let series = count(&client, "SELECT count(*) FROM timedb.series", &[]).await;
        assert_eq!(series, (WRITERS / 2 + 1) as i64);
        // The newest version wins, whoever wrote it.
        let newest = "SELECT count(*) FROM timedb.read_flat(name => 'shared') AS f
                      WHERE f.value = (SELECT v.value FROM timedb.read_versions(name => 'shared') AS v
                                       ORDER BY v.known_time DESC, v.change_time DESC LIMIT 1)";
        assert_eq!(count(&client, newest, &[]).await, POINTS as i64);
    }
}

#[tokio::test]
async fn requests_that_create_one_series_at_once_get_one_series() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let key = Some(db.a().key.as_str());
    for round in 0..10 {
        let name = format!("new {round}");
        let body = json!({"batch_start_time": "2025-01-01T00:00:00Z", "value_rows":
            [{"valid_time": "2025-01-01T00:00:00Z", "value_key": name, "value": 1.5}]});
        let replies = join_all((0..12).map(|_| server.post("/upload", key, &body))).await;
        let ids: std::collections::HashSet<String> = replies
            .iter()
            .map(|reply| {
                assert_eq!(reply.status, 200, "{reply:?}");
                reply.json()["series_ids"][&name].to_string()
            })
            .collect();
        assert_eq!(ids.len(), 1);
    }
    assert_eq!(
        server
            .get("/list_timeseries", key)
            .await
            .json()
            .as_object()
            .unwrap()
            .len(),
        10
    );
}

#[tokio::test]
async fn deactivation_and_a_new_key_act_on_the_next_request() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let admin = db.connect(Role::Admin).await;
    let email = &db.b().email;
    let status = async |key: &str| server.get("/values", Some(key)).await.status.as_u16();
    let key = db.b().key.as_str();
    for _ in 0..5 {
        assert_eq!(status(key).await, 200);
        admin
            .query_one("SELECT timedb.deactivate_user($1)", &[email])
            .await
            .unwrap();
        assert_eq!(status(key).await, 401);
        assert_eq!(status(&db.a().key).await, 200);
        admin
            .query_one("SELECT timedb.activate_user($1)", &[email])
            .await
            .unwrap();
    }
    let row = admin
        .query_one("SELECT timedb.regenerate_key($1)", &[email])
        .await
        .unwrap();
    assert_eq!(status(key).await, 401);
    assert_eq!(status(row.get(0)).await, 200);
}

#[tokio::test]
async fn one_email_is_given_to_one_user_however_many_ask_at_once() {
    let db = Db::new().await;
    let admins = join_all((0..6).map(|_| db.connect(Role::Admin))).await;
    let call = "SELECT user_id FROM timedb.create_user($1, 'carol@tenant-a.example')";
    let answers = join_all(admins.iter().map(|admin| async {
        match admin.query_one(call, &[&db.a().tenant_id]).await {
            Ok(row) => Some(row.get::<_, Uuid>(0)),
            Err(error) => {
                assert_eq!(refusal::<()>(Err(error)).0, "23505");
                None
            }
        }
    }))
    .await;
    assert_eq!(answers.iter().flatten().count(), 1);
}
