//! The catalog says that isolation holds, and each thing that would weaken it is named.

use timedb_tests::{Db, Role, ThrowawayCluster, schema_problems};
use tokio_postgres::Client;

/// What the catalog check says after a superuser has done this; it is undone again.
async fn named(client: &Client, statement: &str) -> Vec<String> {
    client
        .batch_execute(&format!("BEGIN; {statement}"))
        .await
        .unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    let problems = schema_problems(client).await;
    client.batch_execute("ROLLBACK").await.unwrap();
    problems
}

#[tokio::test]
async fn the_catalog_has_nothing_that_isolation_could_not_stand() {
    let db = Db::new().await;
    let client = db.connect(Role::Superuser).await;
    assert_eq!(schema_problems(&client).await, Vec::<String>::new());
}

#[tokio::test]
async fn every_table_that_is_weakened_is_named() {
    let db = Db::new().await;
    let client = db.connect(Role::Superuser).await;
    let tables = client
        .query(
            "SELECT relname::text FROM pg_class WHERE relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace)
             AND relkind = 'r' AND relname <> 'settings'",
            &[],
        )
        .await
        .unwrap();
    assert!(tables.len() >= 12);
    for table in tables.iter().map(|row| row.get::<_, String>(0)) {
        for (statement, problem) in [
            (
                "ALTER TABLE timedb.T DISABLE ROW LEVEL SECURITY",
                "row security is not enabled: T",
            ),
            (
                "ALTER TABLE timedb.T NO FORCE ROW LEVEL SECURITY",
                "row security is not forced: T",
            ),
            (
                "DROP POLICY T_tenant_access ON timedb.T",
                "no permissive policy for everybody: T",
            ),
            (
                "DROP POLICY T_tenant_isolation ON timedb.T",
                "no restrictive policy for everybody: T",
            ),
            (
                "ALTER POLICY T_tenant_isolation ON timedb.T USING (tenant_id = timedb.current_tenant() OR true)",
                "no restrictive policy for everybody: T",
            ),
            (
                "ALTER POLICY T_tenant_isolation ON timedb.T WITH CHECK (true)",
                "no restrictive policy for everybody: T",
            ),
            (
                "ALTER POLICY T_tenant_isolation ON timedb.T TO timedb_user",
                "no restrictive policy for everybody: T",
            ),
            (
                "DROP POLICY T_tenant_isolation ON timedb.T;
                 CREATE POLICY T_tenant_isolation ON timedb.T AS RESTRICTIVE FOR SELECT
                     USING (tenant_id = timedb.current_tenant())",
                "no restrictive policy for everybody: T",
            ),
            (
                "CREATE POLICY wide ON timedb.T TO timedb_user USING (true)",
                "permissive policy that is neither the tenant's nor the keeper's: T.wide",
            ),
            (
                "ALTER TABLE timedb.T OWNER TO timedb_definer",
                "relation that timedb_owner does not own: T",
            ),
            (
                "GRANT DELETE ON timedb.T TO timedb_session",
                "right on a relation that nobody should have: T DELETE timedb_session",
            ),
            (
                "GRANT SELECT ON timedb.T TO PUBLIC",
                "right on a relation that nobody should have: T SELECT public",
            ),
            (
                "GRANT UPDATE (tenant_id) ON timedb.T TO timedb_user",
                "right on a relation that nobody should have: T.tenant_id UPDATE timedb_user",
            ),
            (
                "GRANT TRUNCATE ON timedb.T TO timedb_definer",
                "right of a function owner to more than rows: T TRUNCATE timedb_definer",
            ),
            (
                "CREATE RULE r AS ON INSERT TO timedb.T DO ALSO NOTHING",
                "trigger, rule, foreign key or child table: T.r",
            ),
            (
                "CREATE TABLE child () INHERITS (timedb.T)",
                "trigger, rule, foreign key or child table: T.child",
            ),
        ] {
            let problems = named(
                &client,
                &statement
                    .replace("timedb.T", &timedb_tests::qualified(&table))
                    .replace("T_tenant", &format!("{table}_tenant")),
            )
            .await;
            let problem = problem.replace(": T", &format!(": {table}"));
            assert!(
                problems.contains(&problem),
                "{statement}: {problem}: {problems:#?}"
            );
        }
    }
}

