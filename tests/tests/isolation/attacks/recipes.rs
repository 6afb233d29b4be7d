//! How to call each function of the schema in an attack: who may, and with what. A new function gets a line
//! in `FUNCTIONS`; a type of argument that never was before gets one in `argument`.

/// Who may call a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers {
    /// Everybody with a role of timedb, administrators too.
    Everybody,
    /// Members of `timedb_user` and `timedb_session`.
    Tenants,
    /// Members of `timedb_session`.
    Sessions,
    /// Administrators.
    Administrators,
    /// Functions of the extension.
    Nobody,
}

use Callers::{Administrators, Everybody, Nobody, Sessions, Tenants};

/// A packed upload of one point of one series, which is named by its id. The comment says what the
/// attacker typed there.
const PACKED: &str = "'\\x01000000010000000100000001{SERIESHEX}0000000000000000000000000000000000000000'::bytea /* {SERIES} */";

/// Each function: who may call it, and calls beyond those that its arguments give.
pub const FUNCTIONS: &[(&str, Callers, &[&str])] = &[
    ("version", Everybody, &[]),
    ("built_for", Everybody, &[]),
    ("auth_required", Everybody, &[]),
    ("current_tenant", Tenants, &[]),
    ("whoami", Tenants, &[]),
    ("hide_parameters", Everybody, &[]),
    ("check_key", Everybody, KEYS),
    ("isolation_problems", Everybody, &[]),
    ("_functions_as_made", Everybody, &[]),
    ("report_key_use", Tenants, &[]),
    ("_count_use", Tenants, &["1, 2, 3"]),
    ("usage", Tenants, &["'2000-01-01', '2999-01-01'"]),
    ("authenticate", Tenants, KEYS),
    ("challenge", Tenants, &[]),
    ("authenticate_proof", Tenants, &[]),
    ("_enter", Tenants, &[]),
    ("_begin_session", Tenants, &[]),
    ("login", Sessions, KEYS),
    ("login_proof", Sessions, &[]),
    ("logout", Sessions, &[]),
    (
        "create_series",
        Tenants,
        &[
            "'{NAME}', labels => '{LABELS}'",
            "'{NAME}', 'other unit', '{LABELS}'",
            "'{EMPTY}'",
            "'{EMPTY}', 'other unit'",
        ],
    ),
    (
        "find_series",
        Tenants,
        &[
            "labels => '{\"{LABEL}\": null}'",
            "after => '{SERIES}', max_series => 5",
            "search => '{DESCRIPTION}'",
            "prefix => '{EMPTY}'",
        ],
    ),
    ("count_series", Tenants, &["search => '{DESCRIPTION}'"]),
    ("label_names", Tenants, &[]),
    (
        "label_values",
        Tenants,
        &["'{LABEL}'", "'{LABEL}', '{NAME}', 5, '{NAME}'"],
    ),
    ("describe_series", Tenants, &[]),
    ("stats", Tenants, &[]),
    (
        "stats_series",
        Tenants,
        &[
            "after => '{SERIES}', max_series => 5",
            "prefix => '{EMPTY}'",
        ],
    ),
    (
        "rename_series",
        Tenants,
        &["'{SERIES}', labels => '{LABELS}'", "'{SERIES}', '{EMPTY}'"],
    ),
    ("update_series", Tenants, &["'{SERIES}', unit => 'other'"]),
    (
        "upload",
        Tenants,
        &[
            "'{2025-01-01}', '{1}', series_id => '{{SERIES}}'",
            "'{2025-01-01,2025-01-02}', '{1,2}', series_id => '{{SERIES},{SERIES}}'",
            "'{2025-01-01}', '{NaN}', series_id => '{{SERIES}}'",
            "'{2025-01-01,2025-01-01}', '{1,2}', series_id => '{{SERIES}}'",
            "'{}', '{}', series_id => '{{SERIES}}', series_index => '{}'",
            "'{2025-01-01}', '{1}', series_id => '{{SERIES}}', unit => '{{UNIT}}'",
            "'{2025-01-01}', '{1}', name => '{{NAME}}', labels => ARRAY['{LABELS}'::jsonb /* {IN_ARRAY} */], unit => '{other}'",
            "'{2025-01-01}', '{1}', name => '{{EMPTY}}', unit => '{other}'",
            "'{2025-01-01}', '{1}', name => '{{NAME}}', idempotency_key => '{REQUEST}'",
            "'{2025-01-01}', '{1}', name => '{{NAME}}', batch_id => '{BATCH}'",
            "'{2025-01-01}', '{1}', name => '{{NAME}}', batch_id => '{CHOSEN}'",
            "'{2025-01-01}', '{1}', name => '{{NAME}}', batch_id => '{BATCH}', idempotency_key => '{REQUEST}'",
            "ARRAY['{DAY} 01:00Z']::timestamptz[], ARRAY[{NUMBER}]::float8[], name => '{{NAME}}', skip_unchanged => true",
        ],
    ),
    ("_upload_packed", Tenants, &[]),
    (
        "update_values",
        Tenants,
        &[
            r#"'[{"series_id": "{SERIES}", "valid_time": "{DAY}", "value": 1}]'"#,
            r#"'[{"series_id": "{SERIES}", "valid_time": "{DAY}", "batch_id": "{BATCH}", "annotation": "x"}]'"#,
            r#"'[{"series_id": "{SERIES}", "valid_time": "{DAY}", "tenant_id": "{TENANT}", "value": 1}]'"#,
        ],
    ),
    ("_list_batches", Tenants, BATCHES),
    ("compact", Tenants, &[]),
    ("set_retention", Tenants, &["'1 day', '{SERIES}'"]),
    ("reset_retention", Tenants, &["'{SERIES}'"]),
    ("apply_retention", Tenants, &["true"]),
    ("delete_batch", Tenants, &["'{BATCH}'", "'{CHOSEN}'"]),
    ("delete_series", Tenants, &["'{SERIES}'"]),
    ("verify", Tenants, &["'{{SERIES}}'"]),
    ("read_flat", Tenants, READS),
    ("read_overlapping", Tenants, READS),
    ("read_versions", Tenants, READS),
    (
        "read_relative",
        Tenants,
        &["name => '{NAME}', days_ahead => 1, time_of_day => '06:00'"],
    ),
    ("read_changes", Tenants, CHANGES),
    ("_read_changes_packed", Tenants, CHANGES),
    ("changes_cursor", Tenants, &[]),
    ("read_last", Tenants, LASTS),
    ("read_points", Tenants, POINTS),
    ("_read_points_packed", Tenants, POINTS),
    ("read_buckets", Tenants, BUCKETS),
    ("_read_buckets_packed", Tenants, BUCKETS),
    ("_read_rows", Tenants, MODES),
    ("_read_chunks", Tenants, MODES),
    ("_read_packed", Tenants, MODES),
    ("_read_page_packed", Tenants, PAGES),
    (
        "_list_series",
        Tenants,
        &[
            "",
            "'{{SERIES}}'",
            "name => '{NAME}'",
            "labels => '{LABELS}'",
        ],
    ),
    (
        "create_tenant",
        Administrators,
        &["tenant_id => '{TENANT}', if_not_exists => true"],
    ),
    ("list_tenants", Administrators, &[]),
    ("compact_store", Administrators, &["'{TENANT}'"]),
    ("delete_tenant", Administrators, &["'{TENANT}'"]),
    ("apply_retention_store", Administrators, &["'{TENANT}'"]),
    (
        "set_tenant_retention",
        Administrators,
        &["'{TENANT}', '1 day'"],
    ),
    (
        "place_hold",
        Administrators,
        &["'{TENANT}', '{NAME}', '{SERIES}'"],
    ),
    ("release_hold", Administrators, &["'{TENANT}', '{SERIES}'"]),
    ("list_holds", Administrators, &[]),
    ("verify_store", Administrators, &["'{TENANT}'"]),
    (
        "set_aside",
        Administrators,
        &["'{TENANT}', 'series/{SERIES}'"],
    ),
    (
        "put_back",
        Administrators,
        &["'{TENANT}', 'series/{SERIES}'"],
    ),
    ("stats_store", Administrators, &["'{TENANT}'"]),
    ("usage_store", Administrators, &["'{TENANT}'"]),
    ("bind_role", Administrators, &[]),
    ("_bind_role", Administrators, &[]),
    ("unbind_role", Administrators, &[]),
    ("list_bound_roles", Administrators, &[]),
    ("_role_problem", Nobody, &[]),
    (
        "_export_page",
        Administrators,
        &["'{TENANT}', 'tenant'", "'{TENANT}', 'point', '{SERIES}'"],
    ),
    ("_begin_import", Administrators, &["'{LABELS}'"]),
    (
        "_import_page",
        Administrators,
        &["'{TENANT}', 'series', ARRAY['{SERIES}']"],
    ),
    ("_end_import", Administrators, &["'{TENANT}', 1, ''"]),
    ("create_user", Administrators, &[]),
    ("list_users", Administrators, &[]),
    ("activate_user", Administrators, &[]),
    ("deactivate_user", Administrators, &[]),
    ("regenerate_key", Administrators, &[]),
    ("create_key", Administrators, &[]),
    ("import_key", Administrators, &[]),
    ("list_keys", Administrators, &[]),
    ("revoke_key", Administrators, &[]),
    ("rotate_key", Administrators, &[]),
    ("list_events", Administrators, &[]),
    ("set_auth_required", Administrators, &["true"]),
    ("_is_anybody", Tenants, &[]),
    ("_generate_key", Nobody, &[]),
    ("_bring_key", Nobody, &[]),
    ("_take_key", Nobody, &[]),
    ("_take_row", Nobody, &[]),
    ("_store_rows", Nobody, &[]),
    ("_uuid7", Nobody, &[]),
    ("_plan_read", Nobody, &[]),
    ("_is_printable", Nobody, &[]),
    ("_key_name", Nobody, &[]),
    ("_store_key", Nobody, &[]),
    ("_holder_of_new_key", Nobody, &[]),
    ("_find_key", Nobody, &[]),
    ("_record_event", Nobody, &[]),
    ("_commit_as_writer", Nobody, &[]),
    ("_normal_email", Nobody, &[]),
    ("_find_user", Nobody, &[]),
    ("_set_user_active", Nobody, &[]),
    ("_check_tenant", Nobody, &[]),
    ("_some_tenants", Nobody, &[]),
    ("_compact_or_say", Nobody, &["'{TENANT}', 1, true"]),
    ("_compact_tenant", Nobody, &["'{TENANT}', 1, true"]),
    ("_retain_or_say", Nobody, &["'{TENANT}', true"]),
    ("_retain_tenant", Nobody, &["'{TENANT}', true"]),
    ("_erase_store", Nobody, &["'{TENANT}'"]),
    ("_enter_store", Nobody, &["'x', '{SERIES}'"]),
    ("_enter_store_of", Nobody, &["'{TENANT}', '{SERIES}'"]),
    ("_check_age", Nobody, &[]),
    ("_verify_tenant", Nobody, &["'{TENANT}'"]),
    ("_set_aside", Nobody, &["'{TENANT}', 'series/{SERIES}'"]),
    (
        "_put_back",
        Nobody,
        &["'{TENANT}', 'series/{SERIES}', NULL"],
    ),
    ("_stats_or_say", Nobody, &["'{TENANT}'"]),
    ("_tenant_stats", Nobody, &["'{TENANT}'"]),
    (
        "_export_page_of",
        Nobody,
        &["'{TENANT}', 'series', NULL", "'{TENANT}', 'point', NULL"],
    ),
    ("_take_import", Nobody, &["'{TENANT}'"]),
    ("_check_import", Nobody, &["'{TENANT}'"]),
    (
        "_import_page_of",
        Nobody,
        &["'{TENANT}', 'series', ARRAY['{SERIES}'], NULL"],
    ),
];

