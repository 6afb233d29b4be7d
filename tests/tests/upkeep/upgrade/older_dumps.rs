//! Dumps of older versions, restored where the current one is installed.

use timedb_tests::catalog::{columns, differences, rows_of, snapshot};
use timedb_tests::{connect, pg_tool, run};
use tokio_postgres::Client;

use super::installation::Installation;
use super::trial::{delta, put_delta, put_older, put_older_without};
use super::{common, fill, fresh, install, versions_read};

/// A dump of a store of that version in the database `older`; the store's superuser and its keys.
async fn dump_of_older(
    installation: &Installation,
    version: &str,
    file: &str,
) -> (Client, Vec<String>) {
    let superuser = install(installation, "older", version).await;
    let keys = fill(installation, "older", &superuser).await;
    let dsn = installation.dsn("older", "postgres");
    pg_tool("pg_dump")
        .args(["-Fc", "-f", file, "-d", &dsn])
        .ok();
    (superuser, keys)
}

/// A restored store holds what the older one did, and has the catalog of a fresh one.
async fn assert_restored(installation: &Installation, older: &Client, keys: &[String]) {
    let restored = connect(&installation.dsn("restored", "postgres")).await;
    let tables = common(&columns(older).await, &columns(&restored).await);
    assert_eq!(
        rows_of(&restored, &tables).await,
        rows_of(older, &tables).await
    );
    let fresh = fresh(installation, "fresh").await;
    assert_eq!(
        differences(&fresh, &snapshot(&restored).await),
        Vec::<String>::new()
    );
    let app = connect(&installation.dsn("restored", "app")).await;
    assert_eq!(versions_read(&app, &keys[2]).await.0, 1803);
}

#[tokio::test]
async fn a_dump_of_an_older_version_restores_into_the_current_one() {
    let installation = Installation::start();
    put_older_without(&installation, "0.0.1", Some("a table that is gone"));
    let dumps = tempfile::tempdir().unwrap();
    let file = dumps.path().join("older.dump").display().to_string();
    let (older, keys) = dump_of_older(&installation, "0.0.1", &file).await;
    drop(installation.database("restored").await);
    pg_tool("pg_restore")
        .args(["-j", "4", "--exit-on-error", "-d"])
        .args([&installation.dsn("restored", "postgres"), &file])
        .ok();
    assert_restored(&installation, &older, &keys).await;
}

#[tokio::test]
async fn a_dump_with_a_table_that_is_gone_restores_into_its_own_version_and_is_updated() {
    let installation = Installation::start();
    put_older(&installation, "0.0.1");
    put_delta(&installation, "0.0.1", &delta(&installation, None));
    let dumps = tempfile::tempdir().unwrap();
    let file = dumps.path().join("older.dump").display().to_string();
    let (older, keys) = dump_of_older(&installation, "0.0.1", &file).await;
    drop(installation.database("directly").await);
    let failed = pg_tool("pg_restore")
        .args([
            "--exit-on-error",
            "-d",
            &installation.dsn("directly", "postgres"),
            &file,
        ])
        .run();
    assert_ne!(failed.code, 0);
    assert!(
        failed
            .stderr
            .contains("relation \"timedb.older\" does not exist"),
        "{failed:?}"
    );
    let restored = install(&installation, "restored", "0.0.1").await;
    pg_tool("pg_restore")
        .args(["--data-only", "--exit-on-error", "-d"])
        .args([&installation.dsn("restored", "postgres"), &file])
        .ok();
    run(&restored, "ALTER EXTENSION timedb UPDATE").await;
    assert_restored(&installation, &older, &keys).await;
}
