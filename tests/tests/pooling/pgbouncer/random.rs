//! Clients of both tenants and of nobody, all at once on one connection of the database, who do by chance
//! what clients do, right and wrong. Whatever comes, everything that one of them reads is its own.

use std::cell::Cell;
use std::time::Duration;

use futures_util::future::{join, join_all, join4};
use timedb_tests::random::{Random, new_seed};
use timedb_tests::{Role, Tenant, refusal, upload};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{Link, NARROW, NO_RESET, Pooled};

/// Steps of each client.
const STEPS: usize = 40;

/// One client's part in the story.
struct Client<'a> {
    dsn: &'a str,
    /// Nobody has no key.
    tenant: Option<&'a Tenant>,
    foreign: &'a str,
    link: Link,
    random: Random,
    /// For the message of a failure.
    story: String,
}

/// What a client does in a step.
const ACTIONS: u64 = 12;

impl Client<'_> {
    async fn reconnect(&mut self) {
        // PgBouncer may be busy with the sockets of others that have vanished.
        for _ in 0..50 {
            if let Ok(link) = Link::try_open(self.dsn).await {
                std::mem::replace(&mut self.link, link).hang_up();
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{}: no connection through the pool", self.story);
    }

    /// Looks at everything: the tenant is the expected one, the names are its own.
    async fn look(&self, tenant: Option<Uuid>) {
        let (current, names) = self.link.seen().await;
        assert_eq!(current, tenant, "{}: whose transaction is it", self.story);
        let foreign = names.iter().any(|name| name.starts_with(self.foreign));
        assert!(!foreign, "{}: a foreign row: {names:?}", self.story);
        assert_eq!(
            names.is_empty(),
            tenant.is_none(),
            "{}: {names:?}",
            self.story
        );
    }

    async fn enter(&self, tenant: &Tenant) {
        self.link.run("BEGIN").await;
        // Before there is a key there is nothing.
        self.look(None).await;
        let entered = self.link.authenticate(&tenant.key).await;
        assert_eq!(entered.unwrap(), Some(tenant.tenant_id), "{}", self.story);
        self.look(Some(tenant.tenant_id)).await;
    }

    async fn step(&mut self) {
        let action = self.random.below(ACTIONS);
        self.story = format!("{}, action {action}", self.story);
        let end = self.random.pick(&["COMMIT", "ROLLBACK"]);
        let wait = Duration::from_micros(self.random.below(8_000));
        let Some(tenant) = self.tenant else {
            match action {
                0 => {
                    self.link.run("BEGIN").await;
                    let wrong = self.link.authenticate("wrong").await;
                    assert_eq!(refusal(wrong).0, "28000", "{}", self.story);
                    self.link.run(end).await;
                }
                1 => {
                    let refused = upload(&self.link.client, "mine", &[1.0]).await;
                    assert!(refused.is_err(), "{}", self.story);
                }
                _ => self.look(None).await,
            }
            return;
        };
        match action {
            // A read; a write; an error.
            0 => {
                self.enter(tenant).await;
                self.link.run(end).await;
            }
            1 => {
                self.enter(tenant).await;
                let own = if self.foreign == "a" { "b" } else { "a" };
                let name = format!("{own} {}", self.random.below(5));
                let write = "SELECT points FROM timedb.upload('{2025-01-01Z}', '{1}', ARRAY[$1])";
                let client = &self.link.client;
                client
                    .query_typed(write, &[(&name, Type::TEXT)])
                    .await
                    .unwrap();
                self.look(Some(tenant.tenant_id)).await;
                self.link.run(end).await;
            }
            2 => {
                self.enter(tenant).await;
                let failed = self.link.try_run("SELECT 1/0").await;
                assert_eq!(refusal(failed).0, "22012", "{}", self.story);
                self.link.run(end).await;
            }
            // A key that is wrong, after one that is right.
            3 => {
                self.enter(tenant).await;
                let wrong = self.link.authenticate("wrong").await;
                assert_eq!(refusal(wrong).0, "28000", "{}", self.story);
                self.link.run(end).await;
            }
            // Back to before the key.
            4 => {
                self.link.run("BEGIN; SAVEPOINT s").await;
                self.link.authenticate(&tenant.key).await.unwrap();
                self.link.run("ROLLBACK TO s").await;
                self.look(None).await;
                self.link.run(end).await;
            }
            // Out of time; cancelled.
            5 => {
                self.enter(tenant).await;
                let late = "SET LOCAL statement_timeout = 5; SELECT pg_sleep(10)";
                assert_eq!(refusal(self.link.try_run(late).await).0, "57014");
                self.link.run(end).await;
            }
            6 => {
                self.enter(tenant).await;
                // The first requests may come before the statement has begun, and do nothing.
                let ended = Cell::new(false);
                let sleep = async {
                    let slept = self.link.try_run("SELECT pg_sleep(10)").await;
                    ended.set(true);
                    slept
                };
                let cancel = async {
                    while !ended.get() {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        self.link.cancel().await.unwrap();
                    }
                };
                let (slept, ()) = join(sleep, cancel).await;
                assert_eq!(refusal(slept).0, "57014", "{}", self.story);
                self.link.run(end).await;
            }
            // Gone in a transaction; in a pipeline; in a result.
            7 => {
                self.enter(tenant).await;
                self.reconnect().await;
            }
            8 => {
                let pipeline = join4(
                    self.link.try_run("BEGIN"),
                    self.link.authenticate(&tenant.key),
                    self.link.try_seen(),
                    self.link.try_run("SELECT pg_sleep(0.1); COMMIT"),
                );
                drop(tokio::time::timeout(wait, pipeline).await);
                self.reconnect().await;
            }
            9 => {
                self.enter(tenant).await;
                let large = "SELECT name, generate_series(1, 10000000) FROM timedb.values";
                let read = self.link.client.query_typed(large, &[]);
                drop(tokio::time::timeout(wait, read).await);
                self.reconnect().await;
            }
            // A key without a transaction is good for its statement only.
            10 => {
                self.link.authenticate(&tenant.key).await.unwrap();
                self.look(None).await;
            }
            // A cancel that comes too late.
            _ => {
                self.enter(tenant).await;
                self.link.run(end).await;
                let late = self.link.cancel();
                drop(tokio::time::timeout(Duration::from_millis(50), late).await);
                self.look(None).await;
            }
        }
    }
}

async fn interleave(seed: u64, settings: &[&str]) {
    let pooled = Pooled::start(settings).await;
    let dsn = pooled.dsn(Role::User);
    let (a, b) = (pooled.db.a(), pooled.db.b());
    let cast = [
        (Some(a), "b"),
        (Some(b), "a"),
        (None, ""),
        (Some(a), "b"),
        (Some(b), "a"),
    ];
    let parts = cast
        .into_iter()
        .enumerate()
        .map(async |(number, (tenant, foreign))| {
            let mut client = Client {
                dsn: &dsn,
                tenant,
                foreign,
                link: Link::open(&dsn).await,
                random: Random::new(seed.wrapping_mul(31).wrapping_add(number as u64)),
                story: String::new(),
            };
            for step in 0..STEPS {
                client.story = format!("seed {seed}, client {number}, step {step}");
                client.step().await;
            }
        });
    join_all(parts).await;
    pooled.until_idle().await;
    pooled
        .assert_nobody_else_is_seen(&format!("seed {seed}, afterwards"))
        .await;
}

impl Pooled {
    /// As `assert_everybody_is_themselves`, with whatever series the story has made.
    pub async fn assert_nobody_else_is_seen(&self, story: &str) {
        for (tenant, own) in [(self.db.b(), "b"), (self.db.a(), "a")] {
            let client = self.link().await;
            assert_eq!(client.seen().await, (None, vec![]), "{story}");
            client.begin(tenant).await;
            let (current, names) = client.seen().await;
            assert_eq!(current, Some(tenant.tenant_id), "{story}");
            assert!(names.contains(&own.to_owned()), "{story}: {names:?}");
            assert!(
                names.iter().all(|name| name.starts_with(own)),
                "{story}: {names:?}"
            );
            client.run("COMMIT").await;
        }
    }
}

#[tokio::test]
async fn a_random_interleaving_shows_no_foreign_row_seed_1() {
    interleave(1, &[NARROW, NO_RESET]).await;
}

#[tokio::test]
async fn a_random_interleaving_shows_no_foreign_row_seed_2() {
    interleave(2, &[NARROW, NO_RESET]).await;
}

#[tokio::test]
async fn a_random_interleaving_with_the_documented_reset_shows_no_foreign_row_seed_3() {
    interleave(3, &[NARROW]).await;
}

#[tokio::test]
async fn a_random_interleaving_on_two_connections_shows_no_foreign_row_seed_4() {
    interleave(
        4,
        &["default_pool_size = 2", "server_round_robin = 1", NO_RESET],
    )
    .await;
}

/// Another story in each run; its seed is in the message of a failure.
#[tokio::test]
async fn a_random_interleaving_shows_no_foreign_row_new_seed() {
    interleave(new_seed(), &[NARROW, NO_RESET]).await;
}
