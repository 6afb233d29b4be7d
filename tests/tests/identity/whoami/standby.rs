//! A standby: authentication and reads work there and follow the primary, writes are refused as on any
//! read-only server.

mod as_of;
mod bound;
mod pair;
mod promoted;
mod server;
mod upkeep;

use timedb_tests::{authenticate, connect, count, refusal, run, upload};
use tokio_postgres::Client;

use pair::Pair;

use super::{NOBODY, whoami};

/// Statements that only read, and how many rows the tenant with two values gets.
const READS: &[(&str, i64)] = &[
    ("SELECT * FROM timedb.read_flat()", 2),
    ("SELECT * FROM timedb.read_overlapping()", 2),
    ("SELECT * FROM timedb.read_versions()", 2),
    (
        "SELECT * FROM timedb.read_flat(name => 'wind', start_valid => '2025-01-01 01:00Z')",
        1,
    ),
    // The newest write tells only of those before it.
    ("SELECT * FROM timedb.read_changes()", 0),
    ("SELECT timedb.changes_cursor()", 1),
    ("SELECT * FROM timedb_internal._read_changes_packed()", 1),
    ("SELECT * FROM timedb.values", 2),
    ("SELECT * FROM timedb.series", 1),
    ("SELECT * FROM timedb.batches", 1),
    ("SELECT * FROM timedb.requests", 0),
    ("SELECT timedb_internal._read_packed('flat')", 1),
    ("SELECT timedb.whoami()", 1),
    ("SELECT timedb.current_tenant()", 1),
    ("SELECT timedb.auth_required()", 1),
    ("SELECT timedb.version()", 1),
    ("SELECT timedb.built_for()", 1),
    ("SELECT timedb.hide_parameters()", 1),
    ("SELECT timedb.report_key_use()", 1),
    ("SELECT timedb_internal._count_use(1, 1, 1)", 1),
    ("SELECT * FROM timedb.usage()", 0),
    ("SELECT * FROM timedb.check_key('x')", 1),
    ("SELECT * FROM timedb.isolation_problems()", 0),
    ("SELECT * FROM timedb.audit_events", 3),
    ("SELECT * FROM timedb.read_last()", 1),
    (
        "SELECT * FROM timedb.read_points(name => '{wind}', valid_time => '{2025-01-01Z}', as_of => ARRAY[now()])",
        1,
    ),
    ("SELECT * FROM timedb.stats()", 1),
    ("SELECT * FROM timedb.stats_series()", 1),
    ("SELECT * FROM timedb.verify()", 0),
    ("SELECT * FROM timedb.apply_retention(dry_run => true)", 0),
    ("SELECT * FROM timedb.retention", 0),
    ("SELECT * FROM timedb.holds", 0),
];

/// Whom a writing statement is called by.
#[derive(Clone, Copy, Debug)]
enum As {
    Tenant,
    Administrator,
}

