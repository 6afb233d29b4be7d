//! Settings by flag, environment and file, and those that change while the server runs.

use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::time::{Duration, Instant};

use timedb_tests::{Config, Db, Role, Server};

use crate::limits::upload_body;

/// A file of settings in a folder of its own.
fn file(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("timedb.toml");
    fs::write(&path, text).unwrap();
    path
}

/// `timedb api` with these arguments, to its end.
fn api(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    std::process::Command::new(&Config::get().binary)
        .arg("api")
        .args(arguments)
        .current_dir("/")
        .env_remove("TIMEDB_DSN")
        .env_remove("DATABASE_URL")
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn flags_count_before_the_environment_and_that_before_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(
        &folder,
        "dsn = 'postgres://u:hunter2@h/d'\npool-size = 3\nport = 1\nidle-timeout = 7\n\
         cors-origin = ['https://a.example', 'https://b.example']\nno-compaction = true\n",
    );
    let path = path.to_str().unwrap();
    let arguments = ["--config", path, "--print-config", "--port", "9"];
    let shown = api(
        &arguments,
        &[("TIMEDB_POOL_SIZE", "5"), ("TIMEDB_PORT", "8")],
    );
    assert!(shown.status.success(), "{shown:?}");
    let lines: Vec<&str> = text(&shown.stdout).lines().collect();
    for line in [
        "dsn = \"postgres://u:***@h/d\"  # file",
        "port = 9  # flag",
        "pool-size = 5  # environment",
        "idle-timeout = 7  # file",
        "no-compaction = true  # file",
        "cors-origin = [\"https://a.example\", \"https://b.example\"]  # file",
        "request-timeout = 60  # default",
        "# tenant-connections is not set",
    ] {
        assert!(lines.contains(&line), "{line}: {lines:#?}");
    }
    let own = [("TIMEDB_DSN", "postgres://me:hunter3@other/d")];
    let shown = api(&["--config", path, "--print-config"], &own);
    let lines = text(&shown.stdout);
    assert!(
        lines.contains("dsn = \"postgres://me:***@other/d\"  # environment"),
        "{lines}"
    );
    // What is printed is a file of settings again.
    let copy = tempfile::tempdir().unwrap();
    let again = file(&copy, lines);
    let again = api(
        &["--config", again.to_str().unwrap(), "--print-config"],
        &own,
    );
    assert!(again.status.success(), "{again:?}");
}

#[test]
fn a_file_with_something_wrong_is_refused_with_the_place_and_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    for (content, expected) in [
        (
            "pool-sise = 3\n",
            "pool-sise is not a setting; is pool-size meant?",
        ),
        ("pool_size = 3\n", "is pool-size meant?"),
        ("colour = 'red'\n", "colour is not a setting"),
        ("print-config = true\n", "print-config is not a setting"),
        ("pool-size = 0\n", "a whole number from 1 to"),
        (
            "pool-size = 1.5\n",
            "pool-size has to be a text or a whole number",
        ),
        (
            "no-compaction = 'yes'\n",
            "no-compaction has to be true or false",
        ),
        ("port = 1\ndsn = 'postgres://u:hunter2@h/d\n", "line 2"),
        ("port = 'postgres://u:hunter2@h/d'\n", "'--port"),
    ] {
        let path = file(&folder, content);
        let refused = api(&["--config", path.to_str().unwrap(), "--print-config"], &[]);
        assert_eq!(refused.status.code(), Some(2), "{content}: {refused:?}");
        let told = text(&refused.stderr);
        assert!(told.contains(expected), "{content}: {told}");
        assert!(told.contains("timedb.toml"), "{content}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
    let missing = api(&["--config", "/no/such.toml"], &[]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(
        text(&missing.stderr).contains("/no/such.toml"),
        "{missing:?}"
    );
}

/// Waits for a text in the log.
async fn until_told(server: &Server, told: &str) {
    let start = Instant::now();
    while !server.log().contains(told) {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{told}: {}",
            server.log()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_hangup_has_limits_and_the_log_read_again_and_names_what_cannot_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "max-body-bytes = 100000\n");
    let db = Db::new().await;
    let arguments = ["--config", path.to_str().unwrap()];
    let server = Server::start_with(&db.dsn(Role::User), &arguments, &[]);
    let key = Some(db.a().key.as_str());
    assert_eq!(
        server
            .post("/upload", key, &upload_body("x", 1.0))
            .await
            .status,
        200
    );

    file(
        &folder,
        "max-body-bytes = 50\npool-size = 2\nauth-failures = 1\nlog = 'warn'\n",
    );
    server.signal("HUP");
    until_told(
        &server,
        "this setting takes effect with the next start only",
    )
    .await;
    // On the same kept connection.
    let start = Instant::now();
    while server
        .post("/upload", key, &upload_body("x", 2.0))
        .await
        .status
        != 413
    {
        assert!(start.elapsed() < Duration::from_secs(5), "{}", server.log());
    }
    let lines = |log: &str| log.lines().filter(|line| line.contains(" request")).count();
    let before = lines(&server.log());
    assert_eq!(server.get("/values", key).await.json()["count"], 1);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(lines(&server.log()), before, "{}", server.log());

    let unknown = Some(timedb_tests::UNKNOWN_KEY);
    assert_eq!(server.get("/values", unknown).await.status, 401);
    assert_eq!(server.get("/values", unknown).await.status, 429);

    // A file that is wrong changes nothing.
    file(&folder, "max-body-bytes = 100000\npool = 2\n");
    server.signal("HUP");
    until_told(&server, "the settings stay as they were").await;
    assert_eq!(
        server
            .post("/upload", key, &upload_body("x", 2.0))
            .await
            .status,
        413
    );
}
