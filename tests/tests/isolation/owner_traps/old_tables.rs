//! The tables of the Python project, brought over by a superuser: they are the owner's.

use timedb_tests::{Config, Output, Role, cli, connect, pg_tool};

use super::{Trapped, pinned};

fn run_script(dsn: &str, script: &str, schema: &str) -> Output {
    pg_tool("psql")
        .args(["-X", "-q", "-d", dsn, "-v", "ON_ERROR_STOP=1", "-v", schema])
        .args(["-f".into(), Config::get().root.join(script)])
        // The old tables hold keys in clear text, and are filled by literals.
        .env("PGAPPNAME", "types_keys")
        .run()
}

#[tokio::test(flavor = "multi_thread")]
async fn migration_steps_into_no_trap_and_reads_no_view_and_no_type_of_the_owners() {
    let trapped = Trapped::new().await;
    let dsn = trapped.db.dsn(Role::Superuser);
    cli(&["create", "tables", "--with-users", "--dsn", &dsn]).ok();
    let owner_dsn = pinned(&trapped.db.dsn(Role::Owner));
    let made = run_script(
        &owner_dsn,
        "tests/tests/upkeep/migrating/legacy.sql",
        "schema=old",
    );
    assert_eq!(made.code, 0, "{made:?}");
    let owner = connect(&owner_dsn).await;
    for (lay, take_away) in [
        (
            "ALTER TABLE old.series_table RENAME TO s;
             CREATE VIEW old.series_table AS SELECT * FROM old.s WHERE traps.spring()",
            "DROP VIEW old.series_table; ALTER TABLE old.s RENAME TO series_table",
        ),
        (
            "ALTER TABLE old.users_table ADD mood traps.mood",
            "ALTER TABLE old.users_table DROP mood",
        ),
    ] {
        owner.batch_execute(lay).await.unwrap();
        let refused = run_script(
            &dsn,
            "examples/migrate_from_python.sql",
            "legacy_schema=old",
        );
        assert_ne!(refused.code, 0, "{refused:?}");
        let expected = "not a table with columns of PostgreSQL's own types: old.";
        assert!(refused.stderr.contains(expected), "{refused:?}");
        owner.batch_execute(take_away).await.unwrap();
    }
    drop(owner);
    let done = run_script(
        &dsn,
        "examples/migrate_from_python.sql",
        "legacy_schema=old",
    );
    assert_eq!(done.code, 0, "{done:?}");
    trapped.assert_none_has_sprung("migration").await;
}
