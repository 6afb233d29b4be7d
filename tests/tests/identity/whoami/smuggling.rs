//! Every way to become tenant A without a key of tenant A, each tried on a fresh session, in which
//! the library is not loaded yet. All of them end as nobody, or as the tenant of the key in hand.

use timedb_tests::{Db, FORCE_PARALLEL, Role, authenticate, count, refusal, run, upload};
use tokio_postgres::Client;

use super::{NOBODY, whoami};

/// A database in which tenant A has a series, a batch and values.
pub async fn with_secret() -> Db {
    let db = Db::new().await;
    let client = db.begin(db.a()).await;
    run(
        &client,
        "SELECT * FROM timedb.upload(ARRAY['2025-01-01Z'::timestamptz], ARRAY[42.0], ARRAY['secret'],
             labels => ARRAY['{\"site\": \"north\"}'::jsonb])",
    )
    .await;
    run(&client, "COMMIT").await;
    db
}

/// The session is nobody, and every way to read and to write agrees.
pub async fn is_nobody(client: &Client, attempt: &str) {
    // The reads come first: they must not depend on whoami having loaded the library.
    for query in [
        "SELECT count(*) FROM timedb.series",
        "SELECT count(*) FROM timedb.series_labels",
        "SELECT count(*) FROM timedb.batches",
        "SELECT count(*) FROM timedb_internal._list_batches()",
        "SELECT count(*) FROM timedb.requests",
        "SELECT count(*) FROM timedb.values",
        "SELECT count(*) FROM timedb.read_flat()",
        "SELECT count(*) FROM timedb.read_versions()",
        "SELECT count(*) FROM (SELECT timedb_internal._read_packed('flat')) AS chunks",
    ] {
        assert_eq!(count(client, query, &[]).await, 0, "{attempt}: {query}");
    }
    assert_eq!(whoami(client).await, NOBODY, "{attempt}");
    assert_eq!(
        refusal(upload(client, "forged", &[1.0]).await).0,
        "28000",
        "{attempt}"
    );
    let compact = client.batch_execute("SELECT timedb.compact()").await;
    assert_eq!(refusal(compact).0, "28000", "{attempt}");
}

/// The same, with one read as the very first statement that needs the library.
pub async fn is_nobody_at_first_sight(client: &Client, attempt: &str) {
    assert_eq!(
        count(client, "SELECT count(*) FROM timedb.series", &[]).await,
        0,
        "{attempt}"
    );
    is_nobody(client, attempt).await;
}

/// The statements that make a setting, for each of the four settings.
pub fn forgeries(db: &Db, form: &str) -> String {
    let tenant = db.a();
    [
        ("timedb.tenant_id", tenant.tenant_id.to_string()),
        ("timedb.user_id", tenant.user_id.to_string()),
        ("timedb.key_id", tenant.user_id.to_string()),
        ("timedb.access", "read_write".to_owned()),
    ]
    .map(|(name, value)| form.replace("NAME", name).replace("VALUE", &value))
    .join("; ")
}

#[tokio::test]
async fn a_set_before_the_library_is_loaded_is_dropped() {
    let db = with_secret().await;
    for role in [Role::User, Role::Session] {
        for form in [
            "SET NAME = 'VALUE'",
            "SET SESSION NAME TO 'VALUE'",
            "SELECT set_config('NAME', 'VALUE', false)",
        ] {
            let client = db.connect(role).await;
            run(&client, &forgeries(&db, form)).await;
            is_nobody_at_first_sight(&client, form).await;
            for reset in ["RESET ALL", "DISCARD ALL"] {
                run(&client, reset).await;
                is_nobody(&client, &format!("{form}, then {reset}")).await;
            }
        }
    }
}

#[tokio::test]
async fn a_set_local_before_the_library_is_loaded_is_dropped() {
    let db = with_secret().await;
    for form in [
        "SET LOCAL NAME = 'VALUE'",
        "SELECT set_config('NAME', 'VALUE', true)",
    ] {
        let client = db.connect(Role::User).await;
        run(&client, &format!("BEGIN; {}", forgeries(&db, form))).await;
        assert_eq!(
            count(&client, "SELECT count(*) FROM timedb.values", &[]).await,
            0,
            "{form}"
        );
        assert_eq!(whoami(&client).await, NOBODY, "{form}");
        run(&client, "COMMIT").await;
        is_nobody(&client, form).await;
    }
}

