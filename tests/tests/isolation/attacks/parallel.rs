//! A role that is bound to B's user attacks where everything that may run in a parallel worker does: every way to see
//! rows of every relation, every attack on a column of those that tenants read, and every function called in FROM, behind
//! policies that open everything. What is refused without them starts no worker. `error in a block`, which starts one for
//! each row, takes the first rows only.

use timedb_tests::{Db, Recorder, Role, ThrowawayCluster, run};

use super::attack::{Attack, Attacker};
use super::policies::{open_everything, tables};
use super::rounds::{
    WITHOUT_POLICY, attacks_on_columns, attacks_on_the_open_table, attacks_that_read,
};
use super::siege::Siege;
use super::store::{Relation, Store};

/// The role's settings. One worker does all of the work, so that the same rows come in the same order each time. The
/// last setting has one name until PostgreSQL 15 and another since.
const FORCED: &str = "DO $$
    DECLARE setting text;
    BEGIN
        FOREACH setting IN ARRAY ARRAY['max_parallel_workers_per_gather = 1', 'parallel_leader_participation = off',
            'parallel_setup_cost = 0', 'parallel_tuple_cost = 0', 'min_parallel_table_scan_size = 0',
            'min_parallel_index_scan_size = 0',
            (SELECT name || ' = on' FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query'))] LOOP
            EXECUTE 'ALTER ROLE {ROLE} SET ' || setting;
        END LOOP;
    END $$";

/// The views whose rows workers read.
const OF_VALUES: [&str; 3] = ["values", "forecasts", "versions"];

/// A store in a cluster of its own, whose workers nobody else takes, and where the role `Bound` is forced to use them.
/// They go in this order.
struct Forced {
    store: Store,
    _cluster: ThrowawayCluster,
}

impl Forced {
    async fn start() -> Self {
        let cluster = ThrowawayCluster::start_with_port(&["max_worker_processes = 16"]);
        let store = Store::of(Db::new_in(&cluster.tcp_dsn()).await).await;
        let superuser = store.db.connect(Role::Superuser).await;
        let role = store.db.role_name(Role::Bound);
        run(&superuser, &FORCED.replace("{ROLE}", &role)).await;
        let forced = Self {
            store,
            _cluster: cluster,
        };
        // Otherwise the attacks would say nothing about workers.
        assert!(forced.is_read_by_a_worker("pg_class").await);
        forced
    }

    /// Whether a worker reads this relation for the role.
    async fn is_read_by_a_worker(&self, relation: &str) -> bool {
        let mut recorder = Recorder::connect(&self.store.db.dsn(Role::Bound)).await;
        let plan = format!("EXPLAIN (ANALYZE, COSTS OFF) SELECT r::text FROM {relation} AS r");
        let plan = recorder.tell(&plan, "").await;
        assert_eq!(plan.code, None, "{relation}: {}", plan.text());
        plan.text().contains("Workers Launched: 1")
    }
}

async fn besiege(siege: &mut Siege<'_>, attacks: &[Attack]) {
    for attack in attacks {
        siege.run(Attacker::Bound, attack).await;
    }
}

#[tokio::test]
async fn nothing_of_another_tenant_comes_from_parallel_workers() {
    let forced = Forced::start().await;
    let store = &forced.store;
    let superuser = store.db.connect(Role::Superuser).await;
    // Of these PostgreSQL keeps no statistics of columns, which tell everybody who may read the table.
    let readable = store.readable().await;
    let tables = tables(store).await;
    open_everything(&superuser, &tables, "SELECT").await;
    // A worker asks for the tenant in each policy, and reads the values for the views.
    let views = store.relations().await.into_iter();
    let views = views.filter(|r| r.is_view && OF_VALUES.contains(&r.name.as_str()));
    let mut others = Vec::new();
    for relation in tables.iter().cloned().chain(views) {
        if !forced.is_read_by_a_worker(&relation.sql()).await {
            others.push(relation);
        }
    }
    assert_eq!(names(&others), Vec::<&str>::new());

    let mut siege = Siege::new(store, true).await;
    let mut attacks = attacks_that_read(store, true).await;
    attacks.extend(attacks_on_columns(store, &readable).await);
    for attack in &mut attacks {
        if attack.name.starts_with("error in a block of ") {
            let line = &mut attack.script[0];
            *line = line.replace(" LOOP BEGIN", " LIMIT 8 LOOP BEGIN");
            assert!(line.contains(" LIMIT 8 LOOP "), "{line}");
        }
    }
    besiege(&mut siege, &attacks).await;
    let what = "a bound role, in parallel workers behind open policies";
    siege.hold(what, 2800).await;
}

fn names(relations: &[Relation]) -> Vec<&str> {
    let names = relations.iter().map(|relation| relation.name.as_str());
    names.collect()
}

#[tokio::test]
async fn a_missing_policy_is_found_in_parallel_workers() {
    let forced = Forced::start().await;
    let superuser = forced.store.db.connect(Role::Superuser).await;
    run(&superuser, WITHOUT_POLICY).await;
    let mut siege = Siege::new(&forced.store, false).await;
    besiege(&mut siege, &attacks_on_the_open_table(&forced.store).await).await;
    let (cases, found) = siege.end().await;
    let leaks = found.iter().filter(|line| line.starts_with("LEAK "));
    assert_eq!(leaks.count(), cases, "{found:#?}");
    assert!(cases >= 20, "{cases} cases");
}
