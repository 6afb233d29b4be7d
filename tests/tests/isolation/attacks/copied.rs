//! Attacks on copies of a store, by whoever is B there: by B's key, and by the role that is bound to B's user. The copies
//! are a dump that was restored in another cluster, where the bindings count by the names of roles, and a database that
//! gets the tables by logical replication. A standby that became a primary is in [`super::on_standby`].

use std::time::Duration;

use timedb_tests::{Db, Role, ThrowawayCluster, count, pg_tool, run};

use super::attack::{Attack, Attacker};
use super::policies::{open_everything, tables};
use super::rounds::{WITHOUT_POLICY, all_attacks, attacks_on_the_open_table, attacks_that_read};
use super::siege::Siege;
use super::store::{Store, make_lair};

/// Who is B in a copy.
const ATTACKERS: [Attacker; 2] = [Attacker::Bound, Attacker::User];

/// A copy, in a cluster of its own. They go in this order.
struct Copy {
    store: Store,
    cluster: ThrowawayCluster,
}

impl Copy {
    /// A dump, restored in another cluster together with the roles.
    async fn restored() -> Self {
        let from = ThrowawayCluster::start_with_port(&[]);
        let mut store = Store::of(Db::new_in(&from.tcp_dsn()).await).await;
        let cluster = ThrowawayCluster::start_with_port(&[]);
        let folder = tempfile::tempdir().unwrap();
        let [roles, dump] = ["roles.sql", "store.dump"].map(|name| folder.path().join(name));
        pg_tool("pg_dumpall")
            .args(["--roles-only", "-d", &from.dsn("postgres"), "-f"])
            .args([&roles])
            .ok();
        // It complains that there is a superuser already.
        pg_tool("psql")
            .args(["-X", "-q", "-d", &cluster.dsn("postgres"), "-f"])
            .args([&roles])
            .run();
        pg_tool("pg_dump")
            .args(["-Fc", "-d", &from.dsn(&store.db.name), "-f"])
            .args([&dump])
            .ok();
        pg_tool("pg_restore")
            .args([
                "--exit-on-error",
                "--create",
                "-d",
                &cluster.dsn("postgres"),
            ])
            .args([&dump])
            .ok();
        store.db = store.db.copied_to(&cluster.tcp_dsn());
        Self { store, cluster }
    }

    /// A logical subscriber, which has the name of the publisher from now on; the publisher is in the same cluster.
    async fn subscribed() -> Self {
        let cluster = ThrowawayCluster::start_with_port(&["wal_level = logical"]);
        let store = Store::of(Db::new_in(&cluster.tcp_dsn()).await).await;
        let (name, owner) = (&store.db.name, store.db.role_name(Role::Owner));
        let postgres = cluster.connect("postgres").await;
        for statement in [
            format!("ALTER DATABASE {name} RENAME TO publisher"),
            format!("CREATE DATABASE {name} OWNER {owner} TEMPLATE template0"),
        ] {
            run(&postgres, &statement).await;
        }
        let subscriber = cluster.connect(name).await;
        run(&subscriber, "CREATE EXTENSION timedb").await;
        make_lair(&store.db).await;
        let limit = Duration::from_secs(60);
        cluster.subscribe(name, "publisher", limit).await;
        Self { store, cluster }
    }

    /// The rows of A and B are there, and both are B.
    async fn is_complete(&self) {
        let superuser = self.cluster.connect(&self.store.db.name).await;
        let tenants = "SELECT count(DISTINCT tenant_id) FROM timedb_internal.segments";
        assert_eq!(count(&superuser, tenants, &[]).await, 2);
        run(&superuser, "VACUUM ANALYZE").await;
        let bound = self.store.db.connect(Role::Bound).await;
        let keyed = self.store.db.begin(self.store.db.b()).await;
        for client in [bound, keyed] {
            let whoami = "SELECT tenant_id FROM timedb.whoami()";
            let row = client.query_one(whoami, &[]).await.unwrap();
            let tenant: uuid::Uuid = row.get(0);
            assert_eq!(tenant, self.store.db.b().tenant_id);
        }
    }

    /// Attacks as these; how many cases, and what was found.
    async fn besiege(
        &self,
        attackers: &[Attacker],
        attacks: &[Attack],
        b_writes: bool,
    ) -> (usize, Vec<String>) {
        let mut siege = Siege::new(&self.store, b_writes).await;
        for attack in attacks {
            for attacker in attackers {
                siege.run(*attacker, attack).await;
            }
        }
        siege.end().await
    }

    /// Takes a policy away, and finds that.
    async fn a_missing_policy_is_found(&self) {
        let superuser = self.store.db.connect(Role::Superuser).await;
        run(&superuser, WITHOUT_POLICY).await;
        let attacks = attacks_on_the_open_table(&self.store).await;
        let (cases, found) = self.besiege(&ATTACKERS, &attacks, false).await;
        let leaks = found.iter().filter(|line| line.starts_with("LEAK "));
        assert_eq!(leaks.count(), cases, "{found:#?}");
        assert!(cases >= 40, "{cases} cases");
    }
}

#[tokio::test]
async fn nothing_of_another_tenant_is_told_by_a_restored_dump() {
    let copy = Copy::restored().await;
    copy.is_complete().await;
    let attacks = all_attacks(&copy.store).await;
    let bound = copy.besiege(&[Attacker::Bound], &attacks, false).await;
    let attacks = attacks_that_read(&copy.store, true).await;
    let keyed = copy.besiege(&[Attacker::User], &attacks, true).await;
    super::siege::hold([bound, keyed], "a restored dump", 4500);
    copy.a_missing_policy_is_found().await;
}

#[tokio::test]
async fn nothing_of_another_tenant_is_told_by_a_logical_subscriber() {
    let copy = Copy::subscribed().await;
    copy.is_complete().await;
    let attacks = attacks_that_read(&copy.store, true).await;
    let told = copy.besiege(&ATTACKERS, &attacks, true).await;
    let superuser = copy.store.db.connect(Role::Superuser).await;
    open_everything(&superuser, &tables(&copy.store).await, "SELECT").await;
    let behind = copy.besiege(&[Attacker::Bound], &attacks, true).await;
    super::siege::hold([told, behind], "a logical subscriber", 4500);
    copy.a_missing_policy_is_found().await;
}
