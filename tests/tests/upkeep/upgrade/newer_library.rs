//! The state between the package's upgrade and ALTER EXTENSION UPDATE: the library is newer than the
//! SQL. What both know works; what only the newer one knows is an error that says what is missing.

use timedb_tests::{cli, connect, refusal, run};

use super::installation::{CURRENT, Installation};
use super::trial::put_older;
use super::{fill, install, versions_read};

#[tokio::test]
async fn the_older_sql_goes_on_working_with_the_newer_library() {
    let installation = Installation::start();
    put_older(&installation, "0.0.1");
    let superuser = install(&installation, "store", "0.0.1").await;
    let keys = fill(&installation, "store", &superuser).await;
    let app = connect(&installation.dsn("store", "app")).await;
    assert_eq!(versions_read(&app, &keys[0]).await.0, 1803);
    let row = superuser
        .query_one(
            "SELECT timedb.version(), (SELECT extversion FROM pg_extension WHERE extname = 'timedb')",
            &[],
        )
        .await
        .unwrap();
    // How an administrator sees that an update is due.
    assert_eq!((row.get(0), row.get(1)), (CURRENT, "0.0.1"));
    let due = "SELECT format('%s -> %s', installed_version, default_version) FROM pg_available_extensions WHERE name = 'timedb'";
    let row = superuser.query_one(due, &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), format!("0.0.1 -> {CURRENT}"));
}

#[tokio::test]
async fn what_the_older_sql_lacks_is_an_error_that_names_it_and_no_crash() {
    let installation = Installation::start();
    let script = installation.current_script()
        + "DROP FUNCTION timedb.logout(); DROP FUNCTION timedb.hide_parameters();
           DROP FUNCTION timedb.label_names(); DROP FUNCTION timedb.label_values(text, text, integer, text);
           ALTER EXTENSION timedb DROP TABLE timedb.series_labels; DROP TABLE timedb.series_labels;
           ALTER TABLE timedb_internal.write_log DROP COLUMN list_id;
           CREATE FUNCTION timedb.given_up() RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'logout_wrapper';
           GRANT EXECUTE ON FUNCTION timedb.given_up() TO timedb_user;";
    installation.put("timedb--0.0.1.sql", &script);
    let superuser = install(&installation, "store", "0.0.1").await;
    run(&superuser, "CREATE ROLE app LOGIN IN ROLE timedb_user").await;
    // A symbol that the newer library has given up: CREATE FUNCTION would not take it.
    let give_up = "UPDATE pg_proc SET prosrc = 'given_up_wrapper' WHERE oid = 'timedb.given_up()'::regprocedure";
    run(&superuser, give_up).await;
    let created =
        "SELECT api_key FROM timedb.create_user(timedb.create_tenant('a'), 'a@a.example')";
    let key: String = superuser.query_one(created, &[]).await.unwrap().get(0);
    let app = connect(&installation.dsn("store", "app")).await;
    // Without hide_parameters(), which the older SQL here does not have.
    let authenticate = "SELECT timedb.authenticate($1)";
    let upload =
        "SELECT timedb.upload(valid_time => ARRAY[now()], value => ARRAY[1.0], name => ARRAY['a'])";
    for (statement, code, message) in [
        (
            "SELECT timedb.logout()",
            "42883",
            "function timedb.logout() does not exist",
        ),
        (
            "SELECT timedb.given_up()",
            "42883",
            "could not find function \"given_up_wrapper\" in file",
        ),
        (
            upload,
            "42703",
            "column \"list_id\" of relation \"write_log\" does not exist",
        ),
        (
            "SELECT timedb.read_flat(labels => '{\"a\": \"b\"}')",
            "42P01",
            "relation \"timedb.series_labels\" does not exist",
        ),
    ] {
        run(&app, "BEGIN").await;
        app.query_one(authenticate, &[&key]).await.unwrap();
        let refused = refusal(app.batch_execute(statement).await);
        assert_eq!(refused.0, code, "{statement}: {refused:?}");
        assert!(refused.1.contains(message), "{statement}: {refused:?}");
        run(&app, "ROLLBACK").await;
    }
    // The same session reads on.
    run(&app, "BEGIN").await;
    app.query_one(authenticate, &[&key]).await.unwrap();
    run(&app, "SELECT * FROM timedb.read_flat(); COMMIT").await;

    // The server says so at once, instead of an error for each request.
    let refused = cli(&[
        "api",
        "--port",
        "0",
        "--dsn",
        &installation.dsn("store", "app"),
    ])
    .run();
    assert_eq!(refused.code, 1, "{refused:?}");
    let reason = "has version 0.0.1 and no function timedb.hide_parameters()";
    assert!(refused.stderr.contains(reason), "{refused:?}");
    assert!(
        refused.stderr.contains("ALTER EXTENSION timedb UPDATE"),
        "{refused:?}"
    );
    assert!(!installation.log().contains(&key));
    assert!(!installation.log().contains("terminated by signal"));
}

#[tokio::test]
async fn the_command_line_says_that_an_update_is_due() {
    let installation = Installation::start();
    let script = installation.current_script() + "DROP FUNCTION timedb.list_users(uuid, boolean);";
    installation.put("timedb--0.0.1.sql", &script);
    install(&installation, "store", "0.0.1").await;
    let dsn = installation.dsn("store", "postgres");
    let failed = cli(&["users", "list", "--dsn", &dsn]).run();
    assert_ne!(failed.code, 0);
    for part in [
        "has timedb 0.0.1, which does not fit this command",
        "ALTER EXTENSION timedb UPDATE",
    ] {
        assert!(failed.stderr.contains(part), "{failed:?}");
    }
}
