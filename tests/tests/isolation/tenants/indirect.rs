//! Roundabout ways to rows of others: functions of the caller inside a query, names that stand in for
//! ours, statistics, COPY.

use timedb_tests::{Role, count, psql, run};

use super::{shared, traces_of_a};

#[tokio::test]
async fn a_cheap_function_of_the_caller_is_not_shown_rows_of_others() {
    let shared = shared().await;
    let client = shared.db.begin(shared.db.b()).await;
    run(
        &client,
        "CREATE TEMP TABLE seen (what text);
         CREATE FUNCTION pg_temp.peek(what text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
         BEGIN
             INSERT INTO seen VALUES (what);
             RETURN true;
         END $$;
         CREATE FUNCTION pg_temp.look(what text) RETURNS boolean LANGUAGE sql STABLE COST 0.0000001
             AS 'SELECT pg_temp.peek(what)'",
    )
    .await;
    for query in [
        "SELECT * FROM timedb.series AS s WHERE pg_temp.peek(s::text)",
        "SELECT * FROM timedb.series_labels AS l WHERE pg_temp.peek(l::text)",
        "SELECT * FROM timedb.batches AS b WHERE pg_temp.peek(b::text)",
        "SELECT * FROM timedb_internal._list_batches() AS b WHERE pg_temp.peek(b::text)",
        "SELECT * FROM timedb.requests AS r WHERE pg_temp.peek(r::text)",
        "SELECT * FROM timedb.values AS v WHERE pg_temp.peek(v::text)",
        "SELECT * FROM timedb.values AS v WHERE pg_temp.look(v.name || v.labels::text)",
        "SELECT * FROM timedb.forecasts AS v WHERE pg_temp.peek(v::text) AND v.valid_time > '2000-01-01'",
        "SELECT * FROM timedb.versions AS v WHERE pg_temp.look(v.series_id::text) AND pg_temp.peek(v::text)",
        "SELECT * FROM timedb.read_flat() AS r WHERE pg_temp.peek(r::text)",
        "SELECT * FROM timedb.series AS s JOIN timedb.batches AS b ON pg_temp.peek(s::text || b::text)",
    ] {
        run(&client, query).await;
    }
    assert!(count(&client, "SELECT count(*) FROM seen", &[]).await > 0);
    for trace in traces_of_a(&shared) {
        let query = "SELECT count(*) FROM seen WHERE what LIKE '%' || $1 || '%'";
        assert_eq!(count(&client, query, &[&trace]).await, 0, "{trace}");
    }
}

#[tokio::test]
async fn names_of_the_caller_do_not_stand_in_for_ours() {
    let shared = shared().await;
    let owner = shared.db.connect(Role::Owner).await;
    let user = shared.db.role_name(Role::User);
    run(
        &owner,
        &format!("CREATE SCHEMA evil; GRANT ALL ON SCHEMA evil TO {user}"),
    )
    .await;
    let client = shared.db.connect(Role::User).await;
    // Everything equals everything, and arrays are empty, for whoever looks names up in this path.
    run(
        &client,
        "CREATE FUNCTION evil.yes(uuid, uuid) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
         CREATE OPERATOR evil.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = evil.yes);
         CREATE FUNCTION evil.yes(bytea, bytea) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
         CREATE OPERATOR evil.= (LEFTARG = bytea, RIGHTARG = bytea, FUNCTION = evil.yes);
         CREATE FUNCTION evil.yes(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
         CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.yes);
         CREATE FUNCTION evil.current_tenant() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid';
         CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz';
         CREATE TEMP TABLE api_keys (key_hash bytea); CREATE TEMP TABLE users (active boolean);
         CREATE TEMP TABLE series (series_id uuid); CREATE TEMP TABLE segments (blob bytea);
         CREATE TEMP TABLE write_log (blob bytea); CREATE TEMP TABLE batch_chunks (blob bytea);
         CREATE TEMP TABLE series_lists (list_id uuid); CREATE TEMP TABLE requests (batch_id uuid);
         CREATE TEMP TABLE settings (name text, value jsonb);
         INSERT INTO settings VALUES ('auth_required', 'false');
         SET search_path = pg_temp, evil, pg_catalog",
    )
    .await;
    for wrong in ["'wrong'", "NULL", "''"] {
        let result = client
            .query(&format!("SELECT timedb.authenticate({wrong})"), &[])
            .await;
        assert_eq!(timedb_tests::refusal(result).0, "28000", "{wrong}");
    }
    run(&client, "BEGIN").await;
    timedb_tests::authenticate(&client, &shared.db.b().key)
        .await
        .unwrap();
    for query in [
        "SELECT series_id, name FROM timedb.series",
        "SELECT series_id, name FROM timedb.values",
        "SELECT series_id, name FROM timedb.values WHERE name LIKE 'w%' AND valid_time > '2000-01-01'",
        "SELECT series_id, name FROM timedb.versions",
        "SELECT series_id, name FROM timedb.read_flat()",
        "SELECT series_id, name FROM timedb.read_flat(name => 'wind')",
    ] {
        let rows = client.query(query, &[]).await.unwrap();
        assert!(!rows.is_empty(), "{query}");
        for row in rows {
            assert!(shared.series[1].contains(&row.get("series_id")), "{query}");
        }
    }
    let by_id = format!(
        "SELECT count(*) FROM timedb.read_flat(series_id => '{{{}}}')",
        shared.series[0][0]
    );
    assert_eq!(count(&client, &by_id, &[]).await, 0);
    let written = "SELECT points FROM timedb.upload('{2025-01-05Z}', '{7}', '{wind}')";
    assert_eq!(count(&client, written, &[]).await, 1);
}

#[tokio::test]
async fn statistics_show_no_values_of_others() {
    let shared = shared().await;
    run(&shared.db.connect(Role::Superuser).await, "ANALYZE").await;
    for role in [
        Role::User,
        Role::Session,
        Role::Admin,
        Role::Owner,
        Role::Nobody,
    ] {
        let client = shared.db.connect(role).await;
        for view in ["pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"] {
            let query = format!(
                "SELECT count(*) FROM {view} WHERE schemaname IN ('timedb', 'timedb_internal')"
            );
            assert_eq!(count(&client, &query, &[]).await, 0, "{role:?} {view}");
        }
        let catalog = client.query("SELECT * FROM pg_statistic", &[]).await;
        assert_eq!(timedb_tests::refusal(catalog).0, "42501", "{role:?}");
    }
}

#[tokio::test]
async fn copy_gives_the_tenants_rows_only() {
    let shared = shared().await;
    let script = format!(
        "BEGIN; SELECT timedb.authenticate('{}'); COPY timedb.series TO STDOUT; COPY timedb.requests TO STDOUT;
         COPY (SELECT * FROM timedb.batches) TO STDOUT; COPY (SELECT * FROM timedb.values) TO STDOUT; COMMIT",
        shared.db.b().key
    );
    let copied = psql(&shared.db.dsn(Role::User), &script)
        .env("PGAPPNAME", "types_keys")
        .ok();
    assert!(
        copied.contains(&shared.series[1][0].to_string()),
        "{copied}"
    );
    for trace in traces_of_a(&shared) {
        assert!(!copied.contains(&trace), "{copied}");
    }
}
