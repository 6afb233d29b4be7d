//! Every function of the schema, as the catalog lists them, called with what A has and with what nobody has.

use futures_util::future::join_all;
use timedb_tests::{Db, Role};
use tokio_postgres::Client;

use super::recipes::{Callers, FUNCTIONS, argument};
use super::scripts::LEAK;
use super::siege::{Attack, Attacker, Siege, hold};
use super::store::Store;

/// A function as the catalog tells it.
struct Function {
    name: String,
    signature: String,
    /// Names and types of the arguments that go in, and how many of them must.
    arguments: Vec<(String, String)>,
    required: usize,
    strict: bool,
}

async fn functions(superuser: &Client) -> Vec<Function> {
    let rows = superuser
        .query(
            "SELECT proname::text, oid::regprocedure::text, proisstrict, (pronargs - pronargdefaults)::int,
                    coalesce(proargnames[i], ''), format_type(kind, NULL)
             FROM pg_proc LEFT JOIN LATERAL (
                 SELECT n AS i, kind FROM unnest(coalesce(proallargtypes, proargtypes::oid[]))
                     WITH ORDINALITY AS a (kind, n)
                 WHERE coalesce(proargmodes[n], 'i') IN ('i', 'b', 'v')) AS a ON true
             WHERE pronamespace = 'timedb'::regnamespace ORDER BY 2, i",
            &[],
        )
        .await
        .unwrap();
    let mut functions: Vec<Function> = Vec::new();
    for row in rows {
        let signature: String = row.get(1);
        if functions
            .last()
            .is_none_or(|last| last.signature != signature)
        {
            functions.push(Function {
                name: row.get(0),
                signature,
                arguments: Vec::new(),
                required: usize::try_from(row.get::<_, i32>(3)).unwrap(),
                strict: row.get(2),
            });
        }
        if let Some(kind) = row.get(5) {
            let last = functions.last_mut().expect("one was pushed");
            last.arguments.push((row.get(4), kind));
        }
    }
    functions
}

/// Lists of arguments to call a function with.
///
/// # Panics
/// When nobody has said what an argument of this type could be.
fn argument_lists(function: &Function, more: &[&str]) -> Vec<String> {
    let values: Vec<String> = function
        .arguments
        .iter()
        .map(|(name, kind)| {
            let value = argument(name, kind).unwrap_or_else(|| {
                panic!(
                    "{}: no value for `{name} {kind}`; add one to argument() in tests/tests/isolation/attacks/recipes.rs",
                    function.signature
                )
            });
            format!("{name} => {value}")
        })
        .collect();
    let (required, optional) = values.split_at(function.required);
    let mut lists = vec![values.join(", "), required.join(", ")];
    lists.extend(
        optional
            .iter()
            .map(|one| [required, std::slice::from_ref(one)].concat().join(", ")),
    );
    if !function.strict {
        let nulls = function
            .arguments
            .iter()
            .map(|(_, kind)| format!("NULL::{kind}"));
        lists.push(nulls.collect::<Vec<_>>().join(", "));
    }
    lists.extend(more.iter().map(|&more| more.to_owned()));
    lists.sort();
    lists.dedup();
    lists
}

/// The ways in which a call may stand in SQL.
fn ways(call: &str) -> Vec<(&'static str, Vec<String>)> {
    let block = format!(
        "DO $$DECLARE r record; BEGIN FOR r IN SELECT * FROM {call} LOOP RAISE NOTICE '%', r; END LOOP; END$$"
    );
    vec![
        ("in FROM", vec![format!("SELECT * FROM {call}")]),
        ("in SELECT", vec![format!("SELECT {call}")]),
        (
            "prepared",
            vec![
                "SET plan_cache_mode = force_generic_plan".to_owned(),
                format!("PREPARE p AS SELECT * FROM {call}"),
                "EXECUTE p".to_owned(),
            ],
        ),
        (
            "with a leaky function",
            vec![
                LEAK.to_owned(),
                format!("SELECT 1 FROM {call} AS r WHERE pg_temp.leak(r::text)"),
            ],
        ),
        ("in a block", vec![block]),
        (
            "explained",
            vec![format!(
                "EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM {call} AS r WHERE r::text <> ''"
            )],
        ),
        (
            "copied",
            vec![format!("COPY (SELECT r::text FROM {call} AS r) TO STDOUT")],
        ),
        (
            "in an error",
            vec![format!("SELECT r::text::int FROM {call} AS r")],
        ),
    ]
}

/// Whether the catalog's rights must let this attacker call.
fn may(attacker: Attacker, callers: Callers) -> bool {
    match attacker {
        Attacker::User | Attacker::NoKey | Attacker::TenantA => {
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

const ATTACKERS: [Attacker; 6] = [
    Attacker::User,
    Attacker::Session,
    Attacker::NoKey,
    Attacker::Stranger,
    Attacker::Admin,
    Attacker::Owner,
];

/// A call in one of the ways that it may stand in SQL.
pub struct Call {
    pub callers: Callers,
    pub way: &'static str,
    /// Not committed.
    pub attack: Attack,
}

/// Every function, with every list of arguments, in every way.
///
/// # Panics
/// When a function has no recipe.
pub async fn calls(superuser: &Client) -> Vec<Call> {
    let mut calls = Vec::new();
    for function in functions(superuser).await {
        let recipe = FUNCTIONS.iter().find(|(name, _, _)| *name == function.name);
        let Some(&(_, callers, more)) = recipe else {
            panic!(
                "{}: no recipe; add a line to FUNCTIONS in tests/tests/isolation/attacks/recipes.rs",
                function.signature
            );
        };
        for arguments in argument_lists(&function, more) {
            let call = format!("timedb.{}({arguments})", function.name);
            for (way, script) in ways(&call) {
                let mut attack = Attack::new(format!("{call} {way}"), script);
                attack.commits = false;
                calls.push(Call {
                    callers,
                    way,
                    attack,
                });
            }
        }
    }
    calls
}

/// Calls every function as these attackers, on a store of their own.
async fn call_all(attackers: [Attacker; 2]) -> (usize, Vec<String>) {
    let store = Store::new().await;
    let mut siege = Siege::new(&store, true).await;
    let mut kept = Vec::new();
    for call in calls(&store.db.connect(Role::Superuser).await).await {
        for attacker in attackers {
            let administers = matches!(attacker, Attacker::Admin | Attacker::Owner);
            if administers && call.callers == Callers::Administrators {
                // What it may see and change is in `identity`.
                continue;
            }
            let answer = siege.run(attacker, &call.attack).await;
            if !may(attacker, call.callers) && answer.code.as_deref() != Some("42501") {
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
    let writes = ["create_", "rename_", "up", "_up"].map(|name| format!("timedb.{name}"));
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
    // Side by side. Those that are tenant B share a store, so that each meets what the other has written.
    let (pairs, rest) = ATTACKERS.as_chunks::<2>();
    assert!(rest.is_empty(), "{rest:?} attack too");
    let sieges: Vec<_> = pairs
        .iter()
        .map(|pair| tokio::spawn(call_all(*pair)))
        .collect();
    let ended = join_all(sieges).await;
    let ended = ended.into_iter().map(|ended| ended.expect("a siege ends"));
    hold(ended, "functions", 8000);
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
        for attacker in ATTACKERS {
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
