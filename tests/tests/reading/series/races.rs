//! Renames and changes of units while others write: one order of things comes out, whatever it is.

use futures_util::future::join_all;
use serde_json::json;
use timedb_tests::{Db, Role, count, refusal, run, until_somebody_waits, upload};
use uuid::Uuid;

use super::{create, upload_in, values};

const RENAME: &str = "SELECT timedb.rename_series($1, $2)";

#[tokio::test]
async fn who_uploads_to_a_name_that_a_series_is_just_getting_writes_to_that_series() {
    let db = Db::new().await;
    let observer = db.connect(Role::Superuser).await;
    let id = create(&db.login(db.a()).await, "old", &json!({}), "kW").await;
    let (first, second) = (db.begin(db.a()).await, db.begin(db.a()).await);
    first.query_one(RENAME, &[&id, &"new"]).await.unwrap();
    let waiting = async { upload(&second, "new", &[1.0]).await.unwrap() };
    let ending = async {
        until_somebody_waits(&observer).await;
        run(&first, "COMMIT").await;
    };
    let (written, ()) = tokio::join!(waiting, ending);
    run(&second, "COMMIT").await;
    assert_eq!(written, id);
    assert_eq!(
        count(&observer, "SELECT count(*) FROM timedb.series", &[]).await,
        1
    );
}

#[tokio::test]
async fn a_rename_to_a_name_that_is_just_being_created_is_refused_in_words() {
    let db = Db::new().await;
    let observer = db.connect(Role::Superuser).await;
    let id = create(&db.login(db.a()).await, "old", &json!({}), "kW").await;
    let (first, second) = (db.begin(db.a()).await, db.begin(db.a()).await);
    upload(&first, "new", &[1.0]).await.unwrap();
    let waiting = async { refusal(second.query_one(RENAME, &[&id, &"new"]).await) };
    let ending = async {
        until_somebody_waits(&observer).await;
        run(&first, "COMMIT").await;
    };
    let (refused, ()) = tokio::join!(waiting, ending);
    let message = r#"another series is named "new" and has the same labels"#;
    assert_eq!(refused, ("23505".to_owned(), message.to_owned()));
    run(&second, "ROLLBACK").await;
    // The session goes on as before.
    run(&second, "BEGIN").await;
    timedb_tests::authenticate(&second, &db.a().key)
        .await
        .unwrap();
    assert!(
        second
            .query_one(RENAME, &[&id, &"newer"])
            .await
            .unwrap()
            .get::<_, bool>(0)
    );
    run(&second, "COMMIT").await;
}

#[tokio::test]
async fn renames_and_uploads_of_the_same_names_at_once_leave_every_point_and_series_whole() {
    let db = Db::new().await;
    let clients = join_all((0..6).map(|_| db.login(db.a()))).await;
    let work = clients
        .iter()
        .enumerate()
        .map(|(worker, client)| async move {
            let mut written = 0;
            for round in 0..25 {
                let name = format!("n{}", (worker + round) % 3);
                if worker % 2 == 0 {
                    let arguments =
                        format!("ARRAY['{name}'], labels => '{{\"{{\\\"l\\\": \\\"1\\\"}}\"}}'");
                    match upload_in(client, &[1.0], &arguments).await {
                        Ok(_) => written += 1,
                        Err(error) => assert_eq!(refusal::<()>(Err(error)).0, "40001"),
                    }
                } else {
                    let ids = client
                        .query(
                            "SELECT series_id FROM timedb.series ORDER BY random() LIMIT 1",
                            &[],
                        )
                        .await
                        .unwrap();
                    for row in ids {
                        let id: Uuid = row.get(0);
                        if let Err(error) = client.query_one(RENAME, &[&id, &name]).await {
                            let code = refusal::<()>(Err(error)).0;
                            assert!(["23505", "40P01"].contains(&code.as_str()), "{code}");
                        }
                    }
                }
            }
            written
        });
    let written: i64 = join_all(work).await.into_iter().sum();
    let reader = db.login(db.a()).await;
    let points = "SELECT count(*) FROM timedb.read_versions()";
    assert_eq!(count(&reader, points, &[]).await, written);
    for broken in [
        "SELECT count(*) FROM (SELECT name, labels FROM timedb.series GROUP BY 1, 2 HAVING count(*) > 1) AS x",
        "SELECT count(*) FROM timedb.series AS s WHERE (SELECT jsonb_object_agg(label, value)
             FROM timedb.series_labels AS l WHERE l.series_id = s.series_id) IS DISTINCT FROM labels",
        // Whoever names a series again finds it.
        "SELECT count(*) FROM timedb.series AS s, LATERAL timedb.create_series(s.name, labels => s.labels) AS c
         WHERE c.series_id <> s.series_id OR c.created",
    ] {
        assert_eq!(count(&reader, broken, &[]).await, 0, "{broken}");
    }
}

#[tokio::test]
async fn a_unit_changes_before_or_after_a_converted_upload_and_never_beneath_it() {
    let db = Db::new().await;
    let observer = db.connect(Role::Superuser).await;
    let id = create(&db.login(db.a()).await, "p", &json!({}), "kW").await;
    let change = "SELECT timedb.update_series($1, unit => 'W')";
    let (writer, changer) = (db.begin(db.a()).await, db.begin(db.a()).await);
    upload_in(&writer, &[2.0], "'{p}', unit => '{MW}'")
        .await
        .unwrap();
    let waiting = async { refusal(changer.query_one(change, &[&id]).await).0 };
    let ending = async {
        until_somebody_waits(&observer).await;
        run(&writer, "COMMIT").await;
    };
    assert_eq!(tokio::join!(waiting, ending).0, "55000");
    run(&changer, "ROLLBACK").await;

    let id = create(&db.login(db.a()).await, "q", &json!({}), "kW").await;
    let (writer, changer) = (db.begin(db.a()).await, db.begin(db.a()).await);
    changer.query_one(change, &[&id]).await.unwrap();
    let waiting = async {
        upload_in(&writer, &[2.0], "'{q}', unit => '{MW}'")
            .await
            .unwrap()
    };
    let ending = async {
        until_somebody_waits(&observer).await;
        run(&changer, "COMMIT").await;
    };
    tokio::join!(waiting, ending);
    run(&writer, "COMMIT").await;
    let reader = db.login(db.a()).await;
    let query = "SELECT value FROM timedb.read_flat(name => 'q', unit => 'W') WHERE unit = 'W'";
    assert_eq!(values(&reader, query).await, [2_000_000.0]);
}

#[tokio::test]
async fn a_transaction_that_keeps_its_snapshot_does_not_convert_to_a_unit_that_has_changed() {
    let db = Db::new().await;
    let id = create(&db.login(db.a()).await, "p", &json!({}), "kW").await;
    let writer = db.connect(Role::User).await;
    run(&writer, "BEGIN ISOLATION LEVEL REPEATABLE READ").await;
    timedb_tests::authenticate(&writer, &db.a().key)
        .await
        .unwrap();
    assert_eq!(
        count(&writer, "SELECT count(*) FROM timedb.series", &[]).await,
        1
    );
    let changer = db.login(db.a()).await;
    let change = "SELECT timedb.update_series($1, unit => 'W')";
    changer.query_one(change, &[&id]).await.unwrap();
    let refused = upload_in(&writer, &[2.0], "'{p}', unit => '{MW}'").await;
    assert_eq!(refusal(refused).0, "40001");
}
