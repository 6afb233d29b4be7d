//! The lints of splinter, which Supabase runs over its users' databases, as the Postgres language server
//! carries them. They look at tables that the roles `anon` and `authenticated` reach through the schemas
//! of `pgrst.db_schemas`, and at nothing that belongs to an extension: the database is made to fit.
//! Lints 0028 and 0029 (definers that can be called), which it lacks, are in install/catalog.rs.

use serde_json::Value;
use timedb_tests::{Run, ThrowawayCluster};
use tokio_postgres::Client;

/// One thing that a lint found.
#[derive(Debug)]
struct Finding {
    /// Such as `security/rlsDisabledInPublic`.
    lint: String,
    text: String,
}

/// A cluster of its own: the roles that the lints ask for belong to all databases of a cluster.
async fn cluster() -> ThrowawayCluster {
    let cluster = ThrowawayCluster::start(&[]);
    let client = cluster.connect("postgres").await;
    client
        .batch_execute("CREATE DATABASE judged")
        .await
        .unwrap();
    let client = cluster.connect("judged").await;
    client
        .batch_execute(
            "CREATE EXTENSION timedb;
             CREATE ROLE anon NOLOGIN;
             CREATE ROLE authenticated NOLOGIN;
             CREATE ROLE service_role NOLOGIN;
             GRANT timedb_user TO anon;
             GRANT timedb_user, timedb_session TO authenticated;
             ALTER DATABASE judged SET pgrst.db_schemas = 'public, timedb, timedb_internal'",
        )
        .await
        .unwrap();
    let freed = client
        .execute(
            "DELETE FROM pg_depend WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
             AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'timedb')",
            &[],
        )
        .await
        .unwrap();
    assert!(freed >= 40, "{freed} objects of the extension");
    cluster
}

/// Everything that the lints say about the database.
fn lint(cluster: &ThrowawayCluster) -> Vec<Finding> {
    let program = std::env::var("TIMEDB_TEST_LINTER")
        .expect("TIMEDB_TEST_LINTER is not set: `make test T=upkeep` installs the linter");
    let dsn = cluster.dsn("judged");
    let verdict = Run::new(program)
        .args([
            "dblint",
            "--reporter=json",
            "--max-diagnostics=none",
            "--connection-string",
            &dsn,
        ])
        .run();
    let report: Value = serde_json::from_str(&verdict.stdout)
        .unwrap_or_else(|error| panic!("not a report ({error}): {verdict:?}"));
    assert_eq!(report["command"], "dblint", "{verdict:?}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    report["diagnostics"]
        .as_array()
        .unwrap_or_else(|| panic!("no list of findings: {verdict:?}"))
        .iter()
        .map(|finding| Finding {
            lint: text(&finding["category"])
                .trim_start_matches("splinter/")
                .to_owned(),
            text: text(&finding["message"]),
        })
        .collect()
}

/// Functions whose search path nobody has to pin, and where pinning would do harm. A SET clause costs a
/// policy's function a hundred times its own work, undoes the settings that hide_parameters() makes, and
/// keeps the planner from inlining the reads. Functions in C that are no definers look up no name; a
/// body that begins with BEGIN ATOMIC has had its names looked up when it was made.
async fn functions_without_names_to_look_up(client: &Client) -> Vec<String> {
    let query = "SELECT pronamespace::regnamespace || '.' || proname FROM pg_proc
                 WHERE pronamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND NOT prosecdef
                   AND (prolang = (SELECT oid FROM pg_language WHERE lanname = 'c') OR prosqlbody IS NOT NULL)";
    let rows = client.query(query, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// What is left when the findings that are meant to be so are taken out.
async fn objections(cluster: &ThrowawayCluster) -> Vec<Finding> {
    let client = cluster.connect("judged").await;
    let free = functions_without_names_to_look_up(&client).await;
    let mut found = lint(cluster);
    found.retain(|finding| match finding.lint.as_str() {
        "security/functionSearchPathMutable" => !free
            .iter()
            .any(|name| finding.text.contains(&format!("`{name}\\`"))),
        // The keeper's policy stands beside the tenants' one, for a role that nobody is a member of.
        "performance/multiplePermissivePolicies" => !finding.text.contains("`timedb_keeper\\`"),
        // No index of a fresh database has been used.
        "performance/unusedIndex" => false,
        _ => true,
    });
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn splinter_finds_nothing_and_would_find_what_is_wrong() {
    let cluster = cluster().await;
    let found = lint(&cluster);
    assert!(
        found
            .iter()
            .any(|finding| finding.lint == "performance/unusedIndex"),
        "the lints do not look at the extension's tables: {found:?}"
    );
    let found = objections(&cluster).await;
    assert!(found.is_empty(), "{found:#?}");

    // What is done wrong, how it is undone, and the lints that have to speak.
    let cases: [(&str, &str, &[&str]); 9] = [
        (
            "ALTER TABLE timedb.series DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE timedb.series ENABLE ROW LEVEL SECURITY",
            &[
                "security/rlsDisabledInPublic",
                "security/policyExistsRlsDisabled",
            ],
        ),
        (
            "GRANT SELECT ON timedb_internal.settings TO timedb_user",
            "REVOKE SELECT ON timedb_internal.settings FROM timedb_user",
            &["security/rlsDisabledInPublic"],
        ),
        (
            "ALTER TABLE timedb_internal.settings ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE timedb_internal.settings DISABLE ROW LEVEL SECURITY",
            &["security/rlsEnabledNoPolicy"],
        ),
        (
            "ALTER VIEW timedb.values RESET (security_invoker)",
            "ALTER VIEW timedb.values SET (security_invoker = true)",
            &["security/securityDefinerView"],
        ),
        (
            "ALTER FUNCTION timedb.upload RESET search_path",
            "ALTER FUNCTION timedb.upload SET search_path = pg_catalog, pg_temp",
            &["security/functionSearchPathMutable"],
        ),
        (
            "CREATE POLICY open ON timedb.series USING (true)",
            "DROP POLICY open ON timedb.series",
            &[
                "security/rlsPolicyAlwaysTrue",
                "performance/multiplePermissivePolicies",
            ],
        ),
        (
            "ALTER TABLE timedb_internal.settings ADD COLUMN api_key text; GRANT SELECT ON timedb_internal.settings TO anon",
            "ALTER TABLE timedb_internal.settings DROP COLUMN api_key; REVOKE SELECT ON timedb_internal.settings FROM anon",
            &["security/sensitiveColumnsExposed"],
        ),
        (
            "CREATE MATERIALIZED VIEW timedb.copy AS SELECT * FROM timedb.series; GRANT SELECT ON timedb.copy TO timedb_user",
            "DROP MATERIALIZED VIEW timedb.copy",
            &["security/materializedViewInApi"],
        ),
        (
            "CREATE EXTENSION pg_trgm SCHEMA public",
            "DROP EXTENSION pg_trgm",
            &["security/extensionInPublic"],
        ),
    ];
    let client = cluster.connect("judged").await;
    for (wrong, right, lints) in cases {
        client.batch_execute(wrong).await.unwrap();
        let found = objections(&cluster).await;
        for lint in lints {
            assert!(
                found.iter().any(|finding| finding.lint == *lint),
                "{wrong}: not a word of {lint}: {found:?}"
            );
        }
        client.batch_execute(right).await.unwrap();
    }
    let found = objections(&cluster).await;
    assert!(found.is_empty(), "{found:#?}");
}
