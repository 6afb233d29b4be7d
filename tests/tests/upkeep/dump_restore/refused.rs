//! Dumps and restores that cannot be whole say so, instead of leaving rows out.

use timedb_tests::catalog::rows;
use timedb_tests::{Db, Output, Role, ThrowawayCluster, pg_tool, run};

use super::{Dumps, dump, fill, new_database};

fn restore(dsn: &str, file: &str) -> Output {
    pg_tool("pg_restore")
        .args(["--exit-on-error", "-d", dsn, file])
        .run()
}

#[tokio::test]
async fn a_dump_by_a_role_that_row_security_binds_fails() {
    let db = Db::new().await;
    fill(&db).await;
    let superuser = db.connect(Role::Superuser).await;
    // Each may read every table, one even is an administrator of timedb.
    for role in [Role::Nobody, Role::Admin, Role::Owner] {
        let name = db.role_name(role);
        run(&superuser, &format!("GRANT pg_read_all_data TO {name}")).await;
        let failed = pg_tool("pg_dump")
            .args(["-Fc", "-f", "/dev/null", "-d", &db.dsn(role)])
            .run();
        assert_ne!(failed.code, 0, "{role:?}");
        assert!(
            failed
                .stderr
                .contains("query would be affected by row-level security policy for table"),
            "{role:?}: {failed:?}"
        );
    }
    // Without the right to read, that is what is missing. The first table is one that tenants read.
    for (role, message) in [
        (Role::User, "query would be affected by row-level security"),
        (Role::Admin, "permission denied for table"),
    ] {
        let name = db.role_name(role);
        run(&superuser, &format!("REVOKE pg_read_all_data FROM {name}")).await;
        let failed = pg_tool("pg_dump")
            .args(["-Fc", "-f", "/dev/null", "-d", &db.dsn(role)])
            .run();
        assert_ne!(failed.code, 0, "{role:?}");
        assert!(failed.stderr.contains(message), "{role:?}: {failed:?}");
    }
}

#[tokio::test]
async fn a_dump_with_row_security_enabled_holds_nobodys_rows() {
    // What docs/backup.md warns of: pg_dump succeeds, and the rows are not there.
    let db = Db::new().await;
    fill(&db).await;
    let superuser = db.connect(Role::Superuser).await;
    for role in [Role::Nobody, Role::User] {
        let name = db.role_name(role);
        run(&superuser, &format!("GRANT pg_read_all_data TO {name}")).await;
    }
    let dump = |role| pg_tool("pg_dump").args(["--enable-row-security", "-d", &db.dsn(role)]);
    let failed = dump(Role::Nobody).run();
    assert_ne!(failed.code, 0);
    assert!(
        failed
            .stderr
            .contains("permission denied for function current_tenant"),
        "{}",
        failed.stderr
    );
    let dump = dump(Role::User).ok();
    assert!(dump.contains("COPY timedb_internal.users"));
    assert!(!dump.contains(&db.a().email) && !dump.contains(&db.b().email));
}

#[tokio::test]
async fn only_a_superuser_restores() {
    let db = Db::new().await;
    fill(&db).await;
    let dumps = Dumps::new();
    let file = dumps.path("store.dump");
    dump(&db, &file).await;
    let cluster = ThrowawayCluster::start(&[]);
    let superuser = cluster.connect("postgres").await;
    run(&superuser, "CREATE ROLE owner LOGIN").await;
    for name in ["theirs", "second"] {
        run(&superuser, &format!("CREATE DATABASE {name} OWNER owner")).await;
    }
    let failed = restore(&cluster.dsn_as("theirs", "owner"), &file);
    assert_ne!(failed.code, 0);
    // The schema's owner comes first, then the extension itself.
    assert!(
        failed
            .stderr
            .contains("must be member of role \"postgres\"")
            // Since PostgreSQL 16.
            || failed
                .stderr
                .contains("must be able to SET ROLE \"postgres\""),
        "{failed:?}"
    );
    let failed = pg_tool("pg_restore")
        .args(["--no-owner", "--exit-on-error"])
        .args(["-d", &cluster.dsn_as("second", "owner"), &file])
        .run();
    assert_ne!(failed.code, 0);
    assert!(
        failed
            .stderr
            .contains("permission denied to create extension \"timedb\""),
        "{failed:?}"
    );
}

#[tokio::test]
async fn a_role_of_the_target_that_would_break_isolation_stops_the_restore() {
    let db = Db::new().await;
    fill(&db).await;
    let dumps = Dumps::new();
    let file = dumps.path("store.dump");
    dump(&db, &file).await;
    let cluster = ThrowawayCluster::start(&[]);
    let superuser = cluster.connect("postgres").await;
    run(&superuser, "CREATE ROLE timedb_definer LOGIN").await;
    let dsn = new_database(&cluster, "restored").await;
    let failed = restore(&dsn, &file);
    assert_ne!(failed.code, 0);
    assert!(
        failed
            .stderr
            .contains("role \"timedb_definer\" exists and can log in"),
        "{failed:?}"
    );
    // Mended as the hint says, it goes through; what is there of the first try is in the way.
    run(&superuser, "ALTER ROLE timedb_definer NOLOGIN").await;
    run(&superuser, "DROP DATABASE restored").await;
    let dsn = new_database(&cluster, "restored").await;
    let restored = restore(&dsn, &file);
    assert_eq!(restored.code, 0, "{restored:?}");
    assert_eq!(
        rows(&cluster.connect("restored").await).await,
        rows(&db.connect(Role::Superuser).await).await
    );
}
