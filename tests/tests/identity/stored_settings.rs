//! Attempts that come with the connection, or are stored in the catalog for it.

use timedb_tests::{Role, connect, count, refusal};

use crate::smuggling::{forgeries, is_nobody, is_nobody_at_first_sight, with_secret};
use crate::{run, whoami};

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
    run(&client, &format!("SELECT timedb.login('{}')", db.b().key)).await;
    assert_eq!(whoami(&client).await.0, Some(db.b().tenant_id));
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.values", &[]).await,
        0
    );
    run(&client, "SELECT timedb.logout()").await;
    is_nobody(&client, "PGOPTIONS, login, logout").await;
    run(&client, &format!("SELECT timedb.login('{}')", db.b().key)).await;
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