#[tokio::test]
async fn a_setting_hidden_under_savepoints_is_dropped() {
    let db = with_secret().await;
    let forge = forgeries(&db, "SET NAME = 'VALUE'");
    let forge_local = forgeries(&db, "SET LOCAL NAME = 'VALUE'");
    for script in [
        format!("{forge}; BEGIN; SAVEPOINT s; SELECT timedb.current_tenant(); ROLLBACK TO s"),
        format!("BEGIN; SAVEPOINT s; {forge}; SELECT timedb.current_tenant(); ROLLBACK TO s"),
        format!("BEGIN; SAVEPOINT s; {forge_local}; SELECT timedb.current_tenant(); RELEASE s"),
        format!(
            "BEGIN; {forge}; SAVEPOINT s; {forge_local}; SELECT timedb.current_tenant(); ROLLBACK TO s"
        ),
        format!(
            "{forge}; BEGIN; {forge_local}; SAVEPOINT s; {forge_local}; SELECT timedb.version()"
        ),
    ] {
        let client = db.connect(Role::User).await;
        run(&client, &script).await;
        assert_eq!(
            count(&client, "SELECT count(*) FROM timedb.series", &[]).await,
            0,
            "{script}"
        );
        assert_eq!(whoami(&client).await, NOBODY, "{script}");
        run(&client, "COMMIT").await;
        is_nobody(&client, &script).await;
    }
}

#[tokio::test]
async fn a_function_cannot_carry_a_setting() {
    let db = with_secret().await;
    let tenant_id = db.a().tenant_id;
    let client = db.connect(Role::User).await;
    let clause = format!(
        "CREATE FUNCTION pg_temp.look() RETURNS bigint LANGUAGE sql SET timedb.tenant_id = '{tenant_id}'
         AS 'SELECT count(*) FROM timedb.series'"
    );
    if client.batch_execute(&clause).await.is_ok() {
        // The clause may stand there; calling the function must then fail or find nothing.
        if let Ok(row) = client.query_one("SELECT pg_temp.look()", &[]).await {
            assert_eq!(row.get::<_, i64>(0), 0);
        }
    }
    is_nobody(&client, "SET clause").await;

    let nested = format!(
        "CREATE FUNCTION pg_temp.forge() RETURNS void LANGUAGE plpgsql AS $$
         BEGIN
             SET LOCAL timedb.tenant_id = '{tenant_id}';
             PERFORM set_config('timedb.access', 'read_write', true);
         END $$;
         CREATE FUNCTION pg_temp.look_inside() RETURNS bigint LANGUAGE plpgsql AS $$
         BEGIN
             PERFORM pg_temp.forge();
             RETURN (SELECT count(*) FROM timedb.read_flat());
         END $$"
    );
    let client = db.connect(Role::User).await;
    run(&client, &nested).await;
    run(&client, "BEGIN").await;
    assert_eq!(count(&client, "SELECT pg_temp.look_inside()", &[]).await, 0);
    assert_eq!(whoami(&client).await, NOBODY);
    run(&client, "COMMIT").await;
    is_nobody(&client, "SET LOCAL in a nested function").await;
    // Now the library is loaded, and the same function is refused.
    assert_eq!(
        refusal(client.query("SELECT pg_temp.look_inside()", &[]).await).0,
        "42501"
    );
}

#[tokio::test]
async fn a_forged_setting_does_not_survive_beside_a_real_key() {
    let db = with_secret().await;
    // B authenticates on a session that has prepared to be A.
    let client = db.connect(Role::User).await;
    run(&client, &forgeries(&db, "SET NAME = 'VALUE'")).await;
    run(&client, "BEGIN").await;
    authenticate(&client, &db.b().key).await.unwrap();
    assert_eq!(whoami(&client).await.0, Some(db.b().tenant_id));
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.values", &[]).await,
        0
    );
    run(&client, "COMMIT").await;
    is_nobody(&client, "after B's transaction").await;

    // A read-only key stays one.
    let superuser = db.connect(Role::Superuser).await;
    superuser
        .execute(
            "UPDATE timedb_internal.api_keys SET access = 'read_only' WHERE user_id = $1",
            &[&db.b().user_id],
        )
        .await
        .unwrap();
    let client = db.connect(Role::User).await;
    run(
        &client,
        "SET timedb.access = 'read_write'; BEGIN; SET LOCAL timedb.access = 'read_write'",
    )
    .await;
    authenticate(&client, &db.b().key).await.unwrap();
    assert_eq!(whoami(&client).await.3.as_deref(), Some("read_only"));
    assert_eq!(refusal(upload(&client, "forged", &[1.0]).await).0, "42501");
}

#[tokio::test]
async fn parallel_workers_do_not_believe_a_forged_setting() {
    let db = with_secret().await;
    let client = db.connect(Role::User).await;
    run(&client, &forgeries(&db, "SET NAME = 'VALUE'")).await;
    run(
        &client,
        "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
         SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 4",
    )
    .await;
    run(&client, FORCE_PARALLEL).await;
    is_nobody_at_first_sight(&client, "parallel workers").await;
}
