//! The layout of the roles: what the owners of the functions could do if a function let them, and what an
//! administrator of one database is in another.

use timedb_tests::{Db, Role};

use super::attack::Attacker;
use super::calls::{calls, is_refused};
use super::scripts::{OTHERS, READS, attacks};
use super::siege::Siege;
use super::store::Store;
use super::watch::fingerprint;

/// What a function's owner could try on a table.
const ON_TABLES: [&str; 17] = [
    "ALTER TABLE {R} DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE {R} NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE {R} OWNER TO {me}",
    "ALTER TABLE {R} ADD mine int",
    "ALTER TABLE {R} DISABLE TRIGGER ALL",
    "ALTER TABLE {R} SET SCHEMA pg_temp",
    "DROP POLICY {N}_tenant_isolation ON {R}",
    "DROP POLICY {N}_tenant_access ON {R}",
    "ALTER POLICY {N}_tenant_isolation ON {R} USING (true)",
    "CREATE POLICY mine ON {R} USING (true)",
    "CREATE INDEX ON {R} (tenant_id)",
    "TRUNCATE {R}",
    "DROP TABLE {R}",
    "CREATE TRIGGER mine BEFORE INSERT ON {R} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "COMMENT ON TABLE {R} IS 'mine'",
    "COPY {R} TO '/tmp/timedb-attack'",
    "GRANT TRUNCATE ON {R} TO {me}",
];

/// And elsewhere.
const ELSEWHERE: [&str; 21] = [
    "CREATE TABLE timedb.mine ()",
    "CREATE FUNCTION timedb.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE VIEW timedb.mine AS SELECT 1",
    "ALTER SCHEMA timedb OWNER TO {me}",
    "GRANT CREATE ON SCHEMA timedb TO {me}",
    "CREATE SCHEMA mine",
    "ALTER ROLE {me} BYPASSRLS",
    "ALTER ROLE {me} SUPERUSER",
    "ALTER ROLE {me} LOGIN",
    "ALTER ROLE {me} CREATEROLE",
    "CREATE ROLE mine",
    "GRANT timedb_owner TO {me}",
    "GRANT timedb_admin TO {me}",
    "GRANT pg_read_all_data TO {me}",
    "SET ROLE timedb_owner",
    "SET session_replication_role = replica",
    "ALTER SYSTEM SET row_security = off",
    "ALTER EXTENSION timedb DROP TABLE timedb.series",
    "REASSIGN OWNED BY timedb_owner TO {me}",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
];

#[tokio::test]
async fn the_owners_of_functions_can_alter_no_table_and_switch_nothing_off() {
    let store = Store::new().await;
    let client = store.db.connect(Role::Superuser).await;
    let before = fingerprint(&client, None).await;
    let tables = store.relations().await;
    for me in ["timedb_definer", "timedb_keeper"] {
        // Unlike SET ROLE it leaves nothing of the superuser's rights.
        let become_it = format!("SET SESSION AUTHORIZATION {me}");
        client.batch_execute(&become_it).await.unwrap();
        let mut statements = ELSEWHERE.map(str::to_owned).to_vec();
        for table in tables.iter().filter(|table| !table.is_view) {
            let fill = |line: &str| {
                line.replace("{R}", &table.sql())
                    .replace("{N}", &table.name)
            };
            let policies = |line: &&&str| table.has_tenant() || !line.contains("POLICY {N}");
            statements.extend(ON_TABLES.iter().filter(policies).map(|line| fill(line)));
        }
        for statement in statements {
            let statement = statement.replace("{me}", me);
            let tried = client.batch_execute(&statement).await;
            // To grant what one may not is a warning where one has some right; the fingerprint tells.
            if !statement.starts_with("GRANT ") || tried.is_err() {
                let error = tried.expect_err(&statement);
                let code = error
                    .as_db_error()
                    .expect("the server refuses")
                    .code()
                    .code();
                assert_eq!(code, "42501", "{me}: {statement}: {error:?}");
            }
        }
        // Nothing switches row security off: it binds, or the query is an error.
        for table in tables
            .iter()
            .filter(|table| table.has_tenant() && !table.is_view)
        {
            let count = format!("SELECT count(*) FROM {}", table.sql());
            let off = format!("SET row_security = off; {count}");
            let error = client.batch_execute(&off).await.expect_err(&off);
            assert_eq!(error.code().unwrap().code(), "42501", "{me}: {off}");
            client.batch_execute("RESET row_security").await.unwrap();
            let seen = client.query_one(&count, &[]).await;
            let keeps = me == "timedb_keeper"
                && [
                    "tenants",
                    "users",
                    "api_keys",
                    "key_usage",
                    "usage_days",
                    "bound_roles",
                    "audit_events",
                    "holds",
                    "retention",
                ]
                .contains(&table.name.as_str());
            if !keeps {
                // No right at all, or no row.
                assert_eq!(
                    seen.map_or(0, |row| row.get::<_, i64>(0)),
                    0,
                    "{me}: {count}"
                );
            }
        }
        // Nor can it say who the tenant is.
        client
            .batch_execute("SELECT timedb.current_tenant()")
            .await
            .unwrap();
        let forge = format!("SET timedb.tenant_id = '{}'", store.a.tenant_id);
        let error = client.batch_execute(&forge).await.expect_err(&forge);
        assert_eq!(error.code().unwrap().code(), "42501", "{me}");
        client
            .batch_execute("RESET SESSION AUTHORIZATION")
            .await
            .unwrap();
    }
    assert_eq!(fingerprint(&client, None).await, before);
}

/// A role of one database, connected to another.
fn elsewhere(home: &Db, role: Role, other: &Db) -> String {
    home.dsn(role)
        .replace(&format!("/{}", home.name), &format!("/{}", other.name))
}

#[tokio::test]
async fn the_owner_of_one_database_is_nobody_in_another() {
    let (home, store) = (Db::new().await, Store::new().await);
    let mut siege = Siege::new(&store, false).await;
    let dsn = elsewhere(&home, Role::Owner, &store.db);
    siege.connect(Attacker::Stranger, &dsn).await;
    let superuser = store.db.connect(Role::Superuser).await;
    // At home it administers.
    let owner = home.connect(Role::Owner).await;
    owner
        .batch_execute("SELECT timedb.list_users()")
        .await
        .unwrap();
    let mut calls = calls(&superuser).await;
    calls.retain(|call| call.way == "in FROM");
    for call in calls {
        let answer = siege.run(Attacker::Stranger, &call.attack).await;
        if !is_refused(&answer) {
            siege.report(format!(
                "NOT REFUSED {}: {}",
                call.attack.name,
                answer.text()
            ));
        }
    }
    for relation in store.relations().await {
        for file in [READS, OTHERS] {
            for attack in attacks(file, &relation, None) {
                siege.run(Attacker::Stranger, &attack).await;
            }
        }
    }
    siege.hold("the owner of another database", 1900).await;
}
