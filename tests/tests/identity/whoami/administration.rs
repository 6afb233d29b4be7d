//! Tenants and users as administrators make them in SQL: what is refused, what an email means, and that
//! of a key nothing but its hash is kept.

use timedb_tests::{Db, Role, connect, count, refusal, run, tenant_of};
use tokio_postgres::Client;
use uuid::Uuid;

/// The SQLSTATE and the message of a refused call.
async fn refused(client: &Client, call: &str) -> (String, String) {
    refusal(
        client
            .query(&format!("SELECT * FROM timedb.{call}"), &[])
            .await,
    )
}

#[tokio::test]
async fn tenants_are_created_once() {
    let db = Db::new().await;
    for role in [Role::Admin, Role::Owner] {
        let client = db.connect(role).await;
        let id = Uuid::new_v4();
        let create = "SELECT timedb.create_tenant($1, $2, $3)";
        let row = client
            .query_one(create, &[&"name", &id, &false])
            .await
            .unwrap();
        assert_eq!(row.get::<_, Uuid>(0), id);
        let row = client
            .query_one(create, &[&"other name", &id, &true])
            .await
            .unwrap();
        assert_eq!(row.get::<_, Uuid>(0), id);
        assert_eq!(
            refusal(client.query_one(create, &[&"name", &id, &false]).await).0,
            "23505"
        );
        let row = client
            .query_one("SELECT timedb.create_tenant(), timedb.create_tenant()", &[])
            .await
            .unwrap();
        assert_ne!(row.get::<_, Uuid>(0), row.get::<_, Uuid>(1));
        assert_eq!(row.get::<_, Uuid>(0).get_version_num(), 7);
    }
}

#[tokio::test]
async fn users_need_a_tenant_and_an_email_of_their_own() {
    let db = Db::new().await;
    let client = db.connect(Role::Admin).await;
    let tenant = db.a().tenant_id;
    let unknown = Uuid::new_v4();
    assert_eq!(
        refused(&client, &format!("create_user('{unknown}', 'x@y.example')"))
            .await
            .0,
        "42704"
    );
    for email in [
        "",
        " ",
        "no-at-sign",
        "@",
        "x@",
        "@y.example",
        "a b@y.example",
        "x@y.example\n--",
        "x@\u{9b}31my.example",
        "x\u{202e}@y.example",
    ] {
        let call = format!("create_user('{tenant}', '{email}')");
        assert_eq!(refused(&client, &call).await.0, "22023", "{email}");
    }
    // Nothing of a refused user stays.
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.list_users()", &[]).await,
        2
    );
    let taken = refused(
        &client,
        &format!("create_user('{tenant}', '  ALICE@Tenant-A.example ')"),
    )
    .await;
    assert_eq!(
        taken,
        (
            "23505".to_owned(),
            "user with email \"alice@tenant-a.example\" already exists for this tenant".to_owned()
        )
    );
    let create = "SELECT email FROM timedb.create_user($1, $2)";
    let row = client
        .query_one(create, &[&tenant, &" Carol@Y.Example "])
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "carol@y.example");
}

#[tokio::test]
async fn names_of_tenants_and_keys_can_be_seen_and_do_nothing_else() {
    let db = Db::new().await;
    let client = db.connect(Role::Admin).await;
    for name in [
        "",
        "  ",
        "\u{200b}",
        "a\u{1b}[2Jb",
        "a\nb",
        "a\u{85}b",
        "a\u{202e}b",
        "a\u{2028}b",
    ] {
        for call in [
            "SELECT timedb.create_tenant($1)",
            "SELECT timedb.create_key('alice@tenant-a.example', $1)",
            "SELECT timedb.import_key('alice@tenant-a.example', repeat('x', 43), $1)",
        ] {
            let refused = refusal(client.query(call, &[&name]).await);
            assert_eq!(refused.0, "22023", "{call} {name:?}");
        }
    }
    let call = "SELECT timedb.create_tenant($1), timedb.create_key('alice@tenant-a.example', $1)";
    client.query_one(call, &[&"Wärme & 風速"]).await.unwrap();
}

