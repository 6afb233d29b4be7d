//! Attempts that come with the connection, or are stored in the catalog for it.

use timedb_tests::{
    Role, ThrowawayCluster, authenticate, connect, count, login, refusal, run, upload,
};
use uuid::Uuid;

use super::smuggling::{forgeries, is_nobody, is_nobody_at_first_sight, with_secret};
use super::whoami;

#[tokio::test]
async fn start_up_options_are_dropped_and_no_reset_brings_them_back() {
    let db = with_secret().await;
    let options = forgeries(&db, "-c NAME=VALUE").replace("; ", " ");
    let encoded = options.replace(' ', "%20").replace('=', "%3D");
    for role in [Role::User, Role::Session] {
        let dsn = format!("{}?options={encoded}", db.dsn(role));
        let client = connect(&dsn).await;
        is_nobody_at_first_sight(&client, "PGOPTIONS").await;
        for reset in ["RESET ALL", "DISCARD ALL"] {
            run(&client, reset).await;
            is_nobody(&client, reset).await;
        }
        // Also where RESET is the first thing that happens.
        let client = connect(&dsn).await;
        run(&client, "DISCARD ALL").await;
        is_nobody_at_first_sight(&client, "PGOPTIONS, then DISCARD ALL").await;
        assert_eq!(
            refusal(client.batch_execute("RESET timedb.tenant_id").await).0,
            "42501"
        );
    }
    // After a login and its end the session is nobody again, not what its options said.
    let client = connect(&format!("{}?options={encoded}", db.dsn(Role::Session))).await;
    login(&client, &db.b().key).await.unwrap();
    assert_eq!(whoami(&client).await.0, Some(db.b().tenant_id));
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.values", &[]).await,
        0
    );
    run(&client, "SELECT timedb.logout()").await;
    is_nobody(&client, "PGOPTIONS, login, logout").await;
    login(&client, &db.b().key).await.unwrap();
    run(&client, "DISCARD ALL").await;
    is_nobody(&client, "PGOPTIONS, login, DISCARD ALL").await;
}

#[tokio::test]
async fn settings_stored_for_a_role_or_a_database_are_refused_or_dropped() {
    let db = with_secret().await;
    for storing in [Role::User, Role::Owner, Role::Superuser] {
        for target in [
            format!("ROLE {}", db.role_name(Role::User)),
            format!("ROLE {} IN DATABASE {}", db.role_name(Role::User), db.name),
            format!("DATABASE {}", db.name),
            "ROLE ALL".to_owned(),
        ] {
            if target == "ROLE ALL" && storing == Role::Superuser {
                // Would reach the databases of other tests.
                continue;
            }
            let forge = forgeries(&db, &format!("ALTER {target} SET NAME = 'VALUE'"));
            // In this session the library is not loaded.
            let client = db.connect(storing).await;
            let stored = client.batch_execute(&forge).await;
            if storing != Role::Superuser {
                assert_eq!(refusal(stored).0, "42501", "{storing:?}: ALTER {target}");
            } else {
                stored.unwrap_or_else(|error| panic!("ALTER {target}: {error:?}"));
            }
            let client = db.connect(Role::User).await;
            let attempt = format!("ALTER {target} SET by {storing:?}");
            is_nobody_at_first_sight(&client, &attempt).await;
            run(&client, "DISCARD ALL").await;
            is_nobody(&client, &attempt).await;
            if storing == Role::Superuser {
                let undo = format!("ALTER {target} RESET ALL");
                run(&db.connect(Role::Superuser).await, &undo).await;
            }
        }
    }
}

#[tokio::test]
async fn a_loaded_library_lets_nobody_but_a_superuser_set_its_settings() {
    let db = with_secret().await;
    for role in [Role::User, Role::Session, Role::Admin, Role::Owner] {
        let client = db.connect(role).await;
        run(&client, "SELECT timedb.version()").await;
        for form in [
            "SET NAME = 'VALUE'",
            "SET LOCAL NAME = 'VALUE'",
            "SELECT set_config('NAME', 'VALUE', false)",
            "SELECT set_config('NAME', 'VALUE', true)",
        ] {
            for forge in forgeries(&db, form).split("; ") {
                assert_eq!(
                    refusal(client.batch_execute(forge).await).0,
                    "42501",
                    "{role:?}: {forge}"
                );
            }
        }
    }
}

