//! A trial version, older than the current one, and the delta between them. Both are made from the
//! current installation script: what the delta says is what stands there, so a change of `sql/` changes
//! the trial with it.

use timedb_tests::{Config, Run};

use super::installation::{CURRENT, Installation};

/// One way in which the older version differs.
pub struct Change {
    /// What a test calls it.
    pub name: &'static str,
    /// Appended to the current script, it makes the older version.
    undo: &'static str,
    /// The delta's part: `{...}` stands for the current script's statement that begins so.
    redo: &'static str,
    /// What the comparison shows when the delta forgets this part.
    pub shows: &'static str,
}

/// Every kind of object that a release may touch. What finalize.sql sets has no part in the delta.
pub const CHANGES: &[Change] = &[
    Change {
        name: "a function that is missing",
        undo: "DROP FUNCTION timedb.logout();",
        redo: "{CREATE FUNCTION timedb.logout()} {COMMENT ON FUNCTION timedb.logout IS}",
        shows: "member: function timedb.logout()",
    },
    Change {
        name: "a function that is gone",
        undo: "CREATE FUNCTION timedb.older() RETURNS integer LANGUAGE sql AS 'SELECT 1';",
        redo: "DROP FUNCTION timedb.older();",
        shows: "member: function timedb.older()",
    },
    Change {
        name: "another body",
        undo: "CREATE OR REPLACE FUNCTION timedb.auth_required() RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true';",
        redo: "{CREATE OR REPLACE FUNCTION timedb.auth_required()}",
        shows: "function: timedb.auth_required()",
    },
    Change {
        name: "a column that is missing",
        undo: "ALTER TABLE timedb_internal.tenants DROP COLUMN created_at;",
        redo: "ALTER TABLE timedb_internal.tenants ADD COLUMN created_at timestamptz NOT NULL DEFAULT pg_catalog.now();",
        shows: "column: timedb_internal.tenants.created_at",
    },
    Change {
        name: "a policy that is missing",
        undo: "DROP POLICY series_tenant_isolation ON timedb.series;",
        redo: "{CREATE POLICY series_tenant_isolation}",
        shows: "policy: series_tenant_isolation on timedb.series",
    },
    Change {
        name: "a table that is missing",
        undo: "DROP FUNCTION timedb.label_names(); DROP FUNCTION timedb.label_values(text, text, integer, text);
               ALTER EXTENSION timedb DROP TABLE timedb.series_labels; DROP TABLE timedb.series_labels;",
        redo: "{CREATE TABLE timedb.series_labels} {COMMENT ON TABLE timedb.series_labels}
               {COMMENT ON COLUMN timedb.series_labels.tenant_id} {COMMENT ON COLUMN timedb.series_labels.label}
               {COMMENT ON COLUMN timedb.series_labels.value IS} {COMMENT ON COLUMN timedb.series_labels.series_id}
               {COMMENT ON COLUMN timedb.series_labels.value_hash} {COMMENT ON COLUMN timedb.series_labels.value_head}
               {ALTER TABLE timedb.series_labels ENABLE} {ALTER TABLE timedb.series_labels FORCE}
               {CREATE POLICY series_labels_tenant_access} {CREATE POLICY series_labels_tenant_isolation}
               {CREATE FUNCTION timedb.label_names} {COMMENT ON FUNCTION timedb.label_names}
               {CREATE FUNCTION timedb.label_values} {COMMENT ON FUNCTION timedb.label_values}",
        shows: "relation: timedb.series_labels",
    },
    Change {
        name: "a table that is gone",
        undo: "CREATE TABLE timedb.older (tenant_id uuid); SELECT pg_extension_config_dump('timedb.older', '');",
        redo: "ALTER EXTENSION timedb DROP TABLE timedb.older; DROP TABLE timedb.older;",
        shows: "member: table timedb.older",
    },
    Change {
        name: "row security that is not forced",
        undo: "ALTER TABLE timedb.requests NO FORCE ROW LEVEL SECURITY;",
        redo: "{ALTER TABLE timedb.requests FORCE}",
        shows: "relation: timedb.requests",
    },
    Change {
        name: "another comment",
        undo: "COMMENT ON FUNCTION timedb.version() IS 'what it was';",
        redo: "{COMMENT ON FUNCTION timedb.version IS}",
        shows: "comment: on function timedb.version()",
    },
    Change {
        name: "an index that is missing",
        undo: "DROP INDEX timedb.series_name_index;",
        redo: "{CREATE INDEX series_name_index}",
        shows: "index: CREATE INDEX series_name_index",
    },
    Change {
        name: "a constraint that is missing",
        undo: "ALTER TABLE timedb_internal.api_keys DROP CONSTRAINT api_keys_access_check;",
        redo: "ALTER TABLE timedb_internal.api_keys ADD CONSTRAINT api_keys_access_check CHECK (access IN ('read_write', 'read_only'));",
        shows: "constraint: api_keys_access_check",
    },
    Change {
        name: "other options of storage",
        undo: "ALTER TABLE timedb_internal.segments ALTER COLUMN blob SET STORAGE EXTENDED;
               ALTER TABLE timedb_internal.segments SET (fillfactor = 90);",
        redo: "{ALTER TABLE timedb_internal.segments ALTER COLUMN blob SET STORAGE} ALTER TABLE timedb_internal.segments RESET (fillfactor);",
        shows: "relation: timedb_internal.segments",
    },
    Change {
        name: "another default",
        undo: "ALTER TABLE timedb_internal.api_keys ALTER COLUMN legacy SET DEFAULT true;",
        redo: "ALTER TABLE timedb_internal.api_keys ALTER COLUMN legacy SET DEFAULT false;",
        shows: "column: timedb_internal.api_keys.legacy",
    },
    Change {
        name: "a role without its mark",
        undo: "COMMENT ON ROLE timedb_session IS NULL;",
        redo: "COMMENT ON ROLE timedb_session IS 'timedb: timedb_user''s rights and login() for a whole session; grant it to direct SQL users, never to a pool';",
        shows: "role: timedb_session",
    },
    Change {
        name: "a view that runs as its owner",
        undo: "ALTER VIEW timedb.\"values\" SET (security_invoker = false);",
        redo: "ALTER VIEW timedb.\"values\" SET (security_invoker = true);",
        shows: "relation: timedb.\"values\"",
    },
];

