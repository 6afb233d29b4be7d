//! What one tenant has been told was written and deleted, and what must be left of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use timedb_tests::random::Random;
use timedb_tests::times::Micros;
use timedb_tests::{Db, Role, Tenant};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error};
use uuid::Uuid;

/// 2000-01-01: what is written lies long before that or long after, so the rule of 20 years parts it in the same way.
const OLD: i64 = 946_684_800_000_000;

/// A version that was written. Each has a value of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    pub series: Uuid,
    pub valid: i64,
    pub batch: Uuid,
}

/// By their values.
pub type Versions = BTreeMap<u64, Version>;

#[derive(Default)]
pub struct Ledger {
    pub written: Versions,
    pub gone_batches: BTreeSet<Uuid>,
    pub gone_series: BTreeSet<Uuid>,
    /// The values of corrections whose own batches were deleted.
    pub gone_values: BTreeSet<u64>,
    /// How often something was done.
    pub done: BTreeMap<&'static str, usize>,
}

impl Ledger {
    /// What must be left when all that is old has gone.
    pub fn left(&self) -> Versions {
        let mut left = self.written.clone();
        left.retain(|value, version| {
            version.valid > OLD
                && !self.gone_values.contains(value)
                && !self.gone_batches.contains(&version.batch)
                && !self.gone_series.contains(&version.series)
        });
        left
    }

    /// What there is. Fails for a version that is there twice.
    pub async fn stored(client: &Client) -> Versions {
        let query = "SELECT value, series_id, valid_time, batch_id FROM timedb.read_versions()";
        let rows = client.query(query, &[]).await;
        let mut stored = Versions::new();
        for row in rows.unwrap_or_else(|error| panic!("{query}: {error:?}")) {
            let value = row.get::<_, f64>(0).to_bits();
            let version = Version {
                series: row.get(1),
                valid: row.get::<_, Micros>(2).0,
                batch: row.get(3),
            };
            let twice = stored.insert(value, version);
            assert!(twice.is_none(), "twice: {row:?}");
        }
        stored
    }
}

/// The store, how long everything goes on, and the ledger of the tenant in which it does.
pub struct Storm {
    pub db: Db,
    until: Instant,
    has_ended: AtomicBool,
    values: AtomicU64,
    ledger: Mutex<Ledger>,
}

impl Storm {
    pub fn new(db: Db, lasts: Duration) -> Self {
        Self {
            db,
            until: Instant::now() + lasts,
            has_ended: AtomicBool::new(false),
            values: AtomicU64::new(1),
            ledger: Mutex::default(),
        }
    }

    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("nobody has failed with it")
    }

    pub fn a(&self) -> Tenant {
        self.db.a().clone()
    }

    pub fn b(&self) -> Tenant {
        self.db.b().clone()
    }

    /// A session of the tenant in which everything goes on.
    pub async fn client(&self) -> Client {
        self.named(self.db.a(), "everything").await
    }

    /// A session of the other tenant.
    pub async fn other(&self) -> Client {
        self.named(self.db.b(), "other").await
    }

    async fn named(&self, tenant: &Tenant, name: &str) -> Client {
        let client = self.db.login(tenant).await;
        timedb_tests::run(&client, &format!("SET application_name = '{name}'")).await;
        client
    }

    pub async fn admin(&self) -> Client {
        self.db.connect(Role::Admin).await
    }

    pub fn goes_on(&self) -> bool {
        Instant::now() < self.until
    }

    /// Nobody writes any more.
    pub fn end(&self) {
        self.has_ended.store(true, Ordering::SeqCst);
    }

    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::SeqCst)
    }

    /// A value that no version has. They have no pattern that is stored in no space.
    pub fn value(&self) -> f64 {
        let number = self.values.fetch_add(1, Ordering::SeqCst);
        number as f64 + Random::new(number).below(1000_u64) as f64 / 1000.0
    }

    pub fn did(&self, what: &'static str) {
        *self.ledger().done.entry(what).or_default() += 1;
    }

    pub fn wrote(&self, value: f64, version: Version) {
        self.ledger().written.insert(value.to_bits(), version);
    }

    /// The only row of a statement; `None` where it was refused with one of these states.
    pub async fn call(
        &self,
        what: &'static str,
        client: &Client,
        query: &str,
        parameters: &[&(dyn ToSql + Sync)],
        refusals: &[&str],
    ) -> Option<tokio_postgres::Row> {
        match client.query_one(query, parameters).await {
            Ok(row) => {
                self.did(what);
                Some(row)
            }
            Err(error) if is_one_of(&error, refusals) => None,
            Err(error) => panic!("{what}: {query}: {error:?}"),
        }
    }
}

fn is_one_of(error: &Error, states: &[&str]) -> bool {
    error
        .code()
        .is_some_and(|code| states.contains(&code.code()))
}
