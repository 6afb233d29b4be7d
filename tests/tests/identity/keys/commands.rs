//! `timedb keys` and `timedb events`, as a shell runs them.

use std::io::Write;

use serde_json::Value;
use timedb_tests::{Db, Output, Role, Server, cli};

use super::works;

fn timedb(db: &Db, arguments: &[&str]) -> Output {
    cli(arguments)
        .env("TIMEDB_DSN", db.dsn(Role::Owner))
        // Among the wrong arguments are keys.
        .env("PGAPPNAME", "types_keys")
        .run()
}

fn json(output: &Output) -> Value {
    assert_eq!(output.code, 0, "{output:?}");
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn line<'a>(output: &'a Output, label: &str) -> &'a str {
    let found = output
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix(label));
    found
        .unwrap_or_else(|| panic!("no line {label}: {output:?}"))
        .trim()
}

/// `timedb keys check` with this on its standard input.
fn check(text: &str, arguments: &[&str]) -> Output {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file is made");
    file.write_all(text.as_bytes()).expect("it is written");
    cli(&[&["keys", "check"], arguments].concat())
        .stdin(file.path())
        .run()
}

#[tokio::test]
async fn a_key_is_created_listed_rotated_and_revoked() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let email = db.a().email.as_str();
    let created = timedb(
        &db,
        &[
            "keys",
            "create",
            "--email",
            email,
            "--name",
            "job",
            "--expires-in",
            "90d",
        ],
    );
    assert_eq!(created.code, 0, "{created:?}");
    assert!(
        created.stdout.starts_with("API key created!\n"),
        "{created:?}"
    );
    assert!(
        created
            .stdout
            .ends_with("⚠ Save the API key - it will not be shown again.\n"),
        "{created:?}"
    );
    let (key_id, key) = (line(&created, "Key ID:"), line(&created, "API Key:"));
    assert!(works(&db, &server, key).await);

    let listed = timedb(&db, &["keys", "list", "--email", email]);
    assert!(listed.stdout.starts_with("Keys (2)\n"), "{listed:?}");
    assert!(listed.stdout.contains(key_id), "{listed:?}");
    assert!(listed.stdout.contains(&key[..12]) && !listed.stdout.contains(key));

    let rotated = timedb(&db, &["keys", "rotate", key_id, "--overlap", "24h"]);
    assert_eq!(rotated.code, 0, "{rotated:?}");
    let new_key = line(&rotated, "New API Key:");
    assert!(line(&rotated, "Old key works until:").ends_with(" UTC"));
    assert!(works(&db, &server, key).await && works(&db, &server, new_key).await);

    let unanswered = timedb(&db, &["keys", "revoke", key_id]);
    assert_eq!(unanswered.code, 2, "{unanswered:?}");
    let revoked = timedb(&db, &["keys", "revoke", key_id, "-y"]);
    assert_eq!(revoked.stdout, format!("✓ API key {key_id} revoked\n"));
    assert!(!works(&db, &server, key).await && works(&db, &server, new_key).await);
    let again = timedb(&db, &["keys", "revoke", key_id, "-y"]);
    assert_eq!(
        again.stdout,
        format!("✓ API key {key_id} was already revoked\n")
    );

    let alive = json(&timedb(&db, &["keys", "list", "--email", email, "--json"]));
    let all = json(&timedb(
        &db,
        &["keys", "list", "--email", email, "--all", "--json"],
    ));
    assert_eq!(alive.as_array().unwrap().len(), 2);
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 3);
    let old = all.iter().find(|entry| entry["key_id"] == key_id).unwrap();
    assert_eq!(old["status"], "revoked");
    assert_eq!(old["name"], "job");
    assert_eq!(old["tenant_id"], db.a().tenant_id.to_string());
    let new_id = line(&rotated, "Key ID:");
    assert_eq!(old["replaced_by"], new_id);
    let new = all.iter().find(|entry| entry["key_id"] == new_id).unwrap();
    assert!(new["expires_at"].as_str().unwrap().ends_with("+00:00"));
}

#[tokio::test]
async fn a_read_only_key_and_its_times_come_as_json() {
    let db = Db::new().await;
    let created = json(&timedb(
        &db,
        &[
            "keys",
            "create",
            "-e",
            &db.a().email,
            "-n",
            "dashboard",
            "--read-only",
            "--expires-at",
            "2099-12-31T12:00:00",
            "--not-before",
            "2099-01-01",
            "--json",
        ],
    ));
    assert_eq!(created["access"], "read_only");
    assert_eq!(created["expires_at"], "2099-12-31T12:00:00.000000+00:00");
    assert!(created["api_key"].as_str().unwrap().starts_with("tdb_"));
    let listed = json(&timedb(&db, &["keys", "list", "--json"]));
    let entry = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["key_id"] == created["key_id"])
        .unwrap();
    assert_eq!(entry["status"], "pending");
    assert_eq!(entry["not_before"], "2099-01-01T00:00:00.000000+00:00");
    assert_eq!(entry["last_used_at"], Value::Null);

    let rotated = json(&timedb(
        &db,
        &[
            "keys",
            "rotate",
            created["key_id"].as_str().unwrap(),
            "--json",
            "--overlap",
            "30m",
        ],
    ));
    assert_eq!(rotated["replaces"], created["key_id"]);
    assert!(rotated["api_key"].as_str().unwrap().starts_with("tdb_"));
}

