//! From the making of a key to its end.

use serde_json::json;
use timedb_tests::{Db, Role, Server, authenticate, refusal, upload};

use super::{administer, begin, create_key, listed, refused, works};

#[tokio::test]
async fn each_of_a_users_keys_works_and_ends_for_itself() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let (first_id, first) = create_key(&db, "'laptop'").await;
    let (second_id, second) = create_key(&db, "'nightly job'").await;
    for key in [&db.a().key, &first, &second] {
        assert!(works(&db, &server, key).await);
    }
    assert_eq!(listed(&db, first_id, "name").await, "laptop");
    assert_eq!(listed(&db, second_id, "email").await, db.a().email);
    assert_eq!(listed(&db, second_id, "key_prefix").await, second[..12]);

    assert!(
        administer(&db, &format!("SELECT timedb.revoke_key('{first_id}')"))
            .await
            .get::<_, bool>(0)
    );
    assert!(!works(&db, &server, &first).await);
    assert!(works(&db, &server, &second).await);
    assert!(works(&db, &server, &db.a().key).await);
    assert_eq!(listed(&db, first_id, "status").await, "revoked");
    // Again changes nothing, not even the time.
    let revoked_at = listed(&db, first_id, "revoked_at").await;
    assert!(
        !administer(&db, &format!("SELECT timedb.revoke_key('{first_id}')"))
            .await
            .get::<_, bool>(0)
    );
    assert_eq!(listed(&db, first_id, "revoked_at").await, revoked_at);
    // The name is free again.
    create_key(&db, "'laptop'").await;
}

#[tokio::test]
async fn a_key_works_from_not_before_until_expires_at() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let (ahead_id, ahead) =
        create_key(&db, "'ahead', not_before => now() + interval '1 hour'").await;
    assert!(!works(&db, &server, &ahead).await);
    assert_eq!(listed(&db, ahead_id, "status").await, "pending");

    let (short_id, short) = create_key(
        &db,
        "'short', expires_at => now() + interval '1500 milliseconds'",
    )
    .await;
    assert!(works(&db, &server, &short).await);
    assert_eq!(listed(&db, short_id, "status").await, "active");
    tokio::time::sleep(std::time::Duration::from_millis(1700)).await;
    assert!(!works(&db, &server, &short).await);
    assert_eq!(listed(&db, short_id, "status").await, "expired");

    let (soon_id, soon) = create_key(
        &db,
        "'soon', not_before => now() + interval '1 second', expires_at => 'infinity'",
    )
    .await;
    assert!(!works(&db, &server, &soon).await);
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    assert!(works(&db, &server, &soon).await);
    assert_eq!(listed(&db, soon_id, "expires_at").await, "");
}

#[tokio::test]
async fn a_read_only_key_reads_and_is_refused_each_way_of_writing() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let writer = db.begin(db.a()).await;
    upload(&writer, "level", &[1.0, 2.0]).await.unwrap();
    writer.batch_execute("COMMIT").await.unwrap();
    let (key_id, key) = create_key(&db, "'dashboard', access => 'read_only'").await;
    assert_eq!(listed(&db, key_id, "access").await, "read_only");

    let reply = server.get("/values", Some(&key)).await;
    assert_eq!(reply.json()["count"], 2);
    let body = json!({"batch_start_time": "2025-01-01T00:00:00Z", "value_rows":
        [{"valid_time": "2025-01-01T00:00:00Z", "value_key": "level", "value": 1.5}]});
    for (path, body) in [("/upload", &body), ("/series", &json!({"name": "x"}))] {
        let reply = server.post(path, Some(&key), body).await;
        assert_eq!(reply.status, 403, "{reply:?}");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with("this API key is read-only"), "{detail}");
    }

    let client = db.connect(Role::User).await;
    for call in [
        "SELECT * FROM timedb.upload('{2025-01-01}', '{1}', '{level}')",
        "SELECT * FROM timedb.upload('{}', '{}', '{}')",
        "SELECT * FROM timedb.create_series('x')",
    ] {
        begin(&client).await;
        authenticate(&client, &key).await.unwrap();
        let access: String = client
            .query_one("SELECT access FROM timedb.whoami()", &[])
            .await
            .unwrap()
            .get(0);
        assert_eq!(access, "read_only");
        let (code, message) = refusal(client.query(call, &[]).await);
        assert_eq!(
            (code.as_str(), message.as_str()),
            ("42501", "this API key is read-only"),
            "{call}"
        );
        client.batch_execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test]
async fn deactivating_a_user_ends_all_keys_until_it_is_activated() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let (key_id, key) = create_key(&db, "'second'").await;
    let email = &db.a().email;
    administer(&db, &format!("SELECT timedb.deactivate_user('{email}')")).await;
    assert!(!works(&db, &server, &key).await);
    assert!(!works(&db, &server, &db.a().key).await);
    assert_eq!(listed(&db, key_id, "status").await, "inactive");
    let (code, message) = refused(
        &db,
        &format!("SELECT timedb.create_key('{email}', 'third')"),
    )
    .await;
    assert_eq!(code, "55000");
    assert_eq!(message, format!("user \"{email}\" is deactivated"));
    administer(&db, &format!("SELECT timedb.activate_user('{email}')")).await;
    assert!(works(&db, &server, &key).await);
    assert!(works(&db, &server, &db.a().key).await);
}

