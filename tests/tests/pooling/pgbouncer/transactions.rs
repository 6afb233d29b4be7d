//! One transaction after the other on one connection of the database, and what each leaves to the next.

use timedb_tests::{Config, Role, python, refusal};

use super::{NARROW, NO_RESET, Pooled};

#[tokio::test]
async fn after_commit_or_rollback_the_next_client_on_the_connection_is_nobody() {
    let pooled = Pooled::start(&[NARROW, NO_RESET]).await;
    let (a, b) = (pooled.link().await, pooled.link().await);
    let pid = a.pid().await;
    for end in ["COMMIT", "ROLLBACK", "COMMIT AND CHAIN; COMMIT", "END"] {
        a.begin(pooled.db.a()).await;
        assert_eq!(a.seen().await.1, ["a"]);
        a.run(end).await;
        assert_eq!(b.seen().await, (None, vec![]), "after {end}");
        b.begin(pooled.db.b()).await;
        assert_eq!(b.pid().await, pid, "both share one connection");
        assert_eq!(b.seen().await.1, ["b"], "after {end}");
        b.run(end).await;
    }
    pooled.assert_everybody_is_themselves("afterwards").await;
    assert_eq!(pooled.pids().await, [pid], "nothing cost the connection");
}

#[tokio::test]
async fn after_an_error_the_next_client_on_the_connection_is_nobody() {
    let pooled = Pooled::start(&[NARROW, NO_RESET]).await;
    let client = pooled.link().await;
    let pid = client.pid().await;
    let errors = [
        ("SELECT 1/0", "22012"),
        ("SELECT timedb.authenticate('wrong')", "28000"),
        ("INSERT INTO timedb.series DEFAULT VALUES", "42501"),
        ("SELECT timedb.create_series('a', 'another')", "23505"),
        ("SELECT no_such_column FROM timedb.values", "42703"),
        (
            "SET LOCAL statement_timeout = 20; SELECT pg_sleep(10)",
            "57014",
        ),
    ];
    for (error, code) in errors {
        for end in ["ROLLBACK", "COMMIT"] {
            client.begin(pooled.db.a()).await;
            assert_eq!(refusal(client.try_run(error).await).0, code, "{error}");
            client.run(end).await;
            pooled.assert_everybody_is_themselves(error).await;
        }
    }
    assert_eq!(pooled.pids().await, [pid], "an error costs no connection");
}

#[tokio::test]
async fn authenticate_without_a_transaction_ends_with_its_statement() {
    let pooled = Pooled::start(&[NARROW, NO_RESET]).await;
    let client = pooled.link().await;
    let entered = client.authenticate(&pooled.db.a().key).await.unwrap();
    assert_eq!(entered, Some(pooled.db.a().tenant_id));
    pooled.assert_everybody_is_themselves("autocommit").await;
    // Several statements in one message are one transaction, and end like one.
    let both = format!(
        "SELECT timedb.authenticate('{}'); SELECT * FROM timedb.values",
        pooled.db.a().key
    );
    client.run(&both).await;
    pooled.assert_everybody_is_themselves("one message").await;
    let wrong = format!("{both}; SELECT 1/0");
    assert_eq!(refusal(client.try_run(&wrong).await).0, "22012");
    pooled
        .assert_everybody_is_themselves("one message that fails")
        .await;
}

#[tokio::test]
async fn savepoints_and_a_second_key_leave_nothing_behind() {
    let pooled = Pooled::start(&[NARROW, NO_RESET]).await;
    let client = pooled.link().await;
    client.run("BEGIN; SAVEPOINT s").await;
    client.authenticate(&pooled.db.a().key).await.unwrap();
    client.run("ROLLBACK TO s").await;
    assert_eq!(client.seen().await, (None, vec![]));
    client.authenticate(&pooled.db.b().key).await.unwrap();
    assert_eq!(client.seen().await.1, ["b"]);
    client.run("SAVEPOINT t").await;
    client.authenticate(&pooled.db.a().key).await.unwrap();
    assert_eq!(client.seen().await.1, ["a"]);
    client.run("COMMIT").await;
    pooled.assert_everybody_is_themselves("savepoints").await;
}

#[tokio::test]
async fn nobody_makes_themselves_a_tenant_through_the_pool() {
    let pooled = Pooled::start(&[NARROW, NO_RESET]).await;
    let client = pooled.link().await;
    let id = pooled.db.a().tenant_id;
    let claims = [
        format!("SET timedb.tenant_id = '{id}'"),
        format!("BEGIN; SET LOCAL timedb.tenant_id = '{id}'"),
        format!("SELECT set_config('timedb.tenant_id', '{id}', false)"),
    ];
    // On a connection that has not used timedb yet the name is one like any other, and means nothing.
    client.run(&claims[0]).await;
    assert_eq!(client.seen().await, (None, vec![]));
    for claim in &claims {
        assert_eq!(refusal(client.try_run(claim).await).0, "42501", "{claim}");
        client.run("ROLLBACK").await;
        pooled.assert_everybody_is_themselves(claim).await;
    }
}

#[tokio::test]
async fn login_is_not_for_members_of_timedb_user() {
    let pooled = Pooled::start(&[NARROW]).await;
    let client = pooled.link().await;
    let login = format!("SELECT timedb.login('{}')", pooled.db.a().key);
    assert_eq!(refusal(client.try_run(&login).await).0, "42501");
    let logout = client.try_run("SELECT timedb.logout()").await;
    assert_eq!(refusal(logout).0, "42501");
    pooled.assert_everybody_is_themselves("login refused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_works_through_the_pool_as_the_document_shows() {
    // Two connections in turn: what one of them prepared is not there on the other.
    let pooled = Pooled::start(&["default_pool_size = 2", "server_round_robin = 1"]).await;
    let document = std::fs::read_to_string(Config::get().root.join("docs/pooling.md")).unwrap();
    let block = document.split("```python\n").nth(1).unwrap();
    let block = block.split("```").next().unwrap();
    let often = format!("for _ in range(12):\n    {}", block.replace('\n', "\n    "));
    let output = python(&["-c", &often])
        .env("POOL_DSN", pooled.dsn(Role::User))
        .env("TIMEDB_KEY", &pooled.db.a().key)
        .ok();
    assert_eq!(output.lines().collect::<Vec<_>>(), ["3"; 12]);
}