/// What the older version got wrong, and every delta mends by itself.
const LEVELLED: &str = "
    ALTER FUNCTION timedb.whoami() OWNER TO timedb_keeper;
    GRANT EXECUTE ON FUNCTION timedb.whoami() TO PUBLIC;
    REVOKE EXECUTE ON FUNCTION timedb.create_series(text, text, jsonb, text) FROM timedb_user;
    GRANT INSERT ON timedb.series TO timedb_user;
    REVOKE UPDATE (active) ON timedb_internal.users FROM timedb_keeper;
    GRANT UPDATE (email) ON timedb_internal.users TO timedb_keeper;
    ALTER TABLE timedb.requests OWNER TO timedb_keeper;
    REVOKE ALL ON timedb.requests FROM PUBLIC;
    ALTER VIEW timedb.batches OWNER TO timedb_keeper;
    REVOKE ALL ON timedb.batches FROM PUBLIC;";

/// Puts the trial version into an installation; it fits the library that was built.
pub fn put_older(installation: &Installation, version: &str) {
    put_older_without(installation, version, None);
}

/// The same without one of the changes.
pub fn put_older_without(installation: &Installation, version: &str, without: Option<&str>) {
    let mut script = installation.current_script();
    script.push_str(LEVELLED);
    for change in CHANGES.iter().filter(|change| Some(change.name) != without) {
        script.push_str(change.undo);
    }
    installation.put(&format!("timedb--{version}.sql"), &script);
}

/// What a developer writes into `timedb_ext/sql`, without the part of one change.
pub fn delta(installation: &Installation, forgotten: Option<&str>) -> String {
    let script = installation.current_script();
    let parts = CHANGES
        .iter()
        .filter(|change| Some(change.name) != forgotten);
    parts
        .map(|change| expand(&script, change.redo))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Puts a delta to the current version into an installation as it is.
pub fn put_raw(installation: &Installation, from: &str, delta: &str) {
    installation.put(&format!("timedb--{from}--{CURRENT}.sql"), delta);
}

/// Completes a delta as the build does, and puts it into an installation.
pub fn put_delta(installation: &Installation, from: &str, delta: &str) {
    put_raw(installation, from, &complete(delta));
}

/// What the build makes of a delta.
pub fn complete(delta: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder for the delta");
    let file = folder.path().join("delta.sql");
    std::fs::write(&file, delta).expect("the delta is written");
    Run::new("bash")
        .args([
            "-euc",
            ". scripts/lib/common.sh; . scripts/lib/deltas.sh; complete_delta \"$0\"",
        ])
        .args([&file])
        .dir(&Config::get().root)
        .ok()
}

/// Replaces each `{start}` by the script's statement that starts so.
fn expand(script: &str, text: &str) -> String {
    let mut expanded = String::new();
    for (number, part) in text.split(['{', '}']).enumerate() {
        if number % 2 == 0 {
            expanded.push_str(part);
        } else {
            expanded.push_str(&statement(script, part));
        }
    }
    expanded
}

/// The statement of a script that starts with these words, to its semicolon; a body in `$$` or from
/// `BEGIN ATOMIC` on may hold others. `CREATE OR REPLACE` finds `CREATE`.
fn statement(script: &str, start: &str) -> String {
    let written = start.replace("CREATE OR REPLACE", "CREATE");
    let begin = script
        .find(&format!("\n{written}"))
        .unwrap_or_else(|| panic!("no statement starts with {written}"))
        + 1;
    let rest = &script[begin..];
    let mut end = 0;
    for piece in rest.split_inclusive(';') {
        end += piece.len();
        let text = &rest[..end];
        let closed = |mark| text.matches(mark).count().is_multiple_of(2);
        let atomic = text.matches("BEGIN ATOMIC").count() > text.matches("\nEND;").count();
        if closed("$$") && closed("'") && !atomic {
            break;
        }
    }
    format!("{}{}\n", start, &rest[written.len()..end])
}
