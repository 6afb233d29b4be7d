//! The notebook's story as a client would run it: `examples/notebook.py`, with a real Python, against
//! the real binary. What it asserts stands in that file.

use timedb_tests::{Config, Db, Role, python};

#[tokio::test(flavor = "multi_thread")]
async fn notebook_comes_out_as_documented() {
    let db = Db::empty().await;
    let config = Config::get();
    let script = config.root.join("examples/notebook.py");
    let output = python(&[&script.display().to_string()])
        .env("TEST_TIMEDB_DSN", db.dsn(Role::Superuser))
        .env("TIMEDB_BIN", &config.binary)
        .env("TIMEDB_PG_BIN", &config.pg_bin)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .run();
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    // Exit code 0 without the last sentence would be a program that never got there.
    assert!(
        output
            .stdout
            .ends_with("SUCCESS: every outcome is the documented one.\n"),
        "{}",
        output.stdout
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn notebook_fails_without_a_server_binary() {
    let db = Db::empty().await;
    let config = Config::get();
    let script = config.root.join("examples/notebook.py");
    let output = python(&[&script.display().to_string()])
        .env("TEST_TIMEDB_DSN", db.dsn(Role::Superuser))
        .env("TIMEDB_BIN", "/bin/true")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .run();
    assert_eq!(output.code, 1, "{}", output.stdout);
    assert!(output.stderr.contains("FAILED: "), "{}", output.stderr);
}
