//! The record of administration: complete, true about who did it, and never changed.

use serde_json::{Value, json};
use timedb_tests::{Db, Role, authenticate, count, refusal};
use uuid::Uuid;

use super::{administer, create_key};

/// The events of tenant A after its making, oldest first: event, user, key, details.
async fn events(db: &Db) -> Vec<(String, Option<Uuid>, Option<Uuid>, Value)> {
    let client = db.connect(Role::Owner).await;
    let rows = client
        .query(
            "SELECT event, user_id, key_id, details FROM timedb.list_events($1) ORDER BY occurred_at, event_id",
            &[&db.a().tenant_id],
        )
        .await
        .unwrap();
    rows.iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect()
}

#[tokio::test]
async fn each_change_of_a_tenant_its_users_and_keys_is_one_event() {
    let db = Db::new().await;
    let (email, user) = (db.a().email.clone(), Some(db.a().user_id));
    let made = events(&db).await;
    let names: Vec<&str> = made.iter().map(|event| event.0.as_str()).collect();
    assert_eq!(names, ["tenant_created", "user_created", "key_created"]);
    assert_eq!(made[0].3, json!({"name": "a"}));
    assert_eq!((made[1].1, &made[1].3), (user, &json!({"email": email})));
    let default_key = made[2].2;
    assert_eq!(
        made[2].3,
        json!({"name": "default", "access": "read_write"})
    );

    let (first, _) = create_key(&db, "'first', 'read_only'").await;
    let row = administer(
        &db,
        &format!("SELECT new_key_id FROM timedb.rotate_key('{first}')"),
    )
    .await;
    let second: Uuid = row.get(0);
    for call in [
        format!("revoke_key('{second}')"),
        // What changes nothing is no event.
        format!("revoke_key('{second}')"),
        format!("deactivate_user('{email}')"),
        format!("deactivate_user('{email}')"),
        format!("activate_user('{email}')"),
        format!("regenerate_key('{email}')"),
        format!("import_key('{email}', '{}')", "k".repeat(43)),
    ] {
        administer(&db, &format!("SELECT timedb.{call}")).await;
    }
    let all = events(&db).await;
    let told: Vec<(&str, Option<Uuid>)> = all[3..]
        .iter()
        .map(|event| (event.0.as_str(), event.2))
        .collect();
    let (regenerated, imported) = (all[11].2, all[12].2);
    let mut revoked = [told[6], told[7]];
    revoked.sort();
    let mut expected = [("key_revoked", default_key), ("key_revoked", Some(first))];
    expected.sort();
    assert_eq!(revoked, expected);
    assert_eq!(
        [&told[..6], &told[8..]].concat(),
        [
            ("key_created", Some(first)),
            ("key_created", Some(second)),
            ("key_rotated", Some(first)),
            ("key_revoked", Some(second)),
            ("user_deactivated", None),
            ("user_activated", None),
            // Two keys revoked by regenerating stand here.
            ("key_created", regenerated),
            ("key_imported", imported),
        ]
    );
    assert_eq!(all[4].3["replaces"], json!(first.to_string()));
    assert_eq!(all[5].3["replaced_by"], json!(second.to_string()));
    assert!(all[3..].iter().all(|event| event.1 == user));
    // B's events are its own three.
    let of_b = "SELECT count(*) FROM timedb.list_events(tenant_id => $1)";
    let client = db.connect(Role::Admin).await;
    assert_eq!(count(&client, of_b, &[&db.b().tenant_id]).await, 3);
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.list_events()", &[]).await,
        3 + all.len() as i64
    );
    assert_eq!(
        count(
            &client,
            "SELECT count(*) FROM timedb.list_events(max_events => 4)",
            &[]
        )
        .await,
        4
    );
    assert_eq!(
        count(
            &client,
            "SELECT count(*) FROM timedb.list_events(since => now() + interval '1 h')",
            &[]
        )
        .await,
        0
    );
}

#[tokio::test]
async fn an_event_says_who_had_connected_and_who_was_authenticated() {
    let db = Db::new().await;
    let superuser = db.connect(Role::Superuser).await;
    superuser
        .batch_execute(&format!(
            "GRANT timedb_admin TO {}",
            db.role_name(Role::Session)
        ))
        .await
        .unwrap();
    let client = db.login(db.b()).await;
    let call = format!("SELECT timedb.deactivate_user('{}')", db.a().email);
    client.query_one(&call, &[]).await.unwrap();
    let row = administer(
        &db,
        "SELECT actor_role, actor_user_id, actor_key_id, occurred_at > now() - interval '1 minute'
         FROM timedb.list_events() WHERE event = 'user_deactivated'",
    )
    .await;
    assert_eq!(row.get::<_, String>(0), db.role_name(Role::Session));
    assert_eq!(row.get::<_, Option<Uuid>>(1), Some(db.b().user_id));
    let key: Uuid = administer(
        &db,
        &format!("SELECT key_id FROM timedb.list_keys('{}')", db.b().email),
    )
    .await
    .get(0);
    assert_eq!(row.get::<_, Option<Uuid>>(2), Some(key));
    assert!(row.get::<_, bool>(3));
}

#[tokio::test]
async fn a_tenant_reads_its_own_events_and_nobody_changes_any() {
    let db = Db::new().await;
    let client = db.begin(db.a()).await;
    let rows = client
        .query("SELECT DISTINCT tenant_id FROM timedb.audit_events", &[])
        .await
        .unwrap();
    let tenants: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(tenants, [db.a().tenant_id]);
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.audit_events", &[]).await,
        0
    );
    let superuser = db.connect(Role::Superuser).await;
    for role in [
        "timedb_keeper",
        "timedb_definer",
        "timedb_user",
        "timedb_admin",
    ] {
        for change in [
            "UPDATE timedb.audit_events SET event = 'x'",
            "DELETE FROM timedb.audit_events",
            "TRUNCATE timedb.audit_events",
        ] {
            // With a tenant go its events: timedb.delete_tenant() runs as timedb_keeper, whom nobody can become.
            if (role, change) == ("timedb_keeper", "DELETE FROM timedb.audit_events") {
                continue;
            }
            superuser
                .batch_execute(&format!("BEGIN; SET LOCAL ROLE {role}"))
                .await
                .unwrap();
            if role == "timedb_user" {
                authenticate(&superuser, &db.a().key).await.unwrap();
            }
            let refused = refusal(superuser.batch_execute(change).await);
            assert_eq!(refused.0, "42501", "{role}: {change}");
            superuser.batch_execute("ROLLBACK").await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_event_is_undone_with_what_it_tells_of() {
    let db = Db::new().await;
    let before = events(&db).await.len();
    let client = db.connect(Role::Owner).await;
    client
        .batch_execute(&format!(
            "BEGIN; SELECT timedb.deactivate_user('{}'); ROLLBACK",
            db.a().email
        ))
        .await
        .unwrap();
    assert_eq!(events(&db).await.len(), before);
}

#[tokio::test]
async fn opening_and_closing_the_store_are_events_of_the_zero_tenant() {
    let db = Db::new().await;
    let client = db.connect(Role::Owner).await;
    for required in [false, false, true, true] {
        client
            .execute("SELECT timedb.set_auth_required($1)", &[&required])
            .await
            .unwrap();
    }
    let rows = client
        .query(
            "SELECT event FROM timedb.list_events('00000000-0000-0000-0000-000000000000') ORDER BY event_id",
            &[],
        )
        .await
        .unwrap();
    let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(names, ["tenant_created", "store_opened", "store_closed"]);
}
