//! `timedb tenants`: what it prints, whom it lets, and that a deletion is asked for.

use serde_json::Value;
use timedb_tests::{Db, Output, Role, cli, upload};

fn tenants(db: &Db, role: Role, arguments: &[&str]) -> Output {
    cli(&[&["tenants"], arguments].concat())
        .env("TIMEDB_DSN", db.dsn(role))
        .run()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[tokio::test]
async fn tenants_are_created_listed_and_deleted() {
    let db = Db::new().await;
    let created = json(&tenants(
        &db,
        Role::Admin,
        &["create", "--name", "acme", "--json"],
    ));
    let id = created["tenant_id"].as_str().unwrap().to_owned();

    let again = tenants(&db, Role::Admin, &["create", "--tenant-id", &id]);
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.stderr.starts_with("ERROR: tenant "), "{again:?}");
    let same = tenants(
        &db,
        Role::Admin,
        &["create", "--tenant-id", &id, "--if-not-exists"],
    );
    assert_eq!(same.stdout, format!("✓ Tenant {id} exists\n"), "{same:?}");

    let listed = tenants(&db, Role::Admin, &["list"]);
    assert!(listed.stdout.starts_with("Tenants (3)\n"), "{listed:?}");
    let line = listed.stdout.lines().find(|line| line.starts_with(&id));
    assert!(line.is_some_and(|line| line.contains("acme")), "{listed:?}");
    let all = json(&tenants(&db, Role::Admin, &["list", "--json"]));
    let names: Vec<&Value> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert!(names.contains(&&Value::from("acme")), "{all}");

    let asked = tenants(&db, Role::Admin, &["delete", &id]);
    assert_eq!(asked.code, 2, "{asked:?}");
    assert!(asked.stderr.contains("Pass -y"), "{asked:?}");
    let deleted = tenants(&db, Role::Admin, &["delete", &id, "-y"]);
    assert_eq!(
        deleted.stdout,
        format!("✓ Tenant {id} deleted: 0 users, 0 series, 0 points\n")
    );
    let gone = tenants(&db, Role::Admin, &["delete", &id, "-y"]);
    assert_eq!((gone.code, gone.stdout.as_str()), (1, ""), "{gone:?}");
}

#[tokio::test]
async fn deleting_a_tenant_says_how_much_was_deleted_and_leaves_the_others() {
    let db = Db::new().await;
    for tenant in [db.a(), db.b()] {
        let client = db.login(tenant).await;
        upload(&client, "s", &[1.0, 2.0]).await.unwrap();
    }
    let id = db.a().tenant_id.to_string();
    let deleted = json(&tenants(&db, Role::Admin, &["delete", &id, "-y", "--json"]));
    assert_eq!(deleted["tenant_id"], id.as_str(), "{deleted}");
    assert_eq!(
        (&deleted["users"], &deleted["points"]),
        (&1.into(), &2.into()),
        "{deleted}"
    );
    let listed = tenants(&db, Role::Admin, &["list"]);
    assert!(!listed.stdout.contains(&id), "{listed:?}");
    assert!(
        listed.stdout.contains(&db.b().tenant_id.to_string()),
        "{listed:?}"
    );
}

#[tokio::test]
async fn tenants_are_for_administrators() {
    let db = Db::new().await;
    let id = db.a().tenant_id.to_string();
    for arguments in [&["list"][..], &["create"], &["delete", &id, "-y"]] {
        for role in [Role::User, Role::Session, Role::Nobody] {
            let refused = tenants(&db, role, arguments);
            assert_eq!(refused.code, 1, "{refused:?}");
            assert!(refused.stderr.contains("may not administer"), "{refused:?}");
        }
    }
}
