//! What the roles may do to tables: tenants read a few under row security, and nobody writes any.

use timedb_tests::{Db, Role, authenticate, count, refusal, run};

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
                 WHERE c.relnamespace = 'timedb'::regnamespace AND c.relkind IN ('r', 'v')
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
            "SELECT count(*) FROM (SELECT 1 WHERE has_schema_privilege('timedb', 'CREATE')) AS x",
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
            for statement in [
                format!("INSERT INTO timedb.\"{relation}\" DEFAULT VALUES"),
                format!("DELETE FROM timedb.\"{relation}\""),
                format!("TRUNCATE timedb.\"{relation}\""),
                format!("ALTER TABLE timedb.\"{relation}\" RENAME TO mine"),
                format!("ALTER TABLE timedb.\"{relation}\" DISABLE ROW LEVEL SECURITY"),
                format!("ALTER TABLE timedb.\"{relation}\" NO FORCE ROW LEVEL SECURITY"),
                format!("CREATE POLICY mine ON timedb.\"{relation}\" USING (true)"),
                format!("DROP TABLE timedb.\"{relation}\""),
            ] {
                run(&client, "BEGIN").await;
                if matches!(role, Role::User | Role::Session) {
                    authenticate(&client, &shared.db.b().key).await.unwrap();
                }
                let code = refusal(client.batch_execute(&statement).await).0;
                // A view cannot be truncated, altered or dropped as a table, by nobody.
                let expected = if ["values", "forecasts", "versions"].contains(&relation.as_str()) {
                    ["42501", "42809", "55000"].as_slice()
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
                    .query(&format!("SELECT * FROM timedb.\"{relation}\""), &[])
                    .await,
            );
            assert_eq!(refused.0, "42501", "{role:?} {relation}");
        }
        for call in [
            "SELECT * FROM timedb.read_flat()",
            "SELECT timedb._read_packed('flat')",
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
        "batches",
        "values",
        "forecasts",
        "versions",
    ] {
        let query = format!("SELECT * FROM timedb.\"{relation}\"");
        assert_eq!(
            refusal(client.query(&query, &[]).await).0,
            "42501",
            "{relation}"
        );
        run(&client, "ROLLBACK TO s").await;
    }
}

#[tokio::test]
async fn row_security_binds_the_owners_of_tables_and_functions_too() {
    let shared = shared().await;
    let client = shared.db.connect(Role::Superuser).await;
    for table in ["series", "series_labels", "batches", "segments"] {
        let query = format!("SELECT count(*) FROM timedb.{table}");
        assert!(count(&client, &query, &[]).await > 0);
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
    // The functions' owner cannot write a row for anybody but the current tenant.
    run(&client, "BEGIN; SET LOCAL ROLE timedb_user").await;
    authenticate(&client, &shared.db.b().key).await.unwrap();
    run(&client, "SET LOCAL ROLE timedb_definer").await;
    let forged = format!(
        "INSERT INTO timedb.series_labels VALUES ('{}', 'l', 'v', '\\x00', '{}')",
        shared.db.a().tenant_id,
        shared.series[0][0]
    );
    assert_eq!(refusal(client.batch_execute(&forged).await).0, "42501");
}
