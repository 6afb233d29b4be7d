//! Every function that a tenant may call, called to reach series of another tenant.

use timedb_tests::{Role, authenticate, run};
use uuid::Uuid;

use super::{answer, shared, traces_of_a};

/// Every function that tenants may call, with calls that try to reach A's series from B.
fn calls(of_a: Uuid) -> Vec<(&'static str, String)> {
    let by_id = format!("series_id => '{{{of_a}}}'");
    let mut calls = Vec::new();
    for function in [
        "read_flat",
        "read_overlapping",
        "read_versions",
        "read_last",
    ] {
        for arguments in [
            "",
            "name => 'wind'",
            r#"labels => '{"site": "north"}'"#,
            &by_id,
        ] {
            calls.push((
                function,
                format!("SELECT * FROM timedb.{function}({arguments})"),
            ));
        }
    }
    for mode in ["flat", "overlapping", "versions", "last"] {
        for rest in ["", ", name => 'wind'", &format!(", {by_id}")] {
            calls.push(("_read_packed", format!("SELECT convert_from(p, 'SQL_ASCII') FROM (SELECT timedb_internal._read_packed('{mode}'{rest}) AS p) AS c WHERE false OR length(p) < 0")));
            calls.push((
                "_read_page_packed",
                format!(
                    "SELECT convert_from(p.packed, 'SQL_ASCII'), p.cursor
                     FROM timedb_internal._read_page_packed('{mode}'{rest}, max_points => 1) AS p
                     WHERE false OR length(p.packed) < 0"
                ),
            ));
            calls.push((
                "_read_rows",
                format!("SELECT * FROM timedb_internal._read_rows('{mode}'{rest})"),
            ));
            calls.push((
                "_read_chunks",
                format!(
                    "SELECT series_id, name, unit, labels FROM timedb_internal._read_chunks('{mode}'{rest})"
                ),
            ));
        }
    }
    for chosen in ["", "name => 'wind'", &by_id] {
        calls.push((
            "_list_series",
            format!("SELECT * FROM timedb_internal._list_series({chosen})"),
        ));
    }
    for rest in ["", "name => 'wind', ", &format!("{by_id}, ")] {
        let cut_off = "days_ahead => 0, time_of_day => '00:00'";
        calls.push((
            "read_relative",
            format!("SELECT * FROM timedb.read_relative({rest}{cut_off})"),
        ));
    }
    calls.push((
        "update_values",
        format!(r#"SELECT timedb.update_values('[{{"series_id": "{of_a}", "valid_time": "2025-01-01 00:00Z", "value": 7}}]')"#),
    ));
    for rest in ["", "name => 'wind'", &by_id] {
        calls.push((
            "read_changes",
            format!("SELECT * FROM timedb.read_changes({rest})"),
        ));
        calls.push((
            "_read_changes_packed",
            format!(
                "SELECT convert_from(c.packed, 'SQL_ASCII'), c.cursor FROM timedb_internal._read_changes_packed({rest}) AS c
                 WHERE false OR length(c.packed) < 0"
            ),
        ));
    }
    for arguments in [
        "",
        "start_change => '2025-01-01'",
        "end_change => '2200-01-01'",
    ] {
        calls.push((
            "_list_batches",
            format!("SELECT * FROM timedb_internal._list_batches({arguments})"),
        ));
    }
    for arguments in ["", "1"] {
        calls.push((
            "compact",
            format!("SELECT * FROM timedb.compact({arguments})"),
        ));
    }
    for (function, arguments) in [
        ("set_retention", format!("'1 second', '{of_a}'")),
        ("reset_retention", format!("'{of_a}'")),
        ("apply_retention", String::new()),
        ("delete_series", format!("'{of_a}'")),
        ("delete_batch", format!("'{of_a}'")),
    ] {
        calls.push((
            function,
            format!("SELECT * FROM timedb.{function}({arguments})"),
        ));
    }
    for arguments in ["", &by_id] {
        calls.push((
            "verify",
            format!("SELECT * FROM timedb.verify({arguments})"),
        ));
    }
    calls.push((
        "changes_cursor",
        "SELECT timedb.changes_cursor()".to_owned(),
    ));
    for rest in ["", ", name => 'wind'", &format!(", {by_id}")] {
        let filled = "fill => 'null', start_valid => '2025-01-01', end_valid => '2025-01-02'";
        for arguments in [rest.to_owned(), format!("{rest}, {filled}")] {
            calls.push((
                "read_buckets",
                format!("SELECT * FROM timedb.read_buckets('1 hour'{arguments})"),
            ));
            calls.push(("_read_buckets_packed", format!("SELECT encode(p, 'hex') FROM (SELECT timedb_internal._read_buckets_packed('1 hour'{arguments}) AS p) AS c")));
        }
    }
    for (function, columns, schema) in [
        ("read_points", "*", "timedb"),
        (
            "_read_points_packed",
            "encode(packed, 'hex') || packed::text, places",
            "timedb_internal",
        ),
    ] {
        let at = format!("'{{{of_a}}}', '{{2025-01-01Z}}', ARRAY[now()]");
        calls.push((
            function,
            format!("SELECT {columns} FROM {schema}.{function}({at})"),
        ));
    }
    calls.push(("whoami", "SELECT * FROM timedb.whoami()".to_owned()));
    calls.push((
        "current_tenant",
        "SELECT timedb.current_tenant()".to_owned(),
    ));
    calls.push((
        "check_key",
        "SELECT * FROM timedb.check_key('tdb_')".to_owned(),
    ));
    calls.push((
        "report_key_use",
        "SELECT timedb.report_key_use()".to_owned(),
    ));
    calls.push((
        "_count_use",
        "SELECT timedb_internal._count_use(1, 1, 1)".to_owned(),
    ));
    calls.push(("usage", "SELECT * FROM timedb.usage()".to_owned()));
    calls.push((
        "isolation_problems",
        "SELECT * FROM timedb.isolation_problems()".to_owned(),
    ));
    calls.push((
        "_is_anybody",
        "SELECT timedb_internal._is_anybody()".to_owned(),
    ));
    calls.push((
        "_functions_as_made",
        "SELECT timedb_internal._functions_as_made()".to_owned(),
    ));
    for arguments in [
        "",
        "name => 'wind'",
        "prefix => 'w'",
        "search => 'of-a'",
        r#"labels => '{"site": "north"}'"#,
    ] {
        for function in ["find_series", "count_series", "stats_series"] {
            calls.push((
                function,
                format!("SELECT * FROM timedb.{function}({arguments})"),
            ));
        }
    }
    calls.push(("stats", "SELECT * FROM timedb.stats()".to_owned()));
    calls.push((
        "label_names",
        "SELECT * FROM timedb.label_names()".to_owned(),
    ));
    calls.push((
        "label_values",
        "SELECT * FROM timedb.label_values('site')".to_owned(),
    ));
    for (function, call) in [
        ("find_series", format!("find_series(after => '{of_a}')")),
        ("stats_series", format!("stats_series(after => '{of_a}')")),
        ("describe_series", format!("describe_series('{of_a}')")),
        ("rename_series", format!("rename_series('{of_a}', 'mine')")),
        ("update_series", format!("update_series('{of_a}', 'mine')")),
    ] {
        calls.push((function, format!("SELECT * FROM timedb.{call}")));
    }
    calls.push((
        "create_series",
        r#"SELECT * FROM timedb.create_series('wind', labels => '{"site": "north"}')"#.to_owned(),
    ));
    calls
}

/// Functions that tell nothing of any tenant's data, or are tried elsewhere: authenticate, login and
/// logout in `identity`, the uploads below and in `write`.
const ELSEWHERE: [&str; 14] = [
    "authenticate",
    "authenticate_proof",
    "_enter",
    "_begin_session",
    "challenge",
    "login",
    "login_proof",
    "logout",
    "auth_required",
    "hide_parameters",
    "version",
    "built_for",
    "upload",
    "_upload_packed",
];

#[tokio::test]
async fn no_function_returns_anything_of_another_tenant() {
    let shared = shared().await;
    let client = shared.db.connect(Role::Session).await;
    let callable = client
        .query(
            "SELECT DISTINCT proname::text FROM pg_proc
             WHERE pronamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND has_function_privilege(oid, 'EXECUTE')",
            &[],
        )
        .await
        .unwrap();
    let calls = calls(shared.series[0][0]);
    for row in &callable {
        let name: &str = row.get(0);
        let tried =
            ELSEWHERE.contains(&name) || calls.iter().any(|(function, _)| *function == name);
        assert!(
            tried,
            "{name} can be called by tenants and is not tried here"
        );
    }
    for tenant in [Some(shared.db.b()), None] {
        for (function, call) in &calls {
            let client = shared.db.connect(Role::User).await;
            run(&client, "BEGIN").await;
            if let Some(tenant) = tenant {
                authenticate(&client, &tenant.key).await.unwrap();
            }
            let rows = match answer(&client, call).await {
                Ok(rows) => rows,
                // Writing without a tenant, and to a series that is not there.
                Err(code) => {
                    let writes = [
                        "apply_retention",
                        "compact",
                        "create_series",
                        "delete_batch",
                        "delete_series",
                        "rename_series",
                        "reset_retention",
                        "set_retention",
                        "update_series",
                        "update_values",
                    ];
                    let expected = if writes.contains(function) && tenant.is_none() {
                        "28000"
                    } else {
                        // As a series that does not exist.
                        assert!(
                            call.contains(&shared.series[0][0].to_string()),
                            "{call}: {code}"
                        );
                        "42704"
                    };
                    assert_eq!(code, expected, "{call}");
                    continue;
                }
            };
            for trace in traces_of_a(&shared) {
                assert!(
                    !rows.iter().any(|row| row.contains(&trace)),
                    "{call}: {rows:?}"
                );
            }
            if call.contains(&shared.series[0][0].to_string()) {
                assert_eq!(rows.len(), 0, "{call}: {rows:?}");
            }
        }
    }
}

#[tokio::test]
async fn packed_chunks_hold_no_byte_of_another_tenants_series() {
    let shared = shared().await;
    for (tenant, expected) in [(Some(shared.db.b()), 4), (None, 0)] {
        let client = shared.db.connect(Role::User).await;
        run(&client, "BEGIN").await;
        if let Some(tenant) = tenant {
            authenticate(&client, &tenant.key).await.unwrap();
        }
        let mut chunks: Vec<Vec<u8>> = Vec::new();
        for call in [
            "",
            ", name => 'wind'",
            r#", labels => '{"site": "north"}'"#,
            ", end_valid => '2030-01-01'",
        ] {
            for read in ["_read_packed('versions'", "_read_buckets_packed('1 day'"] {
                let query = format!("SELECT timedb_internal.{read}{call})");
                let rows = client.query(&query, &[]).await.unwrap();
                chunks.extend(rows.iter().map(|row| row.get::<_, Vec<u8>>(0)));
            }
        }
        let query = "SELECT packed, cursor FROM timedb_internal._read_changes_packed()";
        for row in client.query(query, &[]).await.unwrap() {
            chunks.push(row.get(0));
        }
        assert!(chunks.len() >= expected, "{} chunks", chunks.len());
        for id in &shared.series[0] {
            for chunk in &chunks {
                assert!(!chunk.windows(16).any(|bytes| bytes == id.as_bytes()));
            }
        }
    }
}
