//! Up to when changes are told: before every write that is under way, of the tenant's own.

use std::time::{Duration, Instant};

use timedb_tests::{Db, run, upload};

use super::{Asked, all_changes, changes, same, versions};

#[tokio::test]
async fn a_write_that_commits_after_later_ones_is_not_lost_and_not_late() {
    let db = Db::new().await;
    let (early, client) = (db.begin(db.a()).await, db.login(db.a()).await);
    upload(&client, "before", &[0.0]).await.unwrap();
    upload(&early, "early", &[1.0]).await.unwrap();
    upload(&client, "late", &[2.0]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    upload(&client, "later", &[3.0]).await.unwrap();
    let started = Instant::now();
    let seen = changes(&client, &Asked::default()).await;
    assert!(started.elapsed() < Duration::from_secs(1), "it waits");
    let seen: Vec<_> = seen.into_iter().map(|(_, change)| change).collect();
    assert!(
        seen.iter().all(|change| change.name == "before"),
        "changes behind one that is under way: {seen:?}"
    );
    run(&early, "COMMIT").await;
    let all = all_changes(&client, Asked::default()).await;
    let names: Vec<&str> = all.iter().map(|change| change.name.as_str()).collect();
    assert_eq!(names, ["before", "early", "late", "later"]);
}

#[tokio::test]
async fn a_write_that_rolls_back_holds_nothing_up_and_is_not_told() {
    let db = Db::new().await;
    let (early, client) = (db.begin(db.a()).await, db.login(db.a()).await);
    upload(&early, "early", &[1.0]).await.unwrap();
    upload(&client, "late", &[2.0]).await.unwrap();
    assert_eq!(all_changes(&client, Asked::default()).await, []);
    run(&early, "ROLLBACK").await;
    let all = all_changes(&client, Asked::default()).await;
    same(&versions(&client).await, &all, "after the rollback");
    assert_eq!(all.len(), 1);
}

#[tokio::test]
async fn an_open_write_of_another_tenant_holds_nothing_back() {
    let db = Db::new().await;
    let (of_b, client) = (db.begin(db.b()).await, db.login(db.a()).await);
    upload(&of_b, "wind", &[1.0]).await.unwrap();
    for round in 1..5 {
        upload(&client, "wind", &[2.0]).await.unwrap();
        let started = Instant::now();
        assert_eq!(all_changes(&client, Asked::default()).await.len(), round);
        assert!(started.elapsed() < Duration::from_secs(1));
        upload(&of_b, "wind", &[3.0]).await.unwrap();
    }
    run(&of_b, "COMMIT").await;
    let other = db.login(db.b()).await;
    let all = all_changes(&other, Asked::default()).await;
    same(&versions(&other).await, &all, "of B");
    assert_eq!(all.len(), 5);
}

#[tokio::test]
async fn a_transaction_with_one_snapshot_is_told_what_that_is_known_to_hold() {
    let db = Db::new().await;
    let (client, writer) = (db.login(db.a()).await, db.login(db.a()).await);
    upload(&writer, "first", &[1.0]).await.unwrap();
    upload(&writer, "second", &[1.0]).await.unwrap();
    run(
        &client,
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM timedb.series",
    )
    .await;
    upload(&writer, "third", &[1.0]).await.unwrap();
    let names = async |client| {
        let all = all_changes(client, Asked::default()).await;
        all.into_iter()
            .map(|change| change.name)
            .collect::<Vec<_>>()
    };
    // The newest write that it sees tells of those before it.
    assert_eq!(names(&client).await, ["first"]);
    // Its own one is noted later than its snapshot was taken, and tells nothing of it.
    upload(&client, "own", &[1.0]).await.unwrap();
    assert_eq!(names(&client).await, ["first"]);
    run(&client, "COMMIT").await;
    assert_eq!(names(&client).await, ["first", "second", "third", "own"]);
}

#[tokio::test]
async fn a_transaction_is_told_its_own_writes() {
    let db = Db::new().await;
    let client = db.begin(db.a()).await;
    upload(&client, "one", &[1.0]).await.unwrap();
    let seen = changes(&client, &Asked::default()).await;
    assert_eq!(seen.len(), 1);
    run(&client, "SAVEPOINT s").await;
    upload(&client, "two", &[1.0]).await.unwrap();
    assert_eq!(changes(&client, &Asked::from(&seen[0].0)).await.len(), 1);
    run(&client, "ROLLBACK TO s").await;
    assert_eq!(changes(&client, &Asked::from(&seen[0].0)).await, []);
}
