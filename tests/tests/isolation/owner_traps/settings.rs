//! Settings that the owner puts on the database: they may stop a superuser's work, and never change what it says.

use timedb_tests::{Role, cli};

use super::Trapped;
use super::commands::run_all;

#[tokio::test(flavor = "multi_thread")]
async fn commands_say_the_same_whatever_is_set_for_the_database() {
    let trapped = Trapped::new().await;
    let owner = timedb_tests::connect(&super::pinned(&trapped.db.dsn(Role::Owner))).await;
    for setting in [
        "standard_conforming_strings = off",
        "DateStyle = 'SQL, DMY'",
        "IntervalStyle = sql_standard",
        "TimeZone = 'Pacific/Kiritimati'",
        "bytea_output = escape",
        "array_nulls = off",
        "transform_null_equals = on",
        "check_function_bodies = off",
        "quote_all_identifiers = on",
        "extra_float_digits = -15",
        "client_encoding = latin1",
        "client_min_messages = debug5",
        "default_transaction_isolation = serializable",
        "row_security = off",
    ] {
        let set = format!("ALTER DATABASE {} SET {setting}", trapped.db.name);
        owner.batch_execute(&set).await.unwrap();
    }
    drop(owner);
    for (way, dsn) in &trapped.ways().dsns {
        run_all(dsn);
        trapped.assert_none_has_sprung(way).await;
    }
}

/// The owner can be in the way, and is told by name where a command runs as the owner.
#[tokio::test(flavor = "multi_thread")]
async fn settings_that_take_rights_away_stop_a_command_and_give_the_owner_none() {
    let trapped = Trapped::new().await;
    let owner = timedb_tests::connect(&super::pinned(&trapped.db.dsn(Role::Owner))).await;
    let (name, role) = (&trapped.db.name, trapped.db.role_name(Role::Owner));
    for (setting, value, expected) in [
        (
            "role",
            role.as_str(),
            format!("Role {role} may not create the extension"),
        ),
        (
            "default_transaction_read_only",
            "on",
            "in a read-only transaction".to_owned(),
        ),
    ] {
        let set = format!("ALTER DATABASE {name} SET {setting} = {value}");
        owner.batch_execute(&set).await.unwrap();
        for (way, dsn) in &trapped.ways().dsns {
            let refused = cli(&["create", "tables", "--dsn", dsn]).run();
            assert_eq!(refused.code, 1, "{way}: {setting}: {refused:?}");
            assert!(
                refused.stderr.contains(&expected),
                "{way}: {setting}: {refused:?}"
            );
        }
        let reset = format!("ALTER DATABASE {name} RESET {setting}");
        owner.batch_execute(&reset).await.unwrap();
    }
    drop(owner);
    trapped.assert_none_has_sprung("in the way").await;
}
