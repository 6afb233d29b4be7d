//! Keys stay out of what other extensions write into PostgreSQL's log: pgaudit with parameters, auto_explain with
//! whole plans, PostgreSQL's own print of its trees; as text, as bytes in hexadecimal, and as lists of numbers.

use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};
use timedb_tests::{Server, ThrowawayCluster, cli, connect, pg_tool, refusal, run};
use tokio_postgres::Client;

use super::copied_into_psql;

/// Settings of pgaudit; it is told of by "AUDIT".
const AUDITED: [&str; 5] = [
    "shared_preload_libraries = 'pgaudit, auto_explain'",
    "pgaudit.log = 'all'",
    "pgaudit.log_parameter = on",
    "pgaudit.log_relation = on",
    "pgaudit.log_rows = on",
];

/// Settings of everything that comes with PostgreSQL.
const EVERYTHING: [&str; 14] = [
    "auto_explain.log_min_duration = 0",
    "auto_explain.log_analyze = on",
    "auto_explain.log_verbose = on",
    "auto_explain.log_nested_statements = on",
    "debug_print_parse = on",
    "debug_print_rewritten = on",
    "debug_print_plan = on",
    "log_statement = all",
    "log_duration = on",
    "log_min_duration_statement = 0",
    "log_min_messages = debug1",
    "log_error_verbosity = verbose",
    "log_parameter_max_length = -1",
    "log_parameter_max_length_on_error = -1",
];

/// What a key, or what makes a proof worth something to others, looks like in a log.
struct Secret {
    texts: Vec<String>,
    numbers: Vec<String>,
}

impl Secret {
    fn new(key: &str) -> Self {
        let hash = Sha256::digest(key.as_bytes());
        // The first half of the hash is what a key is found by, and may be read.
        let parts = [&key.as_bytes()[4..40], &hash[16..]];
        let mut texts = vec![key[4..40].to_owned()];
        let mut numbers = Vec::new();
        for part in parts {
            texts.push(part.iter().map(|byte| format!("{byte:02x}")).collect());
            // PostgreSQL prints chars, which are signed here, and elsewhere not.
            numbers.push(
                part.iter()
                    .map(|byte| byte.cast_signed().to_string())
                    .collect(),
            );
            numbers.push(part.iter().map(u8::to_string).collect());
        }
        Self { texts, numbers }
    }

    /// Which of its looks a log has, as texts and as lists of numbers, and what stands there.
    fn found(&self, log: &str) -> [Option<String>; 2] {
        // Trees are printed in lines of 78 characters, which break numbers in two.
        let log: String = log.split_whitespace().collect();
        [&self.texts, &self.numbers].map(|looks| {
            let at = looks.iter().filter_map(|look| log.find(look)).min()?;
            let from = log.floor_char_boundary(at.saturating_sub(600));
            let to = log.floor_char_boundary((at + 200).min(log.len()));
            Some(log[from..to].to_owned())
        })
    }

    #[track_caller]
    fn is_not_in(&self, log: &str, who: &str) {
        if let Some(place) = self.found(log).into_iter().flatten().next() {
            panic!("the key of {who} is in the log: {place}");
        }
    }
}

/// Whether the server has pgaudit. The PostgreSQL 16 that the tests unpack comes without it; every other has it.
fn is_audited() -> bool {
    let major = pg_tool("postgres").args(["--version"]).ok();
    let libraries = pg_tool("pg_config").args(["--pkglibdir"]).ok();
    let there = Path::new(libraries.trim()).join("pgaudit.so").exists();
    assert!(
        there || major.contains(" 16."),
        "pgaudit is missing: {major}"
    );
    there
}

