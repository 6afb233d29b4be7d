//! Every command of the command line.

use serde_json::Value;
use timedb_tests::{Output, cli};

use super::Trapped;

/// Runs a command that has to work, and returns its output.
fn run(dsn: &str, line: &str) -> Output {
    let arguments: Vec<&str> = line.split(' ').collect();
    let output = cli(&arguments).env("TIMEDB_DSN", dsn).run();
    assert_eq!(output.code, 0, "{line}: {output:?}");
    output
}

fn json(dsn: &str, line: &str) -> Value {
    let output = run(dsn, &format!("{line} --json"));
    serde_json::from_str(&output.stdout)
        .unwrap_or_else(|error| panic!("{line}: {error}: {output:?}"))
}

/// Each command at least once, in an order that gives each something to do.
pub fn run_all(dsn: &str) {
    run(dsn, "create tables --with-users -y");
    let again = json(dsn, "create tables --with-users -y");
    assert_eq!(
        (&again["created"], &again["auth_required"]),
        (&Value::from(false), &Value::from(true))
    );
    let user = json(dsn, "users create --email a@example.com");
    let tenant = user["tenant_id"].as_str().unwrap().to_owned();
    json(
        dsn,
        &format!("users create --email b@example.com --tenant-id {tenant}"),
    );
    json(dsn, "users create --email a@example.com");
    // Both tenants are named to who did not say which one.
    let which = cli(&["users", "deactivate", "--email", "a@example.com", "-y"]);
    let which = which.env("TIMEDB_DSN", dsn).run();
    assert_eq!(which.code, 1, "{which:?}");
    assert!(which.stderr.contains("exists in 2 tenants"), "{which:?}");
    assert!(which.stderr.contains(&tenant), "{which:?}");
    run(dsn, "users deactivate --email b@example.com -y");
    assert_eq!(json(dsn, "users list").as_array().unwrap().len(), 2);
    run(dsn, "users list --include-inactive");
    run(dsn, "users activate --email b@example.com");
    json(dsn, "users regenerate-key --email b@example.com -y");
    run(
        dsn,
        "keys create --email b@example.com --name one --read-only --expires-in 7d",
    );
    let key = json(
        dsn,
        "keys create --email b@example.com --name two --not-before 2020-01-01 --expires-at 2090-01-01",
    );
    assert_eq!(key["expires_at"], "2090-01-01T00:00:00.000000+00:00");
    run(dsn, "keys list");
    let keys = json(
        dsn,
        &format!("keys list --all --email b@example.com --tenant-id {tenant}"),
    );
    assert_eq!(keys.as_array().unwrap().len(), 4, "{keys}");
    let id = key["key_id"].as_str().unwrap();
    let rotated = json(dsn, &format!("keys rotate {id} --overlap 1h"));
    run(
        dsn,
        &format!("keys revoke {} -y", rotated["key_id"].as_str().unwrap()),
    );
    run(dsn, "events");
    let events = json(dsn, &format!("events --tenant-id {tenant} --limit 50"));
    assert_eq!(events[0]["event"], "key_revoked", "{events}");
    let doctor = cli(&["doctor", "--json", "--dsn", dsn]).run();
    assert!(doctor.stdout.contains("\"id\":\"clock\""), "{doctor:?}");
    let listed = cli(&["series", "list", "--dsn", dsn])
        .env("TIMEDB_API_KEY", key["api_key"].as_str().unwrap())
        .run();
    assert_eq!(
        (listed.code, &*listed.stdout),
        (0, "No series found.\n"),
        "{listed:?}"
    );
    let read = cli(&["read", "--mode", "versions", "--dsn", dsn])
        .env("TIMEDB_API_KEY", key["api_key"].as_str().unwrap())
        .run();
    assert_eq!((read.code, read.stdout.lines().count()), (0, 1), "{read:?}");
    let points = std::env::temp_dir().join(format!("traps-{tenant}.csv"));
    std::fs::write(&points, "name,valid_time,value\nx,2025-01-01,1\n").unwrap();
    for _ in 0..2 {
        let written = cli(&["write", &points.display().to_string(), "--dsn", dsn])
            .env("TIMEDB_API_KEY", key["api_key"].as_str().unwrap())
            .run();
        assert_eq!(written.code, 0, "{written:?}");
    }
    std::fs::remove_file(&points).unwrap();
    let made = json(dsn, "tenants create --name trapped");
    run(dsn, "tenants list");
    run(
        dsn,
        &format!("tenants delete {} -y", made["tenant_id"].as_str().unwrap()),
    );
    run(dsn, "delete tables -y");
    run(dsn, "delete tables -y");
    let gone = cli(&["users", "list", "--dsn", dsn]).run();
    assert!(
        gone.stderr.contains("timedb is not set up in database"),
        "{gone:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_steps_into_a_trap() {
    let trapped = Trapped::new().await;
    for (way, dsn) in &trapped.ways().dsns {
        run_all(dsn);
        trapped.assert_none_has_sprung(way).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn options_of_the_connection_string_do_not_open_the_way_to_traps() {
    let trapped = Trapped::new().await;
    let dsn = trapped.db.dsn(timedb_tests::Role::Superuser);
    for options in [
        "-c%20search_path%3Dtraps,pg_catalog",
        "--search-path%3Dtraps,pg_catalog",
        "-c%20geqo%3Doff",
    ] {
        run_all(&format!("{dsn}?options={options}"));
        trapped.assert_none_has_sprung(options).await;
    }
}
