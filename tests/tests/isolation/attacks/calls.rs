//! Every function of the schema, as the catalog lists them, and every way to call it that an attack has.

use timedb_tests::Recorded;
use tokio_postgres::Client;

use super::attack::Attack;
use super::recipes::{Callers, FUNCTIONS, argument};
use super::scripts::LEAK;

/// A function as the catalog tells it.
pub struct Function {
    pub name: String,
    pub signature: String,
    /// Names and types of the arguments that go in, and how many of them must.
    arguments: Vec<(String, String)>,
    required: usize,
    strict: bool,
}

impl Function {
    /// Its name with its schema.
    fn qualified_name(&self) -> &str {
        let name = self.signature.split('(').next();
        name.unwrap_or_default()
    }
}

/// The functions of both schemas.
pub async fn functions(superuser: &Client) -> Vec<Function> {
    let rows = superuser
        .query(
            "SELECT proname::text, oid::regprocedure::text, proisstrict, (pronargs - pronargdefaults)::int,
                    coalesce(proargnames[i], ''), format_type(kind, NULL)
             FROM pg_proc LEFT JOIN LATERAL (
                 SELECT n AS i, kind FROM unnest(coalesce(proallargtypes, proargtypes::oid[]))
                     WITH ORDINALITY AS a (kind, n)
                 WHERE coalesce(proargmodes[n], 'i') IN ('i', 'b', 'v')) AS a ON true
             WHERE pronamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) ORDER BY 2, i",
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

/// Whether a call was refused. In FROM a function of a trigger is refused for what it returns, before anybody looks who
/// may call it.
pub fn is_refused(answer: &Recorded) -> bool {
    match answer.code.as_deref() {
        Some("42501") => true,
        Some("42804") => answer
            .text()
            .contains("has unsupported return type trigger"),
        _ => false,
    }
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
                "EXPLAIN (ANALYZE, VERBOSE, BUFFERS OFF, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM {call} AS r WHERE r::text <> ''"
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
        // What takes an argument of this type PostgreSQL alone can call: SQL has no value of it.
        if function
            .arguments
            .iter()
            .any(|(_, kind)| kind == "internal")
        {
            continue;
        }
        for arguments in argument_lists(&function, more) {
            let call = format!("{}({arguments})", function.qualified_name());
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
