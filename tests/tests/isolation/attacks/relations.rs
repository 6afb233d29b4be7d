//! Every table and view of the schema, as the catalog lists them, and every attack of the files.

use super::attack::{Attacker, TENANTS};
use super::scripts::{COLUMNS, OTHERS, READS, attacks};
use super::siege::Siege;
use super::store::Store;

#[tokio::test]
async fn nothing_done_to_a_relation_gives_a_tenant_anything_of_another() {
    let store = Store::new().await;
    let mut siege = Siege::new(&store, false).await;
    for relation in store.relations().await {
        for file in [READS, OTHERS] {
            for attack in attacks(file, &relation, None) {
                for attacker in TENANTS {
                    siege.run(attacker, &attack).await;
                }
            }
        }
    }
    siege.hold("relations, as tenants", 9000).await;
}

#[tokio::test]
async fn nothing_done_to_a_relation_gives_an_administrator_any_data() {
    let store = Store::new().await;
    let mut siege = Siege::new(&store, false).await;
    for relation in store.relations().await {
        for file in [READS, OTHERS] {
            for attack in attacks(file, &relation, None) {
                for attacker in [Attacker::Admin, Attacker::Owner] {
                    siege.run(attacker, &attack).await;
                }
            }
        }
    }
    siege.hold("relations, as administrators", 4500).await;
}

#[tokio::test]
async fn no_column_tells_a_value_of_another_tenant_from_a_random_one() {
    let store = Store::new().await;
    let mut siege = Siege::new(&store, false).await;
    let mut probed = Vec::new();
    for relation in store.relations().await {
        for column in &relation.columns {
            let Some(probe) = store.column_probe(&relation, column).await else {
                continue;
            };
            probed.push(format!("{}.{}", relation.name, column.0));
            for mut attack in attacks(COLUMNS, &relation, Some(column)) {
                attack.probes = vec![probe.clone()];
                for attacker in TENANTS {
                    siege.run(attacker, &attack).await;
                }
            }
        }
    }
    // What A has and B has not, in every relation but the settings.
    assert!(probed.len() >= 60, "{probed:?}");
    siege.hold("columns, as tenants", 7000).await;
}
