//! Somebody adds a policy that opens everything, and rights on the tables as well. The restrictive policies
//! stay, so nothing is opened.

use timedb_tests::{Role, authenticate, refusal};
use tokio_postgres::Client;

use super::attack::Attacker;
use super::calls::calls;
use super::recipes::Callers;
use super::scripts::{COLUMNS, OTHERS, READS, attacks};
use super::siege::Siege;
use super::store::{Relation, Store};

/// Two policies that open each table (for everybody, and for the roles of tenants and of the data
/// functions), and all rights on rows for tenants.
pub async fn open_everything(superuser: &Client, tables: &[Relation], rights: &str) {
    for table in tables {
        let (name, table) = (&table.name, table.sql());
        let open = format!(
            "CREATE POLICY {name}_wide ON {table} USING (true) WITH CHECK (true);
             CREATE POLICY {name}_wide_for_roles ON {table} TO timedb_user, timedb_session, timedb_definer
                 USING (true) WITH CHECK (true);
             GRANT {rights} ON {table} TO timedb_user, timedb_session, timedb_definer"
        );
        superuser.batch_execute(&open).await.unwrap();
    }
}

/// The tables with tenants.
pub async fn tables(store: &Store) -> Vec<Relation> {
    let mut tables = store.relations().await;
    tables.retain(|relation| relation.has_tenant() && !relation.is_view);
    assert!(tables.len() >= 12);
    tables
}

#[tokio::test]
async fn a_policy_that_opens_everything_shows_a_tenant_nothing_more() {
    let store = Store::new().await;
    let superuser = store.db.connect(Role::Superuser).await;
    let readable = store.readable().await;
    open_everything(&superuser, &tables(&store).await, "SELECT").await;
    let mut siege = Siege::new(&store, true).await;
    let attackers = [Attacker::User, Attacker::Bound, Attacker::NoKey];
    for relation in store.relations().await {
        for attack in attacks(READS, &relation, None) {
            for attacker in attackers {
                siege.run(attacker, &attack).await;
            }
        }
    }
    for relation in readable {
        for column in &relation.columns {
            if let Some(probe) = store.column_probe(&relation, column).await {
                for mut attack in attacks(COLUMNS, &relation, Some(column)) {
                    attack.probes = vec![probe.clone()];
                    siege.run(Attacker::User, &attack).await;
                }
            }
        }
    }
    for call in calls(&superuser).await {
        let told = ["in FROM", "with a leaky function", "explained"].contains(&call.way);
        if call.callers == Callers::Tenants && told {
            for attacker in attackers {
                siege.run(attacker, &call.attack).await;
            }
        }
    }
    siege.hold("behind open policies", 4500).await;
}

#[tokio::test]
async fn a_policy_and_rights_that_open_everything_let_a_tenant_change_nothing_of_another() {
    let store = Store::new().await;
    let superuser = store.db.connect(Role::Superuser).await;
    let mut tables = tables(&store).await;
    let rights = "SELECT, INSERT, UPDATE, DELETE";
    open_everything(&superuser, &tables, rights).await;
    // Without its user and key B could not go on.
    tables.retain(|table| !["tenants", "users", "api_keys"].contains(&table.name.as_str()));
    let mut siege = Siege::new(&store, true).await;
    for table in tables {
        for attack in attacks(OTHERS, &table, None) {
            for attacker in [Attacker::User, Attacker::Bound, Attacker::NoKey] {
                siege.run(attacker, &attack).await;
            }
        }
    }
    siege.hold("writing behind open policies", 1500).await;
}

#[tokio::test]
async fn each_table_takes_and_gives_rows_of_the_tenant_only() {
    let store = Store::new().await;
    let superuser = store.db.connect(Role::Superuser).await;
    let tables = tables(&store).await;
    open_everything(&superuser, &tables, "SELECT, INSERT, UPDATE, DELETE").await;
    let (a, b) = (&store.a, store.db.b());
    for table in &tables {
        let sql = table.sql();
        let own = format!(
            "SELECT count(*) FROM {sql} WHERE tenant_id = '{}'",
            b.tenant_id
        );
        let own: i64 = superuser.query_one(&own, &[]).await.unwrap().get(0);
        let generated = "SELECT coalesce(array_agg(attname::text), '{}') FROM pg_attribute
                         WHERE attrelid = $1::text::regclass AND attgenerated <> ''";
        let generated = superuser.query_one(generated, &[&sql]).await.unwrap();
        let generated: Vec<String> = generated.get(0);
        let names = table.columns.iter().map(|(name, _)| name);
        let names: Vec<&String> = names.filter(|name| !generated.contains(name)).collect();
        let into: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let into = format!("{sql} ({})", into.join(", "));
        let columns: Vec<String> = names
            .iter()
            .map(|name| match name.as_str() {
                "tenant_id" => format!("'{}'", a.tenant_id),
                name => format!("\"{name}\""),
            })
            .collect();
        for (tenant, expected) in [(Some(b), u64::try_from(own).unwrap()), (None, 0)] {
            let client = store.db.connect(Role::User).await;
            let begin = async || {
                client.batch_execute("ROLLBACK; BEGIN").await.unwrap();
                if let Some(tenant) = tenant {
                    authenticate(&client, &tenant.key).await.unwrap();
                }
            };
            for statement in [
                format!("UPDATE {sql} SET tenant_id = tenant_id"),
                format!("DELETE FROM {sql}"),
            ] {
                begin().await;
                let touched = client.execute(&statement, &[]).await.unwrap();
                assert_eq!(touched, expected, "{statement}");
            }
            begin().await;
            let of_a = format!("DELETE FROM {sql} WHERE tenant_id = $1");
            assert_eq!(
                client.execute(&of_a, &[&a.tenant_id]).await.unwrap(),
                0,
                "{of_a}"
            );
            // A row like one's own, for A.
            if expected > 0 {
                for statement in [
                    format!(
                        "INSERT INTO {into} SELECT {} FROM {sql}",
                        columns.join(", ")
                    ),
                    format!(
                        "INSERT INTO {into} SELECT {} FROM {sql} ON CONFLICT DO NOTHING",
                        columns.join(", ")
                    ),
                    format!("UPDATE {sql} SET tenant_id = '{}'", a.tenant_id),
                ] {
                    begin().await;
                    let refused = refusal(client.execute(&statement, &[]).await);
                    assert_eq!(refused.0, "42501", "{statement}: {}", refused.1);
                }
            }
        }
    }
}
