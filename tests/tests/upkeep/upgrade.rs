//! `ALTER EXTENSION timedb UPDATE`: an updated store has the catalog of a fresh one, its rows, and its
//! administrator's rights. The releases are in timedb_ext/releases; as long as there are few, a trial
//! version made by the test proves that the machinery works.

mod downgrade;
mod installation;
mod kept;
mod newer_library;
mod older_dumps;
mod release;
mod rights;
mod trial;

use installation::{CURRENT, Installation};
use timedb_tests::catalog::{columns, differences, rows_of, snapshot};
use timedb_tests::{authenticate, compact, connect, count, run, upload};
use tokio_postgres::Client;

use trial::{CHANGES, delta, put_delta, put_older, put_raw};

/// A database with an older version of the extension; its superuser.
async fn install(installation: &Installation, database: &str, version: &str) -> Client {
    let client = installation.database(database).await;
    run(
        &client,
        &format!("CREATE EXTENSION timedb VERSION '{version}'"),
    )
    .await;
    client
}

/// The catalog of the current version, installed afresh.
async fn fresh(installation: &Installation, database: &str) -> Vec<String> {
    let client = install(installation, database, CURRENT).await;
    snapshot(&client).await
}

/// A store's data, by means that every version has: three tenants, some thousand segments, and writes that are folded
/// and that are not. Returns the tenants' keys.
async fn fill(installation: &Installation, database: &str, superuser: &Client) -> Vec<String> {
    run(
        superuser,
        "DO $$ BEGIN CREATE ROLE app LOGIN IN ROLE timedb_user; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    )
    .await;
    let app = connect(&installation.dsn(database, "app")).await;
    let mut keys: Vec<String> = Vec::new();
    for number in 1..=3 {
        let row = superuser
            .query_one(
                "SELECT api_key FROM timedb.create_user(timedb.create_tenant('tenant ' || $1), $1 || '@a.example')",
                &[&number.to_string()],
            )
            .await
            .unwrap();
        keys.push(row.get(0));
        run(&app, "BEGIN").await;
        authenticate(&app, &keys[number - 1]).await.unwrap();
        // Both to the same list of series.
        for from in [1, 901] {
            run(
                &app,
                &format!(
                    "SELECT timedb.upload(valid_time => array_agg(timestamptz '2025-04-01Z' + i * interval '1 hour'),
                                          value => array_agg(i / 7.0), name => array_agg('meter ' || i % 900),
                                          batch_id => gen_random_uuid())
                     FROM generate_series({from}, {from} + 899) AS i"
                ),
            )
            .await;
        }
        run(&app, "COMMIT; BEGIN").await;
        authenticate(&app, &keys[number - 1]).await.unwrap();
        compact(&app).await;
        upload(&app, "wind", &[0.5, 1.25, f64::MAX]).await.unwrap();
        run(&app, "COMMIT").await;
    }
    keys
}

/// All versions that a key's tenant reads.
async fn versions_read(app: &Client, key: &str) -> (i64, String) {
    run(app, "BEGIN").await;
    authenticate(app, key).await.unwrap();
    let row = app
        .query_one(
            "SELECT count(*), md5(string_agg(md5(v::text), '' ORDER BY md5(v::text))) FROM timedb.read_versions() AS v",
            &[],
        )
        .await
        .unwrap();
    run(app, "COMMIT").await;
    (row.get(0), row.get(1))
}

/// The tables and columns that both have.
fn common(
    one: &[(String, Vec<String>)],
    other: &[(String, Vec<String>)],
) -> Vec<(String, Vec<String>)> {
    let of = |(table, columns): &(String, Vec<String>)| {
        let (_, others) = other.iter().find(|(name, _)| name == table)?;
        let kept = columns.iter().filter(|column| others.contains(column));
        Some((table.clone(), kept.cloned().collect()))
    };
    one.iter().filter_map(of).collect()
}

