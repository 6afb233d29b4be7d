//! What outlives a transaction in the database's session, and with it reaches the pool's next client:
//! the hazards that docs/pooling.md names, and that its configuration does away with them.

use timedb_tests::{Role, refusal};
use tokio_postgres::types::Type;

use super::{Link, NARROW, NO_RESET, Pooled};

/// Where a client meets what another one has left.
async fn rows_of(client: &Link, query: &str) -> Vec<String> {
    let rows = client.client.query_typed(query, &[]).await;
    let rows = rows.unwrap_or_else(|error| panic!("{query}: {error:?}"));
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn without_the_reset_a_login_meets_the_next_client() {
    let pooled = Pooled::start(&[NARROW, NO_RESET]).await;
    let dsn = pooled.dsn(Role::Session);
    let (first, next) = (Link::open(&dsn).await, Link::open(&dsn).await);
    let key = &pooled.db.a().key;
    let login = "SELECT timedb.login($1)";
    first
        .client
        .query_typed(login, &[(key, Type::TEXT)])
        .await
        .unwrap();
    // The hazard itself: this is why timedb_user may not log in.
    assert_eq!(next.seen().await.1, ["a"]);
    // Who authenticates is safe from it, and DISCARD ALL ends it.
    next.begin(pooled.db.b()).await;
    assert_eq!(next.seen().await.1, ["b"]);
    next.run("COMMIT").await;
    assert_eq!(next.seen().await.1, ["a"]);
    next.run("DISCARD ALL").await;
    assert_eq!(first.seen().await, (None, vec![]));
    // The pool of another role has connections of its own.
    first
        .client
        .query_typed(login, &[(key, Type::TEXT)])
        .await
        .unwrap();
    pooled
        .assert_everybody_is_themselves("beside a login in another pool")
        .await;
}

#[tokio::test]
async fn with_the_documented_reset_a_login_ends_with_its_transaction() {
    let pooled = Pooled::start(&[NARROW]).await;
    let dsn = pooled.dsn(Role::Session);
    let (first, next) = (Link::open(&dsn).await, Link::open(&dsn).await);
    let login = format!("SELECT timedb.login('{}')", pooled.db.a().key);
    for message in [login.clone(), format!("BEGIN; {login}; COMMIT")] {
        first.run(&message).await;
        assert_eq!(next.seen().await, (None, vec![]), "the next client");
        assert_eq!(first.seen().await, (None, vec![]), "who logged in");
    }
    first.run(&format!("BEGIN; {login}")).await;
    assert_eq!(first.seen().await.1, ["a"], "within the transaction");
    first.hang_up();
    assert_eq!(next.seen().await, (None, vec![]), "after it vanished");
}

/// What a client with rows of tenant a leaves behind, and how the next one gets at it.
const RELICS: [(&str, &str); 2] = [
    (
        "DECLARE kept CURSOR WITH HOLD FOR SELECT name FROM timedb.values",
        "FETCH ALL FROM kept",
    ),
    (
        "CREATE TEMPORARY TABLE kept AS SELECT name FROM timedb.values",
        "SELECT name FROM pg_temp.kept",
    ),
];

#[tokio::test]
async fn without_the_reset_copies_that_a_client_leaves_can_be_read_by_the_next() {
    for (leave, find) in RELICS {
        let pooled = Pooled::start(&[NARROW, NO_RESET]).await;
        let (first, next) = (pooled.link().await, pooled.link().await);
        first.begin(pooled.db.a()).await;
        first.run(leave).await;
        first.run("COMMIT").await;
        assert_eq!(rows_of(&next, find).await, ["a"; 3], "{leave}");
        // The rows themselves stay closed.
        assert_eq!(next.seen().await, (None, vec![]), "{leave}");
    }
}

#[tokio::test]
async fn with_the_documented_reset_nothing_is_left_to_the_next_client() {
    let pooled = Pooled::start(&[NARROW]).await;
    let (first, next) = (pooled.link().await, pooled.link().await);
    let pid = first.pid().await;
    for (leave, find) in RELICS {
        first.begin(pooled.db.a()).await;
        first.run(leave).await;
        first.run("COMMIT").await;
        assert!(next.try_run(find).await.is_err(), "{leave}");
    }
    first.begin(pooled.db.a()).await;
    first
        .run(
            "SET search_path = pg_temp, public; SET statement_timeout = 12345; SET ROLE timedb_user; SET TIME ZONE 'Asia/Tokyo'; LISTEN news;
             SELECT pg_advisory_lock(1); PREPARE kept AS SELECT * FROM timedb.values;
             SET row_security = off; COMMIT",
        )
        .await;
    let left = "SELECT 'path' WHERE current_setting('search_path') LIKE 'pg_temp%'
                UNION ALL SELECT 'timeout' WHERE current_setting('statement_timeout') <> '0'
                UNION ALL SELECT 'row security' WHERE current_setting('row_security') <> 'on'
                UNION ALL SELECT 'role' WHERE current_user <> session_user
                UNION ALL SELECT 'lock' FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
                UNION ALL SELECT 'channel ' || pg_listening_channels()
                UNION ALL SELECT 'statement ' || name FROM pg_prepared_statements";
    assert_eq!(rows_of(&next, left).await, <Vec<String>>::new());
    assert_eq!(next.pid().await, pid, "it is the same connection");
    pooled
        .assert_everybody_is_themselves("after leftovers")
        .await;
}

#[tokio::test]
async fn settings_that_a_client_leaves_open_no_rows_even_without_the_reset() {
    let pooled = Pooled::start(&[NARROW, NO_RESET]).await;
    let first = pooled.link().await;
    for setting in [
        "SET search_path = pg_temp, public",
        "SET ROLE timedb_user",
        "SET session_replication_role = 'replica'",
        "SET TIME ZONE 'Asia/Tokyo'",
        "SET plan_cache_mode = force_generic_plan",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    ] {
        first.begin(pooled.db.a()).await;
        if first.try_run(setting).await.is_err() {
            first.run("ROLLBACK").await;
            continue;
        }
        assert_eq!(first.seen().await.1, ["a"]);
        first.run("COMMIT").await;
        pooled.assert_everybody_is_themselves(setting).await;
    }
    // Row security that is off refuses everybody; it opens nothing.
    first.run("SET row_security = off").await;
    let other = pooled.link().await;
    assert_eq!(refusal(other.try_seen().await).0, "42501");
    other.run("BEGIN").await;
    let entered = other.authenticate(&pooled.db.b().key).await;
    assert_eq!(refusal(entered).0, "42501");
    other.run("ROLLBACK").await;
    first.run("RESET row_security").await;
    pooled.assert_everybody_is_themselves("row security").await;
}
