//! Keys that are refused: whatever the reason, the answer is the same to the last word.

use timedb_tests::{Db, Role, authenticate, refusal, run, tenant_of};
use tokio_postgres::Error;

use super::{NOBODY, administer, whoami};

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
            "UPDATE timedb_internal.api_keys k SET {change} FROM timedb_internal.users u
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
                run(
                    &client,
                    "BEGIN; SELECT timedb.hide_parameters(); SAVEPOINT before",
                )
                .await;
                let answer = everything(client.query_one(&call, &[key]).await);
                run(&client, "ROLLBACK TO before").await;
                assert!(
                    !answer.contains(key.as_str()) || key == "%",
                    "{reason}: {answer}"
                );
                answers.push((reason, answer));
                assert_eq!(whoami(&client).await, NOBODY, "{reason}");
                run(&client, "ROLLBACK").await;
            }
            for (reason, answer) in &answers {
                assert_eq!(answer, &answers[0].1, "{reason}");
            }
            run(&client, "BEGIN; SELECT timedb.hide_parameters()").await;
            let (code, message) = refusal(client.query_one(&call, &[&bad[0].1]).await);
            run(&client, "ROLLBACK").await;
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
    assert_eq!(refusal(tenant_of(&client, &db.b().key).await).0, "28000");
    administer(
        &db,
        Role::Admin,
        "SELECT timedb.activate_user($1)",
        &[email],
    )
    .await;
    tenant_of(&client, &db.b().key).await.unwrap();
    let new: String = administer(
        &db,
        Role::Admin,
        "SELECT timedb.regenerate_key($1)",
        &[email],
    )
    .await[0]
        .get(0);
    assert_eq!(refusal(tenant_of(&client, &db.b().key).await).0, "28000");
    assert_eq!(tenant_of(&client, &new).await.unwrap(), db.b().tenant_id);
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