/// timedb_internal._upload_packed() is what the HTTP server calls (server.rs).
const WRITES: &[(As, &str)] = &[
    (
        As::Tenant,
        "SELECT timedb.upload(valid_time => ARRAY[now()], value => ARRAY[1.0], name => ARRAY['wind'])",
    ),
    (
        As::Tenant,
        "SELECT timedb.upload(valid_time => '{}'::timestamptz[], value => '{}'::float8[], name => '{}'::text[])",
    ),
    (
        As::Tenant,
        "INSERT INTO timedb.values (name, valid_time, value) VALUES ('wind', now(), 1)",
    ),
    (As::Tenant, "SELECT timedb.compact()"),
    (As::Tenant, "SELECT timedb.set_retention('1 day')"),
    (As::Tenant, "SELECT timedb.reset_retention()"),
    (As::Tenant, "SELECT timedb.apply_retention()"),
    (
        As::Tenant,
        "SELECT timedb.delete_batch(batch_id) FROM timedb.batches",
    ),
    (
        As::Tenant,
        "SELECT timedb.delete_series(series_id) FROM timedb.series",
    ),
    (
        As::Administrator,
        "SELECT timedb.delete_tenant(tenant_id) FROM timedb.list_tenants()",
    ),
    (
        As::Administrator,
        "SELECT timedb.place_hold(tenant_id) FROM timedb.list_tenants()",
    ),
    (
        As::Administrator,
        "SELECT timedb.release_hold(tenant_id) FROM timedb.list_tenants()",
    ),
    (
        As::Administrator,
        "SELECT timedb.set_tenant_retention(tenant_id, '1 day') FROM timedb.list_tenants()",
    ),
    (As::Administrator, "SELECT timedb.apply_retention_store()"),
    (As::Administrator, "SELECT timedb.compact_store()"),
    (As::Tenant, "SELECT timedb.create_series('new')"),
    (As::Tenant, "SELECT timedb.create_series('wind')"),
    (As::Administrator, "SELECT timedb.create_tenant('new')"),
    (
        As::Administrator,
        "SELECT timedb.create_user(tenant_id, 'new@a.example') FROM timedb.list_users()",
    ),
    (
        As::Administrator,
        "SELECT timedb.activate_user('a@a.example')",
    ),
    (
        As::Administrator,
        "SELECT timedb.deactivate_user('a@a.example')",
    ),
    (
        As::Administrator,
        "SELECT timedb.regenerate_key('a@a.example')",
    ),
    (
        As::Administrator,
        "SELECT timedb.create_key('a@a.example', 'new')",
    ),
    (
        As::Administrator,
        "SELECT timedb.import_key('a@a.example', repeat('k', 43))",
    ),
    (
        As::Administrator,
        "SELECT timedb.revoke_key(key_id) FROM timedb.list_keys('a@a.example')",
    ),
    (
        As::Administrator,
        "SELECT timedb.rotate_key(key_id) FROM timedb.list_keys('a@a.example')",
    ),
    (
        As::Administrator,
        "SELECT timedb_internal._begin_import('{\"record\":\"tenant\",\"format\":1,\"tenant_id\":\"00000000-0000-4000-8000-000000000009\",\"created_at\":\"2025-01-01\"}')",
    ),
    (As::Administrator, "SELECT timedb.set_auth_required(true)"),
    (As::Administrator, "SELECT timedb.set_auth_required(false)"),
];

async fn rows(client: &Client, query: &str) -> i64 {
    count(client, &format!("SELECT count(*) FROM ({query}) AS q"), &[]).await
}

#[tokio::test]
async fn a_standby_authenticates_and_reads_for_one_transaction_or_one_session() {
    let pair = Pair::start().await;
    let app = connect(&pair.standby("app")).await;
    run(&app, "BEGIN").await;
    let tenant = authenticate(&app, &pair.key).await.unwrap();
    let who = whoami(&app).await;
    assert_eq!(who.0, Some(tenant));
    assert_eq!(who.3.as_deref(), Some("read_write"));
    for (query, expected) in READS {
        assert_eq!(rows(&app, query).await, *expected, "{query}");
    }
    run(&app, "COMMIT").await;
    assert_eq!(whoami(&app).await, NOBODY);
    // As on the primary: no key, no rows; another's key, that tenant's rows; no good key, one error.
    assert_eq!(rows(&app, "SELECT * FROM timedb.values").await, 0);
    run(&app, "BEGIN").await;
    authenticate(&app, &pair.other_key).await.unwrap();
    assert_eq!(rows(&app, "SELECT * FROM timedb.values").await, 0);
    assert_eq!(rows(&app, "SELECT * FROM timedb.series").await, 0);
    assert_eq!(refusal(authenticate(&app, "wrong").await).0, "28000");
    run(&app, "ROLLBACK").await;

    let session = connect(&pair.standby("analyst")).await;
    let login = "SELECT timedb.login($1)";
    session.query_one(login, &[&pair.key]).await.unwrap();
    for (query, expected) in READS {
        assert_eq!(rows(&session, query).await, *expected, "{query}");
    }
    // A cursor reads on, as on the primary.
    run(
        &session,
        "BEGIN; DECLARE c CURSOR FOR SELECT * FROM timedb.values",
    )
    .await;
    for expected in [1, 1, 0] {
        let fetched = session.query("FETCH 1 FROM c", &[]).await.unwrap();
        assert_eq!(fetched.len(), expected);
    }
    run(&session, "COMMIT; SELECT timedb.logout()").await;
    assert_eq!(rows(&session, "SELECT * FROM timedb.values").await, 0);

    let admin = connect(&pair.standby("admin")).await;
    assert_eq!(rows(&admin, "SELECT * FROM timedb.list_users()").await, 2);
    assert_eq!(rows(&admin, "SELECT * FROM timedb.list_keys()").await, 2);
    assert_eq!(rows(&admin, "SELECT * FROM timedb.list_events()").await, 6);
    let nobody = "WARNING:  nobody is authenticated: timedb shows no rows";
    assert_eq!(
        pair.complaints(),
        [nobody, "ERROR:  invalid or inactive API key", nobody]
    );
}

