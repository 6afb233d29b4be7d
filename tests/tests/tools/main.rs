//! Other people's tools as clients of the database, each as docs/tools.md shows it: what they return is compared with
//! what was uploaded. What is asked and compared stands in the programs beside this file.

mod page;

use std::path::PathBuf;

use timedb_tests::{Config, Db, Role, Run, Tenant, python};

/// The folder of the programs.
fn folder() -> PathBuf {
    Config::get().root.join("tests/tests/tools")
}

/// One of the programs in Python, without arguments.
fn program(name: &str) -> Run {
    let path = std::env::var("PATH").unwrap_or_default();
    python(&[&folder().join(name).display().to_string()])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PATH", format!("{}:{path}", Config::get().pg_bin.display()))
}

/// A database in which tenant A has what `model.py` lists, and tenant B other values of series with the same names.
async fn uploaded() -> Db {
    let db = Db::new().await;
    let upload = |tenant: &Tenant, arguments: &[&str]| {
        program("model.py")
            .args(arguments)
            .env("TIMEDB_DSN", db.dsn(Role::Session))
            .env("TIMEDB_KEY", &tenant.key)
            .ok();
    };
    upload(db.a(), &[]);
    upload(db.b(), &["others"]);
    let bind = "SELECT timedb.bind_role($1, $2)";
    db.connect(Role::Admin)
        .await
        .query(bind, &[&db.role_name(Role::Bound), &db.a().email])
        .await
        .expect("the role is bound");
    db
}

/// Runs a tool as a role that logs in with tenant A's key, and as one that is bound to tenant A's user.
#[track_caller]
fn check(db: &Db, run: impl Fn() -> Run) {
    check_as(db, Role::Session, &run);
    check_as(db, Role::Bound, &run);
}

#[track_caller]
fn check_as(db: &Db, role: Role, run: &impl Fn() -> Run) {
    let run = run()
        .env("TIMEDB_DSN", db.dsn(role))
        .env("JDBC_URL", jdbc(&db.dsn(role)));
    let output = match role {
        Role::Bound => run.run(),
        _ => run.env("TIMEDB_KEY", &db.a().key).run(),
    };
    assert!(
        output.code == 0 && output.stdout.ends_with("SUCCESS\n"),
        "{role:?}:\n{}\n{}",
        output.stdout,
        output.stderr
    );
}

/// A connection string in the form that JDBC takes.
fn jdbc(dsn: &str) -> String {
    let parts = dsn.strip_prefix("postgresql://").and_then(|rest| {
        let (user, server) = rest.split_once('@')?;
        Some((user.split_once(':')?, server))
    });
    let ((user, password), server) = parts.expect("a connection URI with a user and a password");
    format!("jdbc:postgresql://{server}?user={user}&password={password}")
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_reads_what_was_uploaded() {
    check(&uploaded().await, || program("with_psql.py"));
}

#[tokio::test(flavor = "multi_thread")]
async fn psycopg_reads_what_was_uploaded() {
    check(&uploaded().await, || program("with_psycopg.py"));
}

#[tokio::test(flavor = "multi_thread")]
async fn asyncpg_reads_what_was_uploaded() {
    check(&uploaded().await, || program("with_asyncpg.py"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlalchemy_and_pandas_read_what_was_uploaded() {
    check(&uploaded().await, || program("with_sqlalchemy.py"));
}

#[tokio::test(flavor = "multi_thread")]
async fn polars_reads_what_was_uploaded() {
    check(&uploaded().await, || program("with_polars.py"));
}

#[tokio::test(flavor = "multi_thread")]
async fn duckdb_reads_what_was_uploaded() {
    check(&uploaded().await, || program("with_duckdb_on_frames.py"));
}

/// Its extension makes connections by itself, and cannot log in.
#[tokio::test(flavor = "multi_thread")]
async fn duckdb_attaches_the_store_as_a_bound_role() {
    let home = tempfile::tempdir().expect("a folder");
    let home = home.path().display().to_string();
    program("duckdb_home.py").args([&home]).ok();
    let run = || program("with_duckdb.py").env("HOME", &home);
    check_as(&uploaded().await, Role::Bound, &run);
}

#[tokio::test(flavor = "multi_thread")]
async fn django_reads_what_was_uploaded() {
    check(&uploaded().await, || program("with_django.py"));
}

#[tokio::test(flavor = "multi_thread")]
async fn jdbc_reads_what_was_uploaded() {
    let db = uploaded().await;
    let home = tempfile::tempdir().expect("a folder");
    let questions = home.path().join("questions");
    let listed = program("model.py").args(["questions"]).ok();
    std::fs::write(&questions, listed).expect("the questions are written");
    check(&db, || {
        Run::new("java")
            // The driver makes it the session's.
            .args(["-Duser.timezone=Europe/Stockholm"])
            .args(["-cp", "/usr/share/java/postgresql.jar"])
            .args([folder().join("WithJdbc.java"), questions.clone()])
    });
}
