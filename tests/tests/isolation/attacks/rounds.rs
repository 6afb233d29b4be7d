//! What an attacker of one kind tries on a connection of another kind: the attacks on relations, on columns and behind
//! open policies, and every function called in FROM.

use timedb_tests::Role;

use super::attack::Attack;
use super::calls::calls;
use super::scripts::{COLUMNS, OTHERS, READS, attacks};
use super::store::{Relation, Store};

/// Every attack of the files on every relation and a column of each, and each function in each list of arguments.
pub async fn all_attacks(store: &Store) -> Vec<Attack> {
    let relations = store.relations().await;
    let mut all = attacks_on_columns(store, &relations).await;
    for relation in relations {
        all.extend(attacks(READS, &relation, None));
        all.extend(attacks(OTHERS, &relation, None));
    }
    all.extend(attacks_that_read(store, false).await);
    all
}

/// Every attack on a column of each of these relations.
pub async fn attacks_on_columns(store: &Store, relations: &[Relation]) -> Vec<Attack> {
    let mut all = Vec::new();
    for relation in relations {
        // One column is enough: the last one that A has a value of its own in.
        for column in relation.columns.iter().rev() {
            let Some(probe) = store.column_probe(relation, column).await else {
                continue;
            };
            for mut attack in attacks(COLUMNS, relation, Some(column)) {
                attack.probes = vec![probe.clone()];
                all.push(attack);
            }
            break;
        }
    }
    all
}

/// Every function called in FROM, and with `relations` every way to see rows of every relation.
pub async fn attacks_that_read(store: &Store, relations: bool) -> Vec<Attack> {
    let mut all = Vec::new();
    if relations {
        for relation in store.relations().await {
            all.extend(attacks(READS, &relation, None));
        }
    }
    let superuser = store.db.connect(Role::Superuser).await;
    let calls = calls(&superuser).await.into_iter();
    all.extend(
        calls
            .filter(|call| call.way == "in FROM")
            .map(|call| call.attack),
    );
    all
}

/// Takes the policies of isolation from this table and opens it, for controls.
pub const WITHOUT_POLICY: &str = "CREATE POLICY wide ON timedb.requests USING (true);
     DROP POLICY requests_tenant_isolation ON timedb.requests";

/// Every way to see rows of the table that [`WITHOUT_POLICY`] opens.
pub async fn attacks_on_the_open_table(store: &Store) -> Vec<Attack> {
    let relations = store.relations().await;
    let open = relations
        .iter()
        .find(|relation| relation.name == "requests");
    attacks(READS, open.expect("it is a table"), None)
}
