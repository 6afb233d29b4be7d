//! Roles that are bound to users of both tenants, through a PgBouncer in transaction mode that cleans nothing up, each
//! with a pool of one connection. Between the attacks of B's role, A's takes its turn: before every one of the controls,
//! and otherwise before every eighth, since a turn takes longer than most attacks.

use timedb_tests::programs::bouncer::{Bouncer, NARROW, NO_RESET};
use timedb_tests::{Role, connect, count, run};
use tokio_postgres::Client;

use super::attack::{Attack, Attacker};
use super::policies::{open_everything, tables};
use super::rounds::{WITHOUT_POLICY, all_attacks, attacks_on_the_open_table, attacks_that_read};
use super::siege::Siege;
use super::store::Store;

/// Attacks between two turns of A's.
const AT_ONCE: usize = 8;

/// A store whose roles `Bound` and `User` are bound to B and A.
async fn store() -> Store {
    let store = Store::new().await;
    let superuser = store.db.connect(Role::Superuser).await;
    // DISCARD ALL of an attack takes the name that PgBouncer passes on from the connection; with this one it keeps it.
    let set_up = format!(
        "SELECT timedb.bind_role('{of_a}', '{}');
         ALTER ROLE {of_a} SET application_name = 'types_keys';
         ALTER ROLE {} SET application_name = 'types_keys'",
        store.a.email,
        store.db.role_name(Role::Bound),
        of_a = store.db.role_name(Role::User),
    );
    run(&superuser, &set_up).await;
    store
}

/// A's client of the pool.
struct Neighbour {
    client: Client,
    turns: usize,
}

impl Neighbour {
    async fn connect(bouncer: &Bouncer, store: &Store) -> Self {
        let client = connect(&bouncer.dsn(&store.db.dsn(Role::User))).await;
        Self { client, turns: 0 }
    }

    /// Reads A's rows and leaves them behind: in a table, a cursor, a setting and a statement of the session, after a
    /// transaction that commits or fails.
    async fn take_turn(&mut self) {
        self.turns += 1;
        let turn = "BEGIN;
            CREATE TEMP TABLE IF NOT EXISTS of_a AS SELECT * FROM timedb.series;
            SELECT set_config('search_path', (SELECT quote_ident(min(name)) FROM timedb.series) || ', public', false);
            DEALLOCATE ALL; PREPARE p AS SELECT * FROM timedb.values;
            CLOSE ALL; DECLARE c CURSOR WITH HOLD FOR SELECT name FROM timedb.series;
            SELECT * FROM timedb.read_flat() LIMIT 1;";
        if self.turns.is_multiple_of(2) {
            run(&self.client, &format!("{turn} COMMIT")).await;
        } else {
            let failed = self
                .client
                .batch_execute(&format!("{turn} SELECT 1/0"))
                .await;
            assert!(failed.is_err());
            run(&self.client, "ROLLBACK").await;
        }
    }
}

/// Attacks through the pool, with a turn of A's before each so many.
async fn besiege(
    siege: &mut Siege<'_>,
    store: &Store,
    bouncer: &Bouncer,
    attacks: &[Attack],
    at_once: usize,
) {
    let through = bouncer.dsn(&store.db.dsn(Role::Bound));
    siege.connect(Attacker::Bound, &through).await;
    let mut neighbour = Neighbour::connect(bouncer, store).await;
    for attacks in attacks.chunks(at_once) {
        neighbour.take_turn().await;
        for attack in attacks {
            siege.run(Attacker::Bound, attack).await;
        }
    }
}

/// How many connections the pool has to the database for a role.
async fn connections(store: &Store, role: Role) -> i64 {
    let superuser = store.db.connect(Role::Superuser).await;
    let query =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = $1";
    count(&superuser, query, &[&store.db.role_name(role)]).await
}

#[tokio::test]
async fn nothing_of_another_tenant_comes_through_a_pool_whose_roles_are_bound() {
    let store = store().await;
    let bouncer = Bouncer::start_for(&store.db, "", &[NARROW, NO_RESET]).await;
    let mut siege = Siege::new(&store, false).await;
    besiege(
        &mut siege,
        &store,
        &bouncer,
        &all_attacks(&store).await,
        AT_ONCE,
    )
    .await;
    for role in [Role::Bound, Role::User] {
        assert_eq!(connections(&store, role).await, 1, "{role:?}");
    }
    siege.hold("bound roles, through PgBouncer", 3000).await;

    let superuser = store.db.connect(Role::Superuser).await;
    open_everything(&superuser, &tables(&store).await, "SELECT").await;
    let mut siege = Siege::new(&store, true).await;
    let attacks = attacks_that_read(&store, true).await;
    besiege(&mut siege, &store, &bouncer, &attacks, AT_ONCE).await;
    let what = "bound roles, through PgBouncer behind open policies";
    siege.hold(what, 900).await;
}

#[tokio::test]
async fn a_missing_policy_is_found_through_a_pool() {
    let store = store().await;
    let attacks = attacks_on_the_open_table(&store).await;
    let superuser = store.db.connect(Role::Superuser).await;
    run(&superuser, WITHOUT_POLICY).await;
    let bouncer = Bouncer::start_for(&store.db, "", &[NARROW, NO_RESET]).await;
    let mut siege = Siege::new(&store, false).await;
    besiege(&mut siege, &store, &bouncer, &attacks, 1).await;
    let (cases, found) = siege.end().await;
    let leaks = found.iter().filter(|line| line.starts_with("LEAK "));
    assert_eq!(leaks.count(), cases, "{found:#?}");
    assert!(cases >= 20, "{cases} cases");
}