#[tokio::test]
async fn wrong_input_is_a_sentence_and_changes_nothing() {
    let db = Db::new().await;
    let email = db.a().email.as_str();
    let unknown = uuid::Uuid::new_v4().to_string();
    for (arguments, code, part) in [
        (
            vec!["create", "-e", "x@y.example", "-n", "n"],
            1,
            "user with email \"x@y.example\" not found",
        ),
        (
            vec!["create", "-e", email, "-n", "default"],
            1,
            "already has a key named \"default\"",
        ),
        (
            vec!["create", "-e", email, "-n", "n", "--expires-at", "soon"],
            2,
            "Invalid time for --expires-at: soon (input is too short). Use ISO 8601",
        ),
        (
            vec!["create", "-e", email, "-n", "n", "--expires-at", "2099"],
            2,
            "Invalid time for --expires-at: 2099 (digits alone are not a time).",
        ),
        (
            vec!["create", "-e", email, "-n", "n", "--not-before", "20990101"],
            2,
            "Invalid time for --not-before: 20990101 (digits alone are not a time).",
        ),
        (
            vec!["create", "-e", email, "-n", "n", "--expires-at", "infinity"],
            2,
            "(infinity is not accepted)",
        ),
        (
            vec!["create", "-e", email, "-n", "n", "--expires-in", "90"],
            2,
            "Invalid length of time: 90.",
        ),
        (
            vec!["create", "-e", email, "-n", "n", "--expires-in", "1M"],
            2,
            "Invalid length of time: 1M. Use a number with s, m (minutes), h, d or w",
        ),
        (
            vec![
                "create",
                "-e",
                email,
                "-n",
                "n",
                "--expires-at",
                "2099-01-01",
                "--expires-in",
                "1d",
            ],
            2,
            "cannot be used with",
        ),
        (vec!["create", "-e", email], 2, "--name"),
        (vec!["revoke", &unknown, "-y"], 1, "not found"),
        (
            vec!["revoke", &db.a().key, "-y"],
            1,
            "Invalid key id: a key.",
        ),
        (vec!["rotate", &unknown], 1, "not found"),
        (vec!["rotate", "x"], 1, "Invalid key id: x."),
        (
            vec!["rotate", &unknown, "--overlap", "tomorrow"],
            2,
            "Invalid length of time: tomorrow.",
        ),
        (vec!["check", &db.a().key], 2, "unexpected argument"),
        (vec!["list", "-t", "x"], 1, "Invalid tenant-id UUID: x"),
    ] {
        let output = timedb(&db, &[&["keys"], &arguments[..]].concat());
        assert_eq!(output.code, code, "{arguments:?}: {output:?}");
        assert!(output.stderr.contains(part), "{arguments:?}: {output:?}");
        assert!(!output.stderr.contains(&db.a().key), "{output:?}");
        assert_eq!(output.stdout, "", "{output:?}");
    }
    let listed = json(&timedb(&db, &["keys", "list", "--all", "--json"]));
    assert_eq!(listed.as_array().unwrap().len(), 2);
    // Who may not administer is told how to.
    let output = cli(&["keys", "list"])
        .env("TIMEDB_DSN", db.dsn(Role::User))
        .run();
    assert_eq!(output.code, 1);
    assert!(
        output.stderr.contains("GRANT timedb_admin TO"),
        "{output:?}"
    );
}

#[tokio::test]
async fn check_judges_by_form_and_checksum_without_a_database() {
    let db = Db::new().await;
    let key = db.a().key.as_str();
    let good = check(key, &[]);
    assert_eq!(
        (good.code, good.stdout),
        (
            0,
            format!(
                "✓ {}… has the form of an API key (format: timedb)\n",
                &key[..12]
            )
        )
    );
    let legacy = check(
        &format!("{}\n", "a-_".repeat(15).split_at(43).0),
        &["--json"],
    );
    assert_eq!(json(&legacy)["format"], "legacy");
    let mut typo = key.to_owned().into_bytes();
    typo[20] = if typo[20] == b'a' { b'b' } else { b'a' };
    let typo = String::from_utf8(typo).unwrap();
    for (text, problem) in [
        (typo.as_str(), "its checksum does not fit"),
        ("", "it is empty"),
        (&key[..30], "it has 30 characters instead of 53"),
        (&format!(" {key}"), "white space"),
        ("\u{0}\u{1}", "it has 2 characters"),
    ] {
        let output = check(text, &[]);
        assert_eq!(output.code, 1, "{output:?}");
        assert!(
            output.stderr.starts_with("ERROR: Not an API key: ") && output.stderr.contains(problem),
            "{output:?}"
        );
        assert!(!output.stderr.contains(&key[..30]), "{output:?}");
    }
}

#[tokio::test]
async fn events_show_who_did_what() {
    let db = Db::new().await;
    timedb(&db, &["users", "deactivate", "-e", &db.a().email, "-y"]);
    let tenant = db.a().tenant_id.to_string();
    let shown = timedb(&db, &["events", "-t", &tenant]);
    assert!(shown.stdout.starts_with("Events (4)\n"), "{shown:?}");
    assert!(shown.stdout.contains("user_deactivated"), "{shown:?}");
    let newest = json(&timedb(&db, &["events", "--limit", "1", "--json"]));
    assert_eq!(newest.as_array().unwrap().len(), 1);
    assert_eq!(newest[0]["event"], "user_deactivated");
    assert_eq!(newest[0]["user_id"], db.a().user_id.to_string());
    assert_eq!(newest[0]["actor_role"], db.role_name(Role::Owner));
}
