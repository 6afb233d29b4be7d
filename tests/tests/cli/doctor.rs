//! `timedb doctor`: that it finds what is wrong, says so to programs, and changes nothing.

use serde_json::Value;
use timedb_tests::{Db, Output, Role, cli, run, upload};

const NOWHERE: &str = "postgresql://nobody:s3cret-nowhere@127.0.0.1:1/nowhere";

fn doctor(dsn: &str) -> (Output, Value) {
    let output = cli(&["doctor", "--json", "--dsn", dsn]).run();
    let report =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output, report)
}

fn check<'a>(report: &'a Value, id: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["id"] == id);
    found.unwrap_or_else(|| panic!("no check {id}: {report}"))
}

/// The status of each of these checks.
fn statuses<'a>(report: &'a Value, ids: &[&str]) -> Vec<&'a str> {
    let status = |id: &&str| check(report, id)["status"].as_str().unwrap();
    ids.iter().map(status).collect()
}

#[tokio::test]
async fn a_store_in_order_has_checks_that_keep_their_ids() {
    let db = Db::new().await;
    upload(&db.login(db.a()).await, "s", &[1.0]).await.unwrap();
    let (_, report) = doctor(&db.dsn(Role::Admin));
    let checks = report["checks"].as_array().unwrap();
    let ids: Vec<&str> = checks
        .iter()
        .map(|check| check["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [
            "connection",
            "postgresql-version",
            "postgresql-row-security",
            "postgresql-minor-release",
            "writing",
            "role",
            "row-security-setting",
            "extension",
            "extension-update",
            "library",
            "library-build",
            "binary",
            "row-security",
            "authentication",
            "folding",
            "damage",
            "change-times",
            "clock",
        ]
    );
    for found in checks {
        let members: Vec<&String> = found.as_object().unwrap().keys().collect();
        assert_eq!(members, ["details", "id", "remedy", "status", "summary"]);
        // Which PostgreSQL the tests run with is up to whoever runs them.
        let id = found["id"].as_str().unwrap();
        if !id.starts_with("postgresql-") {
            assert_eq!(found["status"], "ok", "{found}");
        }
    }
    assert_eq!(
        check(&report, "folding")["summary"],
        "1 writes of 2 tenants wait to be folded"
    );
}

#[tokio::test]
async fn the_report_for_people_has_a_line_for_each_check_and_a_sum() {
    let db = Db::new().await;
    let shown = cli(&["doctor", "--dsn", &db.dsn(Role::Admin)]).run();
    assert!(
        shown
            .stdout
            .contains("✓ row-security: row security keeps tenants apart\n"),
        "{shown:?}"
    );
    let sum = shown.stdout.lines().last().unwrap();
    assert!(sum.starts_with("18 checks: "), "{shown:?}");
    assert_eq!(
        shown.code,
        i32::from(!sum.ends_with(" 0 problems")),
        "{shown:?}"
    );
}

#[tokio::test]
async fn what_might_open_the_store_is_a_problem_and_the_exit_code_says_so() {
    let db = Db::new().await;
    let superuser = db.connect(Role::Superuser).await;
    run(
        &superuser,
        "ALTER TABLE timedb_internal.segments NO FORCE ROW LEVEL SECURITY",
    )
    .await;
    let (output, report) = doctor(&db.dsn(Role::Admin));
    assert_eq!(
        (output.code, &report["status"]),
        (1, &"problem".into()),
        "{output:?}"
    );
    let found = check(&report, "row-security");
    assert_eq!(found["status"], "problem", "{found}");
    assert!(
        found["details"][0].as_str().unwrap().contains("segments"),
        "{found}"
    );
    assert!(output.stderr.contains("found a problem"), "{output:?}");
}

#[tokio::test]
async fn roles_are_told_what_they_may_do() {
    let db = Db::new().await;
    let (_, of_user) = doctor(&db.dsn(Role::User));
    let role = check(&of_user, "role")["summary"].as_str().unwrap();
    assert!(
        role.ends_with("may serve, read and write with a key (timedb_user)"),
        "{role}"
    );
    // Whoever administers nothing is shown nothing of tenants.
    assert_eq!(
        statuses(&of_user, &["folding", "damage", "row-security"]),
        ["warning", "warning", "ok"]
    );
    let (_, of_superuser) = doctor(&db.dsn(Role::Superuser));
    assert_eq!(statuses(&of_superuser, &["role"]), ["warning"]);
    let (output, of_nobody) = doctor(&db.dsn(Role::Nobody));
    assert_eq!(
        (output.code, statuses(&of_nobody, &["role"])),
        (1, vec!["problem"])
    );

    let admin = db.role_name(Role::Admin);
    let superuser = db.connect(Role::Superuser).await;
    run(
        &superuser,
        &format!("ALTER ROLE {admin} SET row_security = off"),
    )
    .await;
    run(
        &superuser,
        &format!("ALTER ROLE {admin} SET default_transaction_read_only = on"),
    )
    .await;
    let (_, restricted) = doctor(&db.dsn(Role::Admin));
    assert_eq!(
        statuses(&restricted, &["row-security-setting", "writing"]),
        ["problem", "warning"]
    );
}

#[tokio::test]
async fn an_open_store_and_one_that_is_missing_are_told() {
    let db = Db::new().await;
    let admin = db.connect(Role::Admin).await;
    run(&admin, "SELECT timedb.set_auth_required(false)").await;
    let (_, open) = doctor(&db.dsn(Role::Admin));
    assert_eq!(statuses(&open, &["authentication"]), ["warning"]);

    let empty = Db::empty().await;
    let (output, missing) = doctor(&empty.dsn(Role::Superuser));
    assert_eq!(
        (output.code, statuses(&missing, &["extension"])),
        (1, vec!["problem"])
    );
    assert_eq!(
        check(&missing, "extension")["remedy"],
        "timedb create tables --with-users"
    );
    // A schema that anybody has made is not called.
    let superuser = empty.connect(Role::Superuser).await;
    run(&superuser, "CREATE SCHEMA timedb").await;
    let (_, foreign) = doctor(&empty.dsn(Role::Superuser));
    assert_eq!(statuses(&foreign, &["extension"]), ["problem"]);
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_a_report_too() {
    let (output, report) = doctor(NOWHERE);
    assert_eq!(output.code, 1, "{output:?}");
    assert_eq!(statuses(&report, &["connection"]), ["problem"]);
    assert_eq!(report["checks"].as_array().unwrap().len(), 1, "{report}");
    assert!(!format!("{output:?}").contains("s3cret"), "{output:?}");
}

#[tokio::test]
async fn damage_is_found() {
    let db = Db::new().await;
    for tenant in [db.a(), db.b()] {
        upload(&db.login(tenant).await, "s", &[1.0]).await.unwrap();
    }
    let superuser = db.connect(Role::Superuser).await;
    let damage = format!(
        "UPDATE {} SET blob = set_byte(blob, 9, get_byte(blob, 9) # 255) WHERE tenant_id = '{}'",
        timedb_tests::qualified("write_log"),
        db.a().tenant_id
    );
    run(&superuser, &damage).await;
    let (output, report) = doctor(&db.dsn(Role::Admin));
    let found = check(&report, "damage");
    assert_eq!((output.code, &found["status"]), (1, &"problem".into()));
    let details = found["details"].as_array().unwrap();
    assert_eq!(details.len(), 1, "{found}");
    let tenant = db.a().tenant_id.to_string();
    assert!(details[0].as_str().unwrap().contains(&tenant), "{found}");
}
