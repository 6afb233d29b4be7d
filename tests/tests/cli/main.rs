//! The command line as programs see it: texts, exit codes, where the connection comes from, and that
//! a password is never printed and a key only once.

mod connecting;
mod doctor;
mod moving;
mod other_programs;
mod points;
mod series;
mod shapes;
mod surroundings;
mod tenants;
mod upkeep;
mod users;

use timedb_tests::{Db, Output, Role, cli, count, refusal, tenant_of};

const NO_DSN: &str = "ERROR: No DSN provided. Use --dsn or set TIMEDB_DSN / DATABASE_URL";
const NOWHERE: &str = "postgresql://nobody:s3cret-nowhere@127.0.0.1:1/nowhere";

/// Runs `timedb users <arguments>` as the administrator of the database.
fn users_command(db: &Db, arguments: &[&str]) -> Output {
    cli(&[&["users"], arguments].concat())
        .env("TIMEDB_DSN", db.dsn(Role::Admin))
        .run()
}

#[tokio::test]
async fn tables_can_be_created_and_deleted_again_and_again() {
    let db = Db::empty().await;
    let dsn = db.dsn(Role::Superuser);
    for _ in 0..2 {
        for _ in 0..2 {
            let created = cli(&["create", "tables", "--dsn", &dsn, "--with-users", "-y"]).ok();
            for line in [
                "✓ Base timedb tables created",
                "✓ Users table created",
                "Schema created successfully!",
            ] {
                assert!(
                    created.lines().any(|printed| printed == line),
                    "{line} is not a line of {created:?}"
                );
            }
        }
        let client = db.connect(Role::Superuser).await;
        assert_eq!(
            count(
                &client,
                "SELECT count(*) FROM pg_tables WHERE schemaname IN ('timedb', 'timedb_internal')",
                &[]
            )
            .await,
            18
        );
        drop(client);
        for _ in 0..2 {
            let deleted = cli(&["delete", "tables", "--dsn", &dsn, "-y"]).ok();
            assert!(
                deleted
                    .lines()
                    .any(|line| line == "✓ All timedb tables deleted"),
                "{deleted:?}"
            );
        }
        let client = db.connect(Role::Superuser).await;
        assert_eq!(
            count(
                &client,
                "SELECT count(*) FROM pg_tables WHERE schemaname IN ('timedb', 'timedb_internal')",
                &[]
            )
            .await,
            0
        );
    }
}

#[tokio::test]
async fn a_store_with_users_is_not_opened_by_creating_it_again_without() {
    let db = Db::empty().await;
    let dsn = db.dsn(Role::Superuser);
    cli(&["create", "tables", "--dsn", &dsn, "--with-users", "-y"]).ok();
    cli(&["create", "tables", "--dsn", &dsn, "-y"]).ok();
    let client = db.connect(Role::Superuser).await;
    let row = client
        .query_one("SELECT timedb.auth_required()", &[])
        .await
        .unwrap();
    assert!(row.get::<_, bool>(0));
}

#[tokio::test]
async fn a_store_without_users_is_open_for_the_default_tenant() {
    let db = Db::empty().await;
    let dsn = db.dsn(Role::Superuser);
    let created = cli(&["create", "tables", "--dsn", &dsn, "-y"]).ok();
    assert!(
        created.contains("Schema created successfully!"),
        "{created:?}"
    );
    assert!(!created.contains("Users table created"), "{created:?}");
    let client = db.connect(Role::Superuser).await;
    let row = client
        .query_one("SELECT timedb.authenticate(NULL)", &[])
        .await
        .unwrap();
    assert!(row.get::<_, uuid::Uuid>(0).is_nil());
    assert_eq!(refusal(tenant_of(&client, "no-key").await).0, "28000");
}

#[tokio::test]
async fn a_dry_run_prints_the_statements_and_changes_nothing() {
    let db = Db::empty().await;
    let printed = cli(&[
        "create",
        "tables",
        "--dsn",
        &db.dsn(Role::Superuser),
        "--with-users",
        "--dry-run",
    ])
    .ok();
    assert!(printed.contains("CREATE"), "{printed:?}");
    let client = db.connect(Role::Superuser).await;
    assert_eq!(
        count(
            &client,
            "SELECT count(*) FROM pg_namespace WHERE nspname = 'timedb'",
            &[]
        )
        .await,
        0
    );
}

