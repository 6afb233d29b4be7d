//! The document's configuration as it is printed, and the two other modes of a pool.

use serde_json::json;
use timedb_tests::{Role, Server, UNKNOWN_KEY, cli, psql};

use super::{Link, NARROW, NO_RESET, Pooled};

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_works_as_it_is_printed() {
    let pooled = Pooled::start(&[]).await;
    let one = format!(
        "BEGIN; SELECT count(*) FROM (SELECT timedb.authenticate('{}')) AS t; SELECT count(*) FROM timedb.values; COMMIT",
        pooled.db.a().key
    );
    let psql_types = |sql| psql(&pooled.dsn(Role::User), sql).env("PGAPPNAME", "types_keys");
    assert_eq!(psql_types(&one).ok(), "1\n3\n");
    let server = Server::start_with(&pooled.dsn(Role::User), &[], &[]);
    let reply = server.get("/values", Some(&pooled.db.b().key)).await;
    assert_eq!(reply.json()["count"], 3, "{reply:?}");
    assert_eq!(server.get("/values", None).await.status, 401);
    let users = cli(&["users", "list", "--dsn", &pooled.dsn(Role::Owner)]).ok();
    assert!(users.contains(&pooled.db.a().email), "{users}");
    pooled.assert_everybody_is_themselves("as printed").await;
    // Wrong secrets are wrong here too.
    let wrong = pooled
        .dsn(Role::User)
        .replace(pooled.db.password(), "wrong");
    assert_ne!(psql(&wrong, "SELECT 1").run().code, 0);
}

#[tokio::test]
async fn in_session_mode_a_login_lasts_for_the_client_and_no_longer() {
    let pooled = Pooled::start(&[NARROW, NO_RESET, "pool_mode = session"]).await;
    let dsn = pooled.dsn(Role::Session);
    let login = format!("SELECT timedb.login('{}')", pooled.db.a().key);
    for vanishes in [false, true] {
        let client = Link::open(&dsn).await;
        client.run(&login).await;
        client.run("BEGIN; SELECT 1; COMMIT").await;
        assert_eq!(client.seen().await.1, ["a"]);
        if vanishes {
            client.hang_up();
        } else {
            drop(client);
        }
        let next = Link::open(&dsn).await;
        assert_eq!(next.seen().await, (None, vec![]), "vanishes: {vanishes}");
    }
    // One client at a time has the connection.
    for (tenant, name) in [(pooled.db.b(), "b"), (pooled.db.a(), "a")] {
        let client = pooled.link().await;
        client.begin(tenant).await;
        assert_eq!(client.seen().await.1, [name]);
        client.run("COMMIT").await;
        assert_eq!(client.seen().await, (None, vec![]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_statement_mode_there_are_no_transactions_and_the_server_does_not_start() {
    let pooled = Pooled::start(&["pool_mode = statement"]).await;
    let client = pooled.link().await;
    let refused = client.try_run("BEGIN").await.unwrap_err();
    let text = format!("{refused:?}");
    assert!(text.contains("transaction blocks not allowed"), "{text}");
    // Nobody is left with a tenant, whatever came after BEGIN.
    pooled.assert_statement_mode_shows_nothing().await;
    let started = cli(&["api", "--port", "0"])
        .env("TIMEDB_DSN", pooled.dsn(Role::User))
        .run();
    assert_ne!(started.code, 0, "{started:?}");
    assert!(
        started.stderr.contains("transaction blocks not allowed"),
        "{started:?}"
    );
    assert!(!started.stdout.contains("Listening"), "{started:?}");
}

impl Pooled {
    async fn assert_statement_mode_shows_nothing(&self) {
        for _ in 0..4 {
            assert_eq!(self.link().await.seen().await, (None, vec![]));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_becomes_one_of_statements_makes_requests_fail() {
    let pooled = Pooled::start(&[NARROW]).await;
    let server = Server::start_with(&pooled.dsn(Role::User), &[], &[("TIMEDB_POOL_SIZE", "2")]);
    let key = Some(pooled.db.a().key.as_str());
    assert_eq!(server.get("/values", key).await.status, 200);
    pooled.bouncer.reload("pool_mode = statement");
    let body = json!({"time_unit": "s", "batch_start_time": 0, "value_rows": [{"valid_time": 0, "value_key": "a torn", "value": 1}]});
    for round in 0..6 {
        for reply in [
            server.get("/values", key).await,
            server.get("/list_timeseries", key).await,
            server.get("/values", Some(UNKNOWN_KEY)).await,
            server.post("/upload", key, &body).await,
            server.get("/ready", None).await,
        ] {
            assert_eq!(reply.status, 503, "round {round}: {reply:?}");
        }
    }
    let log = server.log();
    assert!(log.contains("transaction blocks not allowed"), "{log}");
    pooled.bouncer.reload("pool_mode = transaction");
    assert_eq!(server.get("/values", key).await.status, 200);
    // An answer of 503 says nothing about the write: the messages behind BEGIN were on their way.
    pooled.assert_nobody_else_is_seen("back again").await;
}
