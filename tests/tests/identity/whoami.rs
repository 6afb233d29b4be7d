//! Who the caller is: authenticate, login, logout, whoami, the one error for every bad key, the open
//! store, and that nothing but a key makes anybody a tenant.

mod administration;
mod bad_keys;
mod hidden_keys;
mod nobody;
mod open_store;
mod proofs;
mod read_along;
mod sessions;
mod smuggling;
mod standby;
mod stored_settings;

use timedb_tests::{Db, Role, authenticate, count, pg_tool, psql, refusal, run, upload};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

/// Tenant, user, key and access as `timedb.whoami()` tells them.
type Who = (Option<Uuid>, Option<Uuid>, Option<Uuid>, Option<String>);

const NOBODY: Who = (None, None, None, None);

async fn whoami(client: &Client) -> Who {
    let row = client
        .query_one("SELECT * FROM timedb.whoami()", &[])
        .await
        .unwrap_or_else(|error| panic!("whoami: {error:?}"));
    (row.get(0), row.get(1), row.get(2), row.get(3))
}

async fn current_tenant(client: &Client) -> Option<Uuid> {
    let row = client
        .query_one("SELECT timedb.current_tenant()", &[])
        .await
        .unwrap_or_else(|error| panic!("current_tenant: {error:?}"));
    row.get(0)
}

/// Has psql call a function with a key that comes as data, as docs/security.md has it; whether it gave anything back.
fn copied_into_psql(dsn: &str, key: &str, call: &str) -> String {
    let script = tempfile::NamedTempFile::new().unwrap();
    let text = format!(
        "BEGIN;
         CREATE TEMPORARY TABLE my_key (key text) ON COMMIT DROP;
         \\copy my_key FROM PROGRAM 'printenv MY_KEY'
         SELECT {call} IS NOT NULL FROM my_key;
         COMMIT;"
    );
    std::fs::write(script.path(), text).unwrap();
    let done = pg_tool("psql")
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", dsn])
        .stdin(script.path())
        .env("MY_KEY", key)
        .ok();
    done.trim().to_owned()
}

/// A statement with parameters as the database's administrator or superuser.
async fn administer(
    db: &Db,
    role: Role,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Vec<Row> {
    let client = db.connect(role).await;
    client
        .query(sql, parameters)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

#[tokio::test]
async fn authenticate_returns_the_tenant_and_whoami_tells_user_key_and_access() {
    let db = Db::new().await;
    let client = db.connect(Role::User).await;
    assert_eq!(whoami(&client).await, NOBODY);
    for tenant in [db.a(), db.b()] {
        run(&client, "BEGIN").await;
        let answer = authenticate(&client, &tenant.key).await.unwrap();
        assert_eq!(answer, tenant.tenant_id);
        assert_eq!(current_tenant(&client).await, Some(tenant.tenant_id));
        let (tenant_id, user_id, key_id, access) = whoami(&client).await;
        assert_eq!(tenant_id, Some(tenant.tenant_id));
        assert_eq!(user_id, Some(tenant.user_id));
        assert_eq!(access.as_deref(), Some("read_write"));
        let keys = administer(
            &db,
            Role::Superuser,
            "SELECT key_id FROM timedb_internal.api_keys WHERE user_id = $1",
            &[&tenant.user_id],
        )
        .await;
        assert_eq!(key_id, Some(keys[0].get(0)));
        run(&client, "COMMIT").await;
    }
}

#[tokio::test]
async fn authentication_ends_with_its_transaction_however_that_ends() {
    let db = Db::new().await;
    let client = db.connect(Role::User).await;
    for ending in ["COMMIT", "ROLLBACK", "SELECT 1/0", "COMMIT AND CHAIN"] {
        run(&client, "BEGIN").await;
        authenticate(&client, &db.a().key).await.unwrap();
        if ending == "SELECT 1/0" {
            assert_eq!(refusal(client.batch_execute(ending).await).0, "22012");
            run(&client, "ROLLBACK").await;
        } else {
            run(&client, ending).await;
        }
        assert_eq!(whoami(&client).await, NOBODY, "after {ending}");
        assert_eq!(current_tenant(&client).await, None, "after {ending}");
        if ending == "COMMIT AND CHAIN" {
            run(&client, "ROLLBACK").await;
        }
    }
}

#[tokio::test]
async fn rolling_back_to_a_savepoint_restores_the_tenant_it_had() {
    let db = Db::new().await;
    let client = db.connect(Role::User).await;
    run(&client, "BEGIN; SAVEPOINT before").await;
    authenticate(&client, &db.a().key).await.unwrap();
    run(&client, "ROLLBACK TO before").await;
    assert_eq!(whoami(&client).await, NOBODY);

    authenticate(&client, &db.a().key).await.unwrap();
    upload(&client, "of a", &[1.0]).await.unwrap();
    let as_a = whoami(&client).await;
    run(&client, "SAVEPOINT as_a").await;
    authenticate(&client, &db.b().key).await.unwrap();
    assert_eq!(whoami(&client).await.0, Some(db.b().tenant_id));
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.values", &[]).await,
        0
    );
    run(&client, "ROLLBACK TO as_a").await;
    assert_eq!(whoami(&client).await, as_a);
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.values", &[]).await,
        1
    );

    // A failed authentication inside a savepoint changes nothing either.
    assert_eq!(refusal(authenticate(&client, "wrong").await).0, "28000");
    run(&client, "ROLLBACK TO as_a").await;
    assert_eq!(whoami(&client).await, as_a);

    authenticate(&client, &db.b().key).await.unwrap();
    run(&client, "RELEASE as_a").await;
    assert_eq!(whoami(&client).await.0, Some(db.b().tenant_id));
}