#[tokio::test]
async fn an_email_in_two_tenants_is_two_users() {
    let db = Db::new().await;
    let admin = db.connect(Role::Admin).await;
    let create = "SELECT api_key FROM timedb.create_user($1, 'same@y.example')";
    let mut keys: Vec<String> = Vec::new();
    for tenant in [db.a(), db.b()] {
        keys.push(
            admin
                .query_one(create, &[&tenant.tenant_id])
                .await
                .unwrap()
                .get(0),
        );
    }
    let client = db.connect(Role::User).await;
    let works = async || {
        let mut works = Vec::new();
        for key in &keys {
            works.push(tenant_of(&client, key).await.is_ok());
        }
        works
    };
    // Without a tenant nobody guesses which one is meant.
    for call in ["deactivate_user", "activate_user", "regenerate_key"] {
        let (code, message) = refused(&admin, &format!("{call}('same@y.example')")).await;
        assert_eq!(code, "22023", "{call}: {message}");
    }
    assert_eq!(works().await, [true, true]);
    for (function, expected) in [
        ("deactivate_user", [true, false]),
        ("activate_user", [true, true]),
    ] {
        let call = format!("SELECT timedb.{function}('Same@y.example ', $1)");
        admin.query_one(&call, &[&db.b().tenant_id]).await.unwrap();
        assert_eq!(works().await, expected, "{function}");
    }
    let regenerate = "SELECT timedb.regenerate_key('same@y.example', $1)";
    let new: String = admin
        .query_one(regenerate, &[&db.a().tenant_id])
        .await
        .unwrap()
        .get(0);
    assert_eq!(works().await, [false, true]);
    assert_eq!(tenant_of(&client, &new).await.unwrap(), db.a().tenant_id);
    for (call, arguments) in [
        ("deactivate_user", "'nobody@y.example'".to_owned()),
        (
            "activate_user",
            format!("'same@y.example', '{}'", Uuid::new_v4()),
        ),
        ("regenerate_key", "''".to_owned()),
    ] {
        assert_eq!(
            refused(&admin, &format!("{call}({arguments})")).await.0,
            "42704",
            "{call}"
        );
    }
}

#[tokio::test]
async fn users_are_listed_newest_first() {
    let db = Db::new().await;
    let admin = db.connect(Role::Admin).await;
    for name in ["first", "second", "third"] {
        let create = "SELECT user_id FROM timedb.create_user($1, $2)";
        let email = format!("{name}@y.example");
        admin
            .query_one(create, &[&db.b().tenant_id, &email])
            .await
            .unwrap();
    }
    run(&admin, "SELECT timedb.deactivate_user('second@y.example')").await;
    let list = async |arguments: &str| -> Vec<String> {
        let query = format!("SELECT email || ' ' || active FROM timedb.list_users({arguments})");
        let rows = admin.query(&query, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    let of_b = format!("'{}'", db.b().tenant_id);
    let all = [
        "third@y.example true",
        "second@y.example false",
        "first@y.example true",
        "bob@tenant-b.example true",
    ];
    assert_eq!(list(&of_b).await, all);
    assert_eq!(
        list(&format!("{of_b}, include_inactive => false")).await,
        [all[0], all[2], all[3]]
    );
    assert_eq!(list("").await.len(), 5);
    assert_eq!(list(&format!("'{}'", Uuid::new_v4())).await.len(), 0);
}

#[tokio::test]
async fn of_a_key_only_the_hash_and_the_first_characters_are_kept() {
    let db = Db::new().await;
    let key = &db.a().key;
    assert_eq!((key.len(), &key[..4]), (53, "tdb_"));
    assert!(
        key[4..].bytes().all(|byte| byte.is_ascii_alphanumeric()),
        "{key}"
    );
    assert_ne!(key, &db.b().key);
    let dsn = format!("{}?application_name=types_keys", db.dsn(Role::Superuser));
    let rows = connect(&dsn)
        .await
        .query(
            "SELECT key_hash = sha256(convert_to($1, 'UTF8')), key_prefix, to_jsonb(k)::text
             FROM timedb_internal.api_keys AS k WHERE user_id = $2",
            &[key, &db.a().user_id],
        )
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert!(rows[0].get::<_, bool>(0));
    let prefix: &str = rows[0].get(1);
    assert!(key.starts_with(prefix) && prefix.len() <= 12, "{prefix}");
    assert!(!rows[0].get::<_, &str>(2).contains(&key[13..30]));
    // A key with one character changed is no key, even before it is looked up.
    let client = db.connect(Role::User).await;
    for at in 4..key.len() {
        let mut changed = key.clone().into_bytes();
        changed[at] = if changed[at] == b'x' { b'y' } else { b'x' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(
            refusal(tenant_of(&client, &changed).await).0,
            "28000",
            "{at}"
        );
    }
}