/// What somebody without a key of A could try instead.
const KEYS: &[&str] = &[
    "'{PREFIX}'",
    "'{KEYHASH}'",
    "'{EMAIL}'",
    "'{TENANT}'",
    "'{KEYID}'",
];

const BATCHES: &[&str] = &["NULL, '{DAY}'", "'2000-01-01', '{DAY} 23:00Z'"];

const READS: &[&str] = &[
    "ARRAY['{SERIES}', '{SERIES}']::uuid[], '{NAME}'",
    "labels => '{\"{LABEL}\": null}'",
    "name => '{NAME}', start_known => '{DAY}', end_known => '{DAY} 23:00Z'",
    "name => '{EMPTY}'",
];

const CHANGES: &[&str] = &[
    "series_id => ARRAY['{SERIES}', '{SERIES}']::uuid[], name => '{NAME}'",
    "cursor => timedb.changes_cursor('{DAY}'), name => '{NAME}', max_points => 100000",
    "labels => '{LABELS}'",
    "name => '{EMPTY}'",
    "cursor => '{SERIESHEX}'",
];

const LASTS: &[&str] = &[
    "ARRAY['{SERIES}', '{SERIES}']::uuid[], '{NAME}'",
    "labels => '{LABELS}'",
    "name => '{NAME}', end_valid => '{DAY} 23:00Z'",
    "name => '{EMPTY}'",
];