async fn one(client: &Client, sql: &str) -> String {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn no_extension_that_prints_parameters_or_plans_prints_a_key() {
    let audited = is_audited();
    let auditor: &[&str] = if audited {
        &AUDITED
    } else {
        &["shared_preload_libraries = 'auto_explain'"]
    };
    let cluster = ThrowawayCluster::start(&[auditor, &EVERYTHING].concat());
    let superuser = cluster.connect("postgres").await;
    run(
        &superuser,
        "CREATE EXTENSION timedb; CREATE ROLE app LOGIN; CREATE ROLE person LOGIN; \
         GRANT timedb_user TO app; GRANT timedb_session TO person",
    )
    .await;
    if audited {
        run(&superuser, "CREATE EXTENSION pgaudit").await;
    }
    let dsn = cluster.dsn_as("postgres", "postgres");
    let mut secrets: Vec<(&str, String)> = Vec::new();

    // Keys that are made: in SQL, and on the command line.
    let made = "SELECT api_key FROM timedb.create_user(timedb.create_tenant(), 'sql@a.example')";
    secrets.push(("create_user", one(&superuser, made).await));
    let made = "SELECT api_key FROM timedb.create_key('sql@a.example', 'second')";
    secrets.push(("create_key", one(&superuser, made).await));
    let made = "SELECT api_key FROM timedb.rotate_key((SELECT key_id FROM timedb.list_keys() WHERE name = 'second'))";
    secrets.push(("rotate_key", one(&superuser, made).await));
    for (who, arguments) in [
        (
            "users create",
            &["users", "create", "--email", "cli@a.example", "--tenant-id"][..],
        ),
        (
            "keys create",
            &[
                "keys",
                "create",
                "--email",
                "cli@a.example",
                "--name",
                "more",
            ],
        ),
        (
            "users regenerate-key",
            &["users", "regenerate-key", "--email", "cli@a.example", "-y"],
        ),
    ] {
        let mut arguments = arguments.to_vec();
        if who == "users create" {
            arguments.push("11111111-1111-4111-8111-111111111111");
        }
        let printed = cli(&[&arguments[..], &["--json", "--dsn", &dsn]].concat()).ok();
        let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
        let key = printed["api_key"]
            .as_str()
            .unwrap_or_else(|| panic!("{printed}"));
        secrets.push((who, key.to_owned()));
    }
    // One that is brought.
    let imported = "q3Jx0bY-dummy_legacy_key_of_43_characters_A";
    let import = "timedb.import_key('sql@a.example', key)";
    assert_eq!(copied_into_psql(&dsn, imported, import), "t");
    secrets.push(("import_key", imported.to_owned()));

    // Keys that are used: over HTTP, right and wrong, reading and writing.
    let wrong = one(&superuser, "SELECT timedb_internal._generate_key()").await;
    let server = Server::start_with(&cluster.dsn_as("postgres", "app"), &[], &[]);
    let upload = json!({"batch_start_time": "2025-01-01T00:00:00Z", "value_rows":
        [{"valid_time": "2025-01-01T00:00:00Z", "value_key": "level", "value": 1.5}]});
    let key = secrets[0].1.clone();
    for (key, expected) in [
        (key.as_str(), 200),
        (wrong.as_str(), 401),
        (imported, 200),
        (key.as_str(), 200),
    ] {
        assert_eq!(server.get("/values", Some(key)).await.status, expected);
        let reply = server.post("/upload", Some(key), &upload).await;
        assert_eq!(reply.status, expected);
    }
    secrets.push(("a wrong request", wrong));
    // psql, with the key as data.
    let person = cluster.dsn_as("postgres", "person");
    assert_eq!(copied_into_psql(&person, &key, "timedb.login(key)"), "t");
    // A program that hides parameters first.
    let client = connect(&person).await;
    run(&client, "BEGIN; SELECT timedb.hide_parameters()").await;
    client
        .query_one("SELECT timedb.login($1)", &[&key])
        .await
        .unwrap();
    run(&client, "COMMIT").await;

    let log = cluster.log();
    for (who, key) in &secrets {
        Secret::new(key).is_not_in(&log, who);
        Secret::new(key).is_not_in(&server.log(), who);
    }
    assert_eq!(log.contains("AUDIT: SESSION"), audited);
    for part in ["timedb.authenticate_proof", "Query Text:", ":constvalue "] {
        assert!(log.contains(part), "{part} is not in the log");
    }

    // All of that does print a key that is simply given to it; else this would have proved nothing.
    let bare = one(&superuser, "SELECT timedb_internal._generate_key()").await;
    assert_eq!(cluster.log().matches(&bare).count(), 0);
    let sql = "SELECT timedb.authenticate($1)";
    assert_eq!(refusal(client.query_one(sql, &[&bare]).await).0, "28000");
    let [text, numbers] = Secret::new(&bare).found(&cluster.log());
    assert!(
        text.is_some(),
        "no parameter is printed: the settings do nothing"
    );
    assert!(numbers.is_some(), "debug_print_plan prints no constant");
}
