//! A role that is bound to B's user attacks on a hot standby: what writes is refused as on any read-only server and
//! tells no more than that. Then the standby becomes a primary, and what writes is tried there.

use timedb_tests::programs::free_port;
use timedb_tests::{Db, Role, Standby, ThrowawayCluster, run};

use super::attack::{Attack, Attacker};
use super::policies::{open_everything, tables};
use super::rounds::{WITHOUT_POLICY, all_attacks, attacks_on_the_open_table, attacks_that_read};
use super::scripts::{self, OTHERS};
use super::siege::Siege;
use super::store::Store;

/// A store on a primary, and its standby. They go in this order.
struct Followed {
    store: Store,
    standby: Standby,
    primary: ThrowawayCluster,
}

impl Followed {
    async fn start() -> Self {
        let primary = ThrowawayCluster::start_with_port(&["wal_level = replica"]);
        let store = Store::of(Db::new_in(&primary.tcp_dsn()).await).await;
        let standby = Standby::of(&primary, free_port());
        Self {
            store,
            standby,
            primary,
        }
    }

    /// A superuser does this on the primary, and the standby follows.
    async fn change(&self, statement: &str) {
        let superuser = self.store.db.connect(Role::Superuser).await;
        run(&superuser, statement).await;
        self.standby.catch_up(&self.primary).await;
    }

    /// The standby becomes a primary, and the store is the one that is there.
    fn promote(mut self) -> Self {
        self.standby.promote();
        let superuser = self.store.db.role_name(Role::Superuser);
        let dsn = self.standby.tcp_dsn("postgres", &superuser);
        self.store.db = self.store.db.copied_to(&dsn);
        self
    }

    /// Attacks on the standby; how many were refused because they write.
    async fn besiege(&self, siege: &mut Siege<'_>, attacks: &[Attack]) -> usize {
        self.standby.catch_up(&self.primary).await;
        let db = &self.store.db;
        let dsn = self.standby.tcp_dsn(&db.name, &db.role_name(Role::Bound));
        siege.connect(Attacker::Bound, &dsn).await;
        let mut refused = 0;
        for attack in attacks {
            let answer = siege.run(Attacker::Bound, attack).await;
            refused += usize::from(answer.code.as_deref() == Some("25006"));
        }
        refused
    }
}

#[tokio::test]
async fn nothing_of_another_tenant_is_told_on_a_standby() {
    let followed = Followed::start().await;
    let mut siege = Siege::new(&followed.store, false).await;
    let attacks = all_attacks(&followed.store).await;
    let refused = followed.besiege(&mut siege, &attacks).await;
    assert!(refused >= 500, "{refused} of {}", attacks.len());
    siege.hold("a bound role, on a standby", 3000).await;

    let superuser = followed.store.db.connect(Role::Superuser).await;
    let tables = tables(&followed.store).await;
    open_everything(&superuser, &tables, "SELECT, INSERT, UPDATE, DELETE").await;
    let mut siege = Siege::new(&followed.store, false).await;
    let attacks = attacks_that_read(&followed.store, true).await;
    followed.besiege(&mut siege, &attacks).await;
    let what = "a bound role, on a standby behind open policies";
    siege.hold(what, 900).await;

    let followed = followed.promote();
    let mut siege = Siege::new(&followed.store, true).await;
    // Without the rows that say who it is, B could not go on.
    let kept = ["tenants", "users", "api_keys", "bound_roles"];
    for relation in followed.store.relations().await {
        if kept.contains(&relation.name.as_str()) {
            continue;
        }
        for attack in scripts::attacks(OTHERS, &relation, None) {
            let answer = siege.run(Attacker::Bound, &attack).await;
            if answer.code.as_deref() == Some("25006") {
                siege.report(format!("READ ONLY {}", attack.name));
            }
        }
    }
    let what = "a bound role, on a promoted standby behind open policies";
    siege.hold(what, 1500).await;
}

#[tokio::test]
async fn a_missing_policy_is_found_on_a_standby() {
    let followed = Followed::start().await;
    let attacks = attacks_on_the_open_table(&followed.store).await;
    followed.change(WITHOUT_POLICY).await;
    let mut siege = Siege::new(&followed.store, false).await;
    let refused = followed.besiege(&mut siege, &attacks).await;
    let (cases, found) = siege.end().await;
    let leaks = found.iter().filter(|line| line.starts_with("LEAK "));
    // Those that make a function or a table first are refused before they see anything.
    assert_eq!(leaks.count(), cases - refused, "{found:#?}");
    assert!(cases - refused >= 15, "{refused} of {cases} were refused");

    // Nor does promotion make it blind.
    let followed = followed.promote();
    let mut siege = Siege::new(&followed.store, false).await;
    for attack in &attacks {
        siege.run(Attacker::Bound, attack).await;
    }
    let (cases, found) = siege.end().await;
    let leaks = found.iter().filter(|line| line.starts_with("LEAK "));
    assert_eq!(leaks.count(), cases, "{found:#?}");
}
