//! Tables that are not as the extension has made them: whatever the columns' types, a statement of the library that
//! meets them ends with an ordinary error, and reads no memory as what it is not.

use std::collections::BTreeSet;

use timedb_tests::{Db, Role, login};
use tokio_postgres::Client;

use super::store::{READS, backend, fill, rows};

/// What a column becomes. Most conversions do not exist, so that the values are made up.
const OTHERS: &[(&str, &str)] = &[
    ("bigint", "4702111234474983745"),
    ("text", "'text'"),
    ("uuid[]", "'{01234567-0123-0123-0123-0123456789ab}'"),
    ("point", "'(1,2)'"),
];

/// Stores that are tried at once.
const SIDE_BY_SIDE: usize = 3;

/// Tables and those of their columns that statements of the library return.
const TABLES: &[(&str, &[&str])] = &[
    (
        "segments",
        &[
            "min_valid",
            "max_valid",
            "min_known",
            "max_known",
            "min_change",
            "max_change",
            "count",
            "blob",
            "segment_id",
            "series_id",
            "span_class",
        ],
    ),
    (
        "series",
        &[
            "series_id",
            "name",
            "unit",
            "description",
            "labels",
            "created_at",
            "identity",
        ],
    ),
    ("series_labels", &["series_id", "label", "value"]),
    (
        "requests",
        &[
            "batch_id",
            "idempotency_key",
            "request_hash",
            "points",
            "skipped",
            "series_ids",
            "answer",
        ],
    ),
    ("write_log", &["change_time", "points", "list_id", "blob"]),
    (
        "batch_chunks",
        &["max_change", "min_change", "count", "blob"],
    ),
    ("series_lists", &["list_id", "series_ids"]),
    (
        "api_keys",
        &["tenant_id", "user_id", "key_id", "access", "key_hash"],
    ),
    ("users", &["user_id", "active"]),
    ("key_usage", &["last_used_at"]),
    ("usage_days", &["requests", "rows_in", "rows_out"]),
    ("settings", &["value"]),
];

/// Calls that are not reads.
const CALLS: &[&str] = &[
    "SELECT * FROM timedb.upload(valid_time => ARRAY[now()], value => ARRAY[1.0], name => ARRAY['a'],
         idempotency_key => 'again', skip_unchanged => true)",
    "SELECT * FROM timedb.upload(valid_time => ARRAY[now()], value => ARRAY[1.0], name => ARRAY['new'], labels => ARRAY['{\"x\": \"y\"}'::jsonb])",
    "SELECT timedb.update_values(jsonb_build_array(jsonb_build_object('series_id', series_id, 'valid_time', '2025-01-01T01:00:00Z',
         'value', 8))) FROM timedb.series WHERE name = 'a'",
    "SELECT * FROM timedb.compact()",
    "SELECT timedb.create_series('other', 'kW')",
    "SELECT timedb.count_series()",
    "SELECT * FROM timedb.label_values('site')",
    "SELECT timedb.changes_cursor()",
    "SELECT timedb.report_key_use()",
    "SELECT timedb_internal._count_use(1, 1, 1)",
    "SELECT * FROM timedb.usage()",
    "SELECT * FROM timedb.read_flat(name => 'a', as_of_change => now() - interval '1 hour')",
    "SELECT * FROM timedb.read_flat(labels => '{\"site\": \"x\"}')",
    "SELECT d.* FROM timedb.series AS s, timedb.describe_series(s.series_id) AS d",
    "SELECT timedb.rename_series((SELECT series_id FROM timedb.series LIMIT 1), 'renamed')",
    "SELECT timedb.update_series((SELECT series_id FROM timedb.series LIMIT 1), 'MW', 'text')",
    "SELECT timedb.authenticate('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')",
];