const BUCKETS: &[&str] = &[
    "'1 day', series_id => ARRAY['{SERIES}']::uuid[]",
    "'1 hour', fill => 'last', name => '{NAME}', start_valid => '{DAY}', end_valid => '{DAY} 23:00Z'",
    "'1 month', labels => '{LABELS}', aggregates => '{avg,count}'",
    "'1 day', '{NAME}'",
    "'1 day', fill => 'null', name => '{EMPTY}', start_valid => '{DAY}', end_valid => '{DAY} 23:00Z'",
];

const POINTS: &[&str] = &[
    "'{{SERIES}}', '{{DAY}}', '{{DAY}}'",
    "valid_time => '{{DAY}}', as_of => ARRAY[now()], name => '{{NAME}}', labels => ARRAY['{LABELS}']::jsonb[], max_age => '10 years'",
    "valid_time => '{{DAY}}', as_of => ARRAY[now()], name => '{{EMPTY}}'",
    "valid_time => '{{DAY},{DAY}}', as_of => ARRAY[now()], series_id => '{{SERIES}}', series_index => '{1,1}', unit => '{UNIT}'",
];

const PAGES: &[&str] = &[
    "'last', ARRAY['{SERIES}']::uuid[]",
    "'flat', ARRAY['{SERIES}']::uuid[], max_points => 1",
    "'versions', labels => '{LABELS}', max_points => 100000",
    "'overlapping', cursor => '{SERIESHEX}'",
    "'{NAME}'",
];

