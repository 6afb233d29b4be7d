//! Bindings in other places: a dump that is restored where roles are missing.

use timedb_tests::{Db, Role, connect, count, pg_tool, run};

use super::{NOBODY, filled, values_seen, whoami};

#[tokio::test]
async fn a_dump_binds_the_roles_that_exist_and_names_the_others() {
    let db = filled().await;
    let superuser = db.connect(Role::Superuser).await;
    let bind = "SELECT timedb.bind_role($1, $2)";
    let gone = format!("gone_{}", db.name);
    run(
        &superuser,
        &format!("CREATE ROLE {gone} LOGIN IN ROLE timedb_user"),
    )
    .await;
    let here = db.role_name(Role::User);
    for (role, email) in [(&here, &db.a().email), (&gone, &db.b().email)] {
        superuser.query(bind, &[role, email]).await.unwrap();
    }
    // As in another cluster, which has the roles by name only.
    run(
        &superuser,
        "UPDATE timedb_internal.bound_roles SET system_identifier = 1, role_oid = 1",
    )
    .await;
    run(&superuser, &format!("DROP ROLE {gone}")).await;

    let restored = Db::empty().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump");
    pg_tool("pg_dump")
        .args(["-Fc", "-d", &db.dsn(Role::Superuser), "-f"])
        .args([&file])
        .ok();
    pg_tool("pg_restore")
        .args(["--exit-on-error", "-d", &restored.dsn(Role::Superuser)])
        .args([&file])
        .ok();
    let superuser = restored.connect(Role::Superuser).await;
    let rows = superuser
        .query(
            "SELECT role, status FROM timedb.list_bound_roles() ORDER BY status",
            &[],
        )
        .await
        .unwrap();
    let told: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(
        told,
        [
            (here.clone(), "active".to_owned()),
            (gone, "no such role".to_owned())
        ]
    );
    let dsn = db
        .dsn(Role::User)
        .replace(&format!("/{}", db.name), &format!("/{}", restored.name));
    let client = connect(&dsn).await;
    assert_eq!(values_seen(&client).await, 1);
    // In another database the same role is nobody.
    let other = Db::new().await;
    let dsn = db
        .dsn(Role::User)
        .replace(&format!("/{}", db.name), &format!("/{}", other.name));
    let client = connect(&dsn).await;
    assert_eq!(whoami(&client).await, NOBODY);
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.values", &[]).await,
        0
    );
}