#[tokio::test]
async fn every_function_that_writes_is_refused_as_on_a_read_only_server() {
    let pair = Pair::start().await;
    for (by, statement) in WRITES {
        let client = match by {
            As::Tenant => connect(&pair.standby("app")).await,
            As::Administrator => connect(&pair.standby("admin")).await,
        };
        run(&client, "BEGIN").await;
        if matches!(by, As::Tenant) {
            authenticate(&client, &pair.key).await.unwrap();
        }
        let (code, message) = refusal(client.batch_execute(statement).await);
        assert_eq!(code, "25006", "{statement}: {message}");
        assert!(
            message.starts_with("cannot execute ")
                && message.ends_with(" in a read-only transaction"),
            "{statement}: {message}"
        );
        run(&client, "ROLLBACK").await;
    }
    // That it cannot write is said before anything else, such as that nobody is authenticated.
    let app = connect(&pair.standby("app")).await;
    assert_eq!(refusal(upload(&app, "wind", &[1.0]).await).0, "25006");
    // What a standby promises holds for a read-only transaction of the primary, too.
    let primary = connect(&pair.primary.dsn_as("postgres", "app")).await;
    run(&primary, "BEGIN READ ONLY").await;
    authenticate(&primary, &pair.key).await.unwrap();
    assert_eq!(refusal(upload(&primary, "wind", &[1.0]).await).0, "25006");
}

#[tokio::test]
async fn no_function_breaks_on_a_standby() {
    let pair = Pair::start().await;
    let superuser = connect(&pair.standby("postgres")).await;
    let functions = superuser
        .query(
            "SELECT format('SELECT %s.%I(%s)', pronamespace::regnamespace, proname,
                           (SELECT coalesce(string_agg('NULL::' || t::regtype, ', '), '') FROM unnest(proargtypes) AS t))
             FROM pg_proc WHERE pronamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) ORDER BY 1",
            &[],
        )
        .await
        .unwrap();
    assert!(functions.len() > 25);
    for function in functions {
        let call: String = function.get(0);
        // Whatever it says to NULLs is its own affair, unless it is an internal error.
        if let Err(error) = superuser.batch_execute(&call).await {
            let code = error.code().expect("an answer of the server").code();
            assert!(
                !code.starts_with("XX") && !code.starts_with("58"),
                "{call}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_the_primary_writes_comes_to_the_standby() {
    let pair = Pair::start().await;
    let reader = connect(&pair.standby("app")).await;
    let writer = connect(&pair.primary.dsn_as("postgres", "app")).await;
    run(&writer, "BEGIN").await;
    authenticate(&writer, &pair.key).await.unwrap();
    upload(&writer, "sun", &[3.0, 4.0, 5.0]).await.unwrap();
    run(&writer, "COMMIT").await;
    pair.catch_up().await;
    run(&reader, "BEGIN").await;
    authenticate(&reader, &pair.key).await.unwrap();
    assert_eq!(rows(&reader, "SELECT * FROM timedb.values").await, 5);
    run(&reader, "COMMIT").await;

    // So does a revocation: nothing is cached.
    let superuser = pair.primary.connect("postgres").await;
    run(&superuser, "SELECT timedb.deactivate_user('a@a.example')").await;
    pair.catch_up().await;
    run(&reader, "BEGIN").await;
    assert_eq!(refusal(authenticate(&reader, &pair.key).await).0, "28000");
    run(&reader, "ROLLBACK").await;
    let create = "SELECT api_key FROM timedb.create_user(timedb.create_tenant(), 'new@a.example')";
    let key: String = superuser.query_one(create, &[]).await.unwrap().get(0);
    pair.catch_up().await;
    run(&reader, "BEGIN").await;
    authenticate(&reader, &key).await.unwrap();
    run(&reader, "COMMIT").await;
}
