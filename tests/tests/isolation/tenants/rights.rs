//! What the roles may do to tables: tenants read a few under row security, and nobody writes any.

use timedb_tests::{Db, Role, Tenant, authenticate, compact, count, refusal, run};

use super::{relations, shared};

const ROLES: [Role; 5] = [
    Role::User,
    Role::Session,
    Role::Admin,
    Role::Owner,
    Role::Nobody,
];

#[tokio::test]
async fn nobody_has_a_right_to_write_any_table() {
    let db = Db::new().await;
    for role in ROLES {
        let client = db.connect(role).await;
        let granted = client
            .query(
                "SELECT c.relname || ' ' || p.privilege FROM pg_class AS c,
                     unnest('{INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS p(privilege)
                 WHERE c.relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND c.relkind IN ('r', 'v')
                   AND NOT (c.relname IN ('values', 'forecasts') AND p.privilege = 'INSERT')
                   AND (has_table_privilege(c.oid, p.privilege)
                        OR p.privilege IN ('INSERT', 'UPDATE', 'REFERENCES')
                           AND has_any_column_privilege(c.oid, p.privilege))",
                &[],
            )
            .await
            .unwrap();
        let granted: Vec<String> = granted.iter().map(|row| row.get(0)).collect();
        assert_eq!(granted, Vec::<String>::new(), "{role:?}");
        let created = count(
            &client,
            "SELECT count(*) FROM (SELECT 1 WHERE has_schema_privilege('timedb', 'CREATE') OR has_schema_privilege('timedb_internal', 'CREATE')) AS x",
            &[],
        );
        assert_eq!(created.await, 0, "{role:?}");
    }
}

#[tokio::test]
async fn every_attempt_to_change_a_table_is_refused() {
    let shared = shared().await;
    let relations = relations(&shared.db).await;
    for role in ROLES {
        let client = shared.db.connect(role).await;
        for relation in &relations {
            let name = timedb_tests::qualified(relation);
            for statement in [
                format!("INSERT INTO {name} DEFAULT VALUES"),
                format!("DELETE FROM {name}"),
                format!("TRUNCATE {name}"),
                format!("ALTER TABLE {name} RENAME TO mine"),
                format!("ALTER TABLE {name} DISABLE ROW LEVEL SECURITY"),
                format!("ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY"),
                format!("CREATE POLICY mine ON {name} USING (true)"),
                format!("DROP TABLE {name}"),
            ] {
                run(&client, "BEGIN").await;
                if matches!(role, Role::User | Role::Session) {
                    authenticate(&client, &shared.db.b().key).await.unwrap();
                }
                let code = refusal(client.batch_execute(&statement).await).0;
                // A view cannot be truncated, altered or dropped as a table, by nobody; a row without series is none.
                let expected = if ["batches", "values", "forecasts", "versions"]
                    .contains(&relation.as_str())
                {
                    ["42501", "42809", "55000", "22004"].as_slice()
                } else {
                    &["42501"]
                };
                assert!(
                    expected.contains(&code.as_str()),
                    "{role:?}: {statement}: {code}"
                );
                run(&client, "ROLLBACK").await;
            }
        }
        let code = refusal(client.batch_execute("CREATE TABLE timedb.mine ()").await).0;
        assert_eq!(code, "42501", "{role:?}");
        let code = refusal(client.batch_execute("DROP EXTENSION timedb").await).0;
        assert!(
            ["42501", "2BP01"].contains(&code.as_str()),
            "{role:?}: {code}"
        );
    }
}

#[tokio::test]
async fn administrators_see_no_data_of_tenants() {
    let shared = shared().await;
    for role in [Role::Admin, Role::Owner, Role::Nobody] {
        let client = shared.db.connect(role).await;
        for relation in relations(&shared.db).await {
            let refused = refusal(
                client
                    .query(
                        &format!(
                            "SELECT * FROM {full_name}",
                            full_name = timedb_tests::qualified(&relation)
                        ),
                        &[],
                    )
                    .await,
            );
            assert_eq!(refused.0, "42501", "{role:?} {relation}");
        }
        for call in [
            "SELECT * FROM timedb.read_flat()",
            "SELECT timedb_internal._read_packed('flat')",
            "SELECT * FROM timedb.upload('{2025-01-01}', '{1}', '{x}')",
            "SELECT timedb.authenticate('x')",
        ] {
            assert_eq!(
                refusal(client.query(call, &[]).await).0,
                "42501",
                "{role:?}: {call}"
            );
        }
    }
}

#[tokio::test]
async fn row_security_cannot_be_switched_off_for_a_query() {
    let shared = shared().await;
    let client = shared.db.begin(shared.db.b()).await;
    run(&client, "SET LOCAL row_security = off; SAVEPOINT s").await;
    for relation in [
        "series",
        "series_labels",
        "requests",
        "batches",
        "values",
        "forecasts",
        "versions",
    ] {
        let query = format!(
            "SELECT * FROM {full_name}",
            full_name = timedb_tests::qualified(relation)
        );
        assert_eq!(
            refusal(client.query(&query, &[]).await).0,
            "42501",
            "{relation}"
        );
        run(&client, "ROLLBACK TO s").await;
    }
}

/// The tables that data functions write.
const DATA: [&str; 8] = [
    "series",
    "series_labels",
    "requests",
    "write_log",
    "batch_chunks",
    "series_lists",
    "segments",
    "damaged_rows",
];

/// Those of which they also delete rows.
const DELETED: [&str; 7] = [
    "series_labels",
    "write_log",
    "batch_chunks",
    "series_lists",
    "segments",
    "requests",
    "damaged_rows",
];

/// Writes until all of them have rows of the tenant: writes with a list of series in common are folded, and another
/// one is not. And a request of it was damaged.
pub async fn write_everywhere(db: &Db, tenant: &Tenant) {
    let client = db.login(tenant).await;
    let write = "SELECT timedb.upload(array_fill(timestamptz '2025-02-01Z', ARRAY[9]), array_fill(1::float8, ARRAY[9]),
                     ARRAY(SELECT 'series ' || i FROM generate_series(1, 9) AS i))";
    for _ in 0..2 {
        run(&client, write).await;
    }
    compact(&client).await;
    run(
        &client,
        "SELECT timedb.upload('{2025-02-01}', '{1}', '{mine}', idempotency_key => 'damaged')",
    )
    .await;
    let surgeon = db.connect(Role::Superuser).await;
    let damage = "UPDATE timedb.requests SET skipped = -1 WHERE tenant_id = $1 AND idempotency_key = 'damaged'";
    surgeon.execute(damage, &[&tenant.tenant_id]).await.unwrap();
    let set_aside = "SELECT s.kind FROM timedb.verify_store($1) AS v, timedb.set_aside(v.tenant_id, v.damage_id) AS s";
    let kinds = surgeon
        .query(set_aside, &[&tenant.tenant_id])
        .await
        .unwrap();
    assert_eq!(kinds.len(), 1);
    run(&client, write).await;
}

