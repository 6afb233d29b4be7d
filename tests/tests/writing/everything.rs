//! Everything at once: of one tenant, all that can write, read, compact, delete, hold, check and dump, side by side. What
//! it was told has happened is what is there at the end. Another tenant does the same on its own, and notices nothing.

mod ledger;
mod other;
mod upkeep;
mod writers;

use std::sync::Arc;
use std::time::Duration;

use timedb_tests::{Db, Role, compact, count, pg_tool, run};
use tokio_postgres::Client;

use ledger::{Ledger, Storm};

const LASTS: Duration = Duration::from_secs(5);

#[tokio::test]
async fn everything_goes_on_at_once_and_another_tenant_notices_nothing() {
    let folder = tempfile::tempdir().expect("a folder for dumps");
    let file = folder.path().join("store.dump").display().to_string();
    let storm = Arc::new(Storm::new(Db::new().await, LASTS));
    let first = storm.client().await;
    // Some of what is written is older: it goes, and nothing else does.
    run(&first, "SELECT timedb.set_retention('20 years')").await;
    let mut tasks = vec![
        tokio::spawn(writers::ticks(storm.clone(), 0)),
        tokio::spawn(writers::ticks(storm.clone(), 1)),
        tokio::spawn(writers::single_points(storm.clone())),
        tokio::spawn(writers::forecasts(storm.clone())),
        tokio::spawn(writers::corrections(storm.clone())),
        tokio::spawn(upkeep::compactions(storm.clone())),
        tokio::spawn(upkeep::compactions(storm.clone())),
        tokio::spawn(upkeep::retention(storm.clone())),
        tokio::spawn(upkeep::deletions_of_batches(storm.clone())),
        tokio::spawn(upkeep::deletions_of_series(storm.clone())),
        tokio::spawn(upkeep::holds(storm.clone())),
        tokio::spawn(upkeep::checks(storm.clone())),
        tokio::spawn(upkeep::reads(storm.clone())),
        tokio::spawn(other::story(storm.clone())),
        tokio::spawn(other::watch(storm.clone())),
    ];
    let dumps = {
        let (storm, file) = (storm.clone(), file.clone());
        tokio::task::spawn_blocking(move || upkeep::dumps(&storm, &file))
    };
    let feed = tokio::spawn(upkeep::feed(storm.clone(), storm.a()));
    let feed_of_other = tokio::spawn(upkeep::feed(storm.clone(), storm.b()));
    tasks.push(tokio::spawn(other::compactions(storm.clone())));
    for task in tasks {
        task.await.expect("a task comes to its end");
    }
    dumps.await.expect("dumps come to their end");
    storm.end();
    let told = feed.await.expect("the feed comes to its end");
    let told_other = feed_of_other.await.expect("the feed comes to its end");

    // What is too old goes now, if a hold kept it.
    while count(&first, "SELECT count(*) FROM timedb.apply_retention()", &[]).await > 0 {}
    let (expected, done) = {
        let ledger = storm.ledger();
        (ledger.left(), ledger.done.clone())
    };
    assert_eq!(Ledger::stored(&first).await, expected);
    assert_whole(&first).await;
    compact(&first).await;
    assert_eq!(Ledger::stored(&first).await, expected);
    assert_whole(&first).await;
    for value in expected.keys() {
        assert!(told.contains(value), "no change told of {value}");
    }
    let of_other = storm.other().await;
    for value in Ledger::stored(&of_other).await.keys() {
        assert!(told_other.contains(value), "no change told of {value}");
    }
    println!("{done:?}, {} versions left", expected.len());
    for what in [
        "tick",
        "single point",
        "forecast",
        "correction",
        "compaction",
        "retention",
        "deletion of a batch",
        "deletion of a series",
        "hold",
        "check",
        "read",
        "changes",
        "dump",
        "step of the other tenant",
    ] {
        assert!(
            done.get(what).is_some_and(|&times| times > 1),
            "{what}: {done:?}"
        );
    }
    restored_dump_is_whole(&storm.db, &file).await;
}

/// Nothing is damaged.
async fn assert_whole(client: &Client) {
    let damaged = client.query("SELECT * FROM timedb.verify()", &[]).await;
    let damaged = damaged.unwrap_or_else(|error| panic!("verify: {error:?}"));
    assert!(damaged.is_empty(), "{damaged:?}");
}

/// The last dump that was made meanwhile is a store on its own, in which nothing is damaged.
async fn restored_dump_is_whole(db: &Db, file: &str) {
    let superuser = db.connect(Role::Superuser).await;
    let dsn = db.dsn(Role::Superuser);
    let (server, name) = dsn.rsplit_once('/').expect("a URI ends with a database");
    let name = format!("{name}_restored");
    run(&superuser, &format!("CREATE DATABASE {name}")).await;
    let dsn = format!("{server}/{name}");
    pg_tool("pg_restore")
        .args(["--exit-on-error", "-d", &dsn, file])
        .ok();
    let restored = timedb_tests::connect(&dsn).await;
    let damaged = "SELECT count(*) FROM timedb.verify_store()";
    assert_eq!(count(&restored, damaged, &[]).await, 0);
    let versions = "SELECT sum(points)::bigint FROM timedb.stats_store() WHERE problem IS NULL";
    assert!(count(&restored, versions, &[]).await > 0);
    drop(restored);
    run(&superuser, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
}