#[tokio::test]
async fn a_question_without_a_terminal_is_not_taken_for_a_yes() {
    let db = Db::new().await;
    let output = cli(&["delete", "tables", "--dsn", &db.dsn(Role::Superuser)]).run();
    assert!(!output.stdout.contains("deleted"), "{output:?}");
    let client = db.connect(Role::Superuser).await;
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb_internal.users", &[]).await,
        2
    );
}

#[tokio::test]
async fn without_a_dsn_the_command_says_where_it_looks() {
    for arguments in [
        &["users", "list"][..],
        &["create", "tables", "-y"],
        &["delete", "tables", "-y"],
        &["api"],
    ] {
        let output = cli(arguments).run();
        assert_eq!(output.code, 2, "{output:?}");
        assert!(
            output.stderr.lines().any(|line| line == NO_DSN),
            "{output:?}"
        );
    }
}

#[test]
fn a_number_that_cannot_be_is_told_with_its_option() {
    for (arguments, option) in [
        (&["events", "--limit", "0"][..], "--limit"),
        (&["events", "--limit", "-1"], "--limit"),
        (&["series", "list", "--limit", "-1"], "--limit"),
        (&["compact", "--max-points", "-1"], "--max-points"),
        (
            &["write", "x.csv", "--batch-points", "-5"],
            "--batch-points",
        ),
    ] {
        let output = cli(arguments).env("TIMEDB_DSN", NOWHERE).run();
        assert_eq!(output.code, 2, "{output:?}");
        let told = format!("for '{option} <N>'");
        assert!(output.stderr.contains(&told), "{output:?}");
    }
}

#[tokio::test]
async fn the_dsn_comes_from_the_option_then_timedb_dsn_then_database_url_then_the_env_file() {
    let db = Db::new().await;
    let good = db.dsn(Role::Admin);
    let folder = std::env::temp_dir().join(format!("timedb-{}", db.name));
    std::fs::create_dir(&folder).unwrap();
    let list =
        |option: Option<&str>, timedb_dsn: Option<&str>, database_url: Option<&str>, file: &str| {
            std::fs::write(folder.join(".env"), format!("DATABASE_URL={file}\n")).unwrap();
            let mut run = cli(&["users", "list"]).dir(&folder);
            if let Some(dsn) = option {
                run = run.args(["--dsn", dsn]);
            }
            for (name, value) in [("TIMEDB_DSN", timedb_dsn), ("DATABASE_URL", database_url)] {
                if let Some(value) = value {
                    run = run.env(name, value);
                }
            }
            run.run().code
        };
    assert_eq!(list(Some(&good), Some(NOWHERE), Some(NOWHERE), NOWHERE), 0);
    assert_eq!(list(Some(NOWHERE), Some(&good), Some(&good), &good), 1);
    assert_eq!(list(None, Some(&good), Some(NOWHERE), NOWHERE), 0);
    assert_eq!(list(None, Some(NOWHERE), Some(&good), &good), 1);
    assert_eq!(list(None, None, Some(&good), NOWHERE), 0);
    assert_eq!(list(None, None, Some(NOWHERE), &good), 1);
    assert_eq!(list(None, None, None, &good), 0);
    assert_eq!(list(None, None, None, NOWHERE), 1);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn the_password_of_a_dsn_is_never_printed() {
    let db = Db::new().await;
    let wrong_password = db.dsn(Role::Admin).replace(db.password(), "s3cret-wrong");
    let wrong_port = NOWHERE.to_owned();
    let wrong_database = format!("{}-no-such-database", db.dsn(Role::Admin));
    let not_a_dsn = "postgresql://u:s3cret-port@127.0.0.1:port/x".to_owned();
    let key_value = "host=127.0.0.1 port=1 user=u password=s3cret-pairs what=no".to_owned();
    for dsn in [
        wrong_password,
        wrong_port,
        wrong_database,
        not_a_dsn,
        key_value,
    ] {
        for arguments in [
            &["users", "list"][..],
            &["create", "tables", "-y"],
            &["api", "--port", "0"],
        ] {
            let output = cli(arguments).env("TIMEDB_DSN", &dsn).run();
            assert_ne!(output.code, 0, "{dsn}: {output:?}");
            assert!(output.stderr.contains("ERROR: "), "{output:?}");
            for text in [&output.stdout, &output.stderr] {
                assert!(
                    !text.contains("s3cret") && !text.contains(db.password()),
                    "{arguments:?}: {text}"
                );
            }
        }
    }
    let listed = users_command(&db, &["list"]);
    assert!(
        !listed.stdout.contains(db.password()) && !listed.stderr.contains(db.password()),
        "{listed:?}"
    );
}
