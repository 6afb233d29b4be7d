//! Between two fetches of a read its caller does whatever SQL offers: the read gives the same rows, or ends with an
//! error, and the session lives on.

use timedb_tests::{Db, authenticate, refusal};
use tokio_postgres::Client;

use super::store::{READS, backend, fill, rows, session};

/// What is done between any two fetches: it names all that the session has, and what it might have.
async fn meddle(client: &Client, round: usize) {
    let names = rows(client, "SELECT name FROM pg_cursors").await;
    let mut victims: Vec<String> = names.into_iter().flatten().flatten().collect();
    victims.retain(|name| name != "mine" && !name.is_empty());
    assert!(
        victims.is_empty(),
        "cursors that are not the caller's: {victims:?}"
    );
    victims.extend((1..12).map(|i| format!("<unnamed portal {i}>")));
    for name in &victims {
        for statement in [
            format!("MOVE 40 IN \"{name}\""),
            format!("CLOSE \"{name}\""),
        ] {
            client.batch_execute("SAVEPOINT s").await.unwrap();
            let (code, _) = refusal(client.batch_execute(&statement).await);
            assert_eq!(code, "34000", "{statement}");
            client.batch_execute("ROLLBACK TO s").await.unwrap();
        }
        // Rows of other types than a read of segments has, under the names that its cursor had.
        client
            .batch_execute(&format!(
                "DECLARE \"{name}\" CURSOR FOR SELECT 1::int8, 1::int8, 2::int8, 3::int8, 4::int8, 5::int8, 6::int8,
                     1::int4, 1::int8, 7::int8"
            ))
            .await
            .unwrap();
    }
    assert!(rows(client, "SELECT name FROM pg_prepared_statements WHERE NOT from_sql AND statement ~ 'segments|write_log'")
        .await
        .is_empty());
    client
        .batch_execute(match round % 3 {
            0 => "DISCARD PLANS; DEALLOCATE ALL; SELECT pg_advisory_unlock_all()",
            1 => "SAVEPOINT s; CREATE TEMP TABLE segments (x text); CREATE TEMP TABLE series (x text); ROLLBACK TO s",
            _ => "SET LOCAL search_path = pg_temp, public; SET LOCAL timedb.streaming_reads = off; SET LOCAL enable_indexscan = off",
        })
        .await
        .unwrap();
    for name in &victims {
        client
            .batch_execute(&format!("CLOSE \"{name}\""))
            .await
            .unwrap();
    }
}

/// How many rows are fetched at a time, so that a read takes a few fetches.
fn step(total: usize) -> usize {
    (total / 5).max(1)
}

#[tokio::test]
async fn no_read_is_moved_by_what_its_caller_does_between_fetches() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client).await;
    let process = backend(&client).await;
    for read in READS {
        let undisturbed = rows(&client, read).await;
        assert!(!undisturbed.is_empty() || read.contains("label"), "{read}");
        client
            .batch_execute(&format!("BEGIN; DECLARE mine NO SCROLL CURSOR FOR {read}"))
            .await
            .unwrap();
        let mut fetched = Vec::new();
        for round in 0.. {
            meddle(&client, round).await;
            let step = step(undisturbed.len());
            let part = rows(&client, &format!("FETCH {step} FROM mine")).await;
            if part.is_empty() {
                break;
            }
            fetched.extend(part);
        }
        client.batch_execute("COMMIT").await.unwrap();
        assert_eq!(fetched.len(), undisturbed.len(), "{read}");
        assert!(fetched == undisturbed, "{read}: other rows");
    }
    assert_eq!(backend(&client).await, process);
}

#[tokio::test]
async fn the_cursor_of_a_read_cannot_be_replaced() {
    let db = Db::new().await;
    let client = session(&db, db.a()).await;
    fill(&client).await;
    let expected = rows(&client, "SELECT name, value FROM timedb.read_flat()").await;
    client
        .batch_execute(
            "DECLARE c CURSOR FOR SELECT name, value FROM timedb.read_flat(); FETCH 1 FROM c",
        )
        .await
        .unwrap();
    client.batch_execute("SAVEPOINT s").await.unwrap();
    let (code, _) = refusal(client.batch_execute("CLOSE \"<unnamed portal 1>\"").await);
    assert_eq!(code, "34000");
    client
        .batch_execute(
            "ROLLBACK TO s;
             DECLARE \"<unnamed portal 1>\" CURSOR FOR SELECT 1::int8, 1::int8, 2::int8, 3::int8, 4::int8, 5::int8,
                 6::int8, 1::int4, 1::int8, 7::int8",
        )
        .await
        .unwrap();
    let rest = rows(&client, "FETCH ALL FROM c").await;
    assert!(rest == expected[1..]);
}

#[tokio::test]
async fn closing_everything_closes_the_callers_cursor_and_nothing_is_left() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client).await;
    for read in READS {
        client
            .batch_execute(&format!(
                "BEGIN; DECLARE mine CURSOR FOR {read}; FETCH 2 FROM mine; CLOSE ALL"
            ))
            .await
            .unwrap();
        assert!(
            rows(&client, "SELECT name FROM pg_cursors WHERE name <> ''")
                .await
                .is_empty()
        );
        let (code, _) = refusal(client.batch_execute("FETCH 1 FROM mine").await);
        assert_eq!(code, "34000");
        client.batch_execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test]