const MODES: &[&str] = &[
    "'last', ARRAY['{SERIES}']::uuid[]",
    "'flat', ARRAY['{SERIES}']::uuid[]",
    "'overlapping', name => '{NAME}'",
    "'versions', labels => '{LABELS}'",
    "'{NAME}'",
];

/// A value of A, as SQL, for an argument with this name and type; `None` where nobody has said one.
pub fn argument(name: &str, kind: &str) -> Option<&'static str> {
    Some(match (name, kind) {
        ("tenant_id", "uuid") => "'{TENANT}'::uuid",
        ("user_id", "uuid") => "'{USER}'::uuid",
        ("key_id", "uuid") => "'{KEYID}'::uuid",
        ("batch_id", "uuid") => "'{BATCH}'::uuid",
        (_, "uuid") => "'{SERIES}'::uuid",
        (_, "uuid[]") => "ARRAY['{SERIES}']::uuid[]",
        ("email", "text") => "'{EMAIL}'",
        ("key", "text") => "'{NOKEY}'",
        ("mode", "text") => "'versions'",
        ("unit", "text") => "'{UNIT}'",
        ("description", "text") => "'{DESCRIPTION}'",
        ("workflow_id", "text") => "'{WORKFLOW}'",
        ("idempotency_key", "text") => "'{REQUEST}'",
        (_, "text") => "'{NAME}'",
        ("unit", "text[]") => "ARRAY['{UNIT}']",
        ("description", "text[]") => "ARRAY['{DESCRIPTION}']",
        (_, "text[]") => "ARRAY['{NAME}']",
        ("batch_params", "jsonb") => "'{PARAMS}'::jsonb",
        (_, "jsonb") => "'{LABELS}'::jsonb",
        (_, "jsonb[]") => "ARRAY['{LABELS}']::jsonb[]",
        (_, "timestamp with time zone") => "'{DAY}'::timestamptz",
        (_, "timestamp with time zone[]") => "ARRAY['{DAY}']::timestamptz[]",
        (_, "double precision") => "{NUMBER}::float8",
        (_, "double precision[]") => "ARRAY[{NUMBER}]::float8[]",
        ("data", "bytea") => PACKED,
        (_, "bytea") => "'\\x{KEYHASH}'::bytea",
        (_, "boolean") => "false",
        (_, "smallint" | "integer" | "bigint") => "1",
        (_, "integer[]") => "ARRAY[1]",
        (_, "time without time zone") => "time '06:00'",
        (_, "interval") => "interval '1 day'",
        (_, "date") => "'{DAY}'::date",
        _ => return None,
    })
}