#[tokio::test]
async fn every_function_that_is_weakened_is_named() {
    let db = Db::new().await;
    let client = db.connect(Role::Superuser).await;
    let functions = client
        .query(
            "SELECT oid::regprocedure::text, prosecdef, proname::text FROM pg_proc
             WHERE pronamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace)",
            &[],
        )
        .await
        .unwrap();
    assert!(functions.len() >= 25);
    for row in &functions {
        let (signature, definer): (String, bool) = (row.get(0), row.get(1));
        let owned = "function of an owner that row security does not bind, or that owns tables";
        let mut cases = vec![
            (format!("OWNER TO {}", db.role_name(Role::Superuser)), owned),
            ("OWNER TO timedb_owner".to_owned(), owned),
            (
                "LEAKPROOF".to_owned(),
                "function that is LEAKPROOF, or tells the tenant and is IMMUTABLE",
            ),
        ];
        let unpinned = "SECURITY DEFINER without a pinned search_path";
        if definer {
            cases.push(("RESET search_path".to_owned(), unpinned));
            cases.push(("SET search_path = timedb, pg_catalog".to_owned(), unpinned));
        } else {
            let statement = format!("RESET ALL; ALTER FUNCTION {signature} SECURITY DEFINER");
            cases.push((statement, unpinned));
        }
        for (change, problem) in cases {
            let problems = named(&client, &format!("ALTER FUNCTION {signature} {change}")).await;
            let problem = format!("{problem}: {signature}");
            assert!(
                problems.contains(&problem),
                "{change}: {problem}: {problems:#?}"
            );
        }
        let grant = format!("GRANT EXECUTE ON FUNCTION {signature} TO PUBLIC");
        let problem = format!("function that PUBLIC may execute: {signature}");
        assert!(named(&client, &grant).await.contains(&problem), "{problem}");
    }
}

#[tokio::test]
async fn new_objects_are_looked_at_too() {
    let db = Db::new().await;
    let client = db.connect(Role::Superuser).await;
    for (statement, problem) in [
        (
            "CREATE TABLE timedb.t (x int)",
            "table without tenant_id: t",
        ),
        (
            "CREATE TABLE timedb.t (tenant_id uuid NOT NULL)",
            "row security is not enabled: t",
        ),
        (
            "CREATE TABLE timedb.t (tenant_id uuid NOT NULL)",
            "no restrictive policy for everybody: t",
        ),
        (
            "CREATE TABLE timedb.t (tenant_id uuid) PARTITION BY HASH (tenant_id)",
            "table without tenant_id: t",
        ),
        (
            "CREATE VIEW timedb.v AS SELECT 1",
            "view without security_invoker: v",
        ),
        (
            "ALTER VIEW timedb.values SET (security_invoker = false)",
            "view without security_invoker: values",
        ),
        (
            "ALTER VIEW timedb.values RESET (security_invoker)",
            "view without security_invoker: values",
        ),
        (
            "CREATE MATERIALIZED VIEW timedb.m AS SELECT 1",
            "materialised view: m",
        ),
        (
            "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
             CREATE FOREIGN TABLE timedb.f (x int) SERVER s",
            "foreign table: f",
        ),
        (
            "CREATE FUNCTION timedb.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "function of an owner that row security does not bind, or that owns tables: timedb.f()",
        ),
        (
            "CREATE PROCEDURE timedb.p() LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
            "SECURITY DEFINER without a pinned search_path: timedb.p()",
        ),
        (
            "CREATE PROCEDURE timedb.p() LANGUAGE sql AS 'SELECT 1'",
            "function that PUBLIC may execute: timedb.p()",
        ),
        (
            "ALTER FUNCTION timedb.current_tenant() IMMUTABLE",
            "function that is LEAKPROOF, or tells the tenant and is IMMUTABLE: timedb.current_tenant()",
        ),
        (
            "CREATE TABLE t (x uuid REFERENCES timedb.f); ",
            "trigger, rule, foreign key or child table: f.t_x_fkey",
        ),
        (
            "ALTER TABLE timedb.series ALTER name SET STATISTICS -1",
            "statistics of a column that tenants may read: series.name",
        ),
        (
            "GRANT CREATE ON SCHEMA timedb TO timedb_definer",
            "right on the schema: timedb_definer CREATE",
        ),
        (
            "GRANT CREATE ON SCHEMA timedb TO PUBLIC",
            "right on the schema: public CREATE",
        ),
    ] {
        let statement = statement.replace(
            "CREATE TABLE t (x uuid REFERENCES",
            "CREATE TABLE timedb.f (id uuid PRIMARY KEY); CREATE TABLE t (x uuid REFERENCES",
        );
        let problems = named(&client, &statement).await;
        assert!(
            problems.contains(&problem.to_owned()),
            "{statement}: {problem}: {problems:#?}"
        );
    }
}

#[tokio::test]
async fn a_role_that_gets_more_is_named() {
    // Roles belong to the cluster, so it is one of its own.
    let cluster = ThrowawayCluster::start(&[]);
    let client = cluster.connect("postgres").await;
    client
        .batch_execute("CREATE EXTENSION timedb; CREATE ROLE stranger")
        .await
        .unwrap();
    for (statement, object) in [
        ("ALTER ROLE timedb_definer BYPASSRLS", "timedb_definer"),
        ("ALTER ROLE timedb_keeper LOGIN", "timedb_keeper"),
        ("ALTER ROLE timedb_user SUPERUSER", "timedb_user"),
        ("ALTER ROLE timedb_session CREATEROLE", "timedb_session"),
        (
            "GRANT timedb_keeper TO stranger",
            "stranger in timedb_keeper",
        ),
        (
            "GRANT timedb_owner TO timedb_definer",
            "timedb_definer in timedb_owner",
        ),
    ] {
        let problem = format!("role that could get around row security: {object}");
        let problems = named(&client, statement).await;
        assert!(
            problems.contains(&problem),
            "{statement}: {problem}: {problems:#?}"
        );
    }
}