#[tokio::test]
async fn roles_with_more_rights_cannot_be_taken_on() {
    let db = with_secret().await;
    for role in [
        Role::User,
        Role::Session,
        Role::Admin,
        Role::Owner,
        Role::Nobody,
    ] {
        let client = db.connect(role).await;
        let superuser = db.role_name(Role::Superuser);
        for target in [
            "timedb_owner",
            "timedb_definer",
            "timedb_keeper",
            &superuser,
        ] {
            for statement in [
                format!("SET ROLE {target}"),
                format!("SET SESSION AUTHORIZATION {target}"),
                format!("GRANT {target} TO {}", db.role_name(role)),
            ] {
                assert_eq!(
                    refusal(client.batch_execute(&statement).await).0,
                    "42501",
                    "{role:?}: {statement}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_granted_parameter_is_its_holders_alone_and_only_with_the_library_loaded() {
    // Such a grant holds in the whole cluster, so it is one of its own.
    let cluster = ThrowawayCluster::start(&[]);
    let superuser = cluster.connect("postgres").await;
    run(
        &superuser,
        "CREATE EXTENSION timedb; CREATE ROLE backend LOGIN IN ROLE timedb_user;
         CREATE ROLE other LOGIN IN ROLE timedb_user",
    )
    .await;
    let create = "SELECT * FROM timedb.create_user(timedb.create_tenant(), 'a@a.example')";
    let row = superuser.query_one(create, &[]).await.unwrap();
    let (tenant_id, key): (Uuid, String) = (row.get("tenant_id"), row.get("api_key"));
    let client = connect(&cluster.dsn_as("postgres", "backend")).await;
    run(&client, "BEGIN").await;
    authenticate(&client, &key).await.unwrap();
    upload(&client, "of a", &[1.0]).await.unwrap();
    run(&client, "COMMIT").await;

    let choose = format!("SET timedb.tenant_id = '{tenant_id}'");
    let seen = "SELECT count(*) FROM timedb.values";
    assert_eq!(refusal(client.batch_execute(&choose).await).0, "42501");
    run(
        &superuser,
        "GRANT SET ON PARAMETER timedb.tenant_id TO backend",
    )
    .await;

    // Before the library is loaded a value is dropped, whoever gave it.
    let client = connect(&cluster.dsn_as("postgres", "backend")).await;
    run(&client, &choose).await;
    assert_eq!(count(&client, seen, &[]).await, 0);
    // It is loaded now.
    run(
        &client,
        &format!("BEGIN; {}", choose.replace("SET", "SET LOCAL")),
    )
    .await;
    assert_eq!(count(&client, seen, &[]).await, 1);
    assert_eq!(whoami(&client).await.0, Some(tenant_id));
    run(&client, "COMMIT").await;
    assert_eq!(count(&client, seen, &[]).await, 0);
    run(&client, &choose).await;
    assert_eq!(count(&client, seen, &[]).await, 1);
    run(&client, "DISCARD ALL").await;
    assert_eq!(count(&client, seen, &[]).await, 0);
    // One setting is not the others.
    let access = "SET timedb.access = 'read_write'";
    assert_eq!(refusal(client.batch_execute(access).await).0, "42501");

    // The library lets nobody store one; what was stored without it is dropped.
    let store = choose.replace("SET", "ALTER ROLE backend SET");
    assert_eq!(refusal(superuser.batch_execute(&store).await).0, "22023");
    run(&cluster.connect("postgres").await, &store).await;
    let client = connect(&cluster.dsn_as("postgres", "backend")).await;
    assert_eq!(count(&client, seen, &[]).await, 0);
    run(&superuser, "ALTER ROLE backend RESET ALL").await;

    let other = connect(&cluster.dsn_as("postgres", "other")).await;
    assert_eq!(count(&other, seen, &[]).await, 0);
    assert_eq!(refusal(other.batch_execute(&choose).await).0, "42501");
    run(
        &superuser,
        "REVOKE SET ON PARAMETER timedb.tenant_id FROM backend",
    )
    .await;
    assert_eq!(refusal(client.batch_execute(&choose).await).0, "42501");
}