#[tokio::test]
async fn an_exception_block_restores_the_tenant_it_began_with() {
    let db = Db::new().await;
    let client = db.begin(db.a()).await;
    run(&client, "SET LOCAL application_name = 'types_keys'").await;
    run(
        &client,
        &format!(
            "DO $$ BEGIN
                 PERFORM timedb.authenticate('{}');
                 RAISE EXCEPTION 'undo';
             EXCEPTION WHEN raise_exception THEN NULL;
             END $$",
            db.b().key
        ),
    )
    .await;
    assert_eq!(whoami(&client).await.0, Some(db.a().tenant_id));
}

#[tokio::test]
async fn outside_a_transaction_block_authenticate_warns_and_lasts_for_the_statement() {
    let db = Db::new().await;
    let dsn = db.dsn(Role::User);
    let call = format!("SELECT timedb.authenticate('{}')", db.a().key);
    let alone = psql(&dsn, &call).env("PGAPPNAME", "types_keys").run();
    assert_eq!(alone.code, 0);
    assert_eq!(alone.stdout.trim(), db.a().tenant_id.to_string());
    assert!(
        alone
            .stderr
            .contains("WARNING:  outside a transaction block"),
        "{alone:?}"
    );
    assert!(!alone.stderr.contains(&db.a().key), "{alone:?}");

    let inside = psql(&dsn, &format!("BEGIN; {call}; COMMIT"))
        .env("PGAPPNAME", "types_keys")
        .run();
    assert_eq!((inside.code, inside.stderr.as_str()), (0, ""), "{inside:?}");

    let client = db.connect(Role::User).await;
    run(&client, "SET application_name = 'types_keys'").await;
    run(&client, &call).await;
    assert_eq!(whoami(&client).await, NOBODY);
}

#[tokio::test]
async fn authenticate_works_in_a_read_only_transaction() {
    let db = Db::new().await;
    let writer = db.begin(db.a()).await;
    upload(&writer, "level", &[1.0, 2.0]).await.unwrap();
    run(&writer, "COMMIT").await;
    let client = db.connect(Role::User).await;
    for begin in [
        "BEGIN READ ONLY",
        "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE",
    ] {
        run(&client, begin).await;
        authenticate(&client, &db.a().key).await.unwrap();
        assert_eq!(
            count(&client, "SELECT count(*) FROM timedb.values", &[]).await,
            2
        );
        run(&client, "COMMIT").await;
    }
}

#[tokio::test]
async fn nobody_and_tenants_may_not_administer() {
    let db = Db::new().await;
    let calls = [
        "SELECT timedb.create_tenant()",
        "SELECT timedb.create_user(gen_random_uuid(), 'x@y.example')",
        "SELECT timedb.list_users()",
        "SELECT timedb.activate_user('x@y.example')",
        "SELECT timedb.deactivate_user('x@y.example')",
        "SELECT timedb.regenerate_key('x@y.example')",
        "SELECT timedb.set_auth_required(false)",
        "SELECT timedb_internal._generate_key()",
        "SELECT timedb_internal._bring_key('x')",
        "SELECT timedb_internal._take_key()",
        "SELECT timedb.create_key('x@y.example', 'x')",
        "SELECT timedb.import_key('x@y.example', 'x')",
        "SELECT timedb.list_keys()",
        "SELECT timedb.revoke_key(gen_random_uuid())",
        "SELECT timedb.rotate_key(gen_random_uuid())",
        "SELECT timedb.list_events()",
        "SELECT timedb_internal._store_key(gen_random_uuid(), gen_random_uuid(), 'x', 'read_write', NULL, NULL, 'x')",
        "SELECT timedb_internal._holder_of_new_key('x', NULL, 'x', 'read_write', NULL, NULL)",
        "SELECT timedb_internal._find_key(gen_random_uuid())",
        "SELECT timedb_internal._key_name('x')",
        "SELECT timedb_internal._record_event(gen_random_uuid(), 'x', NULL, NULL)",
        "SELECT timedb_internal._find_user('x', NULL)",
        "SELECT timedb_internal._set_user_active('x', NULL, true)",
    ];
    for (role, tenant) in [
        (Role::User, Some(db.a())),
        (Role::Session, Some(db.a())),
        (Role::Nobody, None),
    ] {
        let client = db.connect(role).await;
        for call in calls {
            run(&client, "BEGIN").await;
            if let Some(tenant) = tenant {
                authenticate(&client, &tenant.key).await.unwrap();
            }
            assert_eq!(
                refusal(client.batch_execute(call).await).0,
                "42501",
                "{role:?}: {call}"
            );
            run(&client, "ROLLBACK").await;
        }
    }
}
