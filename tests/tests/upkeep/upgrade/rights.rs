//! What an administrator has given and taken survives an update, and is in the dumps after it: no more
//! and no less.

use timedb_tests::catalog::{differences, rows, snapshot};
use timedb_tests::{pg_tool, run};

use super::installation::Installation;
use super::trial::{complete, delta, put_delta, put_older};
use super::{fill, fresh, install};

/// On objects that the update replaces, changes and leaves alone. `passed` got it from `report`.
const RIGHTS: &str = "
    GRANT SELECT ON timedb.series, timedb.batches TO report WITH GRANT OPTION;
    SET ROLE report; GRANT SELECT ON timedb.series TO passed; RESET ROLE;
    GRANT SELECT (user_id, email) ON timedb_internal.users TO report;
    GRANT SELECT ON timedb_internal.settings TO PUBLIC;
    GRANT EXECUTE ON FUNCTION timedb.version(), timedb.auth_required() TO report;
    REVOKE SELECT ON timedb.batches FROM timedb_user;
    REVOKE EXECUTE ON FUNCTION timedb.set_auth_required(boolean), timedb.create_tenant(text, uuid, boolean) FROM pg_database_owner;
    REVOKE USAGE ON SCHEMA timedb FROM PUBLIC;
    GRANT USAGE ON SCHEMA timedb TO timedb_owner, timedb_keeper, timedb_definer, timedb_user, report;";

/// The definitions that a dump holds, without its own random marks; grants come in the order in which
/// they were made.
fn definitions(dsn: &str) -> Vec<String> {
    let dump = pg_tool("pg_dump").args(["--schema-only", "-d", dsn]).ok();
    let lines = dump
        .lines()
        .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
    let mut lines: Vec<String> = lines.map(str::to_owned).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn an_administrators_rights_survive_an_update_and_are_in_the_dumps_after_it() {
    let installation = Installation::start();
    put_older(&installation, "0.0.1");
    put_delta(&installation, "0.0.1", &delta(&installation, None));
    let updated = install(&installation, "updated", "0.0.1").await;
    fill(&installation, "updated", &updated).await;
    run(&updated, "CREATE ROLE report; CREATE ROLE passed").await;
    run(&updated, RIGHTS).await;
    // A right on what the delta drops goes with it.
    run(
        &updated,
        "GRANT EXECUTE ON FUNCTION timedb.older() TO report",
    )
    .await;
    run(&updated, "ALTER EXTENSION timedb UPDATE").await;

    let plain = fresh(&installation, "plain").await;
    let same = install(&installation, "fresh", super::CURRENT).await;
    // What report passed on it gives itself no more: the update makes the owner its giver.
    run(&same, &RIGHTS.replace("SET ROLE report;", "")).await;
    let (of_fresh, of_updated) = (snapshot(&same).await, snapshot(&updated).await);
    assert!(differences(&plain, &of_fresh).len() > 10);
    assert_eq!(differences(&of_fresh, &of_updated), Vec::<String>::new());

    // Initial rights are those of the extension alone.
    let initial = |lines: &[String]| -> Vec<String> {
        let lines = lines
            .iter()
            .filter(|line| line.starts_with("initial rights"));
        lines.cloned().collect()
    };
    assert_eq!(initial(&of_updated), initial(&plain));

    let dsn = installation.dsn("updated", "postgres");
    let dumped = definitions(&dsn);
    assert_eq!(dumped, definitions(&installation.dsn("fresh", "postgres")));
    let given = "GRANT SELECT ON TABLE timedb.series TO report WITH GRANT OPTION;";
    let taken = "REVOKE SELECT ON TABLE timedb.batches FROM timedb_user;";
    for line in [given, taken] {
        assert!(
            dumped.iter().any(|found| found == line),
            "{line}: {dumped:#?}"
        );
    }
    let bare = definitions(&installation.dsn("plain", "postgres"));
    assert!(
        !bare
            .iter()
            .any(|line| line.starts_with("GRANT") || line.starts_with("REVOKE")),
        "{bare:#?}"
    );

    // And the dump of the updated store is a whole store.
    let dumps = tempfile::tempdir().unwrap();
    let file = dumps.path().join("updated.dump").display().to_string();
    pg_tool("pg_dump")
        .args(["-Fc", "-f", &file, "-d", &dsn])
        .ok();
    let restored = installation.database("restored").await;
    pg_tool("pg_restore")
        .args([
            "--exit-on-error",
            "-d",
            &installation.dsn("restored", "postgres"),
            &file,
        ])
        .ok();
    assert_eq!(rows(&restored).await, rows(&updated).await);
    assert_eq!(
        differences(&of_updated, &snapshot(&restored).await),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn default_privileges_give_nobody_a_right_on_what_an_update_creates() {
    let installation = Installation::start();
    put_older(&installation, "0.0.1");
    put_delta(&installation, "0.0.1", &delta(&installation, None));
    let updated = install(&installation, "updated", "0.0.1").await;
    run(
        &updated,
        "CREATE ROLE stranger;
         ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO stranger;
         ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO stranger",
    )
    .await;
    run(&updated, "ALTER EXTENSION timedb UPDATE").await;
    let fresh = fresh(&installation, "fresh").await;
    assert_eq!(
        differences(&fresh, &snapshot(&updated).await),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn rights_survive_a_chain_of_updates() {
    let installation = Installation::start();
    put_older(&installation, "0.0.1");
    let first = complete(&delta(&installation, None));
    installation.put("timedb--0.0.1--0.0.2.sql", &first);
    put_delta(
        &installation,
        "0.0.2",
        "COMMENT ON SCHEMA timedb IS NULL;\n",
    );
    let updated = install(&installation, "updated", "0.0.1").await;
    run(&updated, "CREATE ROLE report; CREATE ROLE passed").await;
    run(&updated, RIGHTS).await;
    run(&updated, "ALTER EXTENSION timedb UPDATE").await;
    let fresh = install(&installation, "fresh", super::CURRENT).await;
    run(&fresh, &RIGHTS.replace("SET ROLE report;", "")).await;
    assert_eq!(
        differences(&snapshot(&fresh).await, &snapshot(&updated).await),
        Vec::<String>::new()
    );
}