/// Fills a store of an older version, updates it, and holds it against a fresh one and against a copy
/// from before. The sessions that are open go on.
async fn assert_updates(installation: &Installation, version: &str) {
    let database = format!("from_{}", version.replace('.', "_"));
    let superuser = install(installation, &database, version).await;
    let keys = fill(installation, &database, &superuser).await;
    drop(superuser);
    let copy = format!("{database}_before TEMPLATE {database}");
    drop(installation.database(&copy).await);
    let before = connect(&installation.dsn(&format!("{database}_before"), "postgres")).await;
    let superuser = connect(&installation.dsn(&database, "postgres")).await;
    let app = connect(&installation.dsn(&database, "app")).await;
    let read = versions_read(&app, &keys[0]).await;
    assert_eq!(read.0, 1803);

    run(&superuser, "ALTER EXTENSION timedb UPDATE").await;
    let updated = snapshot(&superuser).await;
    let fresh = fresh(installation, &format!("{database}_fresh")).await;
    assert_eq!(
        differences(&fresh, &updated),
        Vec::<String>::new(),
        "from {version}"
    );
    let tables = common(&columns(&before).await, &columns(&superuser).await);
    let rows = rows_of(&superuser, &tables).await;
    for (table, least) in [
        ("segments", 2_000),
        ("requests", 6),
        ("write_log", 3),
        ("batch_chunks", 3),
        ("series_lists", 3),
    ] {
        let found = rows.iter().find(|(name, ..)| name == table);
        assert!(
            found.is_some_and(|(_, rows, _)| *rows >= least),
            "{table}: {rows:?}"
        );
    }
    assert_eq!(rows, rows_of(&before, &tables).await, "from {version}");
    // Sessions from before the update and after it.
    for app in [app, connect(&installation.dsn(&database, "app")).await] {
        assert_eq!(versions_read(&app, &keys[0]).await, read);
        run(&app, "BEGIN").await;
        authenticate(&app, &keys[1]).await.unwrap();
        let labelled = "SELECT timedb.upload(valid_time => ARRAY[now()], value => ARRAY[1.0], name => ARRAY['new'],
                                             labels => ARRAY['{\"a\": \"b\"}'::jsonb])";
        run(&app, labelled).await;
        let found = "SELECT count(*) FROM timedb.read_flat(labels => '{\"a\": \"b\"}')";
        assert_eq!(count(&app, found, &[]).await, 1);
        run(&app, "ROLLBACK").await;
    }
    assert!(!installation.log().contains("terminated by signal"));
}

#[tokio::test]
async fn an_updated_store_has_its_rows_and_the_catalog_of_a_fresh_one() {
    let installation = Installation::start();
    put_older(&installation, "0.0.1");
    put_delta(&installation, "0.0.1", &delta(&installation, None));
    assert_updates(&installation, "0.0.1").await;
}

#[tokio::test]
async fn whatever_a_delta_forgets_shows() {
    let installation = Installation::start();
    // The roles are there before, as with a second database of a cluster.
    let fresh = fresh(&installation, "fresh").await;
    for (number, change) in CHANGES.iter().enumerate() {
        let version = format!("0.0.{}", number + 1);
        put_older(&installation, &version);
        put_delta(
            &installation,
            &version,
            &delta(&installation, Some(change.name)),
        );
        let superuser = install(&installation, &format!("forgot_{number}"), &version).await;
        if let Err(error) = superuser
            .batch_execute("ALTER EXTENSION timedb UPDATE")
            .await
        {
            // finalize.sql names the tables.
            let message = error.as_db_error().expect("an answer").message().to_owned();
            assert_eq!(
                message, "relation \"timedb.series_labels\" does not exist",
                "{}",
                change.name
            );
            assert_eq!(change.name, "a table that is missing");
            continue;
        }
        let different = differences(&fresh, &snapshot(&superuser).await);
        assert!(
            different
                .iter()
                .any(|line| line[2..].starts_with(change.shows)),
            "{}: {different:#?}",
            change.name
        );
    }
}

#[tokio::test]
async fn a_table_dropped_without_leaving_the_extension_first_shows() {
    let installation = Installation::start();
    put_older(&installation, "0.0.1");
    let delta = delta(&installation, None);
    let careless = delta.replace("ALTER EXTENSION timedb DROP TABLE timedb.older;", "");
    assert_ne!(careless, delta);
    put_delta(&installation, "0.0.1", &careless);
    let superuser = install(&installation, "careless", "0.0.1").await;
    run(&superuser, "ALTER EXTENSION timedb UPDATE").await;
    let fresh = fresh(&installation, "fresh").await;
    let different = differences(&fresh, &snapshot(&superuser).await);
    // PostgreSQL leaves the number of the dropped table among those to be dumped.
    assert_eq!(different.len(), 1, "{different:#?}");
    assert!(different[0].starts_with("+ dumped: "), "{different:#?}");
}

#[tokio::test]
async fn a_delta_without_what_the_build_adds_shows_by_owners_rights_and_dumped_tables() {
    let installation = Installation::start();
    put_older(&installation, "0.0.1");
    put_raw(&installation, "0.0.1", &delta(&installation, None));
    let superuser = install(&installation, "raw", "0.0.1").await;
    run(&superuser, "ALTER EXTENSION timedb UPDATE").await;
    let different = differences(
        &fresh(&installation, "fresh").await,
        &snapshot(&superuser).await,
    );
    for line in [
        "- dumped: timedb.series_labels",
        "- relation: timedb.requests kind r, owner timedb_owner",
        "- relation: timedb.batches kind v, owner timedb_owner",
        "+ relation: timedb.series_labels kind r, owner postgres",
        "+ function: timedb.logout() owner postgres, rights default",
        "- initial rights: function timedb.logout()",
        "+ function: timedb.whoami() owner timedb_keeper",
        "- function: timedb.create_series(text,text,jsonb,text)",
        "+ column: timedb_internal.users.email",
    ] {
        assert!(
            different.iter().any(|found| found.starts_with(line)),
            "{line}: {different:#?}"
        );
    }
}