#[tokio::test]
async fn row_security_binds_the_owners_of_tables_and_functions_too() {
    let shared = shared().await;
    let client = shared.db.connect(Role::Superuser).await;
    for tenant in [shared.db.a(), shared.db.b()] {
        write_everywhere(&shared.db, tenant).await;
    }
    for table in DATA {
        let query = format!(
            "SELECT count(*) FROM {full_name}",
            full_name = timedb_tests::qualified(table)
        );
        assert!(count(&client, &query, &[]).await > 0, "{table}");
        run(&client, "BEGIN; SET LOCAL ROLE timedb_definer").await;
        assert_eq!(count(&client, &query, &[]).await, 0, "{table}");
        run(&client, "ROLLBACK").await;
        // The owner of the tables may not even ask who the tenant is.
        run(&client, "BEGIN; SET LOCAL ROLE timedb_owner").await;
        assert_eq!(
            refusal(client.query(&query, &[]).await).0,
            "42501",
            "{table}"
        );
        run(&client, "ROLLBACK").await;
    }
    // The functions' owner can neither write nor delete a row of anybody but the current tenant.
    run(&client, "BEGIN; SET LOCAL ROLE timedb_user").await;
    authenticate(&client, &shared.db.b().key).await.unwrap();
    run(&client, "SET LOCAL ROLE timedb_definer; SAVEPOINT s").await;
    let a = shared.db.a().tenant_id;
    for table in DATA {
        // Like a row of its own. Nobody says what is generated.
        let columns = "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
                       WHERE attrelid = $1::text::regclass AND attnum > 1 AND NOT attisdropped AND attgenerated = ''";
        let columns: String = client
            .query_one(columns, &[&timedb_tests::qualified(table)])
            .await
            .unwrap()
            .get(0);
        let forged = format!(
            "INSERT INTO {full_name} (tenant_id, {columns}) SELECT '{a}', {columns} FROM {full_name} LIMIT 1",
            full_name = timedb_tests::qualified(table)
        );
        let (code, message) = refusal(client.batch_execute(&forged).await);
        assert_eq!(code, "42501", "{forged}: {message}");
        assert!(
            message.contains("row-level security policy"),
            "{forged}: {message}"
        );
        run(&client, "ROLLBACK TO s").await;
    }
    for table in DELETED {
        let of_a = format!(
            "DELETE FROM {full_name} WHERE tenant_id = $1",
            full_name = timedb_tests::qualified(table)
        );
        assert_eq!(client.execute(&of_a, &[&a]).await.unwrap(), 0, "{table}");
        let all = client
            .execute(
                &format!(
                    "DELETE FROM {full_name}",
                    full_name = timedb_tests::qualified(table)
                ),
                &[],
            )
            .await;
        assert!(all.unwrap() > 0, "{table}");
    }
    run(&client, "RESET ROLE").await;
    for table in DELETED {
        let left = format!(
            "SELECT count(*) FROM {full_name} WHERE tenant_id = $1",
            full_name = timedb_tests::qualified(table)
        );
        assert!(count(&client, &left, &[&a]).await > 0, "{table}");
    }
    run(&client, "ROLLBACK").await;
}
