//! pgspot: what a hostile object, made before the extension, could do to its scripts.

use std::path::{Path, PathBuf};

use timedb_tests::{Config, Output, connect, python};

/// The scripts as they are installed: the one that creates, and those that update.
async fn scripts() -> Vec<PathBuf> {
    let admin = connect(&Config::get().admin_dsn).await;
    let query = "SELECT setting FROM pg_config WHERE name = 'SHAREDIR'";
    let share: String = admin.query_one(query, &[]).await.unwrap().get(0);
    let folder = Path::new(&share).join("extension");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("timedb--") && name.ends_with(".sql")
        })
        .collect();
    found.sort();
    found
}

/// The script in words that pgspot 0.9.4 knows: it breaks off at a body that begins with BEGIN ATOMIC.
/// Such a body is parsed when the function is made, under the script's search path; as a text with
/// that path it is examined by the same rules.
fn with_quoted_bodies(script: &str) -> String {
    let mut parts = script.split("BEGIN ATOMIC");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (body, rest) = part.split_once("\nEND;").expect("a body has its end");
        text.push_str("SET search_path = pg_catalog, pg_temp AS $atomic$");
        text.push_str(body);
        text.push_str("\n$atomic$;");
        text.push_str(rest);
    }
    text
}

fn judge(script: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script.sql");
    std::fs::write(&file, with_quoted_bodies(script)).unwrap();
    python(&["-m", "pgspot", file.to_str().unwrap()]).run()
}

/// Fails unless pgspot has read the whole script and has nothing to say about it.
fn assert_nothing_found(name: &str, script: &str) {
    let verdict = judge(script);
    // It counts no error of its own when it cannot read the script, but ends with another code.
    assert!(
        verdict.code == 0 && verdict.stdout.contains("Errors: 0 Warnings: 0 Unknown: 0"),
        "{name}:\n{}\n{}",
        verdict.stdout,
        verdict.stderr
    );
}

#[tokio::test]
async fn pgspot_finds_nothing_in_the_extensions_scripts() {
    let scripts = scripts().await;
    assert!(!scripts.is_empty(), "no script is installed");
    for path in scripts {
        let script = std::fs::read_to_string(&path).unwrap();
        assert_nothing_found(&path.display().to_string(), &script);
    }
}

#[test]
fn pgspot_finds_nothing_in_what_the_build_puts_around_each_update() {
    let parts = [
        "timedb_ext/sql/update_begin.sql",
        "sql/finalize.sql",
        "timedb_ext/sql/update_end.sql",
    ];
    let part = |path| std::fs::read_to_string(Config::get().root.join(path)).unwrap();
    assert_nothing_found("an update", &parts.map(part).concat());
}

#[tokio::test]
async fn pgspot_sees_what_is_wrong_in_each_kind_of_body() {
    let script = std::fs::read_to_string(&scripts().await[0]).unwrap();
    let pinned = "SET LOCAL search_path = pg_catalog, pg_temp;";
    let function = "CREATE FUNCTION timedb.auth_required() RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp";
    let cases = [
        // The script loses its search path: operators of policies and blocks are anybody's.
        (pinned, "", "PS001"),
        // A definer loses its search path.
        (
            function,
            function.split("\n    SET").next().unwrap(),
            "PS003",
        ),
        // An object of ours is made so that one that stands there already is taken over.
        (
            "CREATE VIEW timedb.values",
            "CREATE OR REPLACE VIEW timedb.values",
            "PS015",
        ),
        (
            "CREATE TABLE timedb.series (",
            "CREATE TABLE IF NOT EXISTS timedb.series (",
            "PS012",
        ),
    ];
    for (right, wrong, code) in cases {
        assert!(script.contains(right), "the script has no {right}");
        let verdict = judge(&script.replacen(right, wrong, 1));
        assert!(
            verdict.code != 0 && verdict.stdout.contains(code),
            "{code}: {verdict:?}"
        );
    }
}
