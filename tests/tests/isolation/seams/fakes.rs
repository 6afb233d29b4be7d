//! Objects of others under the library's names, in a database where the library is loaded and its extension is not.

use timedb_tests::{Db, Role};
use timedb_wire::reads::{Argument, READ};

use super::store::{backend, rows};

/// The arguments of a read as the extension declares them.
fn declared() -> String {
    let declare =
        |argument: &Argument| format!("{} {}", argument.name(), argument.kind().sql_type());
    READ.iter().map(declare).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn functions_of_our_names_in_another_database_are_what_their_owner_made_them() {
    let db = Db::empty().await;
    let superuser = db.connect(Role::Superuser).await;
    superuser
        .batch_execute(&format!(
            "ALTER DATABASE {} SET session_preload_libraries = 'timedb'",
            db.name
        ))
        .await
        .unwrap();
    let owner = db.connect(Role::Owner).await;
    let process = backend(&owner).await;
    assert_eq!(
        rows(&owner, "SHOW timedb.streaming_reads").await,
        [[Some("on".to_owned())]],
        "the library is loaded"
    );
    let arguments = declared();
    let nulls = vec!["NULL"; READ.len() - 1].join(", ");
    for (rows_function, chunks_function, call) in [
        // As few as it takes; the scan would take a number for a pointer to a row.
        (
            "(int) RETURNS SETOF int LANGUAGE sql AS 'SELECT 7'".to_owned(),
            "(int) RETURNS SETOF int LANGUAGE sql AS 'SELECT 8'".to_owned(),
            "(1)".to_owned(),
        ),
        // In the shape of the extension's own.
        (
            format!(
                "({arguments}) RETURNS TABLE (series_id_ uuid, name_ text, unit_ text, labels_ jsonb, known_time timestamptz,
                     change_time timestamptz, valid_time timestamptz, valid_time_end timestamptz, value double precision,
                     batch_id uuid, value_id bigint, changed_by uuid, annotation text, tags text[], metadata jsonb)
                 LANGUAGE sql STABLE SECURITY DEFINER ROWS 10000
                 AS $$ SELECT NULL::uuid, '7', 'x', '{{}}'::jsonb, NULL::timestamptz, NULL::timestamptz, NULL::timestamptz,
                       NULL::timestamptz, 7::float8, NULL::uuid, 1::bigint, NULL::uuid, '', '{{}}'::text[], '{{}}'::jsonb $$"
            ),
            format!(
                "({arguments}) RETURNS TABLE (a uuid, b text, c text, d jsonb, e integer, f bytea) LANGUAGE sql
                 AS $$ SELECT NULL::uuid, '8', 'x', '{{}}'::jsonb, 1, '\\x01020304'::bytea $$"
            ),
            format!("('flat', {nulls})"),
        ),
        // Other columns under the same arguments.
        (
            format!("({arguments}) RETURNS TABLE (a int, b int) LANGUAGE plpgsql AS 'BEGIN a := 7; RETURN NEXT; END'"),
            format!("({arguments}) RETURNS TABLE (a int, b int) LANGUAGE plpgsql AS 'BEGIN a := 8; RETURN NEXT; END'"),
            format!("('flat', {nulls})"),
        ),
    ] {
        owner
            .batch_execute(&format!(
                "CREATE SCHEMA timedb_internal; CREATE FUNCTION timedb_internal._read_rows{rows_function};
                 CREATE FUNCTION timedb_internal._read_chunks{chunks_function}"
            ))
            .await
            .unwrap();
        for query in [
            format!("SELECT * FROM timedb_internal._read_rows{call}"),
            format!("SELECT count(*) FROM timedb_internal._read_rows{call}"),
            format!("SELECT r FROM generate_series(1, 3), LATERAL timedb_internal._read_rows{call} AS r"),
        ] {
            let plan = rows(&owner, &format!("EXPLAIN {query}")).await;
            let plan: Vec<String> = plan.into_iter().flatten().flatten().collect();
            assert!(!plan.join("\n").contains("timedb read"), "{plan:?}");
            let found = rows(&owner, &query).await;
            let text: Vec<String> = found.into_iter().flatten().flatten().collect();
            assert!(!text.join(",").contains('8'), "{query}: {text:?}");
        }
        owner.batch_execute("DROP SCHEMA timedb_internal CASCADE").await.unwrap();
    }
    assert_eq!(backend(&owner).await, process);
}

#[tokio::test]
async fn nothing_earlier_on_the_search_path_is_taken_for_the_librarys() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    super::store::fill(&client).await;
    let expected = rows(&client, "SELECT name, value FROM timedb.read_flat()").await;
    // Temporary objects come first on the path unless pg_temp is named, and everybody may make them.
    client
        .batch_execute(
            "CREATE TEMP TABLE trap (fired text);
             CREATE TEMP TABLE segments (tenant_id text, series_id text, blob int);
             CREATE TEMP TABLE series (series_id int, name int);
             CREATE TEMP TABLE batches (x int);
             CREATE TEMP TABLE requests (batch_id int);
             CREATE TEMP TABLE write_log (change_time text, points text, blob int);
             CREATE TEMP TABLE batch_chunks (max_change text, blob int);
             CREATE TEMP TABLE series_lists (list_id text, series_ids int);
             CREATE DOMAIN pg_temp.uuid AS int;
             CREATE DOMAIN pg_temp.float8 AS text;
             CREATE FUNCTION pg_temp.unnest(uuid[]) RETURNS SETOF pg_catalog.uuid LANGUAGE plpgsql
                 AS 'BEGIN INSERT INTO pg_temp.trap VALUES (''unnest''); RETURN; END';
             CREATE FUNCTION pg_temp.same(pg_catalog.uuid, pg_catalog.uuid) RETURNS bool LANGUAGE plpgsql
                 AS 'BEGIN INSERT INTO pg_temp.trap VALUES (''=''); RETURN true; END';
             CREATE OPERATOR pg_temp.= (LEFTARG = pg_catalog.uuid, RIGHTARG = pg_catalog.uuid, FUNCTION = pg_temp.same);
             SET search_path = pg_temp, pg_catalog, public",
        )
        .await
        .unwrap();
    for read in super::store::READS {
        rows(&client, read).await;
    }
    let again = rows(&client, "SELECT name, value FROM timedb.read_flat()").await;
    assert!(again == expected);
    assert!(rows(&client, "SELECT * FROM pg_temp.trap").await.is_empty());
}