#[tokio::test]
async fn regenerating_ends_every_older_key_at_once() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let (_, second) = create_key(&db, "'second', access => 'read_only'").await;
    let email = &db.a().email;
    let new: String = administer(&db, &format!("SELECT timedb.regenerate_key('{email}')"))
        .await
        .get(0);
    assert!(works(&db, &server, &new).await);
    assert!(!works(&db, &server, &second).await);
    assert!(!works(&db, &server, &db.a().key).await);
}

#[tokio::test]
async fn a_key_of_the_python_project_is_imported_works_and_is_flagged() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let email = &db.a().email;
    let legacy = "q3Jx0bY-dummy_legacy_key_of_43_characters_A";
    assert!(!works(&db, &server, legacy).await);
    let import = format!("SELECT timedb.import_key('{email}', '{legacy}')");
    let key_id = administer(&db, &import).await.get(0);
    assert!(works(&db, &server, legacy).await);
    assert_eq!(listed(&db, key_id, "legacy").await, "true");
    assert_eq!(listed(&db, key_id, "name").await, "imported");
    assert_eq!(refused(&db, &import).await.0, "23505");
    let (own_id, _) = create_key(&db, "'own'").await;
    assert_eq!(listed(&db, own_id, "legacy").await, "false");

    // Nothing of what was refused is repeated.
    let bad = "tdb_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG000000";
    let (code, message) = refused(
        &db,
        &format!("SELECT timedb.import_key('{email}', '{bad}')"),
    )
    .await;
    assert_eq!(code, "22023");
    assert_eq!(
        message,
        "not an API key: its checksum does not fit: a character is wrong"
    );
}

#[tokio::test]
async fn what_a_new_key_is_to_be_is_checked() {
    let db = Db::new().await;
    let email = &db.a().email;
    for (arguments, code, part) in [
        ("'x@y.example', 'n'", "42704", "not found"),
        ("'EMAIL', ''", "22023", "invalid key name \"\""),
        ("'EMAIL', NULL", "22023", "invalid key name"),
        ("'EMAIL', repeat('x', 101)", "22023", "invalid key name"),
        ("'EMAIL', E'a\\nb'", "22023", "invalid key name"),
        ("'EMAIL', 'n', 'admin'", "22023", "invalid access \"admin\""),
        ("'EMAIL', 'n', NULL", "22023", "invalid access"),
        (
            "'EMAIL', 'n', expires_at => '10000-01-01Z'",
            "22023",
            "after the year 9999",
        ),
        (
            "'EMAIL', 'n', not_before => '-infinity'",
            "22023",
            "not in the years 1 to 9999",
        ),
        (
            "'EMAIL', 'n', expires_at => '2020-01-01Z'",
            "22023",
            "is in the past",
        ),
        (
            "'EMAIL', 'n', expires_at => now() + interval '1 h', not_before => now() + interval '2 h'",
            "22023",
            "is not after not_before",
        ),
        (
            "'EMAIL', 'default'",
            "23505",
            "already has a key named \"default\"",
        ),
        ("'EMAIL', ' default '", "23505", "already has a key named"),
        (
            "'EMAIL', 'n', tenant_id => gen_random_uuid()",
            "42704",
            "not found",
        ),
    ] {
        let call = format!(
            "SELECT timedb.create_key({})",
            arguments.replace("EMAIL", email)
        );
        let (state, message) = refused(&db, &call).await;
        assert_eq!(state, code, "{call}: {message}");
        assert!(message.contains(part), "{call}: {message}");
    }
    let keys: i64 = administer(&db, "SELECT count(*) FROM timedb.list_keys()")
        .await
        .get(0);
    assert_eq!(keys, 2);
    for call in ["revoke_key", "rotate_key"] {
        let refused = refused(&db, &format!("SELECT timedb.{call}(gen_random_uuid())")).await;
        assert_eq!(refused.0, "42704");
    }
}

#[tokio::test]
async fn what_can_be_a_key_is_told_without_any_table() {
    let db = Db::new().await;
    let client = db.connect(Role::User).await;
    client
        .batch_execute("SET application_name = 'types_keys'")
        .await
        .unwrap();
    for (text, format, problem) in [
        (Some(db.a().key.clone()), Some("timedb"), None),
        (Some("x".repeat(43)), Some("legacy"), None),
        (
            Some(db.a().key.to_uppercase()),
            None,
            Some("it has 53 characters instead of 53 (or 43 in the legacy format)"),
        ),
        (Some(String::new()), None, Some("it is empty")),
        (None, None, Some("it is empty")),
        (
            Some(format!("{} ", db.a().key)),
            None,
            Some("it has white space before or after it"),
        ),
    ] {
        let row = client
            .query_one("SELECT format, problem FROM timedb.check_key($1)", &[&text])
            .await
            .unwrap();
        assert_eq!(
            (row.get::<_, Option<&str>>(0), row.get::<_, Option<&str>>(1)),
            (format, problem)
        );
    }
}
