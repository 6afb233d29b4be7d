//! What the server says of itself in OpenAPI is true, as far as schemathesis finds out: it sends what the document allows
//! and what it does not, and holds each answer to it.

use timedb_tests::{Config, Db, Role, Server, python};

/// How long it may try, in seconds.
const BUDGET_S: &str = "75";

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_answer_that_is_not_described() {
    let db = Db::new().await;
    // It sends many requests without a key, on purpose.
    let server = Server::start_with(&db.dsn(Role::User), &["--auth-failures", "0"], &[]);
    let folder = tempfile::tempdir().expect("a folder");
    let tests = Config::get().root.join("tests");
    let config = tests.join("schemathesis.toml").display().to_string();
    // The document that the server answers with, as another test says; of that one its own operation would be left out.
    let document = Config::get().root.join("docs/openapi.json");
    let document = document.display().to_string();
    let arguments = [
        "-m",
        "schemathesis.cli",
        "--config-file",
        &config,
        "run",
        &document,
        "--url",
        server.url(),
        "--no-color",
        "--checks",
        "all",
        "--seed",
        "1",
        // Two of its threads sometimes get in each other's way.
        "--workers",
        "1",
        "--max-time",
        BUDGET_S,
        "--no-shrink",
        "--continue-on-failure",
        "--generation-database",
        "none",
    ];
    let output = python(&arguments)
        .dir(folder.path())
        .env("PYTHONPATH", &tests)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks")
        .env("API_KEY", &db.a().key)
        .run();
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    // All of it was tried, with answers that were good.
    for part in ["22 selected / 22 total", "Tested: 22"] {
        assert!(output.stdout.contains(part), "{part}: {}", output.stdout);
    }
    let series = server.get("/series/count", Some(&db.a().key)).await.json();
    assert!(series["count"].as_u64() > Some(0), "{series}");
}
