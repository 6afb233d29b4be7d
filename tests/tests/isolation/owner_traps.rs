//! A database belongs to somebody who is no superuser, and lays traps in it for the superuser who runs the
//! command line or the server there. None of them springs, directly or through PgBouncer, and each command
//! and route does its work as anywhere else.

mod commands;
mod fake;
mod old_tables;
mod routes;
mod settings;

use std::time::{Duration, Instant};

use timedb_tests::programs::bouncer::{Bouncer, Pool};
use timedb_tests::{Db, Role, connect, count, psql, refusal};
use tokio_postgres::Client;

const TRAPS: &str = include_str!("owner_traps/traps.sql");

/// A statement as somebody would type it.
const INNOCENT: &str = "SELECT extversion FROM pg_extension WHERE extname = 'plpgsql'";

/// A database without timedb, with the traps of its owner.
struct Trapped {
    db: Db,
    /// The superuser, on a connection where nothing of the owner's is found by its name.
    observer: Client,
}

/// The ways from the superuser to the database.
struct Ways {
    dsns: Vec<(&'static str, String)>,
    _bouncers: Vec<Bouncer>,
}

impl Trapped {
    async fn new() -> Self {
        let db = Db::empty().await;
        let observer = connect(&pinned(&db.dsn(Role::Superuser))).await;
        let count_calls = format!("ALTER DATABASE {} SET track_functions = 'all'", db.name);
        observer.batch_execute(&count_calls).await.unwrap();
        let owner = connect(&pinned(&db.dsn(Role::Owner))).await;
        owner
            .batch_execute(TRAPS)
            .await
            .expect("the traps are laid");
        let path = r#"traps, "$user", public, pg_catalog"#;
        let database = format!("ALTER DATABASE {} SET search_path = {path}", db.name);
        owner.batch_execute(&database).await.unwrap();
        // This one is beyond the owner, and an administrator may have set it without a bad thought.
        let (role, name) = (db.role_name(Role::Superuser), &db.name);
        let role = format!("ALTER ROLE {role} IN DATABASE {name} SET search_path = {path}");
        observer.batch_execute(&role).await.unwrap();
        // An owner has no event triggers.
        let event = "CREATE EVENT TRIGGER t ON ddl_command_start EXECUTE FUNCTION traps.spring()";
        assert_eq!(refusal(owner.batch_execute(event).await).0, "42501");
        let trapped = Self { db, observer };
        drop(owner);
        trapped.assert_none_has_sprung("the traps are laid").await;
        trapped
    }

    /// The superuser's connection URI, directly, and through a PgBouncer that refuses options and one that
    /// drops them.
    fn ways(&self) -> Ways {
        let direct = self.db.dsn(Role::Superuser);
        let config: tokio_postgres::Config = direct.parse().expect("a connection URI");
        let users = format!(
            "\"{}\" \"{}\"",
            self.db.role_name(Role::Superuser),
            String::from_utf8_lossy(config.get_password().expect("it has a password"))
        );
        let start = |settings: &[&str]| {
            Bouncer::start(&Pool {
                database: &direct,
                name: &self.db.name,
                options: "",
                users: &users,
                settings,
            })
        };
        let refuses = start(&["server_reset_query_always = 0"]);
        let drops = start(&["ignore_startup_parameters = options"]);
        Ways {
            dsns: vec![
                ("a PgBouncer that refuses options", refuses.dsn(&direct)),
                ("a PgBouncer that drops options", drops.dsn(&direct)),
                ("no PgBouncer", direct),
            ],
            _bouncers: vec![refuses, drops],
        }
    }

    /// Waits for all others to leave, for then they have told what they called, and asks how often something of
    /// the owner's was. A pool's idle connections are sent away.
    async fn sprung(&self) -> i64 {
        let others = "SELECT count(*) FROM pg_stat_activity
                      WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
        let start = Instant::now();
        while count(&self.observer, others, &[]).await > 0 {
            assert!(start.elapsed() < Duration::from_secs(20), "somebody stays");
            let leave = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                         WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
                           AND state = 'idle' AND state_change < clock_timestamp() - interval '1 second'";
            count(&self.observer, leave, &[]).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let calls = "SELECT coalesce(sum(f.calls), 0)::int8
                     FROM pg_stat_user_functions AS f JOIN pg_proc AS p ON p.oid = f.funcid
                     WHERE pg_get_userbyid(p.proowner) = $1";
        count(&self.observer, calls, &[&self.db.role_name(Role::Owner)]).await
    }

    async fn assert_none_has_sprung(&self, story: &str) {
        let calls = self.sprung().await;
        let called = "SELECT string_agg(format('%s %s', p.oid::regprocedure, f.calls), ', ')
                      FROM pg_stat_user_functions AS f JOIN pg_proc AS p ON p.oid = f.funcid
                      WHERE pg_get_userbyid(p.proowner) = $1";
        let owner = self.db.role_name(Role::Owner);
        let row = self.observer.query_one(called, &[&owner]).await.unwrap();
        let called: Option<String> = row.get(0);
        assert_eq!(calls, 0, "{story}: {called:?}");
        assert!(!self.owner_is_superuser().await, "{story}");
    }

    async fn owner_is_superuser(&self) -> bool {
        let role = self.db.role_name(Role::Owner);
        let query = "SELECT rolsuper FROM pg_roles WHERE rolname = $1";
        self.observer
            .query_one(query, &[&role])
            .await
            .unwrap()
            .get(0)
    }
}

/// The same connection, with PostgreSQL's own objects alone on the search path.
fn pinned(dsn: &str) -> String {
    format!("{dsn}?options=-c%20search_path%3Dpg_catalog")
}

/// If this fails, the tests beside it prove nothing.
#[tokio::test(flavor = "multi_thread")]
async fn traps_spring_for_a_superuser_who_pins_no_search_path() {
    let trapped = Trapped::new().await;
    for (way, dsn) in trapped.ways().dsns {
        let before = trapped.sprung().await;
        psql(&dsn, INNOCENT).ok();
        assert!(trapped.sprung().await > before, "{way}");
        assert!(trapped.owner_is_superuser().await, "{way}");
        let owner = trapped.db.role_name(Role::Owner);
        let back = format!("ALTER ROLE {owner} NOSUPERUSER");
        trapped.observer.batch_execute(&back).await.unwrap();
    }
}
