//! Results in JSON have the members that the reference lists, for every command.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use timedb_tests::{Config, Db, Role, cli, upload};

/// What the reference lists: of each command, the kind of its result, and its members.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let path = Config::get().root.join("docs/cli.md");
    let text = std::fs::read_to_string(path).unwrap();
    let table = text.split("\n## JSON\n").nth(1).unwrap();
    let table = table.split("\n## ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        // What follows a semicolon, or says what members hold, is no list of members.
        let members = cells[3].split(';').next().unwrap();
        let members = members.split(", with ").next().unwrap();
        let members = members.split('`').skip(1).step_by(2).map(str::to_owned);
        let command = cells[1].trim_matches('`').to_owned();
        (command, (cells[2].to_owned(), members.collect()))
    })
    .collect()
}

#[tokio::test]
async fn every_command_prints_the_members_that_are_documented() {
    let db = Db::new().await;
    let of_a = db.login(db.a()).await;
    upload(&of_a, "s", &[1.0]).await.unwrap();
    timedb_tests::run(&of_a, "SELECT timedb_internal._count_use(1, 1, 1)").await;
    let tenant = db.a().tenant_id.to_string();
    let email = db.a().email.clone();
    let folder = tempfile::tempdir().unwrap();
    let [file, pages] =
        ["tenant.ndjson", "man1"].map(|name| folder.path().join(name).display().to_string());
    let points = folder.path().join("points.csv").display().to_string();
    std::fs::write(&points, "name,valid_time,value\ns,2025-01-01,1\n").unwrap();
    let mut documented = documented();
    let mut ran = BTreeSet::new();
    let mut seen: BTreeMap<String, Value> = BTreeMap::new();
    let other = Db::empty().await;
    let of_other = other.dsn(Role::Superuser);
    let bound = db.role_name(Role::Bound);
    let key_file = folder.path().join("key");
    std::fs::write(&key_file, &db.a().key).unwrap();
    let lines = [
        format!("create tables|--dsn {of_other} --with-users"),
        "tenants create|--name t".to_owned(),
        "tenants list|".to_owned(),
        format!("users create|-e c@example.com -t {tenant}"),
        "users list|".to_owned(),
        "users deactivate|-e c@example.com".to_owned(),
        "users activate|-e c@example.com".to_owned(),
        "users regenerate-key|-e c@example.com".to_owned(),
        format!("keys create|-e {email} -t {tenant} -n k"),
        "keys list|".to_owned(),
        "keys rotate|KEY".to_owned(),
        "keys revoke|NEW".to_owned(),
        format!("keys check|< {}", key_file.display()),
        format!("roles bind|{bound} -e {email} -t {tenant}"),
        "roles list|".to_owned(),
        format!("roles unbind|{bound}"),
        "series list|".to_owned(),
        "series describe|s".to_owned(),
        format!("write|{points}"),
        "read|".to_owned(),
        "events|".to_owned(),
        "stats|".to_owned(),
        "usage|".to_owned(),
        "doctor|".to_owned(),
        "compact|".to_owned(),
        format!("export|-t {tenant} -o {file}"),
        format!("import|{file} --dsn {of_other}"),
        format!("tenants delete|{tenant}"),
        format!("man|{pages}"),
        format!("delete tables|--dsn {of_other}"),
    ];
    for line in lines {
        let (command, rest) = line.split_once('|').unwrap();
        let id = |command: &str| {
            let result = seen.get(command).map(|result| &result["key_id"]);
            result
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let rest = rest
            .replace("KEY", &id("keys create"))
            .replace("NEW", &id("keys rotate"));
        let mut arguments: Vec<&str> = command.split(' ').collect();
        let (rest, input) = match rest.split_once("< ") {
            Some((rest, input)) => (rest, Some(input)),
            None => (rest.as_str(), None),
        };
        arguments.extend(rest.split_whitespace());
        arguments.push("--json");
        if !["man", "keys check"].contains(&command) {
            arguments.push("-y");
        }
        let mut run = cli(&arguments)
            .env("TIMEDB_DSN", db.dsn(Role::Admin))
            .env("TIMEDB_API_KEY", &db.a().key);
        if command.starts_with("series ") || ["write", "read"].contains(&command) {
            run = run.env("TIMEDB_DSN", db.dsn(Role::User));
        }
        if let Some(input) = input {
            run = run.stdin(std::path::Path::new(input));
        }
        let output = run.run();
        assert!(
            output.code == 0 || command == "doctor",
            "{line}: {output:?}"
        );
        assert_eq!(output.stdout.lines().count(), 1, "{line}: {output:?}");
        let result: Value = serde_json::from_str(&output.stdout).unwrap();
        let (kind, members) = documented
            .remove(command)
            .unwrap_or_else(|| panic!("{command} is not documented, or ran twice"));
        let one = match kind.as_str() {
            "array" => &result[0],
            _ => &result,
        };
        let found: BTreeSet<String> = one
            .as_object()
            .unwrap_or_else(|| panic!("{line}: no {kind}: {result}"))
            .keys()
            .cloned()
            .collect();
        assert_eq!(found, members, "{line}");
        ran.insert(command.to_owned());
        seen.insert(command.to_owned(), result);
    }
    assert!(documented.is_empty(), "these did not run: {documented:?}");
}
