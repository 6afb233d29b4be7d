//! Every function of the schema called with what A has and with what nobody has.

use futures_util::future::join_all;
use timedb_tests::{Db, Role};

use super::attack::{Attack, Attacker};
use super::calls::{calls, functions, is_refused};
use super::recipes::{Callers, FUNCTIONS};
use super::siege::{Siege, hold};
use super::store::Store;

/// Whether the catalog's rights must let this attacker call.
fn may(attacker: Attacker, callers: Callers) -> bool {
    match attacker {
        Attacker::User | Attacker::Bound | Attacker::NoKey | Attacker::TenantA => {
            matches!(callers, Callers::Everybody | Callers::Tenants)
        }
        Attacker::Session => {
            matches!(
                callers,
                Callers::Everybody | Callers::Tenants | Callers::Sessions
            )
        }
        Attacker::Admin | Attacker::Owner => {
            matches!(callers, Callers::Everybody | Callers::Administrators)
        }
        Attacker::Stranger => false,
    }
}

/// Those that are tenant B share a store, so that each meets what the others have written.
const ATTACKERS: [&[Attacker]; 3] = [
    &[Attacker::User, Attacker::Session, Attacker::Bound],
    &[Attacker::NoKey, Attacker::Stranger],
    &[Attacker::Admin, Attacker::Owner],
];

/// Calls every function as these attackers, on a store of their own.
async fn call_all(attackers: &[Attacker]) -> (usize, Vec<String>) {
    let store = Store::new().await;
    let mut siege = Siege::new(&store, true).await;
    let mut kept = Vec::new();
    for call in calls(&store.db.connect(Role::Superuser).await).await {
        for &attacker in attackers {
            let administers = matches!(attacker, Attacker::Admin | Attacker::Owner);
            if administers && call.callers == Callers::Administrators {
                // What it may see and change is in `identity`.
                continue;
            }
            let answer = siege.run(attacker, &call.attack).await;
            if !may(attacker, call.callers) && !is_refused(&answer) {
                siege.report(format!(
                    "NOT REFUSED {attacker:?}: {}: {}",
                    call.attack.name,
                    answer.text()
                ));
            }
            if may(attacker, call.callers) && call.way == "in FROM" {
                let mut attack = call.attack.clone();
                (attack.commits, attack.compared) = (true, false);
                kept.push((attacker, attack));
            }
        }
    }
    // Last, because these leave rows of B, some with names that A has too; and what shows those later would be
    // taken for a leak, so what writes comes last of all.
    let writes = [
        "timedb.create_",
        "timedb.rename_",
        "timedb.up",
        "timedb_internal._up",
    ];
    kept.sort_by_key(|(_, attack): &(_, Attack)| {
        writes.iter().any(|name| attack.name.starts_with(name))
    });
    for (attacker, attack) in kept {
        siege.run(attacker, &attack).await;
    }
    siege.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn no_function_tells_or_changes_anything_of_another_tenant() {
    // Side by side.
    let sieges = ATTACKERS.map(|attackers| tokio::spawn(call_all(attackers)));
    let ended = join_all(sieges).await;
    let ended = ended.into_iter().map(|ended| ended.expect("a siege ends"));
    hold(ended, "functions", 15000);
}

#[tokio::test]
async fn the_recipes_name_functions_that_exist() {
    let store = Store::new().await;
    let functions = functions(&store.db.connect(Role::Superuser).await).await;
    for (name, _, _) in FUNCTIONS {
        let exists = functions.iter().any(|function| function.name == *name);
        assert!(exists, "{name} has a recipe and does not exist");
    }
}

#[tokio::test]
async fn a_tenant_may_call_what_the_recipes_say() {
    // Otherwise the attacks above would be refused for another reason than the one they test.
    let store = Store::new().await;
    let superuser = store.db.connect(Role::Superuser).await;
    for function in functions(&superuser).await {
        let recipe = FUNCTIONS.iter().find(|(name, _, _)| *name == function.name);
        let &(_, callers, _) = recipe.expect("the other test says where to add one");
        for &attacker in ATTACKERS.concat().iter() {
            let role = store.db.role_name(attacker.role());
            let query = "SELECT has_function_privilege($1, $2, 'EXECUTE')";
            let row = superuser
                .query_one(query, &[&role, &function.signature])
                .await;
            let granted: bool = row.unwrap().get(0);
            assert_eq!(
                granted,
                may(attacker, callers),
                "{attacker:?}: {}",
                function.signature
            );
        }
    }
}

/// The attacks on a schema that has one more function.
async fn calls_with(function: &str) {
    let db = Db::new().await;
    let superuser = db.connect(Role::Superuser).await;
    superuser.batch_execute(function).await.unwrap();
    calls(&superuser).await;
}

#[tokio::test]
#[should_panic(expected = "timedb.new(): no recipe; add a line to FUNCTIONS")]
async fn a_function_without_a_recipe_fails_the_suite() {
    calls_with("CREATE FUNCTION timedb.new() RETURNS int LANGUAGE sql AS 'SELECT 1'").await;
}

#[tokio::test]
#[should_panic(expected = "no value for `area box`; add one to argument()")]
async fn an_argument_without_a_value_fails_the_suite() {
    calls_with("CREATE FUNCTION timedb.version(area box) RETURNS int LANGUAGE sql AS 'SELECT 1'")
        .await;
}
