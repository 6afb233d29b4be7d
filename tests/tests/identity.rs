//! Who the caller is: authenticate, login, logout, whoami, the one error for every bad key, the open
//! store, and that nothing but a key makes anybody a tenant.

#[path = "identity/hidden_keys.rs"]
mod hidden_keys;
#[path = "identity/open_store.rs"]
mod open_store;
#[path = "identity/smuggling.rs"]
mod smuggling;

use timedb_tests::{Db, Role, Tenant, authenticate, count, psql, refusal, upload};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row};
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

async fn run(client: &Client, sql: &str) {
    client
        .batch_execute(sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
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

/// All that a client can learn from a refusal, the place in the source included.
#[track_caller]
fn everything<T>(result: Result<T, Error>) -> String {
    match result {
        Ok(_) => panic!("the statement went through, it had to be refused"),
        Err(error) => format!(
            "{:?}",
            error.as_db_error().expect("an answer of the server")
        ),
    }
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
            "SELECT key_id FROM timedb.api_keys WHERE user_id = $1",
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
    let alone = psql(&dsn, &call).run();
    assert_eq!(alone.code, 0);
    assert_eq!(alone.stdout.trim(), db.a().tenant_id.to_string());
    assert!(
        alone
            .stderr
            .contains("WARNING:  outside a transaction block"),
        "{alone:?}"
    );
    assert!(!alone.stderr.contains(&db.a().key), "{alone:?}");

    let inside = psql(&dsn, &format!("BEGIN; {call}; COMMIT")).run();
    assert_eq!((inside.code, inside.stderr.as_str()), (0, ""), "{inside:?}");

    let client = db.connect(Role::User).await;
    authenticate(&client, &db.a().key).await.unwrap();
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

/// Keys that are refused, each with its reason; the database is prepared for them.
async fn bad_keys(db: &Db) -> Vec<(&'static str, String)> {
    let key = &db.a().key;
    let create = "SELECT api_key FROM timedb.create_user($1, $2)";
    let mut bad = vec![
        ("of another database", Db::new().await.a().key.clone()),
        ("no key at all", "invalid-key-12345".to_owned()),
        (
            "in the older format, unknown",
            "iEouF5yCZIzYCtsbmdWAfx85a8SdF_wrjBVitVyV0S4".to_owned(),
        ),
        ("a blank after it", format!("{key} ")),
        ("a blank before it", format!(" {key}")),
        ("a line break after it", format!("{key}\n")),
        ("doubled", format!("{key}{key}")),
        ("cut off", key[..key.len() - 1].to_owned()),
        ("in upper case", key.to_uppercase()),
        ("a wildcard", "%".to_owned()),
        ("its hash", "\\x00".to_owned()),
        ("very long", "tdb_".repeat(100_000)),
        ("not ASCII", "tdb_ключ".to_owned()),
    ];
    for (reason, change) in [
        ("deactivated", "SELECT timedb.deactivate_user($1)"),
        ("replaced", "SELECT timedb.regenerate_key($1)"),
    ] {
        let email = format!("{reason}@tenant-a.example");
        let row = administer(db, Role::Owner, create, &[&db.a().tenant_id, &email]).await;
        administer(db, Role::Owner, change, &[&email]).await;
        bad.push((reason, row[0].get(0)));
    }
    for (reason, change) in [
        ("revoked", "revoked_at = now()"),
        ("expired", "expires_at = now() - interval '1 second'"),
        ("not yet valid", "not_before = now() + interval '1 hour'"),
    ] {
        let email = format!("{}@tenant-a.example", reason.replace(' ', "-"));
        let row = administer(db, Role::Owner, create, &[&db.a().tenant_id, &email]).await;
        let update = format!(
            "UPDATE timedb.api_keys k SET {change} FROM timedb.users u
             WHERE u.user_id = k.user_id AND u.email = $1"
        );
        administer(db, Role::Superuser, &update, &[&email]).await;
        bad.push((reason, row[0].get(0)));
    }
    bad
}

#[tokio::test]
async fn every_bad_key_is_refused_with_one_and_the_same_error() {
    let db = Db::new().await;
    let bad = bad_keys(&db).await;
    for role in [Role::User, Role::Session] {
        let client = db.connect(role).await;
        let functions: &[&str] = if role == Role::User {
            &["authenticate"]
        } else {
            &["authenticate", "login"]
        };
        for function in functions {
            let call = format!("SELECT timedb.{function}($1)");
            let mut answers = Vec::new();
            for (reason, key) in &bad {
                let answer = everything(client.query_one(&call, &[key]).await);
                assert!(
                    !answer.contains(key.as_str()) || key == "%",
                    "{reason}: {answer}"
                );
                answers.push((reason, answer));
                assert_eq!(whoami(&client).await, NOBODY, "{reason}");
            }
            for (reason, answer) in &answers {
                assert_eq!(answer, &answers[0].1, "{reason}");
            }
            let (code, message) = refusal(client.query_one(&call, &[&bad[0].1]).await);
            assert_eq!(
                (code.as_str(), message.as_str()),
                ("28000", "invalid or inactive API key")
            );
            for missing in [None, Some("")] {
                let (code, message) = refusal(client.query_one(&call, &[&missing]).await);
                assert_eq!(
                    (code.as_str(), message.as_str()),
                    ("28000", "API key required")
                );
            }
        }
    }
}

#[tokio::test]
async fn activation_and_a_new_key_act_on_the_next_authenticate() {
    let db = Db::new().await;
    let client = db.connect(Role::User).await;
    let email = &db.b().email;
    administer(
        &db,
        Role::Admin,
        "SELECT timedb.deactivate_user($1)",
        &[email],
    )
    .await;
    assert_eq!(refusal(authenticate(&client, &db.b().key).await).0, "28000");
    administer(
        &db,
        Role::Admin,
        "SELECT timedb.activate_user($1)",
        &[email],
    )
    .await;
    authenticate(&client, &db.b().key).await.unwrap();
    let new: String = administer(
        &db,
        Role::Admin,
        "SELECT timedb.regenerate_key($1)",
        &[email],
    )
    .await[0]
        .get(0);
    assert_eq!(refusal(authenticate(&client, &db.b().key).await).0, "28000");
    assert_eq!(authenticate(&client, &new).await.unwrap(), db.b().tenant_id);
    // Not even inside a transaction that began, and authenticated, before.
    run(&client, "BEGIN").await;
    authenticate(&client, &new).await.unwrap();
    administer(
        &db,
        Role::Admin,
        "SELECT timedb.deactivate_user($1)",
        &[email],
    )
    .await;
    assert_eq!(refusal(authenticate(&client, &new).await).0, "28000");
}

#[tokio::test]
async fn login_is_for_members_of_timedb_session_only() {
    let db = Db::new().await;
    for role in [Role::User, Role::Admin, Role::Owner, Role::Nobody] {
        let client = db.connect(role).await;
        let refused = refusal(
            client
                .query_one("SELECT timedb.login($1)", &[&db.a().key])
                .await,
        );
        assert_eq!(refused.0, "42501", "{role:?}");
        assert_eq!(
            refusal(client.query_one("SELECT timedb.logout()", &[]).await).0,
            "42501"
        );
    }
}

async fn values_seen(client: &Client) -> i64 {
    count(client, "SELECT count(*) FROM timedb.values", &[]).await
}

async fn log_in(client: &Client, tenant: &Tenant) -> Result<Uuid, Error> {
    let row = client
        .query_one("SELECT timedb.login($1)", &[&tenant.key])
        .await?;
    Ok(row.get(0))
}

#[tokio::test]
async fn a_login_lasts_until_logout_reset_or_discard() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    upload(&client, "of a", &[1.0]).await.unwrap();
    for end in ["SELECT timedb.logout()", "DISCARD ALL", "RESET ALL"] {
        assert_eq!(log_in(&client, db.a()).await.unwrap(), db.a().tenant_id);
        run(&client, "BEGIN; SELECT 1; COMMIT").await;
        run(&client, "BEGIN; SELECT 1; ROLLBACK").await;
        assert_eq!(whoami(&client).await.0, Some(db.a().tenant_id));
        assert_eq!(values_seen(&client).await, 1);
        run(&client, end).await;
        assert_eq!(whoami(&client).await, NOBODY, "after {end}");
        assert_eq!(values_seen(&client).await, 0, "after {end}");
    }
}

#[tokio::test]
async fn a_login_is_undone_with_its_transaction_and_covered_by_authenticate() {
    let db = Db::new().await;
    let client = db.connect(Role::Session).await;
    run(&client, "BEGIN").await;
    log_in(&client, db.a()).await.unwrap();
    run(&client, "ROLLBACK").await;
    assert_eq!(whoami(&client).await, NOBODY);

    log_in(&client, db.a()).await.unwrap();
    let as_a = whoami(&client).await;
    run(&client, "BEGIN").await;
    authenticate(&client, &db.b().key).await.unwrap();
    assert_eq!(whoami(&client).await.1, Some(db.b().user_id));
    run(&client, "COMMIT").await;
    assert_eq!(whoami(&client).await, as_a);

    assert_eq!(
        refusal(client.query_one("SELECT timedb.login('wrong')", &[]).await).0,
        "28000"
    );
    assert_eq!(whoami(&client).await, as_a);
    log_in(&client, db.b()).await.unwrap();
    assert_eq!(whoami(&client).await.0, Some(db.b().tenant_id));
}

#[tokio::test]
async fn a_login_outlives_deactivation_until_it_authenticates_again() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    upload(&client, "of a", &[1.0]).await.unwrap();
    administer(
        &db,
        Role::Owner,
        "SELECT timedb.deactivate_user($1)",
        &[&db.a().email],
    )
    .await;
    assert_eq!(values_seen(&client).await, 1);
    assert_eq!(refusal(log_in(&client, db.a()).await).0, "28000");
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
        "SELECT timedb._generate_key()",
        "SELECT timedb._key_hash('x')",
        "SELECT timedb._issue_key(gen_random_uuid(), gen_random_uuid(), 'x')",
        "SELECT timedb._find_user('x', NULL)",
        "SELECT timedb._set_user_active('x', NULL, true)",
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