/// Replaces a table by one whose column is of another type, with the same rows otherwise.
async fn replace(client: &Client, table: &str, column: &str, (of, value): (&str, &str)) {
    let columns = rows(
        client,
        &format!(
            "SELECT string_agg(CASE WHEN attname = '{column}' THEN $x${value}$x$ || '::{of} AS {column}' ELSE quote_ident(attname) END, ', ' ORDER BY attnum)
             FROM pg_attribute WHERE attrelid = '{full_name}'::regclass AND attnum > 0 AND NOT attisdropped", full_name = timedb_tests::qualified(table)),
    )
    .await;
    let columns = columns[0][0].clone().expect("the table has columns");
    client
        .batch_execute(&format!(
            "ALTER TABLE {full_name} RENAME TO {table}_before;
             CREATE TABLE {full_name} AS SELECT {columns} FROM {before};
             GRANT ALL ON {full_name} TO PUBLIC",
            full_name = timedb_tests::qualified(table),
            before = timedb_tests::qualified(table).replace(table, &format!("{table}_before"))
        ))
        .await
        .unwrap_or_else(|error| panic!("{table}.{column} as {of}: {error:?}"));
}

/// Sends each call while one of these columns after the other is of another type, to a store of its own; how many
/// calls met rows of other types, and the codes of all errors.
async fn refused_calls(columns: Vec<(&str, &str)>) -> (usize, BTreeSet<String>) {
    let db = Db::new().await;
    fill(&db.login(db.a()).await).await;
    let client = db.connect(Role::Superuser).await;
    login(&client, &db.a().key).await.unwrap();
    let process = backend(&client).await;
    // Plans are there, and have to be made anew.
    let (mut refused, mut codes) = (0, BTreeSet::new());
    for (table, column) in columns {
        for other in OTHERS {
            client.batch_execute("BEGIN").await.unwrap();
            replace(&client, table, column, *other).await;
            client.batch_execute("SAVEPOINT s").await.unwrap();
            for call in READS.iter().chain(CALLS) {
                let (called, undone) = tokio::join!(
                    client.simple_query(call),
                    client.batch_execute("ROLLBACK TO s")
                );
                if let Err(error) = called {
                    let error = error.as_db_error().unwrap_or_else(|| {
                        panic!("{table}.{column} as {other:?}: {call}: the session is gone")
                    });
                    assert_ne!(
                        error.message(),
                        "timedb met an internal error",
                        "{table}.{column} as {other:?}: {call} panicked"
                    );
                    if error
                        .message()
                        .starts_with("an internal statement returned rows of types other")
                    {
                        refused += 1;
                    }
                    codes.insert(error.code().code().to_owned());
                }
                undone.unwrap();
            }
            client.batch_execute("ROLLBACK").await.unwrap();
        }
    }
    assert_eq!(backend(&client).await, process);
    // The store itself is whole.
    assert!(
        !rows(&client, "SELECT * FROM timedb.read_flat()")
            .await
            .is_empty()
    );
    (refused, codes)
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_of_other_types_are_errors() {
    let of_table = |(table, columns): &(&'static str, &'static [&'static str])| {
        let table = *table;
        columns
            .iter()
            .map(move |column| (table, *column))
            .collect::<Vec<_>>()
    };
    let columns = TABLES.iter().flat_map(of_table).collect::<Vec<_>>();
    let shares = columns.chunks(columns.len().div_ceil(SIDE_BY_SIDE));
    let calling: Vec<_> = shares
        .map(|share| tokio::spawn(refused_calls(share.to_vec())))
        .collect();
    let (mut refused, mut codes) = (0, BTreeSet::new());
    for calls in calling {
        let (some, told) = calls.await.expect("the calls come to their end");
        refused += some;
        codes.extend(told);
    }
    assert!(
        refused > 200,
        "only {refused} calls met rows of other types"
    );
    let expected = [
        "XX000", "XX001", "42883", "42804", "28000", "42704", "22023", "42846", "42P10", "42725",
        "22003", "55000", "22P02", "42P13",
    ];
    let strange: Vec<_> = codes
        .iter()
        .filter(|code| !expected.contains(&code.as_str()))
        .collect();
    assert!(strange.is_empty(), "{strange:?}");
}