async fn a_read_goes_on_after_savepoints_and_errors() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client).await;
    for read in READS {
        let undisturbed = rows(&client, read).await;
        let step = step(undisturbed.len());
        // Begun inside a savepoint that is rolled back afterwards: PostgreSQL does not move the cursor back.
        client
            .batch_execute(&format!(
                "BEGIN; DECLARE mine NO SCROLL CURSOR FOR {read}; SAVEPOINT s"
            ))
            .await
            .unwrap();
        let mut fetched = rows(&client, &format!("FETCH {step} FROM mine")).await;
        client.batch_execute("ROLLBACK TO s").await.unwrap();
        for disturbance in [
            "SELECT 1/0",
            "SELECT * FROM timedb.read_flat(unit => 'nonsense')",
        ] {
            client.batch_execute("SAVEPOINT t").await.unwrap();
            client.batch_execute(disturbance).await.unwrap_err();
            client.batch_execute("ROLLBACK TO t").await.unwrap();
            fetched.extend(rows(&client, &format!("FETCH {step} FROM mine")).await);
        }
        client
            .batch_execute("SAVEPOINT u; RELEASE u")
            .await
            .unwrap();
        fetched.extend(rows(&client, "FETCH ALL FROM mine").await);
        client.batch_execute("COMMIT").await.unwrap();
        assert!(fetched == undisturbed, "{read}: other rows");
    }
}

#[tokio::test]
async fn a_cursor_declared_in_a_savepoint_ends_with_it() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client).await;
    for read in READS {
        client
            .batch_execute(&format!(
                "BEGIN; SAVEPOINT s; DECLARE mine CURSOR FOR {read}; FETCH 2 FROM mine; ROLLBACK TO s"
            ))
            .await
            .unwrap();
        let (code, _) = refusal(client.batch_execute("FETCH 1 FROM mine").await);
        assert_eq!(code, "34000", "{read}");
        client.batch_execute("ROLLBACK").await.unwrap();
        assert!(
            !rows(&client, "SELECT count(*) FROM timedb.read_flat()")
                .await
                .is_empty()
        );
    }
}

#[tokio::test]
async fn a_cursor_that_is_held_has_all_rows() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client).await;
    for read in READS {
        let undisturbed = rows(&client, read).await;
        client
            .batch_execute(&format!(
                "BEGIN; DECLARE mine CURSOR WITH HOLD FOR {read}; FETCH 1 FROM mine; COMMIT"
            ))
            .await
            .unwrap();
        let rest = rows(&client, "FETCH ALL FROM mine").await;
        assert!(rest == undisturbed[undisturbed.len().min(1)..], "{read}");
        client.batch_execute("CLOSE mine").await.unwrap();
    }
}

#[tokio::test]
async fn a_read_ends_when_the_tenant_changes_and_goes_on_when_it_is_back() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client).await;
    let read = "SELECT name, value FROM timedb.read_flat()";
    let undisturbed = rows(&client, read).await;
    let client = db.begin(db.a()).await;
    client
        .batch_execute(&format!("DECLARE mine CURSOR FOR {read}"))
        .await
        .unwrap();
    let mut fetched = rows(&client, "FETCH 100 FROM mine").await;
    client.batch_execute("SAVEPOINT s").await.unwrap();
    authenticate(&client, &db.b().key).await.unwrap();
    let (code, _) = refusal(client.batch_execute("FETCH 9000 FROM mine").await);
    assert_eq!(code, "55000");
    client.batch_execute("ROLLBACK").await.unwrap();
    // Rolled back before anything was fetched as another one.
    client.batch_execute("BEGIN").await.unwrap();
    authenticate(&client, &db.a().key).await.unwrap();
    client
        .batch_execute(&format!("DECLARE mine CURSOR FOR {read}"))
        .await
        .unwrap();
    fetched.clear();
    fetched.extend(rows(&client, "FETCH 100 FROM mine").await);
    client.batch_execute("SAVEPOINT s").await.unwrap();
    authenticate(&client, &db.b().key).await.unwrap();
    client.batch_execute("ROLLBACK TO s").await.unwrap();
    fetched.extend(rows(&client, "FETCH ALL FROM mine").await);
    assert!(fetched == undisturbed);
}

#[tokio::test]
async fn the_tables_of_a_read_cannot_be_changed_under_it() {
    let db = Db::new().await;
    let owner = db.login(db.a()).await;
    fill(&owner).await;
    let client = db.connect(timedb_tests::Role::Superuser).await;
    timedb_tests::login(&client, &db.a().key).await.unwrap();
    client
        .batch_execute("BEGIN; DECLARE mine CURSOR FOR SELECT value FROM timedb.read_flat(); FETCH 1 FROM mine")
        .await
        .unwrap();
    client.batch_execute("SAVEPOINT s").await.unwrap();
    for change in [
        "segments ALTER COLUMN count TYPE bigint",
        "write_log ALTER COLUMN points TYPE bigint",
        "batch_chunks ALTER COLUMN max_change TYPE timestamptz(3)",
        "series_lists ALTER COLUMN series_ids TYPE text",
    ] {
        let change = format!("ALTER TABLE timedb_internal.{change}");
        let (code, _) = refusal(client.batch_execute(&change).await);
        // "cannot ALTER TABLE because it is being used by active queries in this session"
        assert_eq!(code, "55006", "{change}");
        client.batch_execute("ROLLBACK TO s").await.unwrap();
    }
}
